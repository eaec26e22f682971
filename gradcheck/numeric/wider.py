"""Roundings of float64, as a wider format shows them: where numbers cancel inside they may be most of an output.

Of (1 - cos x) / x near x = 1e-8 float64 makes a staircase, whose steps are roundings of 1, divided by x.  A quantiser's
are the same in every format.
"""

import numpy as np

from gradcheck.numeric.constants import COARSER, FIRST, FORMATS, RATIO
from gradcheck.numeric.function import Function
from gradcheck.numeric.ladder import moved
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import entry_scales, sizes
from gradcheck.subjects.problem import Arrays

WIDER = float(np.finfo(np.longdouble).eps) < float(np.finfo(np.float64).eps)  # on some platforms it is no wider


def lost_by_rounding(problem: Function, point: Arrays, y: np.ndarray, u: float) -> np.ndarray:
    """Return for each output (m,) the size of the numbers whose roundings it has, 0 where that is its own.

    Each has them where it moves over the steps of a ladder, no farther than an entry is large: a quotient by a small
    one loses the more the smaller that is.  One that differs in few places is a jump, which a rounding moves.  Nothing
    is known of a subject that takes no wider numbers, or goes on in narrower ones.
    """
    if not WIDER:
        return np.zeros(y.size)
    parts = [sizes(x) / entry_scales(x.ravel()).reshape(x.shape) for x in point]  # 1 of what is as large as its array
    points = []
    for k in range(FORMATS):
        direction = {i: parts[i] * d for i, d in Probe(None, seed=k).direction(point).items()}
        points.append(moved(point, direction, FIRST * RATIO**-k))
    with np.errstate(all="ignore"):
        narrow = np.array([problem.attempt(x, y.size) for x in points])
        wide = np.array([problem.attempt([a.astype(np.longdouble) for a in x], y.size) for x in points])
        lost = np.abs(narrow - wide)
    finite = np.isfinite(lost)
    shown = np.where(finite, lost > COARSER * 2 * u * np.abs(wide), False)
    often = 2 * shown.sum(axis=0) > FORMATS
    return np.where(often, np.where(finite, lost, 0).max(axis=0) / u, 0)


def hidden_by_rounding(
    problem: Function, point: Arrays, direction: dict[int, np.ndarray], y: np.ndarray, u: float
) -> np.ndarray:
    """Return which outputs (m,) a wider format changes over the first step of a ladder along a direction.

    What then stands still in float64 has been rounded away.
    """
    if not WIDER:
        return np.zeros(y.size, bool)
    ends = [[x.astype(np.longdouble) for x in moved(point, direction, h)] for h in (FIRST, -FIRST)]
    with np.errstate(all="ignore"):
        ahead, behind = (problem.attempt(end, y.size) for end in ends)
        return np.isfinite(ahead - behind) & (np.abs(ahead - behind) > COARSER * 2 * u * np.abs(y))
