"""Attention in blocks, with memory linear in the length.  Derivation: specs/functions/blockwise.md.

B batch, H heads, G key and value heads, T query positions, S key positions, K head width, W width of a value;
a block has up to N queries and M keys of one head.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.arrays import handed_over
from reference.core.attention import expect_attention
from reference.core.blocks import part, seen_blocks, slices
from reference.core.keep import draw, keep
from reference.core.masks import padding
from reference.core.sums import column_sums, row_sums
from reference.functions.alibi import alibi, alibi_slopes
from reference.functions.online_softmax import OnlineSoftmax
from reference.functions.softcap import softcap_vjp

N, M = 256, 256  # measured: the matrix products of smaller blocks are slower, larger ones take only more memory
LONG = 512  # layers attend in blocks from so many queries and keys on, where that is faster than `attend`


def blockwise(q: np.ndarray, k: np.ndarray, v: np.ndarray, *bias: np.ndarray, **options: Any) -> np.ndarray:
    """Map q (B, H, T, K), k (B, G, S, K), v (B, G, S, W) to o (B, H, T, W), o = softmax(q k^T / sqrt(K)) v."""
    o, _ = blockwise_vjp(q, k, v, *bias, **options)
    return o


def blockwise_vjp(
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
) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[np.ndarray, ...]]]:
    """Return o (B, H, T, W) and the pullback do -> (dq, dk, dv, *dbias).

    The arguments mean what they mean for `attend_vjp`, the result is the same, and from the same
    `rng` dropout keeps the same weights; but no array of T S entries is made.

    Raises:
        TypeError, ValueError: as `expect_attention` does.

    Source: Rabe & Staats 2021 (arXiv:2112.05682); Dao et al. 2022 (arXiv:2205.14135), algorithm 4.
    """
    expect_attention(
        "blockwise", q, k, v, *bias,
        mask=mask, causal=causal, window=window, cap=cap, slopes=slopes, scale=scale, dropout=dropout, rng=rng,
    )  # fmt: skip
    (batch, heads, queries, width), (groups, keys) = q.shape, k.shape[1:3]
    sharing, ahead = heads // max(groups, 1), keys - queries
    scale = width ** -0.5 if scale is None else float(scale)
    seed = draw(rng) if dropout and rng is not None else None
    dtype = np.result_type(q, k, v, *bias)

    def rows_of_blocks() -> Iterator[tuple[int, int, slice, np.ndarray | None]]:
        """Yield b, h, a slice of the queries, and which of their weights are kept (N, S)."""
        for rows in slices(0, queries, N):
            kept = None
            if seed is not None:
                kept = keep(seed, dropout, (batch, heads, queries, keys), range(rows.start, rows.stop))
                kept = handed_over(kept, q)
            for b, h in np.ndindex(batch, heads):
                yield b, h, rows, None if kept is None else kept[b, h]

    def blocks_of(b: int, h: int, rows: slice, kept: np.ndarray | None) -> Iterator[tuple]:
        """Yield, for all keys that these queries see, a slice of them, s and c (N, M), and the pullback of s."""
        length = {"queries": queries, "keys": keys, "size": M}
        for columns, seen in seen_blocks(mask, b, h, rows, **length, causal=causal, window=window, like=q):
            s, scores_pullback = _scores_vjp(
                q[b, h, rows], k[b, h // sharing, columns], *(part(z, b, h, rows, columns) for z in bias),
                at=(range(ahead + rows.start, ahead + rows.stop), range(columns.start, columns.stop)),
                scale=scale, cap=cap, slopes=None if slopes is None else slopes[h : h + 1], seen=seen,
            )  # fmt: skip
            c = None if kept is None else _shares(kept[:, columns], dropout, s.real.dtype)
            yield columns, s, c, scores_pullback

    o, l = (np.empty_like(q, shape=(*q.shape[:3], n), dtype=dtype, order="C") for n in (v.shape[3], 1))
    for b, h, rows, kept in rows_of_blocks():
        softmax = OnlineSoftmax.start(rows.stop - rows.start, v.shape[3], dtype, like=q)
        for columns, s, c, _ in blocks_of(b, h, rows, kept):
            softmax = softmax.absorb(s, v[b, h // sharing, columns], c)     # of (N, M)     # (blockwise.7)
        o[b, h, rows], l[b, h, rows] = softmax.mean(), softmax.logsumexp()  # (N, W), (N, 1)  # (blockwise.8)

    def pullback(do: np.ndarray) -> tuple[np.ndarray, ...]:
        d = row_sums(do * o)                                                # (B, H, T, 1)  # (blockwise.9)
        dq, dk, dv, *dbias = (np.zeros_like(z, dtype=np.result_type(o, do), order="C") for z in (q, k, v, *bias))
        for b, h, rows, kept in rows_of_blocks():
            mine = b, h, rows
            for columns, s, c, scores_pullback in blocks_of(b, h, rows, kept):
                shared = b, h // sharing, columns
                ds, dv_block = _softmax_pullback(s, c, v[shared], l[mine], d[mine], do[mine])
                dq_block, dk_block, *dbias_block = scores_pullback(ds)
                dq[mine] += dq_block                                        # (N, K)        # (blockwise.20)
                dk[shared] += dk_block                                      # (M, K)        # (blockwise.21)
                dv[shared] += dv_block                                      # (M, W)        # (blockwise.22)
                for dz, dz_block in zip(dbias, dbias_block, strict=True):
                    part(dz, b, h, rows, columns)[...] += dz_block          # (N or 1, M)   # (blockwise.23)
        return dq, dk, dv, *dbias

    return o, pullback


def _scores_vjp(
    q: np.ndarray, k: np.ndarray, *bias: np.ndarray,
    at: tuple[range, range], scale: float, cap: float | None, slopes: np.ndarray | None, seen: np.ndarray | None,
) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[np.ndarray, ...]]]:  # fmt: skip
    """Return s (N, M) of queries and keys that stand `at` these positions, and the pullback ds -> (dq, dk, *dbias)."""
    s = x = (scale * q) @ k.T                                               # (N, M)        # (blockwise.1)
    if cap is not None:
        s, cap_pullback = softcap_vjp(x, cap=cap)                           # (N, M)        # (blockwise.2)
    for z in bias:
        s = s + z                                                           # (N, M)        # (blockwise.3)
    if slopes is not None:
        s = alibi(s[None, None], slopes=slopes, queries=at[0], keys=at[1])[0, 0]  # (N, M)  # (blockwise.4)
    if seen is not None:
        np.copyto(s, -np.inf, where=~seen)                                  # (N, M)        # (blockwise.5)

    def pullback(ds: np.ndarray) -> tuple[np.ndarray, ...]:
        dbias = [column_sums(ds) if len(z) == 1 else ds for z in bias]      # (N or 1, M)   # (blockwise.16)
        if cap is not None:
            ds = cap_pullback(ds)                                           # (N, M)        # (blockwise.17)
        dq = scale * (ds @ k)                                               # (N, K)        # (blockwise.18)
        dk = scale * (ds.T @ q)                                             # (M, K)        # (blockwise.19)
        return dq, dk, *dbias

    return s, pullback


def _shares(kept: np.ndarray, dropout: float, dtype: np.dtype) -> np.ndarray:
    """Return c (N, M), what dropout multiplies the weights with."""
    return np.multiply(kept, 1 / (1 - float(dropout)), dtype=dtype)         # (N, M)        # (blockwise.6)


def _softmax_pullback(
    s: np.ndarray, c: np.ndarray | None, v: np.ndarray, l: np.ndarray, d: np.ndarray, do: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return ds (N, M) and dv (M, W)."""
    p = s - l
    np.exp(p, out=p)                                                        # (N, M)        # (blockwise.10)
    w = p if c is None else c * p                                           # (N, M)        # (blockwise.11)
    dv = w.T @ do                                                           # (M, W)        # (blockwise.12)
    dw = do @ v.T                                                           # (N, M)        # (blockwise.13)
    dp = dw if c is None else c * dw                                        # (N, M)        # (blockwise.14)
    ds = p * (dp - d)                                                       # (N, M)        # (blockwise.15)
    return ds, dv


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    for heads in (1, 4):
        q, k, v = (rng.normal(size=(2, heads, length, 8)) for length in (4, 7, 7))
        yield f"heads {heads}", blockwise_vjp, (q, k, v), {}
        yield f"heads {heads}, padding to 3 and 0", blockwise_vjp, (q, k, v), {"mask": padding(np.array([3, 0]), 7)}
    bias = rng.normal(size=(2, 1, 1, 7))
    yield "every option", blockwise_vjp, (q, k[:, :2], v[:, :2], bias), {
        "mask": padding(np.array([7, 5]), 7), "causal": True, "window": 3, "cap": 1.5, "slopes": alibi_slopes(4),
        "scale": 0.7, "dropout": 0.4, "rng": np.random.default_rng(2),
    }  # fmt: skip
    yield "wide values", blockwise_vjp, (q, k[:, :2], rng.normal(size=(2, 2, 7, 3))), {"causal": True}
    q, k, v = (rng.normal(size=(1, 1, length, 2)) for length in (N + 3, N + 5, N + 5))
    yield "several blocks, causal", blockwise_vjp, (q, k, v), {"causal": True}
