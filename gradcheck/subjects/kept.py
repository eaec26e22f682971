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
    that its functions name.
    What counts or collects, a whole number, a list that grows or a namespace, is left to the user's purpose; and so is
    what is new and names or does something: what a compiler keeps of a function that it has compiled.
    """
    undo: list[Callable[[], None]] = []
    for holder, key, value in list(holdings(subject)):
        if key is ATTRIBUTES:
            undo.append(functools.partial(_restore, holder, dict(holder)))
        elif isinstance(value, GENERATORS):
            undo.append(functools.partial(_wind_back, value, copy.deepcopy(value)))
        else:
            undo.append(functools.partial(put, holder, key, value))
            if isinstance(value, np.ndarray) and value.flags.writeable and value.nbytes <= MOST:
                undo.append(functools.partial(_refill, value, value.copy()))
    try:
        yield
    finally:
        for put_back in undo:
            put_back()


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
