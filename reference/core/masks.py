"""Masks: boolean, True where a query sees a key, with exactly four axes (B or 1, H or 1, T or 1, S)."""

from typing import Any

import numpy as np

from reference.core.shapes import expect_whole


def causal(queries: int, keys: int | None = None) -> np.ndarray:
    """Return (1, 1, T, S): query t sees keys up to its own position, the last query all of them.

    With fewer queries than keys the queries are the last ones (decoding against a longer past).

    Raises:
        TypeError: a length is not a whole number.
        ValueError: a length is negative, or there are more queries than keys.
    """
    keys = queries if keys is None else keys
    expect_whole("causal", "queries", queries, 0)
    expect_whole("causal", "keys", keys, 0)
    if queries > keys:
        raise ValueError(f"causal: queries must be at most keys = {keys}, got {queries}")
    return np.tri(queries, keys, keys - queries, dtype=bool)[None, None]


def padding(lengths: np.ndarray, keys: int) -> np.ndarray:
    """Return (B, 1, 1, S): of sequence b every query sees the first `lengths[b]` keys.

    Raises:
        TypeError: `lengths` is not integer, or `keys` is not a whole number.
        ValueError: `lengths` is not one-dimensional, or a length lies outside [0, keys].
    """
    expect_whole("padding", "keys", keys, 0)
    lengths = np.asarray(lengths)
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"padding: lengths must be an integer array, got {lengths.dtype}")
    if lengths.ndim != 1:
        raise ValueError(f"padding: lengths must have shape (B,), got {lengths.shape}")
    wrong = np.flatnonzero((lengths < 0) | (lengths > keys))
    if wrong.size:
        raise ValueError(f"padding: lengths must lie in [0, {keys}], got {lengths[wrong[0]]} at {wrong[0]}")
    return (np.arange(keys) < lengths[:, None])[:, None, None, :]


def expect_mask(where: str, mask: Any, shape: tuple[int, int, int, int]) -> None:
    """Raise unless `mask` is None or boolean with axes (B or 1, H or 1, T or 1, S) of `shape`."""
    if mask is None:
        return
    if not isinstance(mask, np.ndarray) or mask.dtype != bool:
        got = mask.dtype if isinstance(mask, np.ndarray) else type(mask).__name__
        raise TypeError(f"{where}: mask must be a boolean array, got {got}")
    b, h, t, s = shape
    if mask.ndim != 4 or mask.shape[3] != s or any(
        got not in (1, want) for got, want in zip(mask.shape[:3], (b, h, t), strict=True)
    ):
        raise ValueError(
            f"{where}: mask must have shape ({b} or 1, {h} or 1, {t} or 1, {s}), got {mask.shape}"
        )
