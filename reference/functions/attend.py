"""Scaled dot-product attention.  Derivation: specs/functions/attend.md.

B batch, H heads, G key and value heads, T query positions, S key positions, K head width, W width of a value.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core import masks
from reference.core.arrays import handed_over
from reference.core.attention import expect_attention
from reference.core.keep import draw, keep
from reference.core.products import laid_out
from reference.core.shapes import expect_flag
from reference.functions.alibi import alibi_slopes, alibi_vjp
from reference.functions.softcap import softcap_vjp
from reference.functions.softmax import softmax_vjp


def attend(q: np.ndarray, k: np.ndarray, v: np.ndarray, *bias: np.ndarray, **options: Any) -> np.ndarray:
    """Map q (B, H, T, K), k (B, G, S, K), v (B, G, S, W) to o (B, H, T, W), o = softmax(q k^T / sqrt(K)) v.

    Biases, options, of which `weights` makes it (o, w), and errors as for `attend_vjp`.
    """
    o, _ = attend_vjp(q, k, v, *bias, **options)
    return o


def attend_vjp(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    *bias: np.ndarray,
    mask: np.ndarray | None = None,
    causal: bool = False,
    window: int | None = None,
    cap: float | None = None,
    slopes: np.ndarray | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
    rng: np.random.Generator | None = None,
    weights: bool = False,
) -> tuple[Any, Callable[[Any], tuple[np.ndarray, ...]]]:
    """Return o (B, H, T, W) and the pullback do -> (dq, dk, dv, *dbias).

    With `weights` the output is (o, w), where w (B, H, T, S) is how much a query takes of a value, after
    dropout, and the pullback takes (do, dw).

    G divides H: each head of k and v serves H / G neighbouring heads of q.  Each `bias`, (B or 1,
    H or 1, T or 1, S), is added to the scores.  `mask` is boolean, of the same axes, True where a
    query sees a key; a query that sees none has output 0 and passes no gradient on.  The queries
    are the last T of the S positions p: `causal` hides keys after p, `window` those at a distance
    of `window` or more, `slopes` (H,) takes slope * distance off a score.  `cap` bends scores into
    (-cap, cap).  `scale` multiplies q k^T, K^(-1/2) unless given.  `dropout` is the share of weights
    that is dropped, drawn from `rng`; without rng, none.

    Raises:
        TypeError, ValueError: as `expect_attention` does.

    Source: Vaswani et al. 2017, eq. 1; masks as in sec. 3.2.3; of each option, see the derivation.
    """
    expect_attention(
        "attend", q, k, v, *bias,
        mask=mask, causal=causal, window=window, cap=cap, slopes=slopes, scale=scale, dropout=dropout, rng=rng,
    )  # fmt: skip
    expect_flag("attend", "weights", weights)
    batch, heads, queries, width = q.shape
    groups, keys = k.shape[1:3]
    table = batch, heads, queries, keys
    group = batch, groups, heads // max(groups, 1) * queries                # H / G heads are that many more queries

    scale = width ** -0.5 if scale is None else float(scale)
    q = q.reshape(*group, width)                            # (B, G, H T / G, K)
    s = (scale * q) @ laid_out(k.swapaxes(-1, -2))          # (B, G, H T / G, S)    # (attend.1)
    s = s.reshape(table)                                    # (B, H, T, S)
    if cap is not None:
        s, cap_pullback = softcap_vjp(s, cap=cap)           # (B, H, T, S)          # (attend.5)
    for b in bias:
        s = s + b                                           # (B, H, T, S)          # (attend.6)
    if slopes is not None:
        s, _ = alibi_vjp(s, slopes=slopes)                  # (B, H, T, S)          # (attend.7)
    if causal or window is not None:
        seen = masks.visible(range(keys - queries, keys), range(keys), causal=causal, window=window, like=s)
        mask = seen if mask is None else mask & seen        # (B, H, T, S)          # (attend.8)
    if mask is not None:
        np.copyto(s, -np.inf, where=~mask)                  # (B, H, T, S)          # (attend.2)
    p, softmax_pullback = softmax_vjp(s, out=s)             # (B, H, T, S)          # (attend.3)
    w, kept = p, None
    if dropout and rng is not None:
        kept = handed_over(keep(draw(rng), dropout, table, range(queries)), s)
        w = p * kept / (1 - float(dropout))                 # (B, H, T, S)          # (attend.9)
    seen = w.reshape(table)                                 # (B, H, T, S)          # (attend.18)
    w = w.reshape(*group, keys)
    o = w @ laid_out(v)                                     # (B, G, H T / G, W)    # (attend.4)

    def pullback(do: Any) -> tuple[np.ndarray, ...]:
        do, dseen = do if weights else (do, None)
        do = do.reshape(*group, v.shape[3])
        dv = w.swapaxes(-1, -2) @ do                        # (B, G, S, W)          # (attend.10)
        dw = (do @ laid_out(v.swapaxes(-1, -2))).reshape(table)  # (B, H, T, S)         # (attend.11)
        if weights:
            dw = dw + dseen                                 # (B, H, T, S)          # (attend.19)
        dp = dw
        if kept is not None:
            dp = dw * kept / (1 - float(dropout))           # (B, H, T, S)          # (attend.15)
        ds = softmax_pullback(dp)                           # (B, H, T, S)          # (attend.12)
        dbias = [_sum_like(b, ds) for b in bias]
        if cap is not None:
            ds = cap_pullback(ds)                           # (B, H, T, S)          # (attend.17)
        ds = ds.reshape(*group, keys)
        dq = scale * (ds @ laid_out(k))                     # (B, G, H T / G, K)    # (attend.13)
        dk = scale * (ds.swapaxes(-1, -2) @ q)              # (B, G, S, K)          # (attend.14)
        return dq.reshape(batch, heads, queries, width), dk, dv, *dbias

    o = o.reshape(batch, heads, queries, v.shape[3])
    return (o, seen) if weights else o, pullback


def _sum_like(b: np.ndarray, ds: np.ndarray) -> np.ndarray:
    """Sum ds (B, H, T, S) over the axes along which b has length 1 and served every position."""
    axes = tuple(axis for axis in range(3) if b.shape[axis] == 1)
    return ds.sum(axis=axes, keepdims=True)                                         # (attend.16)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    for heads in (1, 4):
        q = rng.normal(size=(2, heads, 3, 6))
        k, v = rng.normal(size=(2, 2, heads, 5, 6))
        yield f"heads {heads}", attend_vjp, (q, k, v), {}
        yield f"heads {heads}, causal", attend_vjp, (q, k, v), {"mask": masks.causal(3, 5)}
        padding = masks.padding(np.array([3, 0]), 5)
        yield f"heads {heads}, padding to 3 and 0", attend_vjp, (q, k, v), {"mask": padding}
    bias = rng.normal(size=(1, 4, 3, 5))
    yield "heads 4 in 2 groups", attend_vjp, (q, k[:, :2], v[:, :2]), {"causal": True}
    yield "a bias of each head", attend_vjp, (q, k, v, bias), {"window": 2}
    yield "cap 1.5", attend_vjp, (q, k, v), {"cap": 1.5}
    yield "ALiBi", attend_vjp, (q, k, v), {"slopes": alibi_slopes(4), "causal": True}
    yield "unscaled", attend_vjp, (q, k, v), {"scale": 1.0}
    yield "wide values", attend_vjp, (q, k[:, :2], rng.normal(size=(2, 2, 5, 7))), {"causal": True}
    yield "dropout 0.4", attend_vjp, (q, k, v), {"dropout": 0.4, "rng": np.random.default_rng(1)}
    yield "every option", attend_vjp, (q, k[:, :2], v[:, :2], bias[:, :, :1]), {
        "mask": padding, "causal": True, "window": 4, "cap": 1.5, "slopes": alibi_slopes(4), "scale": 0.7,
        "dropout": 0.4, "rng": np.random.default_rng(2), "weights": True,
    }  # fmt: skip
    yield "with its weights", attend_vjp, (q, k[:, :2], v[:, :2]), {"causal": True, "weights": True}
