"""Masks: boolean, True where a query sees a key, with exactly four axes (B or 1, H or 1, T or 1, S)."""

from typing import Any

import numpy as np

from reference.core.arrays import expect_beside, integers, on_host
from reference.core.shapes import (
    MOST,
    expect_boolean,
    expect_floating,
    expect_integers,
    expect_positive,
    expect_whole,
    is_whole,
)
from reference.core.words import cut


def causal(
    queries: int, keys: int | None = None, window: int | None = None, *, like: Any = None
) -> np.ndarray:
    """Return (1, 1, T, S): query t sees keys up to its own position, the last query all of them.

    With fewer queries than keys the queries are the last ones (decoding against a longer past).
    With a window a query sees the last `window` keys of these, its own among them.  The mask is
    an array like `like`, by default of NumPy's own.

    Raises:
        TypeError: a length or the window is not a whole number.
        ValueError: a length is negative, there are more queries than keys, or the window is below 1.
    """
    keys = queries if keys is None else keys
    rows = positions("causal", queries, keys)
    if window is not None:
        expect_positive("causal", "window", window)
    return visible(rows, range(keys), causal=True, window=window, like=like)


def positions(where: str, queries: int, keys: int) -> range:
    """Return the positions of the queries among the keys: they are the last ones.

    Raises:
        TypeError: a length is not a whole number.
        ValueError: a length is negative, or there are more queries than keys.
    """
    expect_whole(where, "queries", queries, 0, MOST)
    expect_whole(where, "keys", keys, 0, MOST)
    if queries > keys:
        raise ValueError(f"{where}: queries must be at most keys = {keys}, got {cut(queries)}")
    return range(keys - queries, keys)


def visible(
    queries: range, keys: range, *, causal: bool = False, window: int | None = None, like: Any = None
) -> np.ndarray:
    """Return (1, 1, T, S) for these positions of queries and keys: any block of the table of a rule.

    Position p sees j where j <= p if causal, and |p - j| < window if there is a window.  The block
    is an array like `like`, by default of NumPy's own.
    """
    p, j = (integers(z, like) for z in (queries, keys))
    p = p[:, None]
    if window is not None:
        window = min(int(window), max(queries.stop, keys.stop))  # no distance is larger; beyond int64 it would wrap
        seen = (j > p - window) & (j <= p if causal else j < p + window)
    else:
        seen = j <= p if causal else np.ones_like(j, shape=(len(queries), len(keys)), dtype=bool)
    return seen[None, None]


def padding(lengths: np.ndarray, keys: int) -> np.ndarray:
    """Return (B, 1, 1, S): of sequence b every query sees the first `lengths[b]` keys.

    Raises:
        TypeError: `lengths` is not integer, or `keys` is not a whole number.
        ValueError: `lengths` is not one-dimensional, or a length lies outside [0, keys].
    """
    expect_whole("padding", "keys", keys, 0, MOST)
    lengths = np.array(lengths) if isinstance(lengths, list | tuple) and all(map(is_whole, lengths)) else lengths
    expect_integers("padding", "lengths", lengths)
    if lengths.ndim != 1:
        raise ValueError(f"padding: lengths must have shape (B,), got {lengths.shape}")
    if on_host(lengths) and (wrong := np.flatnonzero((lengths < 0) | (lengths > keys))).size:
        raise ValueError(f"padding: lengths must lie in [0, {keys}], got {lengths[wrong[0]]} at {wrong[0]}")
    return (integers(range(keys), lengths) < lengths[:, None])[:, None, None, :]


def packed(position_ids: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """Return (B, 1, T, T) for ids (B, T), True where two places of a row are of one sequence.

    A row holds one sequence after the other; one begins wherever the positions do not go on by 1.  With the ids
    `others` (B, S) of rows that hold as many, (B, 1, T, S): a first sequence sees the first of the others.

    Raises:
        TypeError: ids are not integer.
        ValueError: they have not the shape (B, T), or the others not (B, S).
    """
    expect_integers("packed", "position_ids", position_ids)
    if position_ids.ndim != 2:
        raise ValueError(f"packed: position_ids must have shape (B, T), got {position_ids.shape}")
    number = _numbers(position_ids)                                                        # (B, T)
    if others is None:
        return (number[:, :, None] == number[:, None])[:, None]
    expect_integers("packed", "others", others)
    if others.ndim != 2 or len(others) != len(position_ids):
        raise ValueError(f"packed: others must have shape ({len(position_ids)}, S), got {others.shape}")
    return (number[:, :, None] == _numbers(others)[:, None])[:, None]


def _numbers(position_ids: np.ndarray) -> np.ndarray:
    """Return to which sequence of its row each place belongs (B, T)."""
    begins = position_ids[:, 1:] != position_ids[:, :-1] + 1
    return np.cumsum(np.concatenate([position_ids[:, :1] * 0, begins], axis=1), axis=1)


def expect_mask(where: str, mask: Any, shape: tuple[int, int, int, int], like: Any = None) -> None:
    """Raise unless `mask` is None or boolean with axes (B or 1, H or 1, T or 1, S) of `shape`, an array like `like`."""
    if mask is None:
        return
    expect_boolean(where, "mask", mask)
    expect_beside(where, "mask", mask, like)
    _expect_axes(where, "mask", mask, shape)


def expect_bias(where: str, name: str, bias: Any, shape: tuple[int, int, int, int]) -> None:
    """Raise unless `bias` is floating or complex with axes (B or 1, H or 1, T or 1, S) of `shape`."""
    expect_floating(where, name, bias)
    _expect_axes(where, name, bias, shape)


def expect_biases(where: str, bias: tuple[Any, ...], shape: tuple[int, int, int, int]) -> None:
    """Raise unless each bias is one on scores of `shape`."""
    for i, b in enumerate(bias):
        expect_bias(where, f"bias[{i}]", b, shape)


def _expect_axes(where: str, name: str, x: np.ndarray, shape: tuple[int, int, int, int]) -> None:
    b, h, t, s = shape
    if x.ndim != 4 or x.shape[3] != s or any(
        got not in (1, want) for got, want in zip(x.shape[:3], (b, h, t), strict=True)
    ):
        raise ValueError(
            f"{where}: {name} must have shape ({b} or 1, {h} or 1, {t} or 1, {s}), got {x.shape}"
        )
