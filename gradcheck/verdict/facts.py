"""What a report is made of: plain data."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from gradcheck.exact.answers import Exact
from gradcheck.numeric.scales import root_sum_square
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import COST

CLEAR = 20  # roundings that a Taylor remainder must be above to tell its order
FIT = 4  # remainders, those of the smallest steps, that the order is read off
RESOLVED = 1e-3  # of the terms of a product: a wider bar says nothing of its symmetry
FEWEST = 3  # of them, without which it is not told

Numbers = tuple[float, ...]
Grid = tuple[Numbers, ...]
Span = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Ladder:
    """Difference quotients of phi(t) = <dy, f(x + t d)> for falling steps t, beside the pullback's claim.

    `index` is the one entry that moves, in the array's own units; None: `moves` moves along a random
    direction.
    """

    index: tuple[int, ...] | None
    moves: str
    steps: Numbers
    central: Numbers
    right: Numbers
    noise: Numbers  # bounds the error of one value of phi
    claimed: float
    numeric: float
    bar: float

    @property
    def off(self) -> np.ndarray:
        """How far central differences are from the claim (L,): a plateau if the claim is wrong."""
        return np.abs(np.subtract(self.central, self.claimed))

    @property
    def error(self) -> np.ndarray:
        """How far central differences are from the derivative that the check arrived at (L,)."""
        return np.abs(np.subtract(self.central, self.numeric))

    @property
    def remainder(self) -> np.ndarray:
        """|phi(t) - phi(0) - t claimed| (L,): of order t^2 if the claim is right, t if it is wrong."""
        return np.multiply(self.steps, np.abs(np.subtract(self.right, self.claimed)))

    @property
    def disagrees(self) -> bool:
        return not abs(self.claimed - self.numeric) <= self.bar

    @property
    def clear(self) -> np.ndarray:
        """Whether the remainder is more than rounding (L,)."""
        r = self.remainder
        return np.isfinite(r) & (r > np.multiply(CLEAR, self.noise))

    @property
    def order(self) -> float | None:
        """The power of the step that the remainder falls with; None where it is nothing but rounding."""
        clear = self.clear
        if np.count_nonzero(clear) < FEWEST:
            return None
        h, r = np.array(self.steps)[clear], self.remainder[clear]
        return float(np.polyfit(np.log(h[-FIT:]), np.log(r[-FIT:]), 1)[0])


@dataclasses.dataclass(frozen=True)
class ErrorMap:
    """Where the error sits: a failing array as a matrix (its last axis across), cut into cells.

    A cell is one entry, or a block of entries of which it gives a weighted mean.
    """

    shape: tuple[int, ...]
    rows: tuple[Span, ...]  # (R,)  start and stop of each cell
    columns: tuple[Span, ...]  # (C,)
    claimed: Grid  # (R, C)
    numeric: Grid
    bars: Grid  # the error in error bars; up to 1 the cell is right
    sampled: bool = False  # whether only a few entries were compared: of the others nothing is known
    merged: bool = False  # whether a cell stands for several, and shows the one that is most wrong

    @property
    def wrong(self) -> np.ndarray:
        return ~np.less_equal(self.bars, 1)

    @property
    def share(self) -> np.ndarray:
        """The error as a part of the root mean square of the numeric gradient (R, C); inf for what is no number."""
        known = np.array(self.numeric)[np.isfinite(self.numeric)]
        size = float(root_sum_square(known)) / known.size**0.5 if known.any() else 1.0
        with np.errstate(all="ignore"):
            share = np.abs(np.subtract(self.claimed, self.numeric)) / size
        return np.where(np.isfinite(share), share, np.inf)

    @property
    def whole(self) -> bool:
        """Whether every cell shows a single entry."""
        return self.merged or all(stop - start == 1 for start, stop in self.rows + self.columns)


@dataclasses.dataclass(frozen=True)
class Gradient:
    """One array's verdict.

    `digits` is what was resolved: -log10 of the largest error bar, both sides' rounding included,
    over the root mean square of the numeric gradient; `real_digits` the same by real finite
    differences alone.  Both are None where the gradient is structurally zero: then `bar` is absolute.
    """

    name: str
    shape: tuple[int, ...]
    verdict: str
    digits: float | None = None
    real_digits: float | None = None
    worst_index: tuple[int, ...] | None = None
    claimed: float | None = None
    numeric: float | None = None
    bar: float | None = None
    method: str = ""
    compared: int = 0
    kinks: int = 0
    jumps: int = 0
    wrong: Sequence[tuple[int, ...]] = ()
    reason: str = ""
    cause: str = ""  # what a wrong gradient most likely suffers from, as a name that stays
    diagnosis: str = ""  # the same in a sentence, with the evidence
    dtype: str = ""
    ladder: Ladder | None = None
    map: ErrorMap | None = None
    order: int = 1  # of the derivative
    exact: Exact | None = None  # what balls say of it, where that was asked for

    @property
    def is_seen_at_entry(self) -> bool:
        """Whether the worst entry by itself shows that the claim is wrong; else a direction of many does."""
        return self.worst_index in self.wrong


@dataclasses.dataclass(frozen=True)
class Symmetry:
    """<u, Dg v> and <v, Dg u> of the gradients g for one dy, along two random directions, and how smooth they are."""

    forth: float
    back: float
    bar: float  # above the error of their difference; inf: not resolved
    size: float  # the root sum of squares of the terms of such a product
    smoothness: str = "smooth"  # at the given point: "smooth", "kink", "jump" or "not resolved"
    where: tuple[str, ...] = ()  # the first entries of gradients that are not smooth

    @property
    def is_apart(self) -> bool:
        return bool(np.isfinite(self.bar)) and not abs(self.forth - self.back) <= self.bar

    @property
    def is_resolved(self) -> bool:
        """Whether the bar is narrow enough to mean something, or shows that there is nothing."""
        return bool(np.isfinite(self.bar)) and (self.bar <= RESOLVED * self.size or self.size <= self.bar)

    @property
    def digits(self) -> float | None:
        """Decimal digits to which both are the same; None where both are zero or nothing is resolved."""
        if not np.isfinite(self.bar) or self.size <= self.bar:
            return None
        return float(-np.log10(max(self.bar / self.size, 1e-17)))


@dataclasses.dataclass(frozen=True)
class Facts:
    """All that a report tells; how it is told is in the modules beside this one."""

    subject: str
    verdict: str
    gradients: list[Gradient]
    findings: list[Finding]
    calls: Counter
    seed: int
    reproducer: str = ""
    symmetry: Symmetry | None = None  # of the second order, where that was asked for

    @property
    def evaluations(self) -> int:
        """What the check cost, in plain forward passes: a pullback counts 2; see COST."""
        return sum(COST[call] * count for call, count in self.calls.items())
