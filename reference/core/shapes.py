"""Errors that name the layer, the argument, what must be and what came, before any arithmetic."""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

_REAL = (float, int, np.floating, np.integer)


def expect_dtype(where: str, dtype: DTypeLike) -> None:
    """Raise unless arrays of `dtype` may be parameters: floating or complex."""
    if np.dtype(dtype).kind not in "fc":
        raise TypeError(f"{where}: dtype must be floating or complex, got {np.dtype(dtype)}")


def expect_floating(where: str, name: str, x: Any) -> None:
    """Raise unless `x` is a floating or complex array."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"{where}: {name} must be an array, got {type(x).__name__}")
    if x.dtype.kind not in "fc":
        raise TypeError(f"{where}: {name} must be floating or complex, got {x.dtype}")


def expect_last_axis(where: str, name: str, x: Any, size: int | str) -> None:
    """Raise unless `x` is a floating or complex array of shape (..., size); a letter stands for any length."""
    expect_floating(where, name, x)
    if x.ndim < 1 or (isinstance(size, int) and x.shape[-1] != size):
        raise ValueError(f"{where}: {name} must have shape (..., {size}), got {x.shape}")


def expect_shape(where: str, name: str, x: Any, shape: tuple[int | str, ...]) -> None:
    """Raise unless `x` is a floating or complex array of `shape`; a letter stands for any length."""
    expect_floating(where, name, x)
    if x.shape != shape and not _fits(x.shape, shape):
        letters = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{where}: {name} must have shape ({letters}), got {x.shape}")


def _fits(got: tuple[int, ...], shape: tuple[int | str, ...]) -> bool:
    if len(got) != len(shape):
        return False
    for length, want in zip(got, shape, strict=True):  # noqa: SIM110, half the time of all(...), and every layer asks
        if length != want and not isinstance(want, str):
            return False
    return True


def expect_ids(where: str, name: str, ids: Any, bound: int) -> None:
    """Raise unless `ids` is an integer array with entries in [0, bound); name the first that is not."""
    if not isinstance(ids, np.ndarray):
        raise TypeError(f"{where}: {name} must be an integer array, got {type(ids).__name__}")
    if ids.dtype.kind not in "iu":
        raise TypeError(f"{where}: {name} must be an integer array, got {ids.dtype}")
    if ids.size and (ids.min() < 0 or ids.max() >= bound):
        position = tuple(int(i) for i in np.argwhere((ids < 0) | (ids >= bound))[0])
        raise ValueError(f"{where}: {name} must lie in [0, {bound}), got {ids[position]} at {position}")


def expect_whole(where: str, name: str, value: Any, least: int) -> None:
    """Raise unless `value` is a whole number of at least `least` (a length, a start)."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{where}: {name} must be a whole number, got {type(value).__name__}")
    if value < least:
        raise ValueError(f"{where}: {name} must be at least {least}, got {value}")


def expect_positive(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is a whole number of at least 1 (a width, a count of heads or layers)."""
    expect_whole(where, name, value, 1)


def expect_number(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is a real number, of Python or NumPy."""
    if isinstance(value, bool) or not isinstance(value, _REAL):
        raise TypeError(f"{where}: {name} must be a number, got {type(value).__name__}")


def expect_nonnegative(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is a finite number of at least 0 (a learning rate, an epsilon)."""
    expect_number(where, name, value)
    if not 0 <= value < math.inf:
        raise ValueError(f"{where}: {name} must be finite and at least 0, got {value}")
