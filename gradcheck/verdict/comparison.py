"""What one probe says: the claimed derivative beside the numeric ones, each with its bar."""

import dataclasses

import numpy as np

from gradcheck.numeric.constants import NEARER_KINK, STAYS, STEADY
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.ladder import Sweep
from gradcheck.numeric.probe import Probe

PLAIN = 10  # bars
AFAR, WIDEST = 2, 2.0**-4  # steps below this, which are looked at
PART = 1 / 4  # of what the claim is off
FALLING = 3  # steps below this, over which what they depart by falls like its square where f is smooth
SQUARE = 0.1  # part by which it may fall otherwise: that of a staircase does not fall, or any way


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One probe at one place, for every cotangent (G,)."""

    probe: Probe
    unit: float  # what an entry of the gradient is multiplied with in these numbers
    claimed: np.ndarray
    claimed_bar: np.ndarray
    real: Estimate | None = None
    exact: np.ndarray | None = None
    exact_bar: np.ndarray | None = None
    sweep: Sweep | None = None  # the differences that `real` was made of, to show them
    bounds: np.ndarray | None = None  # (L, G)  of the error of each value of <g, f>
    followed: bool = False  # whether `real` came from claims along a segment, not from the sweep
    noise: np.ndarray | None = None  # (G,)  of the claim along a direction, as it was measured
    terms: np.ndarray | None = None  # (G,)  root of the sum of squares of what entries add to the claim
    steps: float = 0.0  # roundoff of a format of few bits, in whose steps f moves
    doubt: str = ""  # why it is no evidence, though there are numbers

    @property
    def resolved(self) -> bool:
        """Whether real differences gave a value for every cotangent."""
        return self.real is not None and bool(self.real.resolved.all())

    @property
    def kink(self) -> np.ndarray:
        """Whether real differences found a kink at the point itself (G,)."""
        return np.zeros(len(self.claimed), bool) if self.real is None else self.real.kink

    @property
    def jump(self) -> np.ndarray:
        """Whether the forward pass jumps there, or moves in steps (G,)."""
        return np.zeros(len(self.claimed), bool) if self.real is None else self.real.jump

    def still_everywhere(self) -> bool:
        """Whether no step changed any output."""
        return self.sweep is None or not (self.sweep.right.any() or self.sweep.left.any())

    @property
    def real_tolerance(self) -> np.ndarray:
        return self.claimed_bar + (np.inf if self.real is None else self.real.bar)

    def part(self) -> float:
        """Return the bar of real differences, as a part of what is compared: the widest."""
        if self.real is None:
            return 0.0
        with np.errstate(all="ignore"):
            part = self.real.bar / np.maximum(np.abs(self.real.value), np.abs(self.claimed))
        return float(np.nan_to_num(part, nan=np.inf).max())

    def outside(self) -> np.ndarray:
        """Whether real differences contradict the claim: it lies outside the bar, or is not a number."""
        if self.real is None:
            return np.isnan(self.claimed)
        low, high = self.real.low - self.real_tolerance, self.real.high + self.real_tolerance
        inside = (low <= self.claimed) & (self.claimed <= high)
        return (self.real.resolved & ~inside) | np.isnan(self.claimed)

    def exact_outside(self) -> np.ndarray:
        """Whether the complex step contradicts the claim (never at a kink, where it sees one side)."""
        if self.exact is None or self.exact_bar is None:
            return np.zeros(len(self.claimed), bool)
        return (np.abs(self.claimed - self.exact) > self.exact_bar + self.claimed_bar) & ~self.kink

    def exact_contradicts_real(self) -> np.ndarray:
        """Whether the complex step lies outside what real differences allow: then it is not to be believed."""
        if self.exact is None or self.exact_bar is None or self.real is None:
            return np.zeros(len(self.claimed), bool)
        bar = self.exact_bar + self.real.bar
        low, high = self.real.low - bar, self.real.high + bar
        return self.real.resolved & ~((low <= self.exact) & (self.exact <= high))

    def contradicted(self) -> np.ndarray:
        """Whether differences contradict the claim, or complex numbers do that no differences contradict (G,)."""
        return self.outside() | (self.exact_outside() & ~self.exact_contradicts_real())

    def is_contradicted(self) -> bool:
        return bool(self.contradicted().any())

    def is_at_odds(self) -> bool:
        """Whether any two of claim, real differences and complex step contradict each other."""
        return bool((self.outside() | self.exact_outside() | self.exact_contradicts_real()).any())

    def best_tolerance(self, believed: bool) -> np.ndarray:
        """Return the bar of the best comparison there is: the complex step's where it may be believed."""
        if believed and self.exact_bar is not None and not self.kink.any():
            return self.exact_bar + self.claimed_bar
        return self.real_tolerance

    def is_plain(self) -> bool:
        """Whether a failure is so far outside a bar so tight, and the complex step shows it, that nothing else must.

        Not of a single entry, which may be far smaller than its array and near a pole, nor where wide steps show
        something else: the small ones may stand on the grain of a narrow format inside.
        """
        if self.real is None or not self.resolved or self.kink.any() or self.probe.coordinate is not None:
            return False
        if self.departs_from_afar():
            return False
        size = np.maximum(np.abs(self.real.value), np.abs(self.claimed))
        far = np.abs(self.claimed - self.real.value) > PLAIN * self.real_tolerance
        # a kink nearer than the steps of a short ladder misleads that, but not the complex step
        sure = far & self.exact_outside() & ~self.exact_contradicts_real()
        return bool((self.real.bar <= size / 1000).all() and sure.any())

    def departs_from_afar(self) -> bool:
        """Whether wide steps depart from what smaller ones show as the claim does, or these change nothing.

        What falls like the square of the step is no departure: that is how f bends.
        """
        if self.sweep is None or self.real is None:
            return False
        near = (self.sweep.steps < WIDEST).all(axis=1)
        steps, apart = self.sweep.steps[near][:FALLING], np.abs(self.sweep.central[near][:FALLING] - self.real.value)
        departs = (apart[:AFAR] > PART * np.abs(self.claimed - self.real.value)).all(axis=0)
        return bool((departs & ~_falls(steps, apart) | self.real.still).any())

    def least_noise(self, derivative: np.ndarray) -> np.ndarray:
        """Return how much noise of <g, f> (G,) small steps must show, and nothing else, if this is the derivative."""
        if self.sweep is None or self.real is None:
            return np.full(len(self.claimed), np.inf)
        off = np.abs(self.real.value - derivative)
        showing = np.abs(self.sweep.central - self.real.value) <= PART * off
        return off * np.where(showing, self.sweep.steps, 0).max(axis=0, initial=0)

    def shows_less_from_afar(self) -> np.ndarray:
        """Whether the widest steps depart from what smaller ones show by a part of that, and not as f bends (G,)."""
        if self.sweep is None or self.real is None or len(self.sweep.steps) < FALLING:
            return np.zeros(len(self.claimed), bool)
        apart = np.abs(self.sweep.central - self.real.value)[:FALLING]
        return (apart[:AFAR] > PART * np.abs(self.real.value)).all(axis=0) & ~_falls(self.sweep.steps[:FALLING], apart)

    def hides_kink(self) -> bool:
        """Whether a bar is as wide as the slopes to both sides are apart, of a kink that is nearer than all steps.

        They stay apart over the smallest few, and one of them stays where it is: those of what bends come together, and
        by roundings both move.
        """
        if self.sweep is None or self.bounds is None or self.real is None or not len(self.sweep.steps):
            return False
        gaps = np.abs(self.sweep.right - self.sweep.left)[-STEADY - 1 :]
        sides = self.sweep.right[-STEADY:], self.sweep.left[-STEADY:]
        moves = np.minimum(*(np.abs(np.diff(side, axis=0)).max(axis=0) for side in sides))
        gap, stays = gaps[-1], (gaps >= STAYS * gaps.max(axis=0)).all(axis=0) & (moves <= STAYS * gaps[-1])
        apart = (gap > NEARER_KINK * self.bounds[-1] / self.sweep.steps[-1]) & (2 * self.real.bar >= gap) & stays
        return bool((apart & self.real.resolved & ~self.real.kink).any())

    def is_doubtful(self, wide: float) -> bool:
        """Whether real differences deserve a longer look: unsettled, wider than `wide`, or contradicted."""
        contradicted = self.outside().any() or self.exact_contradicts_real().any()
        is_wide = self.real is not None and (self.real.bar > wide).any()
        return bool(not self.resolved or is_wide or self.kink.any() or contradicted)


def _falls(steps: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Return where distances (L, G) fall like the squares of as many steps as are asked for."""
    squares = apart[:-1] * (steps[1:] / steps[:-1]) ** 2
    return (np.abs(apart[1:] - squares) <= SQUARE * squares).all(axis=0) & (len(apart) == FALLING)
