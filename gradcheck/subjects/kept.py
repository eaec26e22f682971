"""What a subject holds is after a check what it was before."""

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from gradcheck.subjects.holdings import ATTRIBUTES, GENERATORS, holdings, put

TOOLS = type | ModuleType | BuiltinFunctionType | str | bytes | None
MOST = 2**26  # bytes of an array, above which its entries are not copied to be put back


@contextlib.contextmanager
def kept(subject: Any) -> Iterator[None]:
    """Put back arrays, floating numbers and random generators that a subject holds, and the attributes of its objects.

    In attributes, those of classes and functions too, dictionaries and lists, in closures, and in global variables
    that its functions name.  What a class holds belongs to all of its kind: whatever is data comes back.
    What counts or collects, a whole number, a list that grows or a namespace, is left to the user's purpose; and so is
    what is new and names or does something: what a compiler keeps of a function that it has compiled.
    """
    undo: list[Callable[[], None]] = []
    for holder, key, value in list(holdings(subject)):
        if key is ATTRIBUTES and isinstance(holder, type):
            undo.extend(_of_class(holder))
        elif key is ATTRIBUTES:
            undo.append(functools.partial(_restore, holder, dict(holder)))
        elif isinstance(value, GENERATORS):
            undo.append(functools.partial(_wind_back, value, copy.deepcopy(value)))
        else:
            undo.append(functools.partial(put, holder, key, value))
            if getattr(value, "is_leaf", False):  # a tensor of PyTorch's: what is added to its gradient is not its own
                undo.insert(0, functools.partial(setattr, value, "grad", value.grad))  # of two the first last
                value.grad = None
            if isinstance(value, np.ndarray) and value.flags.writeable and value.nbytes <= MOST:
                undo.append(functools.partial(_refill, value, value.copy()))
    try:
        yield
    finally:
        for put_back in undo:
            put_back()


def _of_class(kind: type) -> Iterator[Callable[[], None]]:
    """Yield what puts back the data that a class holds: its attributes, and entries of its dictionaries and lists."""
    before = {name: value for name, value in vars(kind).items() if _is_data(name, value)}
    yield functools.partial(_restore_class, kind, before)
    for value in before.values():
        if type(value) is dict:
            yield functools.partial(_restore_entries, value, dict(value))
        elif type(value) is list:
            yield functools.partial(value.__setitem__, slice(None), list(value))


def _is_data(name: str, value: Any) -> bool:
    """Whether an attribute of a class is no method, no part of the language, and nothing that names or does."""
    return not (name.startswith("__") or hasattr(type(value), "__get__") or isinstance(value, type | ModuleType))


def _restore_class(kind: type, before: dict[str, Any]) -> None:
    for name, value in before.items():
        if vars(kind).get(name) is not value:
            type.__setattr__(kind, name, value)
    new = [name for name, value in vars(kind).items() if name not in before and _is_data(name, value)]
    for name in new:
        if not _is_tool(vars(kind)[name]):
            type.__delattr__(kind, name)


def _restore_entries(entries: dict, before: dict) -> None:
    for key in entries.keys() - before.keys():
        if not _is_tool(entries[key]):
            del entries[key]
    entries.update(before)


def _restore(attributes: dict, before: dict) -> None:
    """Put back what was replaced, but for a whole number, which may be a count; take away what is new and no tool."""
    for name in attributes.keys() - before.keys():
        if not _is_tool(attributes[name]):
            del attributes[name]
    numbers = [name for name, value in before.items() if isinstance(value, int) and not isinstance(value, bool)]
    attributes.update((name, value) for name, value in before.items() if name not in numbers)


def _is_tool(value: Any) -> bool:
    """Whether it is a class, a module, a text, None, or a function that closes over nothing."""
    return not value.__closure__ if isinstance(value, FunctionType) else isinstance(value, TOOLS)


def _refill(x: np.ndarray, values: np.ndarray) -> None:
    x[...] = values


def _wind_back(generator: Any, before: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = before.bit_generator.state
    else:
        generator.set_state(before.get_state(legacy=False))
