"""Maps over layers: a tree is an array, or a dataclass or tuple of trees.

A leaf is a floating or complex array.  Anything else (a width, an epsilon, None) is
carried along unchanged.  Each parameter stands once in a tree: an array that occurs
twice would get two gradients, each of them half of the truth.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


def is_leaf(node: Any) -> bool:
    return isinstance(node, np.ndarray) and np.issubdtype(node.dtype, np.inexact)


def holds_parameters(node: Any) -> bool:
    """Whether a field with this value gets a gradient: an array, a layer, a tuple of them."""
    if isinstance(node, tuple):
        return any(holds_parameters(entry) for entry in node)
    return is_leaf(node) or dataclasses.is_dataclass(node)


def leaves(node: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield `(path, array)` for every leaf, in field order: ("attention.query.w", w).

    Raises:
        ValueError: the same array stands at two paths.
    """
    seen: dict[int, str] = {}
    for path, leaf in _walk(node, ""):
        address = leaf.__array_interface__["data"][0]
        if leaf.size and seen.setdefault(address, path) != path:
            raise ValueError(
                f"a parameter must stand once in a tree, got the same array at '{seen[address]}' and '{path}'"
            )
        yield path, leaf


def map(f: Callable[..., Any], node: Any, *rest: Any) -> Any:
    """Apply `f` leaf by leaf to trees of one structure; return that structure.

    Raises:
        ValueError: the same array stands twice in a tree, or the trees differ in structure.
    """
    for root in (node, *rest):
        for _ in leaves(root):
            pass
    return _map(f, node, *rest)


def _walk(node: Any, path: str) -> Iterator[tuple[str, np.ndarray]]:
    if is_leaf(node):
        yield path, node
    elif isinstance(node, tuple):
        for i, entry in enumerate(node):
            yield from _walk(entry, f"{path}[{i}]")
    elif dataclasses.is_dataclass(node):
        for field in dataclasses.fields(node):
            inner = f"{path}.{field.name}" if path else field.name
            yield from _walk(getattr(node, field.name), inner)


def _map(f: Callable[..., Any], node: Any, *rest: Any) -> Any:
    if is_leaf(node):
        return f(node, *rest)
    if any(type(other) is not type(node) for other in rest):
        names = [type(other).__name__ for other in (node, *rest)]
        raise ValueError(f"trees must have one structure, got {names}")
    if isinstance(node, tuple):
        return tuple(_map(f, *entries) for entries in zip(node, *rest, strict=True))
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        fields = (field.name for field in dataclasses.fields(node))
        return type(node)(**{name: _map(f, *(getattr(n, name) for n in (node, *rest))) for name in fields})
    return node
