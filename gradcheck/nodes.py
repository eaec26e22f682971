"""The nodes of a tree of arrays: what each of them holds, and how deep it lies."""

import dataclasses
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

CLOSED = (type, np.ndarray, np.generic, FunctionType, MethodType, BuiltinFunctionType, ModuleType)
DEPTH = 100  # levels, at most: Python counts calls, of which copying takes several a level

Above = tuple[int, ...]  # ids of the nodes that hold a node, the root's first


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


def joined(path: str, key: Any) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)
