"""Whether the very numbers that were given are special: then they are compared with all their bits."""

import numpy as np

from gradcheck.claims.claim import attempted
from gradcheck.subjects.problem import Problem
from gradcheck.verdict.places import Places, unrounded

BESIDE = 2.0**-50  # a few roundings
SPECIAL = 2.0**-20  # of the largest claim: what claims may change with an input's last bits


def is_special(problem: Problem, places: Places, claims: list[np.ndarray], rng: np.random.Generator) -> bool:
    """Whether the claims at the very numbers that were given are not `claims`, those at the same numbers of few bits.

    A comparison with a constant may hold for the ones and not for the others, or the domain may end there.  Where
    the claims change with every rounding, the numbers that were given are no special ones.
    """
    few, g = [value[:1] for value in claims], places.own.g[:1]
    given = unrounded(problem, places.own.point, places.moved)
    with np.errstate(all="ignore"):
        there = problem.gradients(given, g)
        if not all(np.isfinite(x).all() for x in few):
            return all(np.isfinite(x).all() for x in there)
        if _alike(there, few):
            return False
        beside = [[_moved(x, rng) for x in given] for _ in range(2)]
        around = [attempted(problem, point, g) for point in beside]
        return all(_alike(x, few) for x in around if not all(np.isnan(a).all() for a in x))  # of those in the domain


def _moved(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.choice([False, True], x.shape), x * (1 + BESIDE), x * (1 - BESIDE))


def _alike(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    largest = max(float(np.abs(x).max(initial=0)) for x in a)
    return all(bool((np.abs(x - z) <= SPECIAL * largest).all()) for x, z in zip(a, b, strict=True))
