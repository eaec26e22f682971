"""Trees of numbers: how they come in, and how a vector of results takes their form again."""

from collections.abc import Callable, Iterator
from numbers import Real
from typing import Any

import numpy as np

from gradcheck.subjects import trees
from gradcheck.subjects.nodes import Above, inside, is_leaf


def is_number(x: Any) -> bool:
    """Whether x is a real number of Python's or NumPy's that is no floating one of NumPy's already."""
    return isinstance(x, Real) and not isinstance(x, bool | np.floating)


def taken(x: Any) -> Any:
    """Return an input as a tree of NumPy's numbers: a whole number is one too, but in a tree it is a constant.

    Raises:
        ValueError: the tree is nested too deeply.
    """
    return _number(x) if is_number(x) else with_arrays(x, float)


def with_arrays(node: Any, kind: Any, above: Above = ()) -> Any:
    """Return a tree with NumPy's numbers for those of Python's that stand in tuples, lists and dictionaries.

    Raises:
        ValueError: the tree is nested too deeply.
    """
    if isinstance(node, kind) and is_number(node):
        return _number(node)
    is_named = isinstance(node, tuple) and hasattr(node, "_fields")
    if not is_named and type(node) not in (tuple, list, dict):
        return node
    below = inside(node, above)
    if is_named:
        return type(node)(*(with_arrays(child, kind, below) for child in node))
    if isinstance(node, dict):
        return {key: with_arrays(child, kind, below) for key, child in node.items()}
    return type(node)(with_arrays(child, kind, below) for child in node)


def _number(x: Any) -> np.float64:
    try:
        return np.float64(x)
    except OverflowError:  # of a whole number beyond its range
        return np.float64(np.inf if x > 0 else -np.inf)


def array_of(name: str, value: Any, kinds: str, what: str) -> np.ndarray:
    """Return numbers as an array.

    Raises:
        TypeError: they are none, or of no such kind of dtype.
    """
    try:
        x = np.asarray(value)
    except (TypeError, ValueError):  # rows of different lengths, or what refuses to be an array
        raise TypeError(f"{name} must be {what}, got {type(value).__name__}") from None
    if x.dtype.kind not in kinds:
        raise TypeError(f"{name} must be {what}, got {x.dtype}")
    return x


def shaped(y: Any, vector: np.ndarray) -> Any:
    """Return `vector` cut into a tree like y, with numbers of Python's for numbers."""
    return trees.rebuild(y, _cut(y, vector))


def _cut(y: Any, vector: np.ndarray) -> Iterator[Any]:
    start = 0
    for _, leaf in trees.ends(y):
        if is_leaf(leaf):
            piece = vector[start : start + leaf.size].reshape(leaf.shape)
            yield float(piece) if isinstance(leaf, np.generic) else piece
            start += leaf.size


def outer(y: Any, x: Any, rows: np.ndarray) -> Any:
    """Return numbers (m, n) as a tree like y of trees like x, with arrays of both shapes one after the other."""
    return _tree(y, rows, lambda part, above: _tree(x, part.T, lambda block, below: _laid(block.T, above + below)))


def _tree(tree: Any, rows: np.ndarray, made: Callable[[np.ndarray, tuple[int, ...]], Any]) -> Any:
    """Return a tree with what is made of the rows of each of its arrays, and of that array's shape."""
    leaves = [leaf for _, leaf in trees.leaves(tree)]
    parts = np.split(rows, np.cumsum([leaf.size for leaf in leaves])[:-1])
    return trees.rebuild(tree, (made(part, leaf.shape) for part, leaf in zip(parts, leaves, strict=True)))


def _laid(block: np.ndarray, shape: tuple[int, ...]) -> Any:
    return block.reshape(shape) if shape else float(block[0, 0])
