"""<dy, J v> less <dx, v>, as a ball: of all arrays together, or of one."""

import dataclasses

import numpy as np
from flint import arb, ctx

from gradcheck.exact.refusals import NotFollowed
from gradcheck.exact.run import NOTHING, Moved, Rows, Run, generic, inner
from gradcheck.exact.values import balls

ROOM = arb(10) ** -20  # of the size of what is compared: a ball that is wider says nothing

FLOOR = arb(10) ** -40  # a radius that is small beside any number, where all that is compared is zero


@dataclasses.dataclass(frozen=True)
class Gap:
    slope: arb
    claimed: arb
    size: arb  # of the terms of both

    @property
    def ball(self) -> arb:
        return self.slope - self.claimed

    @property
    def is_bounded(self) -> bool:
        """Whether the radius is small enough to mean something: a ball without a bound overlaps everything."""
        return bool(self.ball.is_finite()) and bool(self.ball.rad() <= ROOM * self.size + FLOOR)

    @property
    def is_closed(self) -> bool:
        """Whether both may be the same number."""
        return self.is_bounded and bool(self.ball.contains(0))

    def digits(self, size: arb) -> float:
        """Return to how many decimal digits both are enclosed together, beside numbers of a size."""
        bound = self.ball.abs_upper() + size * arb(2) ** -ctx.prec
        return float((size / bound).log() / arb(10).log())


class Gaps:
    """Differences along one random direction of each array."""

    def __init__(self, run: Run, rng: np.random.Generator):
        self.run = run
        self.directions = [generic(rng, x.shape) for x in run.point]
        self._gradients: dict[frozenset, Rows] = {}
        self.sizes = [size(d, v) for d, v in zip(self.gradient(), self.directions, strict=True)]

    def gradient(self, moved: Moved = NOTHING) -> Rows:
        key = frozenset((c, x.mid().str(40)) for c, x in moved.items())
        if key not in self._gradients:
            self._gradients[key] = self.run.gradient(moved)
        return self._gradients[key]

    def of_all(self, moved: Moved = NOTHING) -> Gap:
        claimed = [claim(d, v) for d, v in zip(self.gradient(moved), self.directions, strict=True)]
        slope = self.run.slope(self.directions, moved)
        return Gap(slope, sum(claimed, arb(0)), sum(self.sizes, abs(slope).mid()).mid())

    def of(self, leaf: int, moved: Moved = NOTHING, direction: np.ndarray | None = None) -> Gap:
        """Return the gap of one array, along its random direction or another one."""
        v = self.directions[leaf] if direction is None else direction
        along = [v if i == leaf else None for i in range(len(self.directions))]
        claimed = claim(self.gradient(moved)[leaf], v)
        slope = self.run.slope(along, moved)
        return Gap(slope, claimed, self.sizes[leaf] + abs(slope).mid())

    def unbounded(self) -> str:
        """Return the call that first gives a number without a bound, if there is one."""
        try:
            self.run.gradient(bounded=True)
            self.run.slope(self.directions, bounded=True)
        except NotFollowed as error:
            return str(error)
        return ""


def claim(d: np.ndarray, v: np.ndarray) -> arb:
    return inner(d, v)


def size(d: np.ndarray, v: np.ndarray) -> arb:
    """Return the root sum of squares of the terms of a product, by midpoints; 0 where each of them may be 0."""
    if all(x.contains(0) for x in d.flat):
        return arb(0)
    terms = [(x * y).mid() for x, y in zip(d.flat, balls(v).flat, strict=True)]
    return sum((x * x for x in terms), arb(0)).mid().sqrt().mid()
