"""What a tree of cotangents has for each array of the tree that they belong to.

A pullback is called dozens of times: which ways lead to arrays is found once.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from gradcheck.subjects.nodes import Above, children, inside, is_leaf, joined

MISSING = object()
Pairs = list[tuple[str, Any]]


def align(template: Any, node: Any, path: str, kinds: str = "f") -> Pairs:
    """Return `(path, value)` of `node` at each differentiable leaf of `template`.

    A value that is absent, or a subtree of another structure, is given as MISSING.  An object's
    cotangent may be an object with the same attributes or a dictionary with their names.
    """
    return aligner(template, path, kinds)(node)


def aligner(template: Any, path: str = "", kinds: str = "f") -> Callable[[Any], Pairs]:
    """Return a function of `node`, `align` for many times: the template is walked through once."""
    branch = _branch(template, path, kinds, ())

    def values(node: Any) -> Pairs:
        found: Pairs = []
        if branch is not None:
            _gather(node, branch, found)
        return found

    return values


@dataclasses.dataclass(frozen=True)
class Branch:
    """What leads to leaves in a part of a template, by its keys; a leaf is its path alone."""

    path: str
    length: int | None = None  # of a list or tuple
    parts: tuple[tuple[Any, "Branch"], ...] = ()


def _branch(template: Any, path: str, kinds: str, above: Above) -> Branch | None:
    if is_leaf(template, kinds):
        return Branch(path)
    if id(template) in above:
        return None
    held = children(template)
    below = inside(template, above) if held else above
    pairs = [(key, _branch(child, joined(path, key), kinds, below)) for key, child in held]
    parts = tuple((key, branch) for key, branch in pairs if branch is not None)
    is_list = isinstance(template, list | tuple) and not hasattr(template, "_fields")
    return Branch(path, len(template) if is_list else None, parts) if parts else None


def _gather(node: Any, branch: Branch, found: Pairs) -> None:
    """Add what a node has at every leaf."""
    if not branch.parts:
        found.append((branch.path, node))
    elif branch.length is not None:
        there = isinstance(node, Sequence) and len(node) == branch.length
        for key, part in branch.parts:
            _gather(node[key] if there else MISSING, part, found)
    elif isinstance(node, dict):
        for key, part in branch.parts:
            _gather(node.get(key, MISSING), part, found)
    else:
        for key, part in branch.parts:
            _gather(getattr(node, key, MISSING) if isinstance(key, str) else MISSING, part, found)
