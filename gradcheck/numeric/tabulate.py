"""Values of a function at equally spaced points of a line."""

import dataclasses

import numpy as np

from gradcheck.numeric.constants import NOISE_POINTS
from gradcheck.numeric.function import Function, project
from gradcheck.numeric.ladder import moved, rounded
from gradcheck.subjects.problem import Arrays


@dataclasses.dataclass(frozen=True)
class Table:
    """<g, f> less its value in the middle (P, G), at points that are `spacing` apart, and the size of its rounding."""

    spacing: float
    values: np.ndarray
    size: np.ndarray  # (G,)

    @property
    def is_finite(self) -> bool:
        return bool(np.isfinite(self.values).all())


@dataclasses.dataclass(frozen=True)
class Line:
    """A line through a point, along which <g, f> is looked at; without `g` (G, m) every output is, and G is m."""

    problem: Function
    point: Arrays
    direction: dict[int, np.ndarray]
    g: np.ndarray | None
    outputs: int

    def at(self, t: float) -> np.ndarray:
        """Return all outputs (m,)."""
        with np.errstate(all="ignore"):
            return self.problem.attempt(moved(self.point, self.direction, t), self.outputs)

    def table(self, d: float) -> Table:
        """Return the values at points that are `d` times the scale apart."""
        values = np.array([self.at((k - NOISE_POINTS // 2) * d) for k in range(NOISE_POINTS)])
        with np.errstate(all="ignore"):
            base = values[NOISE_POINTS // 2]
            changed = np.where((values != base).any(axis=0), np.abs(values).max(axis=0), 0)
            return Table(d, self.projected(values - base), self.rounded(changed))

    def projected(self, changes: np.ndarray) -> np.ndarray:
        """Return <g, f> (..., G) of changes of all outputs (..., m)."""
        return project(self.g, changes)

    def rounded(self, sizes: np.ndarray) -> np.ndarray:
        """Return the size of the rounding of <g, f> (G,) for sizes of all outputs (m,)."""
        return rounded(self.g, sizes)
