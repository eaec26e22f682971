"""Where more than two smooth pieces meet, a right claim may lie outside both one-sided derivatives of an entry.

At a tie of three, as in a sort or a median, it is the derivative of one of the pieces.  At a row of zeros in front of
x w and a rectifier every unit has its own kink, and 0 at each of them is right though no piece has it.  So ties are
broken at random, a little, and the derivatives of the pieces found: any value between them is right, and where there
are more than two of them any that is no farther from them than they are from each other.
"""

import numpy as np

from gradcheck.numeric.extrapolate import Estimate, estimate
from gradcheck.numeric.ladder import STEPS, sweep
from gradcheck.numeric.scales import entry_scales
from gradcheck.verdict.compare import Comparer
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.plan import tied

BREAK = 2.0**-20  # of an entry's scale, by which ties are broken
LEVELS = slice(0, 8)  # of the ladder, shrunk to an eighth of that
PIECES = 40
SAME = 1e-4  # of the largest derivative, within which two pieces are one: steps are short here, and bars wide
NEAR = 1e-3  # of its distance to the farther end, at which a piece is that of the nearer one


def allow(found: list[Comparison], comparer: Comparer) -> None:
    """Acquit claims at zeros and ties that lie between the derivatives of the pieces that meet there."""
    point = comparer.place.point
    for c in found:
        leaf, entry = c.probe.leaf, c.probe.coordinate
        if leaf is None or entry is None or c.real is None or not c.outside().any():
            continue
        if not (c.kink.any() or point[leaf].flat[entry] == 0 or tied(point[leaf]).flat[entry]):
            continue
        pieces = [piece for _ in range(PIECES) if (piece := _piece(c, comparer)).resolved.all()]
        if not pieces:
            continue
        values = np.array([p.value for p in pieces])
        ends = np.maximum(np.abs(values - c.real.low), np.abs(values - c.real.high))
        same = np.maximum(NEAR * ends, SAME * np.abs(values).max(axis=0))
        apart = np.minimum(np.abs(values - c.real.low), np.abs(values - c.real.high)) > same
        if not apart.any():
            continue  # the two pieces that the two sides show: these decide
        low = np.minimum(c.real.low, values.min(axis=0))
        high = np.maximum(c.real.high, values.max(axis=0))
        bar = np.maximum(c.real.bar, np.max([p.bar for p in pieces], axis=0))
        reach = np.where(_several(np.array([*values, c.real.low, c.real.high]), bar), high - low, 0)
        low, high = low - reach, high + reach
        value = np.clip(c.claimed, low, high)
        if (np.abs(c.claimed - value) <= bar + c.claimed_bar).all():
            yes = np.ones(len(value), bool)
            c.real = Estimate(value, bar, low, high, yes, c.real.jump, c.real.still)


def _several(values: np.ndarray, bar: np.ndarray) -> np.ndarray:
    """Whether there are more than two different derivatives among those of the pieces (G,)."""
    gaps = np.diff(np.sort(values, axis=0), axis=0) > np.maximum(2 * bar, SAME * np.abs(values).max(axis=0))
    return gaps.sum(axis=0) > 1


def _piece(c: Comparison, comparer: Comparer) -> Estimate:
    """Return the derivative of one of the pieces, at a point where no tie is left."""
    rng, problem, g = comparer.rng, comparer.problem, comparer.place.g
    scales = [entry_scales(x.ravel()).reshape(x.shape) for x in comparer.place.point]
    there = [x + BREAK * s * rng.uniform(-1, 1, x.shape) for x, s in zip(comparer.place.point, scales, strict=True)]
    y = problem.attempt(there, g.shape[1])
    shrunk = STEPS[LEVELS] * (BREAK / 8)
    found = sweep(problem, there, c.probe, g, shrunk, y)
    return estimate(found, comparer.noise_of(found, comparer.level), comparer.analytic.u)
