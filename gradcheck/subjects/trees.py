"""Trees of arrays: dictionaries, lists, tuples, dataclasses and plain objects, nested in any way.

A leaf that can be differentiated is a real floating array (a NumPy scalar counts as an array
without axes).  Integers, booleans, strings, functions are carried along.  A random generator is
copied each time a tree is rebuilt, so that every evaluation sees the same numbers.  Where an object
refers to one that holds it, as a child to its parent, its twin refers to the twin of that.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradcheck.subjects.nodes import Above, children, inside, is_leaf, is_plain, is_row, joined, may_change
from gradcheck.subjects.refusals import of_library

GENERATORS = np.random.Generator | np.random.RandomState | np.random.BitGenerator
Builder = Callable[[Any], Any]


def leaves(node: Any, path: str = "", kinds: str = "f") -> Iterator[tuple[str, np.ndarray]]:
    """Yield `(path, array)` for every differentiable leaf, depth first.

    Raises:
        ValueError: the tree is nested too deeply.
    """
    if is_leaf(node, kinds):  # most trees are one
        return iter([(path, np.asarray(node))])
    if node is None or is_row(node, kinds):  # as a function's parameters are, and its inputs
        return iter([(joined(path, i), np.asarray(child)) for i, child in enumerate(node or ())])
    return ((place, np.asarray(end)) for place, end in ends(node, path) if is_leaf(end, kinds))


def ends(node: Any, path: str = "", above: Above = ()) -> Iterator[tuple[str, Any]]:
    """Yield path and value of whatever holds nothing, depth first; what holds itself is entered once."""
    held = children(node)
    if not held:
        yield path, node
    elif id(node) not in above:
        below = inside(node, above)
        for key, child in held:
            yield from ends(child, joined(path, key), below)


def odd(node: Any, path: str = "", above: Above = ()) -> Iterator[tuple[str, str]]:
    """Yield path and kind of every array that cannot be differentiated, but should be no constant either."""
    if isinstance(node, np.ndarray):
        if node.dtype.kind not in "fiub":
            yield path, f"dtype {node.dtype}"
    elif hasattr(type(node), "__array__") and not isinstance(node, np.generic):
        kind = f"{type(node).__module__.partition('.')[0]}.{type(node).__qualname__}"
        yield path, f"{kind}; {of_library(node)}"
    elif id(node) not in above and (held := children(node)):
        for key, child in held:
            yield from odd(child, joined(path, key), inside(node, above))


def disguised(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and kind of every floating array that computes otherwise than arrays do, which a rebuilt one would."""
    for place, end in ends(node, path):
        if is_leaf(end, "fc") and isinstance(end, np.matrix):
            yield place, "a numpy.matrix: hand over np.asarray of it"
        elif is_leaf(end, "fc") and isinstance(end, np.ma.MaskedArray):
            yield place, "a masked array: hand over its data, and its mask by keyword"


def rebuild(node: Any, arrays: Iterator[np.ndarray] | None = None, kinds: str = "f") -> Any:
    """Return the tree with its leaves, in the order of `leaves`, taken from `arrays`.

    Without `arrays` the leaves stay what they are and cannot be written to.
    """
    if arrays is not None and is_leaf(node, kinds):  # most trees are one
        return next(arrays)
    if node is None:
        return None
    if arrays is not None and is_row(node, kinds):  # or a row of them
        return tuple([next(arrays) for _ in node])
    build = builder(node, keep=arrays is None, kinds=kinds)
    return node if build is None else build(iter(()) if arrays is None else arrays)


def builder(node: Any, keep: bool = False, kinds: str = "f") -> Builder | None:
    """Return a function that rebuilds this tree around new leaves, `rebuild` for many times.

    None: nothing in the tree is ever replaced.  With `keep` the leaves are constants; without it what
    holds no array is new as well, if an evaluation may leave one there.
    """
    links: set[int] = set()
    build = _builder(node, "" if keep else kinds, (), links)
    if build is None or not links:
        return build
    if keep and not any(isinstance(end, np.ndarray | np.generic | GENERATORS) for _, end in ends(node)):
        return None
    return lambda arrays: build(_Supply(arrays))


class _Supply(Iterator[np.ndarray]):
    """New leaves, and the twins that are made already of what something inside them refers to."""

    def __init__(self, arrays: Iterator[np.ndarray]):
        self._arrays, self.twins = arrays, dict[int, Any]()

    def __next__(self) -> np.ndarray:
        return next(self._arrays)


def _builder(node: Any, kinds: str, above: Above, links: set[int]) -> Builder | None:
    """Return the builder of a part, of no new leaves without `kinds`; `links` takes what something inside refers to."""
    if is_leaf(node, kinds):
        return next
    if isinstance(node, np.ndarray):
        shown = read_only(node)
        return lambda arrays: shown
    if isinstance(node, GENERATORS):
        return lambda arrays: copy.deepcopy(node)
    if id(node) in above:
        links.add(id(node))
        return lambda arrays: arrays.twins.get(id(node), node)
    held = children(node)
    below = inside(node, above) if held else above
    parts = [(key, child, _builder(child, kinds, below, links)) for key, child in held]
    if all(build is None for _, _, build in parts) and (not kinds or not may_change(node)):
        return None

    def values(arrays: Any) -> list[Any]:
        return [child if build is None else build(arrays) for _, child, build in parts]

    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return lambda arrays: type(node)(*values(arrays))
    if isinstance(node, tuple):
        return lambda arrays: type(node)(values(arrays))
    if isinstance(node, dict | list):
        return lambda arrays: _filled(node, arrays, id(node) in links, values)
    return _object_builder(node, [(key, build) for key, _, build in parts if build is not None], links)


def _filled(node: Any, arrays: Any, linked: bool, values: Callable) -> Any:
    """Return a dictionary or list around new values; what refers to it meanwhile finds it there."""
    twin = type(node)() if type(node) in (dict, list) else copy.copy(node)
    if linked:
        arrays.twins[id(node)] = twin
    if isinstance(node, dict):
        twin.update(zip(node, values(arrays), strict=True))
    else:
        twin[:] = values(arrays)
    return twin


def _object_builder(node: Any, parts: list[tuple[str, Builder]], links: set[int]) -> Builder:
    """Rebuild an object without its __init__, which may check or compute: it is valid already."""
    plain = is_plain(node)

    def build(arrays: Any) -> Any:
        twin = object.__new__(type(node)) if plain else copy.copy(node)
        if id(node) in links:
            arrays.twins[id(node)] = twin
        if plain:
            state = twin.__dict__
            state.update(node.__dict__)
            for key, part in parts:
                state[key] = part(arrays)
        else:
            for key, part in parts:
                object.__setattr__(twin, key, part(arrays))
        return twin

    return build


def read_only(x: np.ndarray) -> np.ndarray:
    """Return a view that cannot be written through."""
    view = x.view()
    view.flags.writeable = False
    return view
