"""Trees of arrays: dictionaries, lists, tuples, dataclasses and plain objects, nested in any way.

A leaf that can be differentiated is a real floating array (a NumPy scalar counts as an array
without axes).  Integers, booleans, strings, functions are carried along.  A random generator is
copied each time a tree is rebuilt, so that every evaluation sees the same numbers.
"""

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

MISSING = object()


def is_leaf(node: Any, kinds: str = "f") -> bool:
    return isinstance(node, np.ndarray | np.generic) and node.dtype.kind in kinds


def leaves(node: Any, path: str = "", kinds: str = "f") -> Iterator[tuple[str, np.ndarray]]:
    """Yield `(path, array)` for every differentiable leaf, depth first."""
    if is_leaf(node, kinds):
        yield path, np.asarray(node)
    else:
        for key, child in _children(node):
            yield from leaves(child, _join(path, key), kinds)


def rebuild(node: Any, arrays: Iterator[np.ndarray] | None = None) -> Any:
    """Return the tree with its leaves, in the order of `leaves`, taken from `arrays`.

    Without `arrays` the leaves stay what they are and cannot be written to.
    """
    if is_leaf(node) and arrays is not None:
        return next(arrays)
    if isinstance(node, np.random.Generator | np.random.RandomState | np.random.BitGenerator):
        return copy.deepcopy(node)
    if isinstance(node, np.ndarray):  # a constant, shown but not to be written to
        return read_only(node)
    if isinstance(node, dict):
        entries = {key: rebuild(child, arrays) for key, child in node.items()}
        return entries if type(node) is dict else _with_entries(node, entries)
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return type(node)(*(rebuild(child, arrays) for child in node))
    if isinstance(node, list | tuple):
        return type(node)(rebuild(child, arrays) for child in node)
    children = list(_children(node))
    if not children:
        return node
    twin = copy.copy(node)  # neither __init__ nor __post_init__ runs: the object is valid already
    for key, child in children:
        object.__setattr__(twin, key, rebuild(child, arrays))
    return twin


def align(template: Any, node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield `(path, value)` of `node` at each differentiable leaf of `template`.

    A value that is absent, or a subtree of another structure, is yielded as MISSING.  An object's
    cotangent may be an object with the same attributes or a dictionary with their names.
    """
    if is_leaf(template):
        yield path, node
        return
    for key, child in _children(template):
        if isinstance(template, list | tuple) and not hasattr(template, "_fields"):
            inside = isinstance(node, Sequence) and len(node) == len(template)
            value = node[key] if inside else MISSING
        elif isinstance(node, dict):
            value = node.get(key, MISSING)
        else:
            value = getattr(node, key, MISSING) if isinstance(key, str) else MISSING
        yield from align(child, value, _join(path, key))


def read_only(x: np.ndarray) -> np.ndarray:
    """Return a view that cannot be written through."""
    view = x.view()
    view.flags.writeable = False
    return view


def _children(node: Any) -> list[tuple[Any, Any]]:
    if isinstance(node, dict):
        return list(node.items())
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return list(zip(node._fields, node, strict=True))
    if isinstance(node, list | tuple):
        return list(enumerate(node))
    if isinstance(node, type) or callable(node) and not hasattr(node, "vjp") and not dataclasses.is_dataclass(node):
        return []
    if dataclasses.is_dataclass(node):
        return [(field.name, getattr(node, field.name)) for field in dataclasses.fields(node)]
    if hasattr(node, "__dict__") and not isinstance(node, np.ndarray | np.generic) and type(node).__module__ != "builtins":
        return [(key, value) for key, value in vars(node).items() if not key.startswith("__")]
    return []


def _with_entries(node: Any, entries: dict) -> Any:
    twin = copy.copy(node)
    twin.update(entries)
    return twin


def _join(path: str, key: Any) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)
