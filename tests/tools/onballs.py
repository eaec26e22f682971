"""Functions run on balls: their values and changes, as floats or as they are."""

import flint
import numpy as np
from flint import arb

from gradcheck.exact import functions  # noqa: F401
from gradcheck.exact.balls import Balls
from gradcheck.exact.operands import dual
from gradcheck.exact.values import as_objects, balls
from gradcheck.exact.watch import Watch

BITS = 300
STEP = arb(2) ** -100


def floats(x):
    """Return the midpoints of an array of balls."""
    return np.asarray(np.frompyfunc(float, 1, 1)(x), np.float64)


def array(x, d=None, shift=0):
    """Return balls at x + shift d, with the change d."""
    direction = None if d is None else balls(d)
    value = balls(x) if d is None else as_objects(balls(x) + shift * direction)
    return Balls(value, direction)


def run(function, *pairs, shift=0, **settings):
    """Return what a function makes of arrays (x, d), and the watch of that run."""
    with flint.ctx.workprec(BITS), Watch(dual=True, **settings).on() as watch:
        return function(*(array(x, d, shift) for x, d in pairs)), watch


def slope(function, *pairs):
    """Return the change that is carried, and the central difference, which is as near as 60 digits."""
    carried, _ = run(function, *pairs)
    ahead, behind = (dual(run(function, *pairs, shift=s)[0]).value for s in (STEP, -STEP))
    with flint.ctx.workprec(BITS):
        return dual(carried).change, as_objects((ahead - behind) / (2 * STEP))


def expect_slope(function, *pairs):
    """Raise unless the change is the derivative: differences with a step of 2^-100 are off by its square."""
    carried, difference = slope(function, *pairs)
    assert carried.shape == difference.shape
    for a, b in zip(carried.flat, difference.flat, strict=True):
        assert abs(a - b) < 1e-40 * (1 + abs(b)), (a, b)
