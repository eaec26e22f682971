"""How large the terms are of which a small gradient is the difference.

A saturated gradient is a small difference of terms that are not small.  Where y = tanh(x) is 1 but for its last bits,
1 - y y is those last bits; a few roundings away they are the same.  How large the terms are shows where nothing is
saturated, nearer to zero.
"""

import numpy as np

from gradcheck.numeric.points import cotangents
from gradcheck.subjects.problem import Arrays, Problem

MARGIN = 16  # roundings of such a term
NEARER = (2.0**-3, 2.0**-6)
COTANGENTS = 4  # along one alone an entry's gradient may be small by chance
LARGEST = 1.5  # entry of a cotangent that is drawn


def terms(problem: Problem, point: Arrays, leaf: int, y: np.ndarray) -> np.ndarray:
    """Return for every entry of an array the size of what may cancel there, at most that of the cotangent and of y dy.

    It is the entry's own largest gradient where that array, or all of them, are smaller.
    """
    g = cotangents(np.random.default_rng(leaf), y.size, COTANGENTS)
    largest = np.zeros(point[leaf].shape)
    for factor in NEARER:
        for moves in ({leaf}, set(range(len(point)))):
            nearer = [x * factor if i in moves else x for i, x in enumerate(point)]
            try:
                with np.errstate(all="ignore"):
                    gradient = problem.gradients(nearer, g)[leaf]
            except Exception:  # whatever the user's code raises where these numbers leave its domain
                continue
            largest = np.maximum(largest, np.where(np.isfinite(gradient), np.abs(gradient), 0).max(axis=0))
    return np.minimum(largest, np.abs(g).max(initial=0) * max(1.0, float(np.abs(y).max(initial=0))))


def most(y: np.ndarray) -> float:
    """Return what no entry's terms exceed."""
    return LARGEST * max(1.0, float(np.abs(y).max(initial=0)))
