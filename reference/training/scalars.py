"""The numbers of an optimizer's state that are no arrays, as how many steps it made, and its arrays of squares."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

from reference.core import tree
from reference.core.kinds import expect_fields
from reference.core.updates import Squares


def scalars(state: Any) -> dict[str, int | float]:
    """Return the numbers of a state, by path: "step", "states[0].p"."""
    return dict(_found(state, ""))


def with_scalars(state: Any, found: Mapping[str, Any], path: str = "") -> Any:
    """Return the state with its numbers exchanged for those that are found.

    Raises:
        KeyError: one is missing.
        ValueError: one is of another type, negative, not finite, or none that a field of the state may hold.
    """
    if isinstance(state, int | float):
        value = found[path]
        if type(value) is not type(state) or not 0 <= value < math.inf:
            raise ValueError(f"'{path}' must be of type {type(state).__name__} and at least 0, got {value!r}")
        return value
    inner = {name: with_scalars(value, found, _join(path, name)) for name, value in _parts(state)}
    if isinstance(state, tuple):
        return tuple(inner.values())
    made = dataclasses.replace(state, **inner)
    expect_fields(made)
    return made


def squares(state: Any) -> list[tuple[str, Any]]:
    """Return `(path, array)` of every array of a state that holds squares, as the class of the state says."""
    return tree.leaves(_only_squares(state))


def _only_squares(state: Any) -> Any:
    if isinstance(state, tuple):
        return tuple(map(_only_squares, state))
    hints = get_type_hints(type(state), include_extras=True)
    numbers = dict(_parts(state))
    kept = {name: _only_squares(value) for name, value in numbers.items() if name == "states"}
    others = {name: None for name, kind in hints.items() if kind != Squares and name not in numbers}
    return dataclasses.replace(state, **kept, **others)


def _found(state: Any, path: str) -> Iterator[tuple[str, int | float]]:
    if isinstance(state, int | float):
        yield path, state
    else:
        for name, value in _parts(state):
            yield from _found(value, _join(path, name))


def _parts(state: Any) -> list[tuple[str, Any]]:
    """Return the numbers, the states of groups and their tuple in a state; moments, shaped like a model, hold none."""
    if isinstance(state, tuple):
        return [(f"[{i}]", inner) for i, inner in enumerate(state)]
    values = [(field.name, getattr(state, field.name)) for field in dataclasses.fields(state)]
    return [(name, value) for name, value in values if isinstance(value, int | float) or name == "states"]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and not name.startswith("[") else f"{path}{name}"
