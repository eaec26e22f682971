"""What stands beside balls in a call of NumPy: numbers, bare arrays, whole numbers that say where."""

from typing import Any

import numpy as np

from gradcheck.exact.refusals import NotFollowed
from gradcheck.exact.values import Dual, balls, constants, normal, whole, zeros

Operand = Dual | np.ndarray  # balls, or whole numbers and truth values


class Held:
    """What an array of balls holds: `value` has balls, or whole numbers or truth values; `change` balls, or is None."""

    __slots__ = ("change", "value")

    value: np.ndarray
    change: np.ndarray | None

    @property
    def is_plain(self) -> bool:
        return self.value.dtype != object


def dual(x: Any) -> Dual:
    """Return numbers of any kind as balls with their change.

    Raises:
        NotFollowed: they are no real numbers.
    """
    if isinstance(x, Held):
        return Dual(balls(x.value) if x.is_plain else x.value, x.change)
    if isinstance(x, list | tuple) and any(isinstance(part, Held) for part in x):
        return _stacked([dual(part) for part in x])
    if isinstance(x, np.ndarray) and x.dtype == object and any(isinstance(part, Held) for part in x.flat):
        return _stacked([dual(part) for part in x.flat]).each(lambda part: part.reshape(x.shape))
    if isinstance(x, np.ndarray) and x.dtype == object:
        return Dual(normal(x))
    try:
        return Dual(constants(x))
    except (TypeError, ValueError) as error:
        if isinstance(error, NotFollowed):
            raise
        raise NotFollowed(f"an operand of type {type(x).__name__}") from None


def _stacked(parts: list[Dual]) -> Dual:
    value = np.stack([part.value for part in parts])
    if all(part.change is None for part in parts):
        return Dual(value)
    return Dual(value, np.stack([zeros(p.value.shape) if p.change is None else p.change for p in parts]))


def operand(x: Any) -> Operand:
    """Return an operand of a ufunc: whole numbers as they are, all others as balls."""
    if isinstance(x, Held) and x.is_plain:
        return x.value
    if isinstance(x, bool | int | np.integer | np.bool) or (isinstance(x, np.ndarray) and x.dtype.kind in "iub"):
        return np.asarray(x)
    return dual(x)


def plain(x: Any, what: str) -> np.ndarray:
    """Return whole numbers and truth values as NumPy has them; of balls only those that are whole and do not change.

    Raises:
        NotFollowed: they are others; `what` names the call.
    """
    if isinstance(x, Held):
        return x.value if x.is_plain else whole(Dual(x.value, x.change), what)
    return np.asarray(x)


def places(index: Any) -> Any:
    """Return an index of NumPy's."""
    if isinstance(index, tuple):
        return tuple(map(places, index))
    if isinstance(index, list):
        return [places(part) for part in index]
    return plain(index, "an index made of balls") if isinstance(index, Held) else index
