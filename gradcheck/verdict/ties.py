"""Where more than two smooth pieces meet, a right claim may lie outside both one-sided derivatives of an entry.

At a tie of three, as in a sort or a median, it is the derivative of one of the pieces.  At a row of zeros in front of
x w and a rectifier every unit has its own kink, and 0 at each of them is right though no piece has it.  So ties are
broken at random, a little, and the derivatives of the pieces found: any value between them is right, and where there
are more than two of them any that is no farther from them than they are from each other.
"""

import dataclasses

import numpy as np

from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.ladder import STEPS, sweep
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import entry_scales
from gradcheck.subjects.problem import Arrays
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground, Known, noise_of
from gradcheck.verdict.plan import tied

BREAK = 2.0**-20  # of an entry's scale, by which ties are broken
LEVELS = slice(0, 8)  # of the ladder, shrunk to an eighth of that
PIECES = 40
SAME = 1e-4  # of the largest derivative, within which two pieces are one: steps are short here, and bars wide
NEAR = 1e-3  # of its distance to the farther end, at which a piece is that of the nearer one


def allowing_for_ties(
    ground: Ground, known: Known, comparisons: list[Comparison], rng: np.random.Generator
) -> list[Comparison]:
    """Acquit claims at zeros and ties that lie between the derivatives of the pieces that meet there."""
    return [_between_pieces(ground, known, c, rng) if _at_a_tie(ground, c) else c for c in comparisons]


def _at_a_tie(ground: Ground, c: Comparison) -> bool:
    leaf, entry, point = c.probe.leaf, c.probe.coordinate, ground.place.point
    if leaf is None or entry is None or c.real is None or not c.outside().any():
        return False
    return bool(c.kink.any() or point[leaf].flat[entry] == 0 or tied(point[leaf]).flat[entry])


def _between_pieces(ground: Ground, known: Known, c: Comparison, rng: np.random.Generator) -> Comparison:
    """Return the comparison as the pieces leave it: more of them only widen what lies between, where most claims do."""
    pieces = list[Estimate]()
    for _ in range(PIECES):
        piece = _piece(ground, known, c, rng)
        if piece.resolved.all():
            pieces.append(piece)
            if (found := _as_pieces_leave(c, pieces, beyond=False)) is not c:
                return found
    return _as_pieces_leave(c, pieces, beyond=True)


def _as_pieces_leave(c: Comparison, pieces: list[Estimate], beyond: bool) -> Comparison:
    """Acquit a claim between the pieces, or where there are several `beyond` them by what they are apart."""
    if c.real is None or not pieces:
        return c
    values = np.array([p.value for p in pieces])
    ends = np.maximum(np.abs(values - c.real.low), np.abs(values - c.real.high))
    same = np.maximum(NEAR * ends, SAME * np.abs(values).max(axis=0))
    apart = np.minimum(np.abs(values - c.real.low), np.abs(values - c.real.high)) > same
    if not apart.any():
        return c  # the two pieces that the two sides show: these decide
    low = np.minimum(c.real.low, values.min(axis=0))
    high = np.maximum(c.real.high, values.max(axis=0))
    bar = np.maximum(c.real.bar, np.max([p.bar for p in pieces], axis=0))
    if beyond:
        reach = np.where(_several(np.array([*values, c.real.low, c.real.high]), bar), high - low, 0)
        low, high = low - reach, high + reach
    value = np.clip(c.claimed, low, high)
    if not (np.abs(c.claimed - value) <= bar + c.claimed_bar).all():
        return c
    yes = np.ones(len(value), bool)
    return dataclasses.replace(c, real=Estimate(value, bar, low, high, yes, c.real.jump, c.real.still))


def _several(values: np.ndarray, bar: np.ndarray) -> np.ndarray:
    """Whether there are more than two different derivatives among those of the pieces (G,)."""
    gaps = np.diff(np.sort(values, axis=0), axis=0) > np.maximum(2 * bar, SAME * np.abs(values).max(axis=0))
    return gaps.sum(axis=0) > 1


@dataclasses.dataclass(frozen=True)
class AsLong(Probe):
    """A probe whose steps are as long as at another point: an array of zeros whose ties are broken is a tiny one."""

    as_at: Arrays = ()

    def direction(self, point: Arrays) -> dict[int, np.ndarray]:
        return super().direction(self.as_at)


def _piece(ground: Ground, known: Known, c: Comparison, rng: np.random.Generator) -> Estimate:
    """Return the derivative of one of the pieces, at a point where no tie is left."""
    point, g = ground.place.point, ground.place.g
    scales = [entry_scales(x.ravel()).reshape(x.shape) for x in point]
    there = [x + BREAK * s * rng.uniform(-1, 1, x.shape) for x, s in zip(point, scales, strict=True)]
    y = ground.problem.attempt(there, g.shape[1])
    probe = AsLong(**vars(c.probe), as_at=point)
    found = sweep(ground.problem, there, probe, g, STEPS[LEVELS] * (BREAK / 8), y)
    return estimate(found, noise_of(ground, found, known.level(c.probe.leaf)), ground.claim.u)
