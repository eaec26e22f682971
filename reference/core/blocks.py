"""Blocks of the table that has a row for each query and a column for each key, without the table."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from reference.core.arrays import on_host
from reference.core.masks import visible


def slices(start: int, stop: int, size: int) -> Iterator[slice]:
    """Cut what lies from `start` to `stop` into slices of at most `size`."""
    for first in range(start, stop, size):
        yield slice(first, min(first + size, stop))


def part(table: np.ndarray, b: int, h: int, rows: slice, columns: slice) -> np.ndarray:
    """Return the block (N or 1, M) of a table with axes (B or 1, H or 1, T or 1, S), a view of it."""
    batch, heads, queries, _ = table.shape
    return table[b if batch > 1 else 0, h if heads > 1 else 0, rows if queries > 1 else slice(None), columns]


def reach(queries: range, keys: int, *, causal: bool = False, window: int | None = None) -> tuple[int, int]:
    """Return (start, stop): no query at these positions sees a key outside, by the rules of `visible`."""
    start = 0 if window is None else max(queries.start - int(window) + 1, 0)
    stop = queries.stop if causal else keys if window is None else min(queries.stop - 1 + int(window), keys)
    return start, stop


def sees_all(queries: range, keys: range, *, causal: bool = False, window: int | None = None) -> bool:
    """Whether each query at these positions sees each of these keys, by the rules of `visible`."""
    ahead, behind = keys.stop - 1 - queries.start, queries.stop - 1 - keys.start  # the largest distances
    return not (causal and ahead > 0) and (window is None or max(ahead, behind) < window)


def seen_blocks(
    mask: np.ndarray | None,
    b: int,
    h: int,
    rows: slice,
    *,
    queries: int,
    keys: int,
    size: int,
    causal: bool = False,
    window: int | None = None,
    like: Any = None,
) -> Iterator[tuple[slice, np.ndarray | None]]:
    """Yield the blocks of at most `size` keys in which one of the queries `rows` sees one, as head h of sequence b.

    With each comes the table (N or 1, M) of who sees what, None where all see all.  A key is seen
    where the mask shows it and the rules of `visible` do, the queries standing at the last positions; tables are
    arrays like `like`.  A block of a mask that shows nothing is passed over where NumPy holds it: elsewhere
    to look would cost a wait, and it adds nothing.
    """
    at = range(keys - queries + rows.start, keys - queries + rows.stop)
    for columns in slices(*reach(at, keys, causal=causal, window=window), size):
        these, seen = range(columns.start, columns.stop), None
        if not sees_all(at, these, causal=causal, window=window):
            seen = visible(at, these, causal=causal, window=window, like=like)[0, 0]
        if mask is not None:
            shown = part(mask, b, h, rows, columns)
            seen = shown if seen is None else shown & seen
        if seen is None or not on_host(seen) or seen.any():
            yield columns, seen
