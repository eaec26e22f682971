"""The nodes of a tree of arrays: what each of them holds, and how deep it lies."""

import dataclasses
import sys
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

CLOSED = (type, np.ndarray, np.generic, FunctionType, MethodType, BuiltinFunctionType, ModuleType)
NOT_OF_A_USER = {*sys.stdlib_module_names, "numpy", "scipy", "torch", "jax", "pytest", "_pytest"}
DEPTH = 100  # levels, at most: Python counts calls, of which copying takes several a level

Above = tuple[int, ...]  # ids of the nodes that hold a node, the root's first


def is_leaf(node: Any, kinds: str = "f") -> bool:
    return isinstance(node, np.ndarray | np.generic) and node.dtype.kind in kinds


def is_row(node: Any, kinds: str) -> bool:
    """Whether a node is a tuple of leaves, which takes a tenth of the time of any other."""
    return type(node) is tuple and all(is_leaf(child, kinds) for child in node)


def children(node: Any) -> list[tuple[Any, Any]]:
    """Return what a node holds, each thing with its key; nothing for a leaf."""
    if isinstance(node, dict):
        return list(node.items())
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return list(zip(node._fields, node, strict=True))
    if isinstance(node, list | tuple):
        return list(enumerate(node))
    if isinstance(node, CLOSED):
        return []
    if dataclasses.is_dataclass(node):
        return [(field.name, getattr(node, field.name)) for field in dataclasses.fields(node)]
    return list(vars(node).items()) if hasattr(node, "__dict__") else []


def inside(node: Any, above: Above) -> Above:
    """Return what is above the things that a node holds.

    Raises:
        ValueError: they lie too deep.
    """
    if len(above) == DEPTH:
        raise ValueError(f"gradcheck: arrays must be nested at most {DEPTH} deep, got a deeper {type(node).__name__}")
    return (*above, id(node))


def is_users(node: Any) -> bool:
    """Whether an object is of a class of the user's, whose state is the user's too."""
    return isinstance(node, SimpleNamespace) or is_of_users(type(node))


def is_of_users(kind: type) -> bool:
    """Whether a class is one of the user's."""
    return kind.__module__.partition(".")[0] not in NOT_OF_A_USER


def is_plain(node: Any) -> bool:
    """Whether an object is made by `object.__new__` and holds what it holds in its `__dict__`."""
    kind: Any = type(node)
    return kind.__new__ is object.__new__ and hasattr(node, "__dict__") and not hasattr(kind, "__slots__")


def may_change(node: Any) -> bool:
    """Whether an evaluation may leave something in a node: in a container, or in an object that is no constant."""
    if isinstance(node, dict | list | SimpleNamespace):
        return True
    if isinstance(node, (*CLOSED, tuple)) or not is_plain(node) or not is_users(node):
        return False
    if dataclasses.is_dataclass(node) and getattr(type(node), "__dataclass_params__").frozen:  # noqa: B009
        return False
    home = vars(sys.modules.get(type(node).__module__, sys))
    return not any(value is node for value in home.values())  # a sentinel is compared by its identity


def joined(path: str, key: Any) -> str:
    """Return the path of what a node holds under a key.

    Raises:
        ValueError: what the key holds lies too deep.
    """
    if isinstance(key, int):
        return f"{path}[{key}]"
    name = key if isinstance(key, str) else _text(key)
    return f"{path}.{name}" if path else str(name)


def _text(key: Any) -> str:
    held = [key]
    for _ in range(DEPTH + 1):
        held = list({id(part): part for one in held if isinstance(one, tuple | frozenset) for part in one}.values())
    try:
        if not held:
            return str(key)
    except RecursionError:  # of a key of another class
        pass
    raise ValueError(f"gradcheck: keys must be nested at most {DEPTH} deep, got a deeper {type(key).__name__}")
