"""The numbers of an optimizer's state that are no arrays: how many steps it made, a product of momenta."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any


def scalars(state: Any) -> dict[str, int | float]:
    """Return the numbers of a state, by path: "step", "states[0].p"."""
    return dict(_found(state, ""))


def with_scalars(state: Any, found: Mapping[str, Any], path: str = "") -> Any:
    """Return the state with its numbers exchanged for those that are found.

    Raises:
        KeyError: one is missing.
        ValueError: one is of another type, negative or not finite.
    """
    if isinstance(state, int | float):
        value = found[path]
        if type(value) is not type(state) or not 0 <= value < math.inf:
            raise ValueError(f"'{path}' must be of type {type(state).__name__} and at least 0, got {value!r}")
        return value
    inner = {name: with_scalars(value, found, _join(path, name)) for name, value in _parts(state)}
    if isinstance(state, tuple):
        return tuple(inner.values())
    return dataclasses.replace(state, **inner)


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
