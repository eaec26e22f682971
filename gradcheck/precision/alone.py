"""A narrow gradient held against differences of the narrow function itself, where that is another one than in float64.

It is where random numbers are drawn in the dtype of the inputs, as `torch.randn_like` does: float64 has others.  Over
a step that roundings leave room for, y changes as the claim in its middle says.
"""

import numpy as np

from gradcheck.numeric.ladder import moved
from gradcheck.numeric.points import cotangents
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Place
from gradcheck.numeric.scales import root_sum_square
from gradcheck.subjects.problem import Problem

STEP = 2.0**-5  # of the scale, to each side
PART = 2.0**-4  # of what all entries change, one after the other: kinks leave a part of that
ROUNDINGS = 16  # of y, at each end


def holds_alone(problem: Problem, own: Place, narrow: float, rng: np.random.Generator) -> bool:
    """Whether the claim for each array, in its own dtype, is what differences over one step show."""
    g = cotangents(rng, own.g.shape[1], 1).astype(np.float16).astype(np.float64)
    with np.errstate(all="ignore"):
        return all(_holds(problem, own, g, i, narrow) for i, x in enumerate(own.point) if x.size)


def _holds(problem: Problem, own: Place, g: np.ndarray, leaf: int, narrow: float) -> bool:
    direction = Probe(leaf, seed=leaf).direction(own.point)
    behind, middle, ahead = (
        [x.astype(its.value.dtype) for x, its in zip(moved(own.point, direction, h), problem.leaves, strict=True)]
        for h in (-STEP, 0.0, STEP)
    )
    ends = [np.asarray(problem.attempt(end, own.y.size), np.float64) for end in (behind, ahead)]
    claimed = problem.gradients(middle, g)[leaf][0] * (ahead[leaf].astype(np.float64) - behind[leaf])
    bar = PART * root_sum_square(claimed) + ROUNDINGS * narrow * root_sum_square(g[0] * ends[1])
    return bool(np.abs(g[0] @ (ends[1] - ends[0]) - claimed.sum()) <= bar)
