"""Arrays of python-flint's balls: what is made of numbers, and what is read off them."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from gradcheck.exact.refusals import NotFollowed
from gradcheck.exact.watch import Constant, now, place

ZERO = arb(0)
WHOLE_BITS = 20  # a number of so few is meant as it stands; one of more was rounded

_exactly = np.frompyfunc(arb, 1, 1)
_as_ball = np.frompyfunc(lambda x: x if isinstance(x, arb) else arb(x.item() if isinstance(x, np.generic) else x), 1, 1)


class Dual(NamedTuple):
    """Numbers and their change along a direction; None: they have none."""

    value: np.ndarray
    change: np.ndarray | None = None

    def each(self, function: Callable[[np.ndarray], Any]) -> "Dual":
        """Apply a linear function to the numbers and to their change."""
        change = None if self.change is None else as_objects(function(self.change))
        return Dual(as_objects(function(self.value)), change)


def as_objects(x: Any) -> np.ndarray:
    """Return an array of objects, without axes for a single one."""
    return x if isinstance(x, np.ndarray) and x.dtype == object else np.asarray(x, dtype=object)


def single(x: np.ndarray) -> Any:
    """Return an array, or the ball itself where there are no axes: NumPy would put the array into another."""
    return x if x.ndim else x.item()


def zeros(shape: Any) -> np.ndarray:
    return np.full(shape, ZERO, dtype=object)


def balls(x: Any) -> np.ndarray:
    """Return real or whole numbers as balls without radius.

    Raises:
        NotFollowed: they are of another kind.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "fiub" or x.dtype.itemsize > 8:
        raise NotFollowed(f"numbers of {x.dtype}")
    return as_objects(_exactly(x if x.dtype.kind in "fu" else x.astype(int)))


def constants(x: Any) -> np.ndarray:
    """Return numbers of the user's own as balls; rounded ones are noted, and what stands for them is taken instead."""
    found, x = balls(x), np.asarray(x)
    rounded = is_rounded(x)
    if not rounded.any():
        return found
    watch = now()
    which: Constant = frozenset(x[rounded].tolist())
    if which not in watch.constants:
        watch.constants[which] = place()
    if watch.moved:
        found = as_objects(np.frompyfunc(lambda c, ball: watch.moved.get(c, ball), 2, 1)(x, found))
    return found


def is_rounded(x: np.ndarray) -> np.ndarray:
    """Whether numbers take more bits than one that is meant as it stands, as whole ones are."""
    if x.dtype.kind != "f":
        return np.zeros(x.shape, bool)
    with np.errstate(all="ignore"):
        mantissa = np.frexp(np.asarray(x, np.float64))[0] * 2.0**WHOLE_BITS
        return np.isfinite(mantissa) & (mantissa != np.rint(mantissa)) & (x != np.rint(x))


def normal(x: Any) -> np.ndarray:
    """Return an array of balls in which NumPy may have put numbers of Python's, as fills and empty sums."""
    return as_objects(_as_ball(as_objects(x)))


def spread(change: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a change in the shape of a result, in memory of its own."""
    return change.copy() if change.shape == shape else np.broadcast_to(change, shape).copy()


def is_still(change: np.ndarray | None) -> bool:
    """Whether nothing changes."""
    return change is None or all(d.is_zero() for d in change.flat)


def whole(x: Dual, what: str) -> np.ndarray:
    """Return whole numbers that do not change as integers.

    Raises:
        NotFollowed: they are others.
    """
    if not is_still(x.change) or not all(v.is_exact() and v.is_integer() for v in x.value.flat):
        raise NotFollowed(what)
    return np.array([as_int(v) for v in x.value.flat], int).reshape(x.value.shape)


def as_int(v: arb) -> int:
    return int(v.unique_fmpz() or 0)


def entries(shape: tuple[int, ...]) -> itertools.product:
    return itertools.product(*map(range, shape))
