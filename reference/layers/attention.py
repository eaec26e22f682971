"""Multi-head attention between four projections.  Derivation: specs/layers/attention.md.

B batch, T query positions, S key positions, D width, H heads, K = D / H head width.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.cache import Cache, MemoryCache, expect_cache, expect_rows
from reference.core.kinds import AboveZero, Size
from reference.core.layer import Layer
from reference.core.masks import causal, expect_mask, padding
from reference.core.outputs import join, split
from reference.core.sequences import few_at_a_time
from reference.core.shapes import expect_flag, expect_shape
from reference.core.words import cut
from reference.functions.attend import attend_vjp
from reference.functions.blockwise import LONG, blockwise_vjp
from reference.layers.cache import KeyValueCache, attend_once, step
from reference.layers.linear import Linear, draw_side_by_side


def split_heads(merged: np.ndarray, heads: int) -> np.ndarray:
    """Map (B, T, H K) to (B, H, T, K), a view where that is contiguous: matmul takes it as it is."""
    batch, length, width = merged.shape
    return merged.reshape(batch, length, heads, width // heads).swapaxes(1, 2)  # (attention.4)


def merge_heads(split: np.ndarray) -> np.ndarray:
    """Map (B, H, T, K) to (B, T, H K): the inverse of split_heads, and its transpose."""
    batch, heads, length, width = split.shape
    return split.swapaxes(1, 2).reshape(batch, length, heads * width)           # (attention.6)


def expect_heads(where: str, heads: int, width: int) -> None:
    """Raise unless `width` entries are `heads` of one width."""
    if width % heads:
        raise ValueError(f"{where}: heads must divide the width {width}, got {cut(heads)}")


def attention_vjp(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, *bias: np.ndarray, weights: bool = False, **options: Any
) -> tuple[Any, Callable[[Any], tuple[np.ndarray, ...]]]:
    """Attend as `attend_vjp` says, in blocks where a head's table of scores has LONG x LONG entries or more.

    Where the `weights` are an output, that is the whole table, and there are no blocks.
    """
    expect_flag("attend", "weights", weights)
    if weights:
        return attend_vjp(q, k, v, *bias, weights=weights, **options)
    kernel = attend_vjp if q.shape[2] * k.shape[2] < LONG * LONG else blockwise_vjp
    return few_at_a_time(kernel, q, k, v, *bias, **options)


class MultiHeadAttention(Layer):
    """y = output(merge(attend(query(x), key(memory), value(memory)))), head by head."""

    query: Linear   # D -> H K
    key: Linear     # D -> H K
    value: Linear   # D -> H W, where W is K unless given
    output: Linear  # H W -> D
    heads: Size
    scale: AboveZero | None = None  # of q k^T; K^(-1/2) unless given

    @classmethod
    def init(cls, rng: np.random.Generator, width: Size, heads: Size, dtype: DTypeLike = np.float32) -> Self:
        """Draw query, key and value side by side, as one map D -> 3 D, and output as Linear does.

        Raises:
            ValueError: heads does not divide width.
        """
        expect_heads(f"{cls.__name__}.init", heads, width)
        query, key, value = draw_side_by_side(rng, width, (width, width, width), dtype)
        return cls(query=query, key=key, value=value, output=Linear.init(rng, width, width, dtype), heads=heads)

    def vjp(
        self, x: np.ndarray, memory: np.ndarray, *, mask: np.ndarray | None = None, weights: bool = False
    ) -> tuple[Any, Callable[[Any], tuple[Self, np.ndarray, np.ndarray]]]:
        """Let x (B, T, D) query memory (B, S, D); return y (B, T, D), with `weights` also those (B, H, T, S).

        `mask` is boolean, (B or 1, H or 1, T or 1, S), True where a query sees a key.

        Raises:
            TypeError: x or memory is not floating or complex, or the mask is not boolean.
            ValueError: the shapes, those of the projections included, do not fit together.

        Source: Vaswani et al. 2017, sec. 3.2.2.
        """
        self._expect_projections()
        where = type(self).__name__
        expect_heads(where, self.heads, self.query.w.shape[1])
        expect_shape(where, "x", x, ("B", "T", self.query.w.shape[0]))
        expect_shape(where, "memory", memory, (x.shape[0], "S", self.key.w.shape[0]))
        expect_mask(where, mask, (x.shape[0], self.heads, x.shape[1], memory.shape[1]), x)

        q, query_pullback = self.query.vjp(x)                       # (B, T, D)     # (attention.1)
        k, key_pullback = self.key.vjp(memory)                      # (B, S, D)     # (attention.2)
        v, value_pullback = self.value.vjp(memory)                  # (B, S, D)     # (attention.3)
        q, k, v = (split_heads(z, self.heads) for z in (q, k, v))   # (B, H, ., K)
        out, attend_pullback = attention_vjp(q, k, v, mask=mask, scale=self.scale, weights=weights)
        o, seen = split(out)                                                        # (attention.5)
        y, output_pullback = self.output.vjp(merge_heads(o))        # (B, T, D)     # (attention.7)

        def pullback(dy: Any) -> tuple[Self, np.ndarray, np.ndarray]:
            dy, dseen = split(dy)
            d_output, do = output_pullback(dy)                                      # (attention.8)
            dq, dk, dv = attend_pullback(join(split_heads(do, self.heads), dseen))  # (attention.9)
            d_value, dmemory_value = value_pullback(merge_heads(dv))                # (attention.10)
            d_key, dmemory_key = key_pullback(merge_heads(dk))                      # (attention.11)
            d_query, dx = query_pullback(merge_heads(dq))                           # (attention.12)
            dmemory = dmemory_key + dmemory_value                   # (B, S, D)     # (attention.13)
            d_self = self.cotangent(query=d_query, key=d_key, value=d_value, output=d_output)
            return d_self, dx, dmemory

        return join(y, seen), pullback

    def cache(self, batch: int, room: int, memory: np.ndarray, *, mask: np.ndarray | None = None) -> Cache:
        """Return what `step` needs: the keys and values of memory (B, S, D); `mask` is (B or 1, H or 1, 1, S).

        Raises:
            TypeError, ValueError: as for `vjp`; memory is not that of `batch`.
        """
        where = f"{type(self).__name__}.cache"
        self._expect_projections()
        expect_rows(where, batch, room)
        expect_shape(where, "memory", memory, (batch, "S", self.key.w.shape[0]))
        expect_mask(where, mask, (batch, self.heads, 1, memory.shape[1]), memory)
        k, v = (split_heads(part(memory), self.heads) for part in (self.key, self.value))
        return MemoryCache(self, room, k, v, mask)

    def step(self, x: np.ndarray, cache: Any) -> np.ndarray:
        """Let the next x (B, T, D) query the memory of the cache; return y (B, T, D)."""
        where = f"{type(self).__name__}.step"
        expect_cache(self, cache)
        expect_shape(where, "x", x, ("B", "T", self.query.w.shape[0]))
        cache.expect(where, "x", x)
        q = cache.query(x).reshape(*x.shape[:2], self.heads, -1)    # (B, T, H, K)
        if x.shape[1] == 1:
            mask = None if cache.mask is None else cache.mask[:, :, 0]
            o = attend_once(q[:, 0], cache.k, cache.v, mask=mask, scale=self.scale)
        else:
            options: dict[str, Any] = {"mask": cache.mask, "scale": self.scale}
            o = attention_vjp(q.swapaxes(1, 2), cache.k, cache.v, **options)[0].swapaxes(1, 2)
        cache.length += x.shape[1]
        return cache.output(o.reshape(*x.shape[:2], -1))

    def _expect_projections(self) -> None:
        where = type(self).__name__
        expect_shape(where, "query.w", self.query.w, ("D", "H K"))
        inner = self.query.w.shape[1]
        expect_shape(where, "key.w", self.key.w, ("D", inner))
        expect_shape(where, "value.w", self.value.w, (self.key.w.shape[0], "H W"))
        expect_heads(where, self.heads, self.value.w.shape[1])
        expect_shape(where, "output.w", self.output.w, (self.value.w.shape[1], "D"))


class SelfAttention(MultiHeadAttention):
    """Multi-head attention in which x is its own memory."""

    def vjp(  # type: ignore[override]  # one input fewer: x stands for both
        self, x: np.ndarray, *, mask: np.ndarray | None = None, weights: bool = False
    ) -> tuple[Any, Callable[[Any], tuple[Self, np.ndarray]]]:
        """Map x (B, T, D) to y (B, T, D); mask, weights and errors as for MultiHeadAttention."""
        y, attention_pullback = super().vjp(x, x, mask=mask, weights=weights)

        def pullback(dy: Any) -> tuple[Self, np.ndarray]:
            d_self, dx_query, dx_memory = attention_pullback(dy)
            return d_self, dx_query + dx_memory                     # (B, T, D)     # (attention.14)

        return y, pullback

    def cache(  # type: ignore[override]  # one input fewer, as for vjp
        self, batch: int, room: int, *, starts: np.ndarray | None = None
    ) -> Cache:
        """Return what `step` needs; rows begin at `starts` (B,), if given."""
        self._expect_projections()
        expect_rows(f"{type(self).__name__}.cache", batch, room, starts, self.key.w)
        return KeyValueCache(self, batch, room, starts)

    def step(self, x: np.ndarray, cache: Cache) -> np.ndarray:
        """Map the next x (B, T, D) to y (B, T, D), as under a causal mask."""
        return step(self, x, cache)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    x, memory = rng.normal(size=(2, 3, 8)), rng.normal(size=(2, 5, 8))
    for heads in (1, 4):
        for name, kind, inputs, seen in (
            ("cross", MultiHeadAttention, (x, memory), padding(np.array([3, 0]), 5)),
            ("self", SelfAttention, (x,), causal(3)),
        ):
            layer = tree.map(lambda p: rng.normal(scale=0.5, size=p.shape), kind.init(rng, 8, heads))
            yield f"{name}, heads {heads}", layer, inputs, {}
            yield f"{name}, heads {heads}, masked", layer, inputs, {"mask": seen}
            yield f"{name}, heads {heads}, with its weights", layer, inputs, {"mask": seen, "weights": True}
