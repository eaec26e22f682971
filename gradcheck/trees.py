"""Trees of arrays: dictionaries, lists, tuples, dataclasses and plain objects, nested in any way.

A leaf that can be differentiated is a real floating array (a NumPy scalar counts as an array
without axes).  Integers, booleans, strings, functions are carried along.  A random generator is
copied each time a tree is rebuilt, so that every evaluation sees the same numbers.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

MISSING = object()
Builder = Callable[[Iterator[np.ndarray]], Any]


def is_leaf(node: Any, kinds: str = "f") -> bool:
    return isinstance(node, np.ndarray | np.generic) and node.dtype.kind in kinds


def leaves(node: Any, path: str = "", kinds: str = "f") -> Iterator[tuple[str, np.ndarray]]:
    """Yield `(path, array)` for every differentiable leaf, depth first."""
    if is_leaf(node, kinds):
        yield path, np.asarray(node)
    else:
        for key, child in _children(node):
            yield from leaves(child, _join(path, key), kinds)


def odd(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and kind of every array that cannot be differentiated, but should be no constant either."""
    if isinstance(node, np.ndarray):
        if node.dtype.kind not in "fiub":
            yield path, f"dtype {node.dtype}"
    elif hasattr(type(node), "__array__") and not isinstance(node, np.generic):
        kind = f"{type(node).__module__.partition('.')[0]}.{type(node).__qualname__}"
        yield path, f"{kind}: for torch and JAX there is gradcheck.adapters"
    else:
        for key, child in _children(node):
            yield from odd(child, _join(path, key))


def rebuild(node: Any, arrays: Iterator[np.ndarray] | None = None, kinds: str = "f") -> Any:
    """Return the tree with its leaves, in the order of `leaves`, taken from `arrays`.

    Without `arrays` the leaves stay what they are and cannot be written to.
    """
    build = builder(node, keep=arrays is None, kinds=kinds)
    return node if build is None else build(iter(()) if arrays is None else arrays)


def builder(node: Any, keep: bool = False, kinds: str = "f") -> Builder | None:
    """Return a function that rebuilds this tree around new leaves, `rebuild` for many times.

    None: nothing in the tree is ever replaced.  With `keep` the leaves are constants.
    """
    if is_leaf(node, kinds) and not keep:
        return next
    if isinstance(node, np.ndarray):
        shown = read_only(node)
        return lambda arrays: shown
    if isinstance(node, np.random.Generator | np.random.RandomState | np.random.BitGenerator):
        return lambda arrays: copy.deepcopy(node)
    parts = [(key, child, builder(child, keep, kinds)) for key, child in _children(node)]
    if all(build is None for _, _, build in parts):
        return None

    def values(arrays: Iterator[np.ndarray]) -> list[Any]:
        return [child if build is None else build(arrays) for _, child, build in parts]

    if isinstance(node, dict):
        return lambda arrays: _with_entries(node, dict(zip(node, values(arrays), strict=True)))
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return lambda arrays: type(node)(*values(arrays))
    if isinstance(node, list | tuple):
        return lambda arrays: type(node)(values(arrays))
    return _object_builder(node, [(key, build) for key, _, build in parts if build is not None])


def _object_builder(node: Any, parts: list[tuple[str, Builder]]) -> Builder:
    """Rebuild an object without its __init__, which may check or compute: it is valid already."""
    kind: Any = type(node)
    plain = kind.__new__ is object.__new__ and hasattr(node, "__dict__") and not hasattr(kind, "__slots__")

    def build(arrays: Iterator[np.ndarray]) -> Any:
        if plain:
            twin = object.__new__(type(node))
            state = twin.__dict__
            state.update(node.__dict__)
            for key, part in parts:
                state[key] = part(arrays)
        else:
            twin = copy.copy(node)
            for key, part in parts:
                object.__setattr__(twin, key, part(arrays))
        return twin

    return build


def align(template: Any, node: Any, path: str, kinds: str = "f") -> Iterator[tuple[str, Any]]:
    """Yield `(path, value)` of `node` at each differentiable leaf of `template`.

    A value that is absent, or a subtree of another structure, is yielded as MISSING.  An object's
    cotangent may be an object with the same attributes or a dictionary with their names.
    """
    if is_leaf(template, kinds):
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
        yield from align(child, value, _join(path, key), kinds)


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
    if isinstance(node, type | np.ndarray | np.generic | FunctionType | MethodType | BuiltinFunctionType | ModuleType):
        return []
    if dataclasses.is_dataclass(node):
        return [(field.name, getattr(node, field.name)) for field in dataclasses.fields(node)]
    return list(vars(node).items()) if hasattr(node, "__dict__") else []


def _with_entries(node: Any, entries: dict) -> Any:
    if type(node) is dict:
        return entries
    twin = copy.copy(node)
    twin.update(entries)
    return twin


def _join(path: str, key: Any) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)
