"""What a subject holds is after a check what it was before."""

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from gradcheck.subjects.nodes import is_users

GENERATORS = np.random.Generator | np.random.RandomState
TOOLS = type | ModuleType | BuiltinFunctionType | str | bytes | None
ATTRIBUTES = object()  # in place of a key: all attributes of an object
MOST = 2**26  # bytes of an array, above which its entries are not copied to be put back


@contextlib.contextmanager
def kept(subject: Any) -> Iterator[None]:
    """Put back arrays, floating numbers and random generators that a subject holds, and the attributes of its objects.

    In attributes, dictionaries and lists, in closures, and in global variables that its functions name.
    What counts or collects, a whole number, a list that grows or a namespace, is left to the user's purpose; and so is
    what is new and names or does something: what a compiler keeps of a function that it has compiled.
    """
    undo: list[Callable[[], None]] = []
    for holder, key, value in list(_held(subject)):
        if key is ATTRIBUTES:
            undo.append(functools.partial(_restore, holder, dict(holder)))
        elif isinstance(value, GENERATORS):
            undo.append(functools.partial(_wind_back, value, copy.deepcopy(value)))
        else:
            undo.append(functools.partial(_put, holder, key, value))
            if isinstance(value, np.ndarray) and value.flags.writeable and value.nbytes <= MOST:
                undo.append(functools.partial(_refill, value, value.copy()))
    try:
        yield
    finally:
        for put_back in undo:
            put_back()


def _held(root: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield (holder, key, value) for every array, floating number and generator that can be reached."""
    waiting, seen = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        for holder, key, value in _entries(node):
            if key is ATTRIBUTES or isinstance(value, np.ndarray | float | complex | np.inexact | GENERATORS):
                yield holder, key, value
            else:
                waiting.append(value)


def _entries(node: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield what a node holds, each thing with the holder and the key under which it can be put back (None: cannot)."""
    if isinstance(node, FunctionType):
        yield from ((cell, "", cell.cell_contents) for cell in node.__closure__ or () if _filled(cell))
        home = node.__globals__
        named = {name: home[name] for name in node.__code__.co_names if name in home}
        yield from ((home, name, value) for name, value in named.items() if _is_near(value, node))
        yield from ((None, None, value) for value in node.__defaults__ or ())
    elif isinstance(node, MethodType):
        yield from ((None, None, part) for part in (node.__self__, node.__func__))
    elif isinstance(node, functools.partial):
        yield from ((None, None, part) for part in (node.func, *node.args, *node.keywords.values()))
    elif isinstance(node, dict):
        yield from ((node, key, value) for key, value in node.items())
    elif isinstance(node, list):
        yield from ((node, i, value) for i, value in enumerate(node))
    elif isinstance(node, tuple):
        yield from ((None, None, value) for value in node)
    elif hasattr(node, "__dict__") and not isinstance(node, type) and is_users(node):
        if not isinstance(node, SimpleNamespace):  # a bag in which somebody collects
            yield vars(node), ATTRIBUTES, None
        yield from ((vars(node), key, value) for key, value in vars(node).items())


def _is_near(value: Any, function: FunctionType) -> bool:
    """Whether a global variable belongs to the user's code, as far as functions tell."""
    return not isinstance(value, FunctionType) or value.__module__ == function.__module__


def _filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _put(holder: Any, key: Any, value: Any) -> None:
    if isinstance(holder, CellType):
        holder.cell_contents = value
    elif isinstance(holder, dict) or (isinstance(holder, list) and key < len(holder)):
        holder[key] = value


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
