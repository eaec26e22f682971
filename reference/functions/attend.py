"""Scaled dot-product attention.  Derivation: specs/functions/attend.md.

B batch, H heads, T query positions, S key positions, K head width.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.masks import causal, expect_mask, padding
from reference.core.shapes import expect_positive, expect_shape
from reference.functions.softmax import softmax_vjp


def attend(q: np.ndarray, k: np.ndarray, v: np.ndarray, *, mask: np.ndarray | None = None) -> np.ndarray:
    """Map q (B, H, T, K), k and v (B, H, S, K) to o (B, H, T, K), o = softmax(q k^T / sqrt(K)) v."""
    o, _ = attend_vjp(q, k, v, mask=mask)
    return o


def attend_vjp(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, *, mask: np.ndarray | None = None
) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Return o (B, H, T, K) and the pullback do -> (dq, dk, dv).

    `mask` is boolean, (B or 1, H or 1, T or 1, S), True where a query sees a key; a query
    that sees none has output 0 and passes no gradient on.

    Raises:
        TypeError: an array is not floating or complex, or the mask is not boolean.
        ValueError: the shapes do not fit together.

    Source: Vaswani et al. 2017, eq. 1; masks as in sec. 3.2.3.
    """
    expect_shape("attend", "q", q, ("B", "H", "T", "K"))
    batch, heads, queries, width = q.shape
    expect_positive("attend", "the head width", width)
    expect_shape("attend", "k", k, (batch, heads, "S", width))
    expect_shape("attend", "v", v, (batch, heads, k.shape[2], width))
    expect_mask("attend", mask, (batch, heads, queries, k.shape[2]))

    scale = width ** -0.5
    s = (scale * q) @ k.swapaxes(-1, -2)                # (B, H, T, S)  # (attend.1)
    if mask is not None:
        np.copyto(s, -np.inf, where=~mask)              # (B, H, T, S)  # (attend.2)
    p, softmax_pullback = softmax_vjp(s)                # (B, H, T, S)  # (attend.3)
    o = p @ v                                           # (B, H, T, K)  # (attend.4)

    def pullback(do: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        dv = p.swapaxes(-1, -2) @ do                    # (B, H, S, K)  # (attend.5)
        dp = do @ v.swapaxes(-1, -2)                    # (B, H, T, S)  # (attend.6)
        ds = softmax_pullback(dp)                       # (B, H, T, S)  # (attend.7)
        dq = scale * (ds @ k)                           # (B, H, T, K)  # (attend.8)
        dk = scale * (ds.swapaxes(-1, -2) @ q)          # (B, H, S, K)  # (attend.9)
        return dq, dk, dv

    return o, pullback


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    for heads in (1, 4):
        q = rng.normal(size=(2, heads, 3, 6))
        k, v = rng.normal(size=(2, 2, heads, 5, 6))
        yield f"heads {heads}", attend_vjp, (q, k, v), {}
        yield f"heads {heads}, causal", attend_vjp, (q, k, v), {"mask": causal(3, 5)}
        yield f"heads {heads}, padding to 3 and 0", attend_vjp, (q, k, v), {"mask": padding(np.array([3, 0]), 5)}
