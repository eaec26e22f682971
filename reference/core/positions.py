"""Positions that are added from step to step: rows of one table."""

from typing import Any

import numpy as np

from reference.core.arrays import integers
from reference.core.cache import Cache, expect_cache
from reference.core.shapes import expect_shape


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
