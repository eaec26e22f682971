"""What an array is, and what is made like one: the only place that asks which library an array belongs to.

An array is what speaks NumPy's protocols, `__array_ufunc__` (NEP 13) and `__array_function__` (NEP 18):
a call of NumPy on it is handed to the library that made it, so no line of mathematics says where it runs.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np


def is_any_array(x: Any) -> bool:
    """Whether NumPy hands its calls on `x` to the class of `x`, as it does for its own arrays."""
    kind: Any = type(x)
    return is_any_array_class(kind)


def is_array(x: Any) -> bool:
    """Whether `x` is an array whose operators mean what the equations mean: no np.matrix, and nothing masked."""
    kind: Any = type(x)
    return kind is np.ndarray or is_array_class(kind)


@functools.cache
def is_any_array_class(kind: type) -> bool:
    """Whether `is_any_array` holds for what is of class `kind`."""
    return hasattr(kind, "__array_ufunc__") and hasattr(kind, "__array_function__")


@functools.cache  # asked at every node of every walk over a model
def is_array_class(kind: type) -> bool:
    """Whether `is_array` holds for what is of class `kind`."""
    return is_any_array_class(kind) and not issubclass(kind, np.matrix | np.ma.MaskedArray)


def on_host(x: Any) -> bool:
    """Whether `x` is an array of NumPy's own, or None: of those the entries can be looked at without a wait."""
    return x is None or isinstance(x, np.ndarray)


def as_array(x: Any) -> Any:
    """Return `x`, and a number as an array without axes, which NumPy makes a number of."""
    return x if is_array(x) else np.asarray(x)


PYTHON: dict[str, Callable[[Any], Any]] = {"b": bool, "i": int, "u": int, "f": float}  # by kinds of NumPy's numbers


def as_python(value: Any) -> Any:
    """Return a number of NumPy's, or those in a tuple, as Python's, which no array is widened by; the rest as it is."""
    if type(value) is tuple:
        return tuple(map(as_python, value))
    return PYTHON[value.dtype.kind](value) if isinstance(value, np.generic) and value.dtype.kind in PYTHON else value


def number_like(like: Any, value: Any) -> Any:
    """Return the number `value`, or an array without axes, as an array () like `like`, of its dtype, or complex."""
    one = np.ones_like(like, shape=(1,)).reshape(())  # a library may take shape=() for none
    made = as_array(value * one)
    dtype = np.result_type(like.dtype, np.complex64) if made.dtype.kind == "c" else like.dtype
    return made.astype(dtype, copy=False)


def integers(at: range, like: Any = None) -> Any:
    """Return the integers of `at` (N,), in an array like `like`, or of NumPy's own."""
    if on_host(like):
        return np.arange(at.start, at.stop, at.step)
    return np.cumsum(np.ones_like(like, shape=(len(at),), dtype=int)) * at.step + (at.start - at.step)


def spread(rows: Any, counts: Any) -> Any:
    """Return (..., *V): the rows (N, *V) at the N places where `counts` (...) is True, and 0 at the others."""
    spread = np.zeros_like(rows, shape=(*counts.shape, *rows.shape[1:]))
    spread[counts] = rows
    return spread


def handed_over(drawn: np.ndarray, like: Any) -> Any:
    """Return what a generator drew on the host as an array like `like`; where that is NumPy's own, as it is."""
    if on_host(like):
        return drawn
    return np.frombuffer(drawn.tobytes(), drawn.dtype, like=like).reshape(drawn.shape)


class _Like:
    """An array to make others like; equal to every one of the same library on the same device."""

    __slots__ = ("array", "place")

    def __init__(self, array: Any) -> None:
        self.array, self.place = array, (type(array), getattr(array, "device", None))

    def __hash__(self) -> int:
        return hash(self.place[0])  # a device may have no hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Like) and self.place == other.place


def table(make: Callable, most: int = 8) -> Callable:
    """Return `make(*constants, like=like)`, which makes an array like `like`, or several, of constants alone.

    The last `most` are kept, as the same few come at every step, in all layers: NumPy's own, read-only, and those of an
    array that says on which `device` it is.
    """

    @functools.lru_cache(maxsize=most)
    def kept(*constants: Any) -> Any:
        made = make(*constants)
        for array in made if isinstance(made, tuple) else (made,):
            array.flags.writeable = False
        return made

    @functools.lru_cache(maxsize=most)
    def kept_there(like: _Like, *constants: Any) -> Any:
        array, like.array = like.array, None  # the key stays, and must not keep the array
        return make(*constants, like=array)

    @functools.wraps(make)
    def made(*constants: Any, like: Any = None) -> Any:
        if type(like) is np.ndarray or on_host(like):  # nearly always, and each sum of a step asks
            return kept(*constants)
        key = _Like(like)
        return make(*constants, like=like) if key.place[1] is None else kept_there(key, *constants)

    return made


def expect_beside(where: str, name: str, x: Any, like: Any) -> None:
    """Raise unless the array `x`, if it is one, is of the library of the array `like` that it meets.

    Raises:
        TypeError: it is not.  Nothing is handed over in silence: that would cost a wait at every call.
    """
    if type(x) is type(like) or not is_array(x) or (on_host(x) and on_host(like)):
        return
    move = f"; np.asarray({name}, like=...) moves it" if on_host(x) else ""
    raise TypeError(f"{where}: {name} must be of type {title(like)} as the arrays beside it, got {title(x)}{move}")


def title(x: Any) -> str:
    kind = np.ndarray if on_host(x) else type(x)
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
