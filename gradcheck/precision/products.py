"""How large the products are of which a small gradient is made: a rounding of 1 times a number that is large.

A saturated slope such as 1 - y y is off by a rounding of 1, however small it is, and what multiplies it may be large.
"""

import numpy as np

from gradcheck.numeric.points import cotangents
from gradcheck.precision.terms import COTANGENTS, most
from gradcheck.subjects.problem import Arrays, Problem

LINEAR = (2.0**-20, 2.0**-23)  # times as large: there y is linear
GROWS = 2  # times, from the one to the other: what grows more is not saturated here but diverges at zero
ALIKE = 1e-6  # of the largest: a gradient that is the same there as here, of what y is linear in


def products(problem: Problem, point: Arrays, leaf: int, y: np.ndarray) -> np.ndarray:
    """Return for every entry of an array the size of what may cancel there, where others multiply a saturated slope.

    Of y = tanh(x w) the gradient of w is that of x' (1 - y y), and a rounding of 1 counts there as often as x is large.
    That shows where this array, or all but one other, are so near to zero that y is linear.  It is no more than the
    others times the cotangent, or y times that.

    Of what y is linear in, as in the values of a table, it is the largest gradient: a weight that is the rest of a
    larger one has the roundings of that.
    """
    g = cotangents(np.random.default_rng(leaf), y.size, COTANGENTS)

    def size(factor: float, moves: set[int]) -> np.ndarray:
        nearer = [x * factor if i in moves else x for i, x in enumerate(point)]
        try:
            with np.errstate(all="ignore"):
                gradient = problem.gradients(nearer, g)[leaf]
        except Exception:  # whatever the user's code raises where these numbers leave its domain
            return np.zeros(point[leaf].shape)
        return np.abs(np.nan_to_num(gradient, nan=0, posinf=0, neginf=0)).max(axis=0)

    here, *alone = (size(factor, {leaf}) for factor in (1.0, *LINEAR))
    top = float(here.max(initial=0))
    if top and all((np.abs(x - here) <= ALIKE * top).all() for x in alone):
        return np.full_like(here, top)
    everything, largest = set(range(len(point))), np.zeros_like(here)
    others = everything - {leaf} if len(point) > 2 else set[int]()
    for near, nearer in (alone, *([size(factor, everything - {i}) for factor in LINEAR] for i in others)):
        largest = np.maximum(largest, np.where(nearer <= GROWS * near, near, 0))
    amount = max((float(np.abs(x).max(initial=0)) for i, x in enumerate(point) if i != leaf), default=1.0)
    return np.minimum(largest, most(y) * max(1.0, amount))
