"""Maps over layers: a tree is an array, or a dataclass or tuple of trees.

A leaf is a floating or complex array.  Plain constants (a width, an epsilon, None) are
carried along unchanged.  Each parameter stands once in a tree: an array that occurs
twice would get two gradients, each of them half of the truth.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.core.arrays import as_array
from reference.core.flat import Flat, expect_parameters, flatten, unflatten
from reference.core.known import Known
from reference.core.nodes import (
    address,
    at,
    brief,
    expect_constant,
    field_names,
    holds_parameters,
    is_layer,
    is_leaf,
    rebuild,
)

__all__ = [
    "brief", "expect_constant", "field_names", "holds_parameters", "is_layer", "is_leaf",
    "know", "leaves", "map", "rebuild", "with_leaves", "written",
]  # fmt: skip


# Trees of frozen layers, written down once: model, gradient and moments are walked over at several places of a step.
_known: Known[Flat] = Known()


def leaves(node: Any) -> list[tuple[str, np.ndarray]]:
    """Return `(path, array)` of every leaf, in field order: ("attention.query.w", w).

    Raises:
        TypeError: as `expect_constant` does.
        ValueError: the same array stands at two paths.

    >>> from reference.layers.linear import Linear
    >>> [(path, leaf.shape) for path, leaf in leaves(Linear(w=np.ones((3, 2)), b=np.ones(2)))]
    [('w', (3, 2)), ('b', (2,))]
    """
    flat = written(node)
    return list(zip(flat.paths(), flat.leaves, strict=True))


def map(f: Callable[..., Any], node: Any, *rest: Any) -> Any:
    """Apply `f` leaf by leaf to trees of one structure; return that structure.

    Of a leaf without axes NumPy makes a number; in the tree it is an array again.

    Raises:
        TypeError, ValueError: as `leaves` does, of the first tree.
        ValueError: the trees differ in structure or in the shape of a leaf.

    >>> from reference.layers.linear import Linear
    >>> layer = Linear(w=np.ones((3, 2)), b=None)
    >>> map(lambda a, b: a + 2 * b, layer, layer).w[0].tolist()
    [3.0, 3.0]
    """
    flat = written(node)
    rows = [flat.leaves]
    for other in rest:
        flat_other = _known.get(other) or flatten(other)
        if not flat_other.is_like(flat):
            _expect_one_structure((node, *rest), "")
        rows.append(flat_other.leaves)
    made = [f(*row) for row in zip(*rows, strict=True)]
    if () in flat.shapes:
        made = [as_array(leaf) if isinstance(leaf, np.generic) else leaf for leaf in made]
    return with_leaves(node, flat, made)


def with_leaves(node: Any, flat: Flat, made: list[Any]) -> Any:
    """Return a tree like `node`, which `flat` is, with these leaves in place of its own."""
    tree = unflatten(flat, made)
    if _are_own(made):
        know(tree, Flat(flat.structure, made, [leaf.shape for leaf in made], flat.constants, []), node)
    return tree


def written(node: Any) -> Flat:
    """Return a tree of parameters as one list.

    Raises:
        TypeError, ValueError: as `leaves` does.
    """
    if (flat := _known.get(node)) is None:
        flat = flatten(node)
        expect_parameters(flat)
        _expect_once(flat)
        if flat.is_frozen():
            _known.keep(node, flat)
    return flat


def know(made: Any, flat: Flat, like: Any) -> None:
    """Remember that `flat`, whose leaves share no memory, is `made`, as long as `like`, of which it is, is known."""
    if _known.get(like) is not None:
        _known.keep(made, flat)


def _are_own(leaves: list[Any]) -> bool:
    """Whether these are leaves, each an array of NumPy's with memory of its own."""
    own = [type(leaf) is np.ndarray and leaf.base is None and leaf.dtype.kind in "fc" for leaf in leaves]
    return False not in own and len({id(leaf) for leaf in leaves}) == len(leaves)


def _expect_once(flat: Flat) -> None:
    if _are_own(flat.leaves):
        return
    seen: dict[int, str] = {}
    for path, leaf in zip(flat.paths(), flat.leaves, strict=True):
        if leaf.size and (first := seen.setdefault(address(leaf), path)) != path:  # an empty array shares nothing
            raise ValueError(f"a parameter must stand once in a tree, got the same array at '{first}' and '{path}'")


def _expect_one_structure(nodes: tuple[Any, ...], path: str) -> None:
    """Raise where the first nodes differ in structure, or in the shape of a leaf."""
    node, *rest = nodes
    if is_leaf(node):
        same = all(is_leaf(other) and other.shape == node.shape for other in rest)
    else:
        same = all(type(other) is type(node) for other in rest)
    if same and isinstance(node, tuple):
        same = all(len(other) == len(node) for other in rest)
    if not same:
        got = " and ".join(brief(each) for each in nodes)
        raise ValueError(f"trees must have one structure, got {got} {at(path)}")
    if isinstance(node, tuple):
        for i, entries in enumerate(zip(*nodes, strict=True)):
            _expect_one_structure(entries, f"{path}[{i}]")
    elif is_layer(node):
        for name in field_names(node):
            values = tuple([getattr(each, name) for each in nodes])
            _expect_one_structure(values, f"{path}.{name}" if path else name)
