"""The table of a family: which parameter here is which tensor there, and the way over it, both ways."""

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from reference.core import tree
from reference.core.flat import flatten

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Row:
    """Parameters here, side by side in their last axis, are a tensor there; {i} is the number of a block."""

    here: tuple[str, ...]
    there: str
    transposed: bool = False
    wrapped: bool = False  # there it has an axis of length 1 before its own

    @property
    def how(self) -> str:
        return "transposed" if self.transposed else "(1, ...)" if self.wrapped else ""


def row(here: str, there: str) -> Row:
    return Row((here,), there)


def linear(here: str, there: str) -> tuple[Row, Row]:
    """Of a Linear, whose map there has the axes (out, in)."""
    return Row((f"{here}.w",), f"{there}.weight", transposed=True), Row((f"{here}.b",), f"{there}.bias")


def norm(here: str, there: str) -> tuple[Row, Row]:
    return row(f"{here}.gamma", f"{there}.weight"), row(f"{here}.beta", f"{there}.bias")


def shown(table: Iterable[Row]) -> str:
    """Return the table as text, a line for each tensor there."""
    rows = [(" | ".join(each.here), each.there, each.how) for each in table]
    widths = [max(len(line[column]) for line in rows) for column in (0, 1)]
    return "\n".join(f"{here:{widths[0]}}  {there:{widths[1]}}  {how}".rstrip() for here, there, how in rows)


def of(model: Any, table: tuple[Row, ...]) -> set[str]:
    """Return the names there of the parameters of a model."""
    return {each.there for each in _rows(tuple(path for path, _ in tree.leaves(model)), table)}


def to_there(model: Any, table: tuple[Row, ...]) -> dict[str, np.ndarray]:
    """Return the parameters of a model, or the gradients of it, by their names there and as they lie there."""
    leaves = dict(tree.leaves(model))
    arrays = {}
    for each in _rows(tuple(leaves), table):
        array = np.concatenate([leaves[path] for path in each.here], axis=-1)
        array = array[None] if each.wrapped else array
        arrays[each.there] = np.ascontiguousarray(array.T if each.transposed else array)
    return arrays


def to_here(where: str, blank: T, table: tuple[Row, ...], arrays: Mapping[str, np.ndarray]) -> T:
    """Return `blank` with the tensors `arrays` for its parameters.

    Raises:
        ValueError: a tensor is missing, left over, or has not the shape of its parameters, or not all have one dtype.
    """
    leaves, rest = dict(tree.leaves(blank)), dict(arrays)
    for each in _rows(tuple(leaves), table):
        if each.there not in rest:
            raise ValueError(f"{where}: must have a tensor '{each.there}', got none of this name")
        array = rest.pop(each.there)
        shapes = [leaves[path].shape for path in each.here]
        want: tuple[int, ...] = (*shapes[0][:-1], sum(shape[-1] for shape in shapes))
        want = want[::-1] if each.transposed else (1, *want) if each.wrapped else want
        if array.dtype.kind not in "fc":
            raise ValueError(f"{where}: '{each.there}' must be floating, got {array.dtype}")
        if array.shape != want:
            raise ValueError(f"{where}: '{each.there}' must have shape {want} by the config, got {array.shape}")
        array = array[0] if each.wrapped else array
        cuts = np.cumsum([shape[-1] for shape in shapes])[:-1]
        parts = np.split(array.T if each.transposed else array, cuts, axis=-1)
        leaves |= {path: np.array(part, order="C") for path, part in zip(each.here, parts, strict=True)}
    if rest:
        raise ValueError(f"{where}: must have no tensors but those of the config, got '{min(rest)}'")
    dtypes = {str(array.dtype) for array in arrays.values()}
    if len(dtypes) > 1:
        raise ValueError(f"{where}: tensors must be of one dtype unless one is chosen, got {', '.join(sorted(dtypes))}")
    filled = iter(leaves.values())
    return tree.map(lambda _: next(filled), blank)


def expect_like(where: str, model: Any, blank: Any) -> None:
    """Raise ValueError unless a model is `blank` but for the numbers in its parameters and their dtype."""
    one, other = flatten(model), flatten(blank)
    if not one.is_like(other) or one.constants != other.constants:
        raise ValueError(f"{where}: must be what its config would describe, got another {_unlike(one, other)}")


def _unlike(one: Any, other: Any) -> str:
    for (path, a), (like, b) in zip(*([*zip(f.paths(), f.shapes, strict=True)] for f in (one, other)), strict=False):
        if path != like or a != b:
            return f"'{path}' of shape {a}"
    if one.structure != other.structure:
        return "structure"
    return next(repr(a) for a, b in zip(one.constants, other.constants, strict=True) if a != b)


@functools.lru_cache(maxsize=8)  # to load a model asks twice, and many of one family have the same
def _rows(paths: tuple[str, ...], table: tuple[Row, ...]) -> tuple[Row, ...]:
    """Return the rows of a model with these parameters, each block's own."""
    found: dict[Row, None] = {}
    rows = {path: each for each in table for path in each.here}
    for path in paths:
        number = re.search(r"\[(\d+)\]", path)
        each = rows[path if number is None else path.replace(number[0], "[{i}]", 1)]
        if number is not None:
            here = tuple(name.replace("{i}", number[1]) for name in each.here)
            each = dataclasses.replace(each, here=here, there=each.there.replace("{i}", number[1]))
        found[each] = None
    return tuple(found)
