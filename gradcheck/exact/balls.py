"""Arrays of dual balls that speak NumPy's protocols.

An array holds balls, each with its change along one direction while a forward pass is followed, or plain whole numbers
and truth values, as masks and ids are.  Nothing leaves an array of balls in silence: a cast, a number of Python's, a
bare NumPy array are refused by name.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from gradcheck.exact.elementwise import ONE
from gradcheck.exact.operands import Held, dual, operand, places, plain
from gradcheck.exact.refusals import NotFollowed
from gradcheck.exact.ufuncs import evaluated, into, name_of
from gradcheck.exact.values import ZERO, Dual, balls, entries, single, zeros
from gradcheck.exact.watch import now
from gradcheck.subjects.methods import add_methods

FLOAT = np.dtype(np.float64)


class Balls(Held, NDArrayOperatorsMixin):
    """An array; in a forward pass that is followed, balls have a change, so that a view of them sees it written to."""

    __slots__ = ()
    functions: Callable[[Any, tuple, dict], Any]  # those of NumPy, which the module of that name puts here

    def __init__(self, value: np.ndarray, change: np.ndarray | None = None):
        if value.dtype == object and change is None and now().dual:
            change = zeros(value.shape)
        self.value, self.change = value, change

    # What NumPy hands over

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        (out,) = options.pop("out", (None,))[:1]
        where = options.pop("where", True) if method == "__call__" else True
        if method == "at":
            if not isinstance(inputs[0], Balls):
                raise NotFollowed(f"{name_of(ufunc)}.at on a bare NumPy array")
            target = Dual(inputs[0].value, inputs[0].change)
            return into(ufunc, target, places(inputs[1]), *map(dual, inputs[2:]))
        found = evaluated(ufunc, method, [operand(x) for x in inputs], options)
        if isinstance(found, tuple) and not isinstance(found, Dual):
            return tuple(map(wrapped, found))
        if out is None:
            return wrapped(found)
        if not isinstance(out, Balls):
            raise NotFollowed(f"{name_of(ufunc)} into a bare NumPy array")
        np.copyto(out, wrapped(found), where=where)  # type: ignore[arg-type]
        return out

    def __array_function__(self, function: Any, types: Any, args: tuple, options: dict) -> Any:
        return Balls.functions(function, args, options)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        """Return an array of objects, each of them one ball: what NumPy has for numbers of another's."""
        if self.is_plain:
            return np.array(self.value, dtype=dtype)
        if dtype is not None and np.dtype(dtype) != object:
            raise NotFollowed(f"a bare NumPy array of {np.dtype(dtype)} made of balls")
        found = np.empty(self.shape, dtype=object)
        for at in entries(self.shape):
            found[at] = self[at]
        return found

    # What an array has besides

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype if self.is_plain else FLOAT)
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))  # noqa: N815  (NumPy's name)
    flags = property(lambda self: self.value.flags)
    flat = property(lambda self: np.ravel(self))
    real = property(lambda self: self)
    imag = property(lambda self: np.zeros_like(self))

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator["Balls"]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> "Balls":
        at = places(index)
        if self.is_plain:
            return Balls(np.asarray(self.value[at]))
        return wrapped(Dual(self.value, self.change).each(lambda part: part[at]))

    def __setitem__(self, index: Any, value: Any) -> None:
        at = places(index)
        if self.is_plain:
            self.value[at] = plain(value, f"balls written into an array of {self.dtype}")
            return
        new = dual(value)
        self.value[at] = single(new.value)
        if self.change is not None:
            self.change[at] = ZERO if new.change is None else single(new.change)

    def __copy__(self) -> "Balls":
        return self.copy()

    def __deepcopy__(self, memo: dict) -> "Balls":
        return self.copy()

    def copy(self, order: str = "C") -> "Balls":
        return Balls(self.value.copy(), None if self.change is None else self.change.copy())

    def astype(self, dtype: Any, copy: bool = True, **options: Any) -> "Balls":
        dtype = np.dtype(dtype)
        if dtype == FLOAT:
            if self.is_plain:
                return Balls(balls(self.value))
            return self.copy() if copy else self
        if dtype.kind not in "iub":
            raise NotFollowed(f"a cast to {dtype}")
        return Balls(plain(self, f"a cast to {dtype}").astype(dtype))

    def view(self, dtype: Any = None) -> "Balls":
        if dtype is None or np.dtype(dtype) == self.dtype:
            return Balls(self.value.view(), self.change)
        raise NotFollowed(f"a view as {np.dtype(dtype)}")

    def flatten(self, order: str = "C") -> "Balls":
        return Balls(self.value.flatten(), None if self.change is None else self.change.flatten())

    def fill(self, value: Any) -> None:
        self[...] = value

    def tolist(self) -> Any:
        return plain(self, "tolist").tolist()

    def item(self, *at: int) -> Any:
        return plain(self, "item").item(*at)

    def __bool__(self) -> bool:
        return bool(self.value) if self.is_plain else bool(self != 0)

    def __index__(self) -> int:
        return plain(self, "a number of balls as an index").__index__()

    def __int__(self) -> int:
        return int(plain(self, "int"))

    def __float__(self) -> float:
        if self.is_plain:
            return float(self.value)
        raise NotFollowed("a bare float made of a ball")

    def __complex__(self) -> complex:
        raise NotFollowed("a bare complex number made of a ball")

    def __repr__(self) -> str:
        return f"Balls({self.dtype}{list(self.shape)})"


add_methods(Balls, (name for name in ONE if hasattr(np, name)))
for name in ONE:  # which are no functions of NumPy's: the entries of an array of objects have none such
    if not hasattr(np, name):
        setattr(Balls, name, None)


def wrapped(found: Any) -> Balls:
    return Balls(found.value, found.change) if isinstance(found, Dual) else Balls(np.asarray(found))
