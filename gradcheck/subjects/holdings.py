"""What can be reached from a subject: in attributes, dictionaries, lists, closures, and global variables."""

import functools
from collections.abc import Iterator
from types import CellType, CodeType, FunctionType, MethodType, SimpleNamespace
from typing import Any

import numpy as np

from gradcheck.subjects.nodes import is_of_users, is_users

GENERATORS = (np.random.Generator, np.random.RandomState)
ENDS = (float, complex, np.inexact, *GENERATORS)  # what is yielded beside arrays
ATTRIBUTES = object()  # in place of a key: all attributes of an object, or of a class


def holdings(root: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield (holder, key, value) for every array, floating number and generator that can be reached."""
    waiting, seen = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        for holder, key, value in _entries(node):
            if key is ATTRIBUTES or _is_yielded(value):
                yield holder, key, value
            else:
                waiting.append(value)


def _is_yielded(value: Any) -> bool:
    return isinstance(value, ENDS) or is_array(value)


def is_array(value: Any) -> bool:
    """Whether it is an array, of any library."""
    return hasattr(type(value), "__dlpack__")


def _entries(node: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield what a node holds, each thing with the holder and the key under which it can be put back (None: cannot)."""
    if isinstance(node, FunctionType):
        yield from ((cell, "", cell.cell_contents) for cell in node.__closure__ or () if _filled(cell))
        home = node.__globals__
        named = {name: home[name] for name in _names(node.__code__) if name in home}
        yield from ((home, name, value) for name, value in named.items() if _is_near(value, node))
        yield from ((None, None, value) for value in node.__defaults__ or ())
        yield from ((vars(node), key, value) for key, value in vars(node).items() if _is_yielded(value))
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
    elif isinstance(node, type):
        yield from _of_class(node) if is_of_users(node) else ()
    elif is_users(node):
        if hasattr(node, "__dict__"):
            if not isinstance(node, SimpleNamespace):  # a bag in which somebody collects
                yield vars(node), ATTRIBUTES, None
            yield from ((vars(node), key, value) for key, value in vars(node).items())
        yield from ((node, name, getattr(node, name)) for name in _slots(type(node)) if hasattr(node, name))
        yield None, None, type(node)
    elif callable(node) and hasattr(node, "__dict__"):  # what a library makes of functions
        yield from ((None, None, value) for value in vars(node).values() if isinstance(value, FunctionType))


def _of_class(kind: type) -> Iterator[tuple[Any, Any, Any]]:
    yield kind, ATTRIBUTES, None
    for key, value in vars(kind).items():
        function = getattr(value, "__func__", value)  # of a static method, or a class method
        if _is_yielded(value):
            yield kind, key, value
        elif isinstance(function, FunctionType) or type(value) in (dict, list):
            yield None, None, function
    yield from ((None, None, base) for base in kind.__bases__)


def _slots(kind: type) -> list[str]:
    """Return the names of attributes that lie in an object itself."""
    found = [vars(base).get("__slots__", ()) for base in kind.__mro__]
    return [name for names in found for name in ([names] if isinstance(names, str) else names) if name[:2] != "__"]


def _names(code: CodeType) -> Iterator[str]:
    """Yield the global names and attributes in a function's code, and in the functions that it defines."""
    yield from code.co_names
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _names(part)


def _is_near(value: Any, function: FunctionType) -> bool:
    """Whether a global variable belongs to the user's code, as far as functions tell."""
    return not isinstance(value, FunctionType) or value.__module__ == function.__module__


def _filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def put(holder: Any, key: Any, value: Any) -> None:
    if isinstance(holder, CellType):
        holder.cell_contents = value
    elif isinstance(holder, dict) or (isinstance(holder, list) and key < len(holder)):
        holder[key] = value
    elif not isinstance(holder, list | None) and getattr(holder, key, None) is not value:  # of a class, or in a slot
        (type.__setattr__ if isinstance(holder, type) else object.__setattr__)(holder, key, value)
