"""Methods of objects that change themselves: every evaluation starts from the state in which the object was given.

Between an evaluation and its pullback nothing is reset, so that a residual which belongs to a later call
is found.  The object itself is never called.
"""

import copy
import functools
import threading
from collections.abc import Callable
from types import CellType, FunctionType, MethodType
from typing import Any

import numpy as np

from gradcheck.subjects.adapted import Adapted
from gradcheck.subjects.nodes import is_plain


class Owned:
    """Functions, of which some may be methods, or be called by way of an object: `fresh()` returns their twins."""

    def __init__(self, *functions: Callable):
        self._functions = functions
        self._owners = list({id(o): o for f in functions if (o := _owner(f)) is not None}.values())
        self._twins: dict[int, list[Any]] = {}  # of the owners, for each thread
        self._arrays: dict[int, dict[int, np.ndarray]] = {}  # of the arrays that these hold, for each thread

    def __getstate__(self) -> dict:
        return {**vars(self), "_twins": {}, "_arrays": {}}

    def fresh(self) -> tuple[Callable, ...]:
        """Return the functions, bound to copies in the state of the originals; what cannot be copied is used itself."""
        if not self._owners:
            return self._functions
        try:
            twins = self._reset()
        except Exception:  # whatever an object raises that holds a file or a lock
            self._owners = []
            return self._functions
        found = {id(owner): twin for owner, twin in zip(self._owners, twins, strict=True)}
        return tuple(_rebound(f, found) for f in self._functions)

    def lasting(self) -> "Owned | None":
        """Return the same around copies that are never reset; None: there are no objects, or they cannot be copied."""
        twin = Owned()
        try:
            twin._functions = copy.deepcopy(self._functions)
        except Exception:  # whatever an object raises that holds a file or a lock
            return None
        return twin if self._owners else None

    def _restored(self, thread: int) -> dict[int, Any]:
        """Return the twins of the arrays that the objects hold, the same at every call: a workspace stays one."""
        held = [x for owner in self._owners for x in vars(owner).values()]
        arrays = [x for x in held if type(x) is np.ndarray and not x.dtype.hasobject]
        kept = self._arrays.setdefault(thread, {})
        for x in arrays:
            twin = kept.get(id(x))
            if twin is None or twin.shape != x.shape or not twin.flags.writeable:
                kept[id(x)] = twin = np.empty_like(x)
            twin[...] = x
        return {id(x): kept[id(x)] for x in arrays}

    def _reset(self) -> list[Any]:
        """Return the twins of this thread, which stay the same objects, with all that they hold copied anew."""
        mine = threading.get_ident()
        if mine not in self._twins:
            self._twins[mine] = [object.__new__(type(owner)) for owner in self._owners]
        twins = self._twins[mine]
        memo: dict[int, Any] = {id(owner): twin for owner, twin in zip(self._owners, twins, strict=True)}
        memo |= self._restored(mine)
        for owner, twin in zip(self._owners, twins, strict=True):
            state = copy.deepcopy(vars(owner), memo)
            vars(twin).clear()
            vars(twin).update(state)
        return twins


class OfObjects(Adapted):
    """A subject of functions that may be methods."""

    _owned: Owned

    def lasting(self) -> Adapted | None:
        owned = self._owned.lasting()
        if owned is None:
            return None
        twin = copy.copy(self)
        twin._owned = owned
        return twin


def _owner(function: Any) -> Any:
    """Return the object whose state a call may change, or None."""
    if isinstance(function, functools.partial):
        return _owner(function.func)
    owner = function.__self__ if isinstance(function, MethodType) else function
    return owner if is_plain(owner) and not isinstance(owner, np.ufunc) else None


def _rebound(function: Any, twins: dict[int, Any]) -> Any:
    if isinstance(function, functools.partial):
        return functools.partial(_rebound(function.func, twins), *function.args, **function.keywords)
    if isinstance(function, MethodType):
        owner = function.__self__
        return MethodType(function.__func__, twins[id(owner)]) if id(owner) in twins else function
    return _naming(function, twins) if isinstance(function, FunctionType) else twins.get(id(function), function)


def _naming(function: FunctionType, twins: dict[int, Any]) -> FunctionType:
    """Return a function that means the twins of the objects that it names, as `lambda x, dy: layer.backward(dy)` does.

    Beside a method of the same object it would ask the original, which nothing has called.
    """
    cells = tuple(_cell(cell, twins) for cell in function.__closure__ or ())
    names = {n: function.__globals__[n] for n in function.__code__.co_names if n in function.__globals__}
    found = {name: twins[id(value)] for name, value in names.items() if id(value) in twins}
    if not found and all(a is b for a, b in zip(cells, function.__closure__ or (), strict=True)):
        return function
    named = function.__globals__ | found if found else function.__globals__
    twin = FunctionType(function.__code__, named, function.__name__, function.__defaults__, cells or None)
    twin.__kwdefaults__ = function.__kwdefaults__
    return twin


def _cell(cell: CellType, twins: dict[int, Any]) -> CellType:
    try:
        held = cell.cell_contents
    except ValueError:  # of a name that has no value yet
        return cell
    return CellType(twins[id(held)]) if id(held) in twins else cell
