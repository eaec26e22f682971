"""What wide differences depart from small ones by, along a line: as f bends, at kinks, or in steps that those miss."""

import dataclasses
import functools

import numpy as np

from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.tabulate import Line

SMALL = float(STEPS[14])  # a step of 3e-7, which crosses hardly any of a format's
WIDE = 2.0**-4  # of the scale: bfloat16 has eight steps or more up to there
BENDS = 1 / 4  # of a departure, by which it may be another than four times that over half the step
PART = 1 / 16  # of what f rises beside its slope to one side: in steps it rises, or falls, to the other as well


@dataclasses.dataclass(frozen=True)
class Departure:
    """All outputs (3, m) at the ends of a line, from -`wide` to `wide`, and in its middle, and the slope there (G,)."""

    line: Line
    wide: float
    outputs: np.ndarray
    slope: np.ndarray

    @functools.cached_property
    def apart(self) -> np.ndarray:
        """By how much the widest difference is off the slope (G,), as f bends or not."""
        return np.abs(self.slope_from_afar - self.slope)

    @functools.cached_property
    def size(self) -> np.ndarray:
        """By how much the widest difference departs from the slope (G,), if not as f bends."""
        behind, ahead = self.line.at(-self.wide / 2), self.line.at(self.wide / 2)
        with np.errstate(invalid="ignore"):
            half = self.line.projected(ahead - behind) / self.wide
        by = np.abs(self.slope_from_afar - self.slope - 4 * (half - self.slope))
        return np.where(by > BENDS * self.apart, self.apart, 0)

    @property
    def slope_from_afar(self) -> np.ndarray:
        """The slope (G,) that the widest difference shows."""
        with np.errstate(invalid="ignore"):
            return self.line.projected(self.outputs[2] - self.outputs[0]) / (2 * self.wide)

    def is_everywhere(self, column: int) -> bool:
        """Whether f rises or falls beside its slope to both sides, as it does in the steps of a format.

        What departs at few kinks does so to one.  It takes two evaluations.
        """
        line, h, small = self.line, self.wide, self.wide * SMALL
        left = line.projected(line.at(small - h) - self.outputs[0])[column] / small
        right = line.projected(self.outputs[2] - line.at(h - small))[column] / small
        secants = line.projected(np.diff(self.outputs, axis=0))[:, column] / h
        by = secants - (np.array([left, right]) + self.slope[column]) / 2
        return bool(np.abs(by).min() >= PART * np.abs(by).max())


def departure(line: Line, wide: float = WIDE) -> Departure:
    """Look along a line, as far as it is `wide` to both sides; it takes four evaluations, and its size two more."""
    small = wide * SMALL
    below, above = line.at(-small), line.at(small)
    outputs = [line.at(-wide), below + (above - below) / 2, line.at(wide)]
    return Departure(line, wide, np.array(outputs), line.projected(above - below) / (2 * small))
