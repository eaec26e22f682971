"""Self-attention of today's decoders, with its options.  Derivation: specs/layers/grouped_attention.md.

B batch, T positions, D width, H heads, G key and value heads, K head width.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.attention import expect_grouped, expect_groups, expect_self_attention
from reference.core.cache import Cache, expect_rows
from reference.core.kinds import AboveZero, Count, Share, Size
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.core.outputs import join, split
from reference.core.positions import given
from reference.core.turns import expect_turns
from reference.functions.alibi import alibi_bias, alibi_slopes
from reference.layers.attention import attention_vjp, expect_heads, merge_heads, split_heads
from reference.layers.cache import KeyValueCache, step
from reference.layers.linear import Linear, draw_side_by_side
from reference.layers.relative import RelativePositions
from reference.layers.rmsnorm import RMSNorm
from reference.layers.rotary import Rotary


class GroupedAttention(Layer):
    """y = output(merge(attend(query(x), key(x), value(x)))); each head of key and value serves H / G of query."""

    query: Linear                       # D -> H K
    key: Linear                         # D -> G K
    value: Linear                       # D -> G W, where W is K unless given
    output: Linear                      # H W -> D
    heads: Size                         # H; G follows from the width of key
    query_norm: RMSNorm | None = None   # over the K entries of a head, one gain for all heads
    key_norm: RMSNorm | None = None
    rotary: Rotary | None = None
    alibi: bool = False
    causal: bool = True
    window: Count | None = None          # a position sees keys at distances below this
    cap: AboveZero | None = None        # scores are bent into (-cap, cap)
    dropout: Share = 0.0                # share of the weights that is dropped
    relative: RelativePositions | None = None  # biases on the scores, learned by distance
    scale: AboveZero | None = None      # of q k^T; K^(-1/2) unless given

    @property
    def head_width(self) -> int:
        return self.query.w.shape[1] // self.heads

    @property
    def key_value_heads(self) -> int:
        return self.key.w.shape[1] // self.head_width

    @classmethod
    def init(
        cls, rng: np.random.Generator, width: Size, heads: Size, key_value_heads: Size | None = None, *,
        head_width: Size | None = None, bias: bool = False, qk_norm: bool = False,
        rotary: Rotary | None = None, alibi: bool = False, causal: bool = True, window: Count | None = None,
        cap: AboveZero | None = None, dropout: Share = 0.0, dtype: DTypeLike = np.float32,
    ) -> Self:  # fmt: skip
        """Draw query, key and value side by side and output as Linear does; key_value_heads is heads unless given.

        Raises:
            ValueError: heads does not divide width (without head_width), key_value_heads does not divide heads,
                or heads of an odd width should turn.
        """
        where = f"{cls.__name__}.init"
        if head_width is None:
            expect_heads(where, heads, width)
            head_width = width // heads
        groups = heads if key_value_heads is None else key_value_heads
        expect_groups(where, heads, groups)
        if rotary is not None:
            expect_turns(where, rotary, head_width)
        inner = heads * head_width, *[groups * head_width] * 2
        query, key, value = draw_side_by_side(rng, width, inner, dtype, bias=bias)
        return cls(
            query, key, value, Linear.init(rng, heads * head_width, width, dtype, bias=bias), heads,
            query_norm=RMSNorm.init(head_width, dtype) if qk_norm else None,
            key_norm=RMSNorm.init(head_width, dtype) if qk_norm else None,
            rotary=rotary, alibi=alibi, causal=causal, window=window, cap=cap, dropout=dropout,
        )  # fmt: skip

    def vjp(
        self, x: np.ndarray, *bias: np.ndarray,
        mask: np.ndarray | None = None, position_ids: np.ndarray | None = None, angles: np.ndarray | None = None,
        rng: np.random.Generator | None = None, weights: bool = False,
    ) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:  # fmt: skip
        """Map x (B, T, D) to y (B, T, D), with `weights` also to those; the pullback returns (d_self, dx, *dbias).

        Each `bias` (B or 1, H or 1, T or 1, T) is added to the scores.  `mask` is boolean, of the same axes, True where
        a position sees another.  `position_ids` (B or 1, T) stand in place of 0 to T - 1 where queries and keys turn,
        and biases go by the distance, not where a mask or a window does; `angles` (B or 1, T, R/2) of R entries of
        a head where these turn, and nowhere else.  Weights are dropped only with an rng.

        Raises:
            TypeError: x or a bias is not floating or complex, the mask not boolean, ids no integers, angles not real,
                or rng none.
            ValueError: the shapes do not fit together, a position is negative, or there are angles beside ids, or
                without rotary positions.

        Source: Ainslie et al. 2023 (arXiv:2305.13245), sec. 2.2; of each option, see the derivation.
        """
        where = type(self).__name__
        self._expect_projections(where)
        at = expect_self_attention(where, self, x, bias, mask, rng, position_ids, angles)
        q, query_pullback = self.query.vjp(x)                       # (B, T, H K)   # (grouped_attention.1)
        k, key_pullback = self.key.vjp(x)                           # (B, T, G K)   # (grouped_attention.2)
        v, value_pullback = self.value.vjp(x)                       # (B, T, G K)   # (grouped_attention.3)
        q = split_heads(q, self.heads)                              # (B, H, T, K)
        k, v = (split_heads(z, self.key_value_heads) for z in (k, v))  # (B, G, T, K)
        if self.query_norm is not None:
            q, query_norm_pullback = self.query_norm.vjp(q)         # (B, H, T, K)  # (grouped_attention.4)
        if self.key_norm is not None:
            k, key_norm_pullback = self.key_norm.vjp(k)             # (B, G, T, K)  # (grouped_attention.5)
        if self.rotary is not None:
            q, query_rotary_pullback = self.rotary.vjp(q, **at)     # (B, H, T, K)  # (grouped_attention.6)
            k, key_rotary_pullback = self.rotary.vjp(k, **at)       # (B, G, T, K)  # (grouped_attention.7)
        count, slopes = len(bias), alibi_slopes(self.heads, like=q).astype(q.real.dtype) if self.alibi else None
        if slopes is not None and position_ids is not None:
            far = alibi_bias(slopes, position_ids=position_ids)     # (B, H, T, T)  # (grouped_attention.22)
            bias, slopes = (*bias, far), None
        if self.relative is not None:
            usual: dict[str, Any] = {"queries": range(x.shape[1]), "keys": range(x.shape[1])}
            places = given(position_ids) or usual
            r, relative_pullback = self.relative.vjp(**places)                      # (grouped_attention.20)
            bias = (*bias, r)                                       # (B, H, T, T)
        out, attention_pullback = attention_vjp(
            q, k, v, *bias, mask=mask, causal=self.causal, window=self.window, cap=self.cap, scale=self.scale, rng=rng,
            slopes=slopes, dropout=self.dropout, weights=weights,
        )  # fmt: skip
        o, seen = split(out)                                        # (B, H, T, K)  # (grouped_attention.8)
        y, output_pullback = self.output.vjp(merge_heads(o))        # (B, T, D)     # (grouped_attention.9)

        def pullback(dy: Any) -> tuple[Any, ...]:
            d: dict[str, Layer] = {}
            dy, dseen = split(dy)
            d["output"], do = output_pullback(dy)                                   # (grouped_attention.10)
            dq, dk, dv, *dbias = attention_pullback(join(split_heads(do, self.heads), dseen))  # (grouped_attention.11)
            if self.relative is not None:
                dr = dbias.pop()                                    # (B, H, T, T)
                (d["relative"],) = relative_pullback(dr)                            # (grouped_attention.21)
            if self.rotary is not None:
                _, dk = key_rotary_pullback(dk)                     # (B, G, T, K)  # (grouped_attention.12)
                d["rotary"], dq = query_rotary_pullback(dq)         # (B, H, T, K)  # (grouped_attention.13)
            if self.key_norm is not None:
                d["key_norm"], dk = key_norm_pullback(dk)           # (B, G, T, K)  # (grouped_attention.14)
            if self.query_norm is not None:
                d["query_norm"], dq = query_norm_pullback(dq)       # (B, H, T, K)  # (grouped_attention.15)
            d["value"], dx_value = value_pullback(merge_heads(dv))                  # (grouped_attention.16)
            d["key"], dx_key = key_pullback(merge_heads(dk))                        # (grouped_attention.17)
            d["query"], dx_query = query_pullback(merge_heads(dq))                  # (grouped_attention.18)
            dx = dx_query + dx_key + dx_value                       # (B, T, D)     # (grouped_attention.19)
            return self.cotangent(**d), dx, *dbias[:count]

        return join(y, seen), pullback

    def cache(self, batch: int, room: int, *, starts: np.ndarray | None = None) -> Cache:
        """Return what `step` needs; rows begin at `starts` (B,), if given.  A window makes it a ring of so many."""
        where = f"{type(self).__name__}.cache"
        self._expect_projections(where)
        expect_rows(where, batch, room, starts, self.key.w)
        if not self.causal:
            raise ValueError(f"{where}: attention must be causal, got causal=False, where all see what is to come")
        return KeyValueCache(self, batch, room, starts)

    def step(self, x: np.ndarray, cache: Cache) -> np.ndarray:
        """Map the next x (B, T, D) to y (B, T, D); nothing is dropped."""
        return step(self, x, cache)

    def _expect_projections(self, where: str) -> None:
        expect_heads(where, self.heads, self.query.w.shape[1])
        expect_grouped(where, self)
        if self.rotary is not None:
            expect_turns(where, self.rotary, self.head_width)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    x, bias, seen = rng.normal(size=(2, 5, 6)), rng.normal(size=(1, 4, 5, 5)), padding(np.array([5, 3]), 5)

    def layer(groups: int, **options: Any) -> GroupedAttention:
        drawn = GroupedAttention.init(rng, 6, 4, groups, head_width=4, dtype=np.float64, **options)
        return tree.map(lambda p: rng.normal(scale=0.6, size=p.shape), drawn)

    yield "4 heads, all to all", layer(4, bias=True, causal=False), (x,), {}
    yield "2 groups, norms, rotary", layer(2, qk_norm=True, rotary=Rotary(base=100.0)), (x,), {"mask": seen}
    placed = layer(2, rotary=Rotary(base=100.0), alibi=True)
    placed = GroupedAttention(**vars(placed) | {"relative": RelativePositions(rng.normal(size=(8, 4)), far=4)})
    yield "rotary, ALiBi, buckets, position ids", placed, (x[:1], bias), {"position_ids": np.array([[0, 1, 2, 0, 4]])}
    yield "rotary, angles of the caller's", layer(2, rotary=Rotary()), (x,), {"angles": rng.normal(size=(2, 5, 2))}
    yield "1 group, ALiBi, window 3", layer(1, alibi=True, window=3), (x,), {}
    yield "2 groups, a bias, cap 1.5", layer(2, causal=False, cap=1.5), (x, bias), {}
    others = {"relative": RelativePositions(rng.normal(size=(8, 4)), far=4), "scale": 1.0}
    yield "buckets", GroupedAttention(**vars(layer(2, causal=False)) | others), (x, bias), {"mask": seen}
    every = layer(2, bias=True, qk_norm=True, rotary=Rotary(), alibi=True, window=4, cap=1.5, dropout=0.4)
    yield "every option", every, (x, bias[:, :, :1]), {"mask": seen, "rng": np.random.default_rng(1), "weights": True}
