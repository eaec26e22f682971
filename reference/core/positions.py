"""Positions of the caller's, and those that are added from step to step, rows of one table."""

import functools
import inspect
from typing import Any

import numpy as np

from reference.core.arrays import expect_beside, integers
from reference.core.cache import Cache, expect_cache
from reference.core.shapes import MOST, expect_ids, expect_shape


def expect_position_ids(
    where: str, position_ids: Any, x: Any, most: int = MOST, *, like: Any = None, name: str = "position_ids"
) -> None:
    """Raise unless `position_ids` is None or integer, (B or 1, T) for x (B, T, ...), in [0, most).

    It must be an array of the library of x, or of `like`.

    Raises:
        TypeError: it is no integer array, or one of another library.
        ValueError: it has another shape, or a position is negative or beyond the last.
    """
    if position_ids is None:
        return
    expect_ids(where, name, position_ids, most)
    expect_beside(where, name, position_ids, x if like is None else like)
    batch, length = x.shape[:2]
    if position_ids.shape not in ((batch, length), (1, length)):
        raise ValueError(f"{where}: {name} must have shape ({batch} or 1, {length}), got {position_ids.shape}")


def expect_placed(where: str, position_ids: Any, x: Any) -> None:
    """Raise unless `position_ids` is None or as above, whether or not a part of x's layer (B, T, D) takes them."""
    if position_ids is not None:
        expect_shape(where, "x", x, ("B", "T", "D"))
        expect_position_ids(where, position_ids, x)


def row_after_row(position_ids: np.ndarray, batch: int) -> np.ndarray:
    """Map position ids (B or 1, T) to those of all rows, one after the other (B T,)."""
    rows = integers(range(batch), position_ids) % len(position_ids)
    return position_ids.take(rows, axis=0).ravel()


def given(position_ids: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return {"position_ids": position_ids}, {} where there are none: who takes no such ids is asked for none."""
    return {} if position_ids is None else {"position_ids": position_ids}


def placed(layer: Any, position_ids: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return what `given` does if the `vjp` of the layer names position ids, {} otherwise."""
    kind: Any = type(layer)
    return given(position_ids) if _takes_some(kind) else {}


@functools.cache  # a signature is read once for each class, not at each call
def _takes_some(kind: Any) -> bool:
    return "position_ids" in inspect.signature(kind.vjp).parameters


class PositionsCache(Cache):
    """The vectors (room, D) of all positions."""

    def __init__(self, layer: Any, batch: int, room: int, starts: Any, table: Any) -> None:
        super().__init__(layer, batch, room, starts)
        self.table = table


def add_positions(where: str, layer: Any, x: np.ndarray, cache: Any) -> np.ndarray:
    """Return x (B, T, D) with the vectors of its positions added, counted from the start of each row.

    What stands before a row's start is padding, and gets the vector of the start.

    Raises:
        TypeError: x is not floating or complex, or cache no cache.
        ValueError: the cache is that of another layer or batch, or has no room for x.
    """
    expect_cache(layer, cache)
    expect_shape(where, "x", x, ("B", "T", cache.table.shape[1]))
    start = cache.expect(where, "x", x)
    stop = start + x.shape[1]
    cache.length = stop
    if cache.starts is None:
        return x + cache.table[start:stop]
    at = np.maximum(integers(range(start, stop), x) - cache.starts[:, None], 0)     # (B, T)
    return x + cache.table.take(at, axis=0)
