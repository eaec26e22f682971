"""Arrays that write down what is asked of them, by the protocols with which other libraries take NumPy's calls."""

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from reference.core.special import rows_added
from reference.replay.tape import Line, Method, Name, RefusedError, Tape, expect_shape, expect_truth

# The shape of what these return depends on the shapes that they are given, and on no number.
FUNCTIONS = {
    np.clip, np.concatenate, np.copy, np.copyto, np.cumsum, np.diff, np.empty_like, np.full_like, np.max, np.mean,
    np.ones_like, np.ptp, np.put_along_axis, np.reshape, np.split, np.stack, np.sum, np.swapaxes, np.take, np.where,
    np.zeros_like, rows_added,
}  # fmt: skip
WRITERS = {np.copyto, np.put_along_axis}  # to their first argument
METHODS = (
    "all", "any", "argmax", "argsort", "astype", "clip", "copy", "cumsum", "max", "mean", "min", "ravel", "reshape",
    "squeeze", "sum", "swapaxes", "take", "transpose", "view",
)  # fmt: skip
OPERATORS = {f"__{name}__" for name in ("neg", "pos", "abs", "invert", "eq", "ne", "lt", "le", "gt", "ge")} | {
    f"__{side}{name}__"
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul", "and", "or", "xor")
    for side in ("", "r", "i")
}  # which are ufuncs
PLAIN = {  # what says no number
    "__class__", "__delattr__", "__dir__", "__doc__", "__format__", "__getattribute__", "__getstate__", "__hash__",
    "__init__", "__init_subclass__", "__len__", "__new__", "__repr__", "__setattr__", "__sizeof__", "__str__",
    "__subclasshook__", "base", "ctypes", "dtype", "flags", "itemsize", "nbytes", "ndim", "shape", "size", "strides",
}  # fmt: skip


class Noted(np.ndarray):
    """An array of a tape.  What its methods and attributes return is on the tape too; all others refuse."""

    tape: Tape
    name: Name | None

    def __array_finalize__(self, _: Any) -> None:
        self.name = None

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "at":
            raise RefusedError("a ufunc must return what it makes, got one that writes")
        return _noted(ufunc if method == "__call__" else getattr(ufunc, method), args, kwargs)

    def __array_function__(self, function: Any, _: Any, args: Any, kwargs: Any) -> Any:
        if function is np.result_type:
            return function(*plain(args))
        if function not in FUNCTIONS or (function is np.where and len(args) != 3):
            raise RefusedError(f"a function must be one of those that are noted, got {function.__name__}")
        return _noted(function, args, kwargs, args[0] if function in WRITERS else None)

    def __getitem__(self, key: Any) -> Any:
        found = _noted(operator.getitem, (self, key), {})
        if any(getattr(part, "dtype", None) == np.dtype(bool) for part in (key if type(key) is tuple else (key,))):
            _guard(expect_shape, found, found.shape)  # as many as are true
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        _noted(operator.setitem, (self, key, value), {}, self)

    def __bool__(self) -> bool:
        answer = bool(plain(self))
        _guard(expect_truth, self, answer)
        return answer

    @property
    def T(self) -> Any:  # noqa: N802, as NumPy has it
        return _noted(Method("transpose"), (self,), {})

    @property  # type: ignore[misc]  # nobody assigns to it
    def real(self) -> Any:
        return _noted(REAL, (self,), {})


REAL = operator.attrgetter("real")


def _method(name: str) -> Callable:
    function = Method(name)

    @functools.wraps(getattr(np.ndarray, name))
    def called(self: Noted, *args: Any, **kwargs: Any) -> Any:
        return _noted(function, (self, *args), kwargs)

    return called


def _refusal(name: str) -> Any:
    def refused(self: Noted, *_: Any, **__: Any) -> Any:  # noqa: ARG001, whatever is asked
        raise RefusedError(f"what is asked of an array must be noted, got {name}")

    return refused if callable(getattr(np.ndarray, name)) else property(refused)


for _name in METHODS:
    setattr(Noted, _name, _method(_name))
for _name in set(dir(np.ndarray)) - set(vars(Noted)) - OPERATORS - PLAIN:
    setattr(Noted, _name, _refusal(_name))


def given(tape: Tape, array: np.ndarray) -> Noted:
    """Return an array as one that is given to a tape."""
    return _on(tape, array, tape.give(array))


def name_of(array: Any) -> Name:
    """Return the name of an array.

    Raises:
        RefusedError: it came of a call that was not noted.
    """
    if not isinstance(array, Noted) or array.name is None:
        raise RefusedError(f"an array must come of a call that is noted, got one of {type(array).__name__}")
    return array.name


def plain(value: Any) -> Any:
    """Return a value with NumPy's own arrays and numbers in place of those that are noted; raise as `name_of` does."""
    if isinstance(value, Noted):
        name, array = name_of(value), _bare(value)
        return array[()] if value.tape.kind(name).is_number else array
    return type(value)([plain(entry) for entry in value]) if type(value) in (tuple, list) else value


def _bare(array: np.ndarray) -> np.ndarray:
    return np.ndarray.view(array, np.ndarray)


def _on(tape: Tape, array: Any, name: Name) -> Noted:
    made = np.asarray(array).view(Noted)
    made.tape, made.name = tape, name
    return made


def _noted(function: Any, args: tuple, kwargs: dict[str, Any], target: Any = None) -> Any:
    """Call `function` on plain arrays and write the call down; `target` is the array that it writes to."""
    result = function(*plain(args), **{key: plain(value) for key, value in kwargs.items()})
    found: list[Noted] = []
    among: list[tuple[Name | None, np.ndarray]] = []

    def words(value: Any) -> Any:
        if isinstance(value, Noted):
            found.append(value)
            among.append((value.tape.kind(value.name).owner, _bare(value)))  # type: ignore[arg-type]
            return value.name
        if isinstance(value, np.ndarray):
            among.append((None, value))
        return type(value)([words(entry) for entry in value]) if type(value) in (tuple, list) else value

    said = words(args), {key: words(value) for key, value in kwargs.items()}
    tape = found[0].tape
    if kwargs.get("out") is not None:
        target = kwargs["out"][0] if type(kwargs["out"]) is tuple else kwargs["out"]
    if target is not None:
        if not isinstance(target, Noted) or tape.kind(target.name).owner in (None, *tape.given):  # type: ignore[arg-type]
            raise RefusedError("what is written to must be made by a call that is noted, got another array")
        tape.write(Line(function, *said, written=target.name))
        return None if result is None else target
    several = type(result) in (tuple, list)
    parts = result if several else (result,)
    if not all(isinstance(part, np.ndarray | np.generic) for part in parts):
        raise RefusedError(f"{function} must return arrays, got {type(result).__name__}")
    made = [_on(tape, part, tape.name(part, among)) for part in parts]
    tape.write(Line(function, *said, made=tuple(part.name for part in made), is_row=several))  # type: ignore[misc]
    return type(result)(made) if several else made[0]


def _guard(expect: Callable, array: Noted, was: Any) -> None:
    """Write down that an answer must be what it was."""
    plain(array)
    array.tape.write(Line(expect, (array.name, was), {}, is_guard=True))
