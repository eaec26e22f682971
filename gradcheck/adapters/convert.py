"""What the adapters share: containers are rebuilt around other leaves, a framework is loaded when it is used."""

import contextlib
import copy
import dataclasses
import importlib
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from gradcheck import trees
from gradcheck.nodes import Above, inside


<<<<<<< HEAD
class Pair(NamedTuple):
    """A complex array as the checker has it: two real ones, whose names end in `.real` and `.imag`."""

    real: Any
    imag: Any


class Constant:
    """An argument that is not differentiated, hidden from the checker as what it is."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value


def mapped(node: Any, change: Callable[[Any], Any], whole: type | tuple = ()) -> Any:
    """Return the tree with `change` applied to whatever is no container, in the order of `trees.leaves`.

    Dictionaries and lists come out new, so that user code may write to them.  What is of a type in
    `whole` is no container.
    """
    if isinstance(node, whole):
        return change(node)
    if isinstance(node, dict):
        twin: Any = {} if type(node) is dict else copy.copy(node)
        twin.update((key, mapped(child, change, whole)) for key, child in node.items())
        return twin
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return type(node)(*(mapped(child, change, whole) for child in node))
    if isinstance(node, list | tuple):
        return type(node)([mapped(child, change, whole) for child in node])
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        twin = copy.copy(node)
        for field in dataclasses.fields(node):
            object.__setattr__(twin, field.name, mapped(getattr(node, field.name), change, whole))
        return twin
    return change(node)
=======
def mapped(node: Any, change: Callable[[Any], Any], above: Above = ()) -> Any:
    """Return the tree with `change` applied to whatever is no container, in the order of `trees.leaves`.

    Dictionaries and lists come out new, so that user code may write to them.  What holds itself is
    there the old one.
    """
    is_record = dataclasses.is_dataclass(node) and not isinstance(node, type)
    if not isinstance(node, dict | list | tuple) and not is_record:
        return change(node)
    if id(node) in above:
        return node
    below = inside(node, above)
    if isinstance(node, dict):
        twin: Any = {} if type(node) is dict else copy.copy(node)
        twin.update((key, mapped(child, change, below)) for key, child in node.items())
        return twin
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return type(node)(*(mapped(child, change, below) for child in node))
    if isinstance(node, list | tuple):
        return type(node)([mapped(child, change, below) for child in node])
    twin = copy.copy(node)
    for field in dataclasses.fields(node):
        object.__setattr__(twin, field.name, mapped(getattr(node, field.name), change, below))
    return twin
>>>>>>> 438a1601c496c0a20c2eb0801d18c46709d94480


@contextlib.contextmanager
def replayed() -> Iterator[list[bool]]:
    """Leave the global generators of NumPy and of Python as they were: every evaluation draws the same numbers.

    The list gets one entry at the end: whether any were drawn.
    """
    arrays, numbers, drawn = _numpy_state(), random.getstate(), list[bool]()
    try:
        yield drawn
    finally:
        drawn.append(random.getstate() != numbers or not _same(arrays, _numpy_state()))
        if drawn[0]:
            np.random.set_state(arrays)  # noqa: NPY002
            random.setstate(numbers)


def _numpy_state() -> Any:
    return np.random.get_state(legacy=False)  # noqa: NPY002


def _same(a: dict, b: dict) -> bool:
    return a["gauss"] == b["gauss"] and all(np.array_equal(a["state"][key], b["state"][key]) for key in a["state"])


def own(node: Any) -> Any:
    """Return the tree in containers of its own, around the same arrays."""
    return mapped(node, lambda leaf: leaf)


def is_wide(tree: Any) -> bool:
    """Whether any array of a tree has the precision of float64."""
    return any(x.dtype in (np.float64, np.complex128) for _, x in trees.leaves(tree, kinds="fc"))


def framework(name: str, adapter: str) -> Any:
    """Return a module that is an optional dependency.

    Raises:
        ImportError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ImportError(f"gradcheck: {adapter} needs {name}: pip install {name}") from error


def callable_or_raise(role: str, function: Any) -> None:
    if not callable(function):
        raise TypeError(f"gradcheck: {role} must be callable, got {type(function).__name__}")
