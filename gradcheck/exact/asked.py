"""NumPy's functions that ask about an array: its order, its truth values, its kind."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.exact.balls import Balls
from gradcheck.exact.branches import order
from gradcheck.exact.operands import dual


def ordered(x: Any, axis: Any = -1, *args: Any, **options: Any) -> Balls:
    """Return the order of numbers, in which equal ones stay as they come."""
    numbers = dual(np.ravel(x) if axis is None else x)
    axis = -1 if axis is None else axis
    return Balls(np.moveaxis(order(numbers.each(lambda part: np.moveaxis(part, axis, -1))), -1, axis))


def sort(x: Any, axis: Any = -1, *args: Any, **options: Any) -> Any:
    return np.take_along_axis(x, ordered(x, axis).value, axis)


def least(x: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    first = np.take(ordered(x, axis), 0, axis=-1 if axis is None else axis)
    return np.expand_dims(first, axis) if keepdims is True and axis is not None else first


def largest(x: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return least(np.negative(x.astype(float)), axis, keepdims=keepdims)


def truths(function: Callable) -> Callable:
    """Return a function of truth values, for numbers that are true where they are not 0."""

    def called(x: Any, *args: Any, **options: Any) -> Any:
        options = {key: value for key, value in options.items() if value is not np._NoValue}
        found = function((x if x.is_plain else x != 0).value, *args, **options)
        return tuple(map(Balls, found)) if isinstance(found, tuple) else Balls(np.asarray(found))

    return called


def equal(a: Any, b: Any, *args: Any, **options: Any) -> bool:
    return np.shape(a) == np.shape(b) and bool(np.all(a == b))


def close(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    return np.abs(a - b) <= atol + rtol * np.abs(b)


def kind(*arrays: Any) -> np.dtype:
    kinds = [x.dtype if isinstance(x, Balls) else x for x in arrays]
    return np.result_type(*kinds)


TRUTHS = ("all", "any", "argwhere", "count_nonzero", "flatnonzero", "nonzero")
CALLED: dict[str, Callable] = {
    **{name: truths(getattr(np, name)) for name in TRUTHS},
    "argmax": largest,
    "argmin": least,
    "argsort": ordered,
    "allclose": lambda *args, **options: bool(np.all(close(*args, **options))),
    "array_equal": equal,
    "common_type": kind,
    "imag": lambda x: np.zeros_like(x),
    "isclose": close,
    "iscomplexobj": lambda x: False,
    "isrealobj": lambda x: True,
    "ndim": lambda x: x.ndim,
    "real": lambda x: x,
    "result_type": kind,
    "shape": lambda x: x.shape,
    "size": lambda x, axis=None: x.size if axis is None else x.shape[axis],
    "sort": sort,
}
