"""Attention with linear biases (ALiBi).  Derivation: specs/functions/alibi.md.

B batch, H heads, T query positions, S key positions.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.arrays import expect_beside, integers
from reference.core.masks import positions
from reference.core.shapes import MOST, expect_ids, expect_real, expect_shape, expect_size, got


def alibi_slopes(heads: int, *, like: Any = None) -> np.ndarray:
    """Return the slopes (H,), geometric from 2^(-8 / H) down to 2^-8 where H is a power of two.

    Otherwise those of the largest power of two below H, and then every other one of twice as many.
    They are an array like `like`, by default of NumPy's own.

    Raises:
        TypeError, ValueError: heads is not a whole number of at least 1.

    Source: Press, Smith & Lewis 2021 (arXiv:2108.12409), sec. 3, and their code for other numbers.
    """
    expect_size("alibi_slopes", "heads", heads)
    n = 2 ** int(math.log2(heads))
    first = 2.0 ** (-8 * integers(range(1, n + 1), like) / n)               # (n,)      # (alibi.1)
    others = 2.0 ** (-4 * integers(range(1, 2 * (heads - n), 2), like) / n)  # (H - n,)  # (alibi.2)
    return np.concatenate([first, others])


def alibi(
    s: np.ndarray, *, slopes: np.ndarray, queries: range | None = None, keys: range | None = None
) -> np.ndarray:
    """Map s (B, H, T, S) to y (B, H, T, S), y = s - slope * distance."""
    y, _ = alibi_vjp(s, slopes=slopes, queries=queries, keys=keys)
    return y


def alibi_vjp(
    s: np.ndarray, *, slopes: np.ndarray, queries: range | None = None, keys: range | None = None
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return y (B, H, T, S) and the pullback dy -> ds.

    `slopes` (H,) are constants.  `queries` and `keys` are the positions of rows and columns
    where s is a block of a larger table; by default the queries are the last of the S positions.

    Raises:
        TypeError: s is not floating or complex, slopes not floating, or positions are no ranges.
        ValueError: the shapes do not fit together, or there are more queries than keys.

    Source: Press, Smith & Lewis 2021 (arXiv:2108.12409), sec. 3.
    """
    queries, keys = _expect_positions(s, slopes, queries, keys)
    p, j = (integers(z, s) for z in (queries, keys))
    distance = abs(p[:, None] - j)                                          # (T, S)        # (alibi.3)
    y = s - slopes.astype(s.real.dtype)[:, None, None] * distance.astype(s.real.dtype)  # (B, H, T, S)  # (alibi.4)

    def pullback(dy: np.ndarray) -> np.ndarray:
        ds = dy.copy()                                                      # (B, H, T, S)  # (alibi.5)
        return ds

    return y, pullback


def alibi_bias(slopes: np.ndarray, *, position_ids: np.ndarray) -> np.ndarray:
    """Return what `alibi` adds to scores (B or 1, H, T, T) whose queries and keys stand at position_ids (B or 1, T).

    Raises:
        TypeError: slopes are not floating, or position_ids not integer.
        ValueError: slopes have not one axis, or position_ids two, or one is negative.
    """
    expect_shape("alibi_bias", "slopes", slopes, ("H",))
    expect_real("alibi_bias", "slopes", slopes)
    expect_ids("alibi_bias", "position_ids", position_ids, MOST)
    expect_beside("alibi_bias", "position_ids", position_ids, slopes)
    if position_ids.ndim != 2:
        raise ValueError(f"alibi_bias: position_ids must have shape (B, T), got {position_ids.shape}")
    apart = abs(position_ids[:, :, None] - position_ids[:, None])           # (B, T, T)     # (alibi.6)
    bias = -slopes[:, None, None] * apart[:, None].astype(slopes.dtype)     # (B, H, T, T)  # (alibi.7)
    return bias


def _expect_positions(s: Any, slopes: Any, queries: range | None, keys: range | None) -> tuple[range, range]:
    expect_shape("alibi", "s", s, ("B", "H", "T", "S"))
    expect_shape("alibi", "slopes", slopes, (s.shape[1],))
    expect_real("alibi", "slopes", slopes)
    expect_beside("alibi", "slopes", slopes, s)
    for name, at in (("queries", queries), ("keys", keys)):
        if at is not None and not isinstance(at, range):
            raise TypeError(f"alibi: {name} must be a range or None, got {got(at)}")
    if queries is None:
        queries = positions("alibi", *s.shape[2:])
    if keys is None:
        keys = range(s.shape[3])
    expect_shape("alibi", "s", s, ("B", "H", len(queries), len(keys)))
    return queries, keys


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    s = rng.normal(size=(2, 3, 4, 5))
    yield "3 heads", alibi_vjp, (s,), {"slopes": alibi_slopes(3)}
    yield "a block of a table", alibi_vjp, (s,), {
        "slopes": rng.random(3), "queries": range(6, 10), "keys": range(2, 7)
    }
