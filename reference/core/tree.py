"""Maps over layers: a tree is an array, or a dataclass or tuple of trees.

A leaf is a floating or complex array.  Plain constants (a width, an epsilon, None) are
carried along unchanged.  Each parameter stands once in a tree: an array that occurs
twice would get two gradients, each of them half of the truth.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from reference.core.arrays import is_any_array, is_array_class


def is_leaf(node: Any) -> bool:
    kind: Any = type(node)
    return (kind is np.ndarray or is_array_class(kind)) and node.dtype.kind in "fc"


def holds_parameters(node: Any) -> bool:
    """Whether a field with this value gets a gradient: a leaf, a layer, a tuple that holds either."""
    if isinstance(node, tuple):
        return any(holds_parameters(entry) for entry in node)
    return is_leaf(node) or is_layer(node)


def is_layer(node: Any) -> bool:
    kind: Any = type(node)
    return _is_dataclass(kind)


_is_dataclass = functools.cache(dataclasses.is_dataclass)  # asked of a class, at every node of every walk


def field_names(layer: Any) -> tuple[str, ...]:
    kind: Any = type(layer)
    return _field_names(kind)


@functools.cache  # dataclasses.fields builds its answer anew at every call, and every pullback asks
def _field_names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def rebuild(layer: Any, values: dict[str, Any]) -> Any:
    """Return a layer of the same class with these fields, not checked again: they stand where valid ones stood."""
    twin = object.__new__(type(layer))
    if hasattr(twin, "__dict__"):
        twin.__dict__.update(values)
    else:
        for name, value in values.items():
            object.__setattr__(twin, name, value)  # a frozen dataclass with slots has no other way
    return twin


def brief(node: Any) -> str:
    """Say in a few characters what stands there: float32[7, 5], 3 entries, Linear."""
    if is_any_array(node):
        return f"{node.dtype}{list(node.shape)}"
    return f"{len(node)} entries" if isinstance(node, tuple) else type(node).__name__


def expect_constant(node: Any, path: str) -> None:
    """Raise if `node` is no constant of a layer: parameters there would be passed over in silence.

    Raises:
        TypeError: a list, dict or set, or an array that is neither floating nor complex.
    """
    if is_any_array(node):
        raise TypeError(f"an array in a tree must be floating or complex, got {node.dtype} {_at(path)}")
    if isinstance(node, list | dict | set):
        raise TypeError(f"layers and parameters must stand in a tuple, got a {type(node).__name__} {_at(path)}")


def leaves(node: Any) -> list[tuple[str, np.ndarray]]:
    """Return `(path, array)` of every leaf, in field order: ("attention.query.w", w).

    Raises:
        TypeError: as `expect_constant` does.
        ValueError: the same array stands at two paths.
    """
    found: list[tuple[str, np.ndarray]] = []
    _collect(found, node, "")
    seen: dict[int, str] = {}
    # An address, as views share it: w and w.T are one array.  To ask for one costs more than the walk.
    place = id if all(type(leaf) is np.ndarray and leaf.base is None for _, leaf in found) else _address
    for path, leaf in found:
        if leaf.size and (first := seen.setdefault(place(leaf), path)) != path:  # an empty array shares nothing
            raise ValueError(f"a parameter must stand once in a tree, got the same array at '{first}' and '{path}'")
    return found


def map(f: Callable[..., Any], node: Any, *rest: Any) -> Any:
    """Apply `f` leaf by leaf to trees of one structure; return that structure.

    Raises:
        TypeError, ValueError: as `leaves` does, of the first tree.
        ValueError: the trees differ in structure or in the shape of a leaf.
    """
    leaves(node)
    return _map(f, (node, *rest), "")


def _collect(found: list[tuple[str, np.ndarray]], node: Any, path: str) -> None:
    if is_leaf(node):
        found.append((path, node))
    elif isinstance(node, tuple):
        for i, entry in enumerate(node):
            _collect(found, entry, f"{path}[{i}]")
    elif is_layer(node):
        for name in field_names(node):
            _collect(found, getattr(node, name), _join(path, name))
    else:
        expect_constant(node, path)


def _address(leaf: np.ndarray) -> int:
    """Return where the numbers stand; of another library's array only the identity is known."""
    return leaf.ctypes.data if isinstance(leaf, np.ndarray) else id(leaf)


def _map(f: Callable[..., Any], nodes: tuple[Any, ...], path: str) -> Any:
    node, *rest = nodes
    if is_leaf(node):
        if any(not is_leaf(other) or other.shape != node.shape for other in rest):
            raise _different(nodes, path)
        return f(*nodes)
    if any(type(other) is not type(node) for other in rest):
        raise _different(nodes, path)
    if isinstance(node, tuple):
        if any(len(other) != len(node) for other in rest):
            raise _different(nodes, path)
        return tuple(_map(f, entries, f"{path}[{i}]") for i, entries in enumerate(zip(*nodes, strict=True)))
    if is_layer(node):
        return rebuild(node, {
            name: _map(f, tuple([getattr(n, name) for n in nodes]), _join(path, name))
            for name in field_names(node)
        })
    return node


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _at(path: str) -> str:
    return f"at '{path}'" if path else "at the root"


def _different(nodes: tuple[Any, ...], path: str) -> ValueError:
    got = " and ".join(brief(node) for node in nodes)
    return ValueError(f"trees must have one structure, got {got} {_at(path)}")
