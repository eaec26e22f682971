"""Whether the very numbers that were given are special: then they are compared with all their bits."""

import numpy as np

from gradcheck.subjects.problem import Problem
from gradcheck.verdict.places import Places

BESIDE = 2.0**-50  # a few roundings
SPECIAL = 2.0**-20  # of the largest claim: what claims may change with an input's last bits


def unrounded(problem: Problem, places: Places) -> list[np.ndarray]:
    """Return the own point with all its bits, but for parameters that were moved."""
    pairs = zip(problem.leaves, places.own.point, strict=True)
    return [x if leaf.name in places.moved else leaf.value.astype(np.float64) for leaf, x in pairs]


def is_special(problem: Problem, places: Places, claims: list[np.ndarray], rng: np.random.Generator) -> bool:
    """Whether the claims at the very numbers that were given are not `claims`, those at the same numbers of few bits.

    A comparison with a constant may hold for the ones and not for the others, or the domain may end there.  Where
    the claims change with every rounding, the numbers that were given are no special ones.
    """
    few, given, g = [value[:1] for value in claims], unrounded(problem, places), places.own.g[:1]
    with np.errstate(all="ignore"):
        there = problem.gradients(given, g)
        if not all(np.isfinite(x).all() for x in few):
            return all(np.isfinite(x).all() for x in there)
        if _alike(there, few):
            return False
        beside = [[x * (1 + BESIDE * rng.choice([-1, 1], x.shape)) for x in given] for _ in range(2)]
        return all(_alike(problem.gradients(point, g), few) for point in beside)


def _alike(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    largest = max((float(np.abs(x).max(initial=0)) for x in a), default=0.0)
    return all(bool((np.abs(x - z) <= SPECIAL * largest).all()) for x, z in zip(a, b, strict=True))
