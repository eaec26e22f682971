"""Decoder: blocks of self-attention, cross-attention and feed-forward.  Derivation: specs/models/decoder.md.

B batch, T positions, S positions of the memory, D width.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.families import BlockSettings
from reference.core.kinds import Size
from reference.core.layer import Layer
from reference.core.masks import causal, padding
from reference.core.outputs import expect_alone, join, split
from reference.core.positions import expect_placed, placed
from reference.core.randomness import randomness
from reference.core.roles import OfOne
from reference.core.shapes import expect_shape
from reference.core.steps import OverMemory
from reference.layers.attention import MultiHeadAttention, SelfAttention
from reference.layers.feedforward import FeedForward
from reference.models.encoder import RESIDUALS, Residual, final_norm, residual


class DecoderBlock(OverMemory, Layer):
    """y = feedforward(cross_attention(self_attention(x), memory)), each within its residual."""

    self_attention: Residual   # around SelfAttention
    cross_attention: Residual  # around MultiHeadAttention
    feedforward: Residual      # around FeedForward

    @classmethod
    def init(cls, rng: np.random.Generator, settings: BlockSettings, dtype: DTypeLike = np.float32) -> Self:
        """Draw the three sub-layers as they do themselves, each with a norm of its own and dropout of its output."""
        self_attention = SelfAttention.init(rng, settings.width, settings.heads, dtype)
        cross_attention = MultiHeadAttention.init(rng, settings.width, settings.heads, dtype)
        feedforward = FeedForward.init(rng, settings.width, settings.hidden, dtype=dtype)
        return cls(
            self_attention=residual(settings, self_attention, dtype),
            cross_attention=residual(settings, cross_attention, dtype),
            feedforward=residual(settings, feedforward, dtype),
        )

    def vjp(
        self,
        x: np.ndarray,
        memory: np.ndarray,
        *,
        mask: np.ndarray | None = None,
        memory_mask: np.ndarray | None = None,
        position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> tuple[Any, Callable[[Any], tuple[Self, np.ndarray, np.ndarray]]]:
        """Map x (B, T, D), which queries memory (B, S, D), to y (B, T, D), or to (y, *auxiliary) as `feedforward` does.

        `mask` is that of the self-attention, `memory_mask` that of the cross-attention.  `position_ids` (B or 1, T)
        go to the self-attention, if it is one that knows positions.

        Raises:
            TypeError: x or memory is not floating or complex, a mask is not boolean, or rng is no generator.
            ValueError: the shapes do not fit together.

        Source: Vaswani et al. 2017, sec. 3.1.
        """
        expect_shape("DecoderBlock", "x", x, ("B", "T", "D"))
        expect_shape("DecoderBlock", "memory", memory, (x.shape[0], "S", x.shape[2]))
        expect_placed("DecoderBlock", position_ids, x)
        own = placed(self.self_attention.inner, position_ids) | randomness(self.self_attention, rng)
        cross = randomness(self.cross_attention, rng)
        h, self_attention_pullback = self.self_attention.vjp(x, mask=mask, **own)         # (B, T, D)  # (decoder.1)
        c, cross_attention_pullback = self.cross_attention.vjp(h, memory, mask=memory_mask, **cross)   # (decoder.2)
        y, feedforward_pullback = self.feedforward.vjp(c, **randomness(self.feedforward, rng))         # (decoder.3)

        def pullback(dy: Any) -> tuple[Self, np.ndarray, np.ndarray]:
            d_feedforward, dc = feedforward_pullback(dy)                                  # (B, T, D)  # (decoder.7)
            d_cross_attention, dh, dmemory = cross_attention_pullback(dc)                 # (B, T, D)  # (decoder.8)
            d_self_attention, dx = self_attention_pullback(dh)                            # (B, T, D)  # (decoder.9)
            d_self = self.cotangent(
                self_attention=d_self_attention, cross_attention=d_cross_attention, feedforward=d_feedforward
            )
            return d_self, dx, dmemory

        return y, pullback

    def _parts(self) -> tuple[Layer, ...]:
        return self.self_attention, self.cross_attention, self.feedforward


class Decoder(OverMemory, Layer):
    """Blocks one after the other, all with the same memory; a pre-norm stack ends in a norm."""

    blocks: tuple[Layer, ...]  # such as DecoderBlock
    norm: OfOne | None  # of a pre-norm stack

    @classmethod
    def init(
        cls, rng: np.random.Generator, settings: BlockSettings, layers: Size, dtype: DTypeLike = np.float32
    ) -> Self:
        """Draw `layers` blocks, each as it does itself, and the final norm of a pre-norm stack."""
        blocks = tuple(DecoderBlock.init(rng, settings, dtype) for _ in range(layers))
        return cls(blocks=blocks, norm=final_norm(settings, dtype))

    def vjp(
        self,
        x: np.ndarray,
        memory: np.ndarray,
        *,
        mask: np.ndarray | None = None,
        memory_mask: np.ndarray | None = None,
        position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> tuple[Any, Callable[[Any], tuple[Self, np.ndarray, np.ndarray]]]:
        """Map x (B, T, D), which queries memory (B, S, D), to y (B, T, D).

        Behind y stand the auxiliary outputs of all blocks in their order, if there are any.
        Masks, position_ids, rng and errors as for DecoderBlock.
        """
        expect_placed("Decoder", position_ids, x)
        block_pullbacks, auxiliary, counts = [], (), []
        for block in self.blocks:
            given = placed(block, position_ids) | randomness(block, rng)
            out, block_pullback = block.vjp(x, memory, mask=mask, memory_mask=memory_mask, **given)
            x, more = split(out)                                                          # (B, T, D)  # (decoder.4)
            auxiliary += more                                                                          # (decoder.6)
            block_pullbacks.append(block_pullback)
            counts.append(len(more))
        if self.norm is not None:
            x, norm_pullback = self.norm.vjp(x)                                           # (B, T, D)  # (decoder.5)
            expect_alone("Decoder", "norm", x)

        def pullback(cotangents: Any) -> tuple[Self, np.ndarray, np.ndarray]:
            dx, dauxiliary = split(cotangents)
            dmemory, d_norm, d_blocks = np.zeros_like(memory), {}, []
            if self.norm is not None:
                d_norm["norm"], dx = norm_pullback(dx)                                    # (B, T, D)  # (decoder.10)
            for block_pullback, count in zip(reversed(block_pullbacks), reversed(counts), strict=True):
                rest = len(dauxiliary) - count
                dauxiliary, dmore = dauxiliary[:rest], dauxiliary[rest:]                               # (decoder.11)
                d_block, dx, dmemory_block = block_pullback(join(dx, dmore))              # (B, T, D)  # (decoder.12)
                dmemory = dmemory + dmemory_block                                         # (B, S, D)  # (decoder.13)
                d_blocks.append(d_block)
            return self.cotangent(blocks=tuple(reversed(d_blocks)), **d_norm), dx, dmemory

        return join(x, auxiliary), pullback

    def __call__(
        self,
        x: np.ndarray,
        memory: np.ndarray,
        *,
        mask: np.ndarray | None = None,
        memory_mask: np.ndarray | None = None,
        position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> Any:
        """Return what `vjp` returns first, holding the residuals of one block at a time."""
        expect_placed("Decoder", position_ids, x)
        auxiliary: tuple = ()
        for block in self.blocks:
            given = placed(block, position_ids) | randomness(block, rng)
            x, more = split(block(x, memory, mask=mask, memory_mask=memory_mask, **given))
            auxiliary += more
        return join(x if self.norm is None else self.norm(x), auxiliary)

    def _parts(self) -> tuple[Layer, ...]:
        return self.blocks if self.norm is None else (*self.blocks, self.norm)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    x, memory = rng.normal(size=(2, 4, 8)), rng.normal(size=(2, 5, 8))
    masks = {"mask": causal(4), "memory_mask": padding(np.array([5, 3]), 5)}
    for norm in RESIDUALS:
        for heads, seen in ((1, {}), (4, masks)):
            settings = BlockSettings(width=8, heads=heads, hidden=6, norm=norm)
            for layer in (DecoderBlock.init(rng, settings), Decoder.init(rng, settings, layers=2)):
                name = f"{type(layer).__name__}, {RESIDUALS[norm].__name__}, heads {heads}{', masked' if seen else ''}"
                yield name, tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), layer), (x, memory), seen
