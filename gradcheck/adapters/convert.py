"""What the adapters share: containers are rebuilt around other leaves, a framework is loaded when it is used."""

import copy
import dataclasses
import functools
import importlib
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gradcheck.numeric.points import jittered
from gradcheck.subjects import trees
from gradcheck.subjects.nodes import Above, inside


class Pair(NamedTuple):
    """A complex array as the checker has it: two real ones, whose names end in `.real` and `.imag`."""

    real: Any
    imag: Any


class Constant:
    """An argument that is not differentiated, hidden from the checker as what it is."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value


def mapped(node: Any, change: Callable[[Any], Any], whole: type | tuple = (), above: Above = ()) -> Any:
    """Return the tree with `change` applied to whatever is no container, in the order of `trees.leaves`.

    Dictionaries and lists come out new, so that user code may write to them.  What holds itself is
    there the old one.  What is of a type in `whole` is no container.
    """
    kind: Any = type(node)
    if not _holds(kind) or isinstance(node, whole):
        return change(node)
    if id(node) in above:
        return node
    below = inside(node, above)
    if isinstance(node, dict):
        twin: Any = {} if type(node) is dict else copy.copy(node)
        twin.update((key, mapped(child, change, whole, below)) for key, child in node.items())
        return twin
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return type(node)(*(mapped(child, change, whole, below) for child in node))
    if isinstance(node, list | tuple):
        return type(node)([mapped(child, change, whole, below) for child in node])
    twin = copy.copy(node)
    for field in dataclasses.fields(node):
        object.__setattr__(twin, field.name, mapped(getattr(node, field.name), change, whole, below))
    return twin


@functools.lru_cache(maxsize=256)  # a tenth of a check's time went into asking it of every tensor anew
def _holds(kind: type) -> bool:
    """Whether things of a type are containers."""
    return issubclass(kind, dict | list | tuple) or dataclasses.is_dataclass(kind)


def own(node: Any) -> Any:
    """Return the tree in containers of its own, around the same arrays."""
    if type(node) is tuple and all(type(child) is np.ndarray for child in node):
        return node  # as most are, which nobody can write to
    return mapped(node, lambda leaf: leaf)


def is_array(value: Any) -> bool:
    """Whether NumPy computes with a value: an array, of any library, or a number of NumPy's."""
    return isinstance(value, np.generic) or hasattr(value, "__array_ufunc__")


def is_wide(tree: Any) -> bool:
    """Whether any array of a tree has the precision of float64."""
    return any(x.dtype in (np.float64, np.complex128) for _, x in trees.leaves(tree, kinds="fc"))


def nearby(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Return arrays, each in its dtype, that differ by a few roundings of the coarsest."""
    unit = max((float(np.finfo(x.dtype).eps) for x in arrays), default=0.0)
    pairs = zip(jittered(arrays, np.random.default_rng(0), unit), arrays, strict=True)
    return [moved.astype(x.dtype) for moved, x in pairs]


def framework(name: str, adapter: str) -> Any:
    """Return a module that is an optional dependency.

    Raises:
        ImportError: it is not installed.
    """
    if (module := sys.modules.get(name)) is not None:  # asked for two thousand times a check: a tenth of its time
        return module
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ImportError(f"gradcheck: {adapter} needs {name}: pip install {name}") from error


def callable_or_raise(role: str, function: Any) -> None:
    if not callable(function):
        raise TypeError(f"gradcheck: {role} must be callable, got {type(function).__name__}")
