"""Arrays that note each call of NumPy's that is made of them: the forward pass as steps, one after the other."""

import dataclasses
import sys
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from gradcheck.subjects.methods import add_methods

OURS = ("gradcheck", "numpy")
ASKING = ("gradcheck.adapters", "gradcheck.subjects")  # which call the user's functions
MOST = 2000  # steps
Place = tuple[tuple[CodeType, int, int], ...]  # the user's frames: code, instruction, line


class NotTracedError(TypeError):
    """What arrays of this kind do not take."""


@dataclasses.dataclass(eq=False)
class Step:
    """One call: `call` takes its operands (numbers of other steps) as plain arrays.

    A step of kind "each" has an output entry for each entry of every operand; one of kind "linear" is linear in each
    operand, or in all together, but for a constant.  What has no operands is an input or a constant.
    """

    call: Callable[..., np.ndarray]
    operands: tuple[int, ...]
    value: np.ndarray
    name: str
    kind: str
    place: Place


class Tape:
    def __init__(self) -> None:
        self.steps: list[Step] = []

    def add(self, call: Callable, operands: tuple[int, ...], value: np.ndarray, name: str, kind: str) -> int:
        if len(self.steps) >= MOST:
            raise NotTracedError(f"more than {MOST} steps")
        self.steps.append(Step(call, operands, value, name, kind, _place()))
        return len(self.steps) - 1

    def leaf(self, value: np.ndarray) -> "Traced":
        return Traced(self, self.add(lambda: value, (), value, "", "leaf"))

    def number(self, x: Any) -> int:
        """Return the step of an operand; of a number or a bare array one of its own."""
        if isinstance(x, Traced):
            return x.step
        if isinstance(x, np.ndarray) and x.dtype == object:
            return self.joined(x).step
        value = np.asarray(x, dtype=np.float64)
        return self.add(lambda: value, (), value, "", "constant")

    def joined(self, x: np.ndarray) -> "Traced":
        """Note an array of objects, of single traced numbers and others, as one."""
        parts = [part if isinstance(part, Traced) else np.asarray(part, dtype=np.float64) for part in x.flat]
        value = np.array([part.value if isinstance(part, Traced) else part for part in parts]).reshape(x.shape)
        return self.whole(lambda *v: np.array(v).reshape(x.shape), parts, value, "array", True)

    def each(self, call: Callable, operands: list[Any], value: np.ndarray, name: str) -> "Traced":
        """Note a call entry by entry, with what broadcasting does to its operands as steps before it."""
        numbers = []
        for i, x in enumerate(operands):
            k = self.number(x)
            if self.steps[k].value.shape != value.shape:
                wide = np.broadcast_to(self.steps[k].value, value.shape)
                k = self.add(lambda v: np.broadcast_to(v, value.shape), (k,), wide, f"broadcast {i}", "linear")
            numbers.append(k)
        return Traced(self, self.add(call, tuple(numbers), value, name, "each"))

    def whole(self, call: Callable, operands: list[Any], value: Any, name: str, linear: bool) -> "Traced":
        numbers = tuple(self.number(x) for x in operands)
        value = np.asarray(value)
        return Traced(self, self.add(call, numbers, value, name, "linear" if linear else "other"))


class Traced(NDArrayOperatorsMixin):
    """One array; a write into it makes it another step's."""

    functions: Callable[[Any, tuple, dict], Any]  # those of NumPy, which `followed` puts here
    ufuncs: Callable[[np.ufunc, str, tuple, dict], Any]

    def __init__(self, tape: Tape, step: int):
        self.tape, self.step = tape, step

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return Traced.ufuncs(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: tuple, options: dict) -> Any:
        return Traced.functions(function, args, options)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        """Return an array of objects, each of them one number: what NumPy has for numbers of another's."""
        if dtype is not None and np.dtype(dtype) != object:
            raise NotTracedError("a bare NumPy array")
        found = np.empty(self.shape, dtype=object)
        for at in np.ndindex(self.shape):
            found[at] = self[at] if at else self
        return found

    value = property(lambda self: self.tape.steps[self.step].value)
    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype)
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))  # noqa: N815  (NumPy's name)
    flat = property(lambda self: np.ravel(self))
    real = property(lambda self: self)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator["Traced"]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        raise NotTracedError("a bare float")

    def __getitem__(self, index: Any) -> "Traced":
        value = np.asarray(self.value[index])
        return self.tape.whole(lambda v: np.asarray(v[index]), [self], value, "getitem", True)

    def __setitem__(self, index: Any, value: Any) -> None:
        def call(into: np.ndarray, part: np.ndarray) -> np.ndarray:
            found = into.copy()
            found[index] = part
            return found

        operands = [self, value if isinstance(value, Traced) else np.asarray(value, dtype=np.float64)]
        plain = [x.value if isinstance(x, Traced) else x for x in operands]
        self.step = self.tape.whole(call, operands, call(*plain), "setitem", True).step

    def copy(self, order: str = "C") -> "Traced":
        return Traced(self.tape, self.step)

    def astype(self, dtype: Any, **_: Any) -> Any:
        return self.copy() if np.dtype(dtype).kind == "f" else self.value.astype(dtype)

    def flatten(self, order: str = "C") -> "Traced":
        return np.ravel(self)  # type: ignore[return-value]


ONE = ("arctan", "cos", "cosh", "exp", "expm1", "log", "log1p", "sin", "sinh", "sqrt", "square", "tan", "tanh")
add_methods(Traced, ONE)


def _place() -> Place:
    """Return the user's frames that lead to the running call, the innermost first.

    None where we call NumPy's own function: then all that lead there is what asks for the check.
    """
    frame, found = sys._getframe(2), []
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        name = module.partition(".")[0]
        if module.startswith(ASKING):
            break
        if name not in OURS:
            found.append((frame.f_code, frame.f_lasti, frame.f_lineno))
        elif found:
            break
        frame = frame.f_back  # type: ignore[assignment]
    return tuple(found)
