"""Errors that name the layer, the argument, what must be and what came, before any arithmetic."""

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from reference.core.arrays import is_array, on_host
from reference.core.words import cut

MOST = 10**8  # of anything that is counted: of arrays that are larger none fits in memory, or in an index
_REAL = (float, int, np.floating, np.integer)
_NONE = (bool, np.timedelta64)  # numbers to Python and NumPy, which are flags and times


def is_whole(value: Any) -> bool:
    """Whether `value` is a whole number of Python or NumPy, no boolean and no time."""
    return isinstance(value, int | np.integer) and not isinstance(value, _NONE)


def is_number(value: Any) -> bool:
    """Whether `value` is a real number of Python or NumPy, no boolean and no time."""
    return isinstance(value, _REAL) and not isinstance(value, _NONE)


def is_finite(value: Any) -> bool:
    """Whether a number is finite in double precision, in which a formula takes it."""
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        return False


def got(value: Any) -> str:
    """Say of what kind `value` is: the name of a class, the type of the rest."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def expect_dtype(where: str, dtype: DTypeLike) -> None:
    """Raise unless arrays of `dtype` may be parameters: floating or complex."""
    try:
        none = dtype is None or isinstance(dtype, np.generic)  # to NumPy float64, and the dtype of a number
        kind = None if none else np.dtype(dtype)
    except (SyntaxError, TypeError, ValueError):
        kind = None
    if kind is None or kind.kind not in "fc":
        shown = kind or (cut(repr(dtype)) if isinstance(dtype, str | np.generic) else got(dtype))
        raise TypeError(f"{where}: dtype must be floating or complex, got {shown}")


def expect_floating(where: str, name: str, x: Any) -> None:
    """Raise unless `x` is a floating or complex array."""
    if type(x) is not np.ndarray and not is_array(x):  # every layer asks, of nearly always the one class
        raise TypeError(f"{where}: {name} must be an array, got {type(x).__name__}")
    if x.dtype.kind not in "fc":
        raise TypeError(f"{where}: {name} must be floating or complex, got {x.dtype}")


def expect_real(where: str, name: str, x: Any) -> None:
    """Raise if the floating or complex array `x` is complex: a constant, at which no complex step is taken."""
    if x.dtype.kind == "c":
        raise TypeError(f"{where}: {name} must be real, got {x.dtype}")


def expect_last_axis(where: str, name: str, x: Any, size: int | str) -> None:
    """Raise unless `x` is a floating or complex array of shape (..., size); a letter stands for any length."""
    expect_floating(where, name, x)
    if x.ndim < 1 or (isinstance(size, int) and x.shape[-1] != size):
        raise ValueError(f"{where}: {name} must have shape (..., {size}), got {x.shape}")


def expect_shape(where: str, name: str, x: Any, shape: tuple[int | str, ...]) -> None:
    """Raise unless `x` is a floating or complex array of `shape`; a letter stands for any length."""
    if type(x) is not np.ndarray or x.dtype.kind not in "fc":
        expect_floating(where, name, x)
    if x.shape != shape and not _fits(x.shape, shape):
        letters = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{where}: {name} must have shape ({letters}), got {x.shape}")


@functools.lru_cache(maxsize=256)  # every layer asks, of the same few shapes: 0.07 us instead of 0.45
def _fits(got: tuple[int, ...], shape: tuple[int | str, ...]) -> bool:
    return len(got) == len(shape) and all(
        length == want or isinstance(want, str) for length, want in zip(got, shape, strict=True)
    )


def expect_integers(where: str, name: str, x: Any) -> None:
    """Raise unless `x` is an integer array."""
    if not is_array(x) or x.dtype.kind not in "iu":
        raise TypeError(f"{where}: {name} must be an integer array, got {_got_entries(x)}")


def expect_boolean(where: str, name: str, x: Any) -> None:
    """Raise unless `x` is a boolean array."""
    if not is_array(x) or x.dtype != bool:
        raise TypeError(f"{where}: {name} must be a boolean array, got {_got_entries(x)}")


def _got_entries(x: Any) -> str:
    return str(x.dtype) if is_array(x) else got(x)


def expect_ids(where: str, name: str, ids: Any, bound: int) -> None:
    """Raise unless `ids` is an integer array with entries in [0, bound); name the first that is not.

    The entries are looked at where NumPy holds them: elsewhere each look would wait for all that runs
    there, so ids are checked before they go over.
    """
    expect_integers(where, name, ids)
    if not on_host(ids) or not ids.size:
        return
    least, most = (ids.min(), ids.max()) if ids.size > 1 else [ids.item()] * 2  # one id, as in a step, is read at once
    if least < 0 or most >= bound:
        position = tuple(int(i) for i in np.argwhere((ids < 0) | (ids >= bound))[0])
        raise ValueError(f"{where}: {name} must lie in [0, {bound}), got {ids[position]} at {position}")


def expect_whole_number(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is a whole number, of Python or NumPy."""
    if not is_whole(value):
        raise TypeError(f"{where}: {name} must be a whole number, got {got(value)}")


def expect_whole(where: str, name: str, value: Any, least: int, most: int | None = None) -> None:
    """Raise unless `value` is a whole number of at least `least` (a length, a start), and at most `most`."""
    expect_whole_number(where, name, value)
    if value < least:
        raise ValueError(f"{where}: {name} must be at least {least}, got {cut(value)}")
    if most is not None and value > most:
        raise ValueError(f"{where}: {name} must be at most {most:,}, got {cut(value)}")


def expect_positive(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is a whole number of at least 1 (a width, a count of heads or layers)."""
    expect_whole(where, name, value, 1)


def expect_size(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is a whole number of at least 1, and not more than an axis can have."""
    expect_whole(where, name, value, 1, MOST)


def expect_number(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is a real number, of Python or NumPy."""
    if not is_number(value):
        raise TypeError(f"{where}: {name} must be a number, got {got(value)}")


def expect_nonnegative(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is a finite number of at least 0 (a learning rate, an epsilon)."""
    expect_number(where, name, value)
    if not (value >= 0 and is_finite(value)):
        raise ValueError(f"{where}: {name} must be finite and at least 0, got {cut(value)}")


def expect_above_zero(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is a finite number above 0 (a base, a temperature)."""
    expect_number(where, name, value)
    if not (value > 0 and is_finite(value)):
        raise ValueError(f"{where}: {name} must be positive and finite, got {cut(value)}")


def expect_finite(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is a finite number."""
    expect_number(where, name, value)
    if not is_finite(value):
        raise ValueError(f"{where}: {name} must be finite, got {cut(value)}")


def expect_share(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is a number in [0, 1) (what dropout drops)."""
    expect_number(where, name, value)
    if not 0 <= value < 1:
        raise ValueError(f"{where}: {name} must lie in [0, 1), got {cut(value)}")


def expect_unit(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is a number in [0, 1] (the weight of a teacher)."""
    expect_number(where, name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"{where}: {name} must lie in [0, 1], got {cut(value)}")


def expect_flag(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is True or False, of Python or NumPy."""
    if not isinstance(value, bool | np.bool):
        raise TypeError(f"{where}: {name} must be True or False, got {got(value)}")


def expect_choice(where: str, name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise unless `value` is one of the words `choices`."""
    words = " or ".join(map(repr, choices))
    if not isinstance(value, str):
        raise TypeError(f"{where}: {name} must be {words}, got {got(value)}")
    if value not in choices:
        raise ValueError(f"{where}: {name} must be {words}, got {cut(repr(value))}")
