"""What an object holds, each thing by its path: a tuple of attribute names, dictionary keys and indices."""

import copy
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from gradcheck.subjects import trees

Path = tuple[Any, ...]
PLAIN = (type, np.ndarray, np.generic, np.random.Generator, FunctionType, MethodType, BuiltinFunctionType, ModuleType)


def held(obj: Any) -> dict[Path, Any]:
    """Return everything that is no container in an object and in what it holds; a container counts once."""
    return dict(_walk(obj, (), set()))


def outermost(obj: Any, wanted: Callable[[Any], bool]) -> Iterator[Any]:
    """Yield what satisfies `wanted` of the objects in a tree, and nothing that lies within such a one."""
    waiting, seen = [obj], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or (children := _children(node)) is None:
            continue
        seen.add(id(node))
        if wanted(node):
            yield node
        else:
            waiting += [child for _, child in reversed(children)]


def get(obj: Any, path: Path) -> Any:
    """Return what stands at a path, or None."""
    for key in path:
        obj = dict(_children(obj) or ()).get(key)
    return obj


def put(obj: Any, path: Path, value: Any) -> None:
    """Set what stands at a path; an array inside a tuple is written into, for a number there is another tuple."""
    node = get(obj, path[:-1])
    if isinstance(node, dict | list):
        node[path[-1]] = value
    elif isinstance(node, tuple) and isinstance(node[path[-1]], np.ndarray):
        node[path[-1]][...] = value
    elif isinstance(node, tuple):
        put(obj, path[:-1], (*node[: path[-1]], value, *node[path[-1] + 1 :]))
    else:
        setattr(node, path[-1], value)


def copied(name: str, *things: Any) -> tuple:
    """Return deep copies of things, which share what these share.

    Raises:
        TypeError: one of them cannot be copied.
    """
    try:
        return copy.deepcopy(things)
    except Exception as error:  # whatever is raised by what holds a file or a lock
        got = f"{type(error).__name__}: {error}"
        raise TypeError(f"gradcheck: {name} must allow copy.deepcopy, got {got}") from error


def plain_or_raise(obj: Any) -> None:
    """Refuse an object that holds arrays which compute otherwise than arrays do.

    Raises:
        TypeError: it holds a floating matrix or masked array.
    """
    for path, value in held(obj).items():
        for _, what in trees.disguised(value):
            raise TypeError(f"gradcheck: {title(path)} must be a plain NumPy array, got {what}")


def title(path: Path) -> str:
    """Return a path as it is written: `W`, `params.W1`, `layers[0].gamma`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")


def _walk(node: Any, path: Path, seen: set[int]) -> Iterator[tuple[Path, Any]]:
    children = _children(node)
    if children is None:
        yield path, node
    elif id(node) not in seen:
        seen.add(id(node))
        for key, child in children:
            yield from _walk(child, (*path, key), seen)


def _children(node: Any) -> list[tuple[Any, Any]] | None:
    if isinstance(node, dict):
        return list(node.items())
    if isinstance(node, list | tuple):
        return list(enumerate(node))
    if isinstance(node, PLAIN):
        return None
    slots = [name for kind in type(node).__mro__ for name in _names(vars(kind).get("__slots__", ()))]
    if not slots and not hasattr(node, "__dict__"):
        return None
    return [*getattr(node, "__dict__", {}).items(), *((s, getattr(node, s)) for s in slots if hasattr(node, s))]


def _names(slots: Any) -> list[str]:
    """Return the names of slots that hold attributes, as they are written in a class: one, or several."""
    names = [slots] if isinstance(slots, str) else list(slots)
    return [name for name in names if not name.startswith("__")]
