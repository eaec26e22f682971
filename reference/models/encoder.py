"""Encoder: blocks of self-attention and feed-forward.  Derivation: specs/models/encoder.md.

B batch, S positions, D width.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.core.shapes import expect_positive, expect_shape
from reference.layers.attention import SelfAttention
from reference.layers.feedforward import FeedForward
from reference.layers.layernorm import LayerNorm
from reference.layers.residual import PostNorm, PreNorm

Residual: TypeAlias = type[PreNorm] | type[PostNorm]


class EncoderBlock(Layer):
    """y = feedforward(attention(x)), each within its residual.  Vaswani et al. 2017, sec. 3.1."""

    attention: PreNorm | PostNorm    # around SelfAttention
    feedforward: PreNorm | PostNorm  # around FeedForward

    @classmethod
    def init(
        cls,
        rng: np.random.Generator,
        width: int,
        heads: int,
        hidden: int,
        residual: Residual = PreNorm,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """Draw both sub-layers as they do themselves, with a norm of their own each."""
        attention = SelfAttention.init(rng, width, heads, dtype)
        feedforward = FeedForward.init(rng, width, hidden, dtype=dtype)
        return cls(
            attention=residual(norm=LayerNorm.init(width, dtype), inner=attention),
            feedforward=residual(norm=LayerNorm.init(width, dtype), inner=feedforward),
        )

    def vjp(
        self, x: np.ndarray, *, mask: np.ndarray | None = None
    ) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (B, S, D) to y (B, S, D); `mask` as for SelfAttention.

        Raises:
            TypeError: x is not floating or complex, or the mask is not boolean.
            ValueError: the shapes do not fit together.
        """
        expect_shape("EncoderBlock", "x", x, ("B", "S", "D"))
        h, attention_pullback = self.attention.vjp(x, mask=mask)        # (B, S, D)  # (encoder.1)
        y, feedforward_pullback = self.feedforward.vjp(h)               # (B, S, D)  # (encoder.2)

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            d_feedforward, dh = feedforward_pullback(dy)                # (B, S, D)  # (encoder.5)
            d_attention, dx = attention_pullback(dh)                    # (B, S, D)  # (encoder.6)
            return self.cotangent(attention=d_attention, feedforward=d_feedforward), dx

        return y, pullback


class Encoder(Layer):
    """Blocks one after the other, each with parameters of its own; a pre-norm stack ends in a norm."""

    blocks: tuple[EncoderBlock, ...]
    norm: LayerNorm | None  # of a pre-norm stack; every post-norm block ends in one already

    @classmethod
    def init(
        cls,
        rng: np.random.Generator,
        width: int,
        heads: int,
        hidden: int,
        layers: int,
        residual: Residual = PreNorm,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """Draw `layers` blocks; the final norm is there if `residual` is PreNorm."""
        expect_positive("Encoder.init", "layers", layers)
        blocks = tuple(EncoderBlock.init(rng, width, heads, hidden, residual, dtype) for _ in range(layers))
        return cls(blocks=blocks, norm=LayerNorm.init(width, dtype) if issubclass(residual, PreNorm) else None)

    def vjp(
        self, x: np.ndarray, *, mask: np.ndarray | None = None
    ) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (B, S, D) to y (B, S, D); mask and errors as for EncoderBlock."""
        block_pullbacks = []
        for block in self.blocks:
            x, block_pullback = block.vjp(x, mask=mask)                 # (B, S, D)  # (encoder.3)
            block_pullbacks.append(block_pullback)
        if self.norm is not None:
            x, norm_pullback = self.norm.vjp(x)                         # (B, S, D)  # (encoder.4)

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            dx, d_blocks, d_norm = dy, [], {}
            if self.norm is not None:
                d_norm["norm"], dx = norm_pullback(dy)                  # (B, S, D)  # (encoder.7)
            for block_pullback in reversed(block_pullbacks):
                d_block, dx = block_pullback(dx)                        # (B, S, D)  # (encoder.8)
                d_blocks.append(d_block)
            return self.cotangent(blocks=tuple(reversed(d_blocks)), **d_norm), dx

        return x, pullback

    def __call__(self, x: np.ndarray, *, mask: np.ndarray | None = None) -> np.ndarray:
        """Map x (B, S, D) to y (B, S, D), holding the residuals of one block at a time."""
        for block in self.blocks:
            x = block(x, mask=mask)
        return x if self.norm is None else self.norm(x)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    x, mask = rng.normal(size=(2, 5, 8)), padding(np.array([5, 3]), 5)
    for residual in (PreNorm, PostNorm):
        for heads, seen in ((1, {}), (4, {"mask": mask})):
            for layer in (
                EncoderBlock.init(rng, 8, heads, 6, residual),
                Encoder.init(rng, 8, heads, 6, layers=2, residual=residual),
            ):
                name = f"{type(layer).__name__}, {residual.__name__}, heads {heads}{', masked' if seen else ''}"
                yield name, tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), layer), (x,), seen
