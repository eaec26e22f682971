"""The stack of blocks that encoders and decoder-only models are.  Derivation: specs/models/encoder.md.

B batch, S positions, D width.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.families import BlockSettings, Norm
from reference.core.kinds import Size
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.core.outputs import expect_alone, join, split
from reference.core.positions import expect_placed, placed
from reference.core.randomness import randomness
from reference.core.roles import OfOne
from reference.core.shapes import expect_shape
from reference.core.steps import InTurn
from reference.layers.attention import SelfAttention
from reference.layers.dropout import Dropout
from reference.layers.feedforward import FeedForward
from reference.layers.layernorm import LayerNorm
from reference.layers.mixture import MixtureOfExperts
from reference.layers.residual import PostNorm, PreNorm

Residual: TypeAlias = PreNorm | PostNorm

RESIDUALS: dict[Norm, type[Residual]] = {"pre": PreNorm, "post": PostNorm}


def residual(settings: BlockSettings, inner: Layer, dtype: DTypeLike) -> Residual:
    """Return `inner` within its residual, with a norm of its own, and dropout where something is dropped."""
    drop = Dropout(settings.dropout) if settings.dropout else None
    return RESIDUALS[settings.norm](LayerNorm.init(settings.width, dtype), inner, drop)


def final_norm(settings: BlockSettings, dtype: DTypeLike) -> LayerNorm | None:
    """Return the norm in which a pre-norm stack ends; every post-norm block ends in one already."""
    return LayerNorm.init(settings.width, dtype) if settings.norm == "pre" else None


class Block(InTurn, Layer):
    """y = feedforward(attention(x)), each within its residual.  Vaswani et al. 2017, sec. 3.1."""

    attention: Residual    # around SelfAttention
    feedforward: Residual  # around FeedForward

    @classmethod
    def init(cls, rng: np.random.Generator, settings: BlockSettings, dtype: DTypeLike = np.float32) -> Self:
        """Draw both sub-layers as they do themselves, each with a norm of its own and dropout of its output."""
        attention = SelfAttention.init(rng, settings.width, settings.heads, dtype)
        feedforward = FeedForward.init(rng, settings.width, settings.hidden, dtype=dtype)
        return cls(
            attention=residual(settings, attention, dtype), feedforward=residual(settings, feedforward, dtype)
        )

    def vjp(
        self, x: np.ndarray, *, mask: np.ndarray | None = None, position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> tuple[Any, Callable[[Any], tuple[Self, np.ndarray]]]:  # fmt: skip
        """Map x (B, S, D) to y (B, S, D), or to (y, *auxiliary) as `feedforward` does; `mask` as for SelfAttention.

        `position_ids` (B or 1, S) go to the attention, if it is one that knows positions.

        Raises:
            TypeError: x is not floating or complex, the mask is not boolean, or rng is no generator.
            ValueError: the shapes do not fit together.
        """
        expect_shape("Block", "x", x, ("B", "S", "D"))
        expect_placed("Block", position_ids, x)
        given = placed(self.attention.inner, position_ids) | randomness(self.attention, rng)
        h, attention_pullback = self.attention.vjp(x, mask=mask, **given)                               # (encoder.1)
        y, feedforward_pullback = self.feedforward.vjp(h, **randomness(self.feedforward, rng))          # (encoder.2)

        def pullback(dy: Any) -> tuple[Self, np.ndarray]:
            d_feedforward, dh = feedforward_pullback(dy)                # (B, S, D)  # (encoder.6)
            d_attention, dx = attention_pullback(dh)                    # (B, S, D)  # (encoder.7)
            return self.cotangent(attention=d_attention, feedforward=d_feedforward), dx

        return y, pullback

    def _parts(self) -> tuple[Layer, ...]:
        return self.attention, self.feedforward


class Stack(InTurn, Layer):
    """Blocks one after the other, each with parameters of its own; a pre-norm stack ends in a norm."""

    blocks: tuple[Layer, ...]  # such as Block
    norm: OfOne | None  # of a pre-norm stack

    @classmethod
    def init(
        cls, rng: np.random.Generator, settings: BlockSettings, layers: Size, dtype: DTypeLike = np.float32
    ) -> Self:
        """Draw `layers` blocks, each as it does itself, and the final norm of a pre-norm stack."""
        blocks = tuple(Block.init(rng, settings, dtype) for _ in range(layers))
        return cls(blocks=blocks, norm=final_norm(settings, dtype))

    def vjp(
        self, x: np.ndarray, *, mask: np.ndarray | None = None, position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> tuple[Any, Callable[[Any], tuple[Self, np.ndarray]]]:  # fmt: skip
        """Map x (B, S, D) to y (B, S, D), with the auxiliary outputs of all blocks in their order behind it, if any.

        Mask, position_ids, rng and errors as for Block.
        """
        expect_placed("Stack", position_ids, x)
        block_pullbacks, auxiliary, counts = [], (), []
        for block in self.blocks:
            given = placed(block, position_ids) | randomness(block, rng)
            out, block_pullback = block.vjp(x, mask=mask, **given)
            x, more = split(out)                                        # (B, S, D)  # (encoder.3)
            auxiliary += more                                                        # (encoder.5)
            block_pullbacks.append(block_pullback)
            counts.append(len(more))
        if self.norm is not None:
            x, norm_pullback = self.norm.vjp(x)                         # (B, S, D)  # (encoder.4)
            expect_alone("Stack", "norm", x)

        def pullback(cotangents: Any) -> tuple[Self, np.ndarray]:
            dx, dauxiliary = split(cotangents)
            d_blocks, d_norm = [], {}
            if self.norm is not None:
                d_norm["norm"], dx = norm_pullback(dx)                  # (B, S, D)  # (encoder.8)
            for block_pullback, count in zip(reversed(block_pullbacks), reversed(counts), strict=True):
                rest = len(dauxiliary) - count
                dauxiliary, dmore = dauxiliary[:rest], dauxiliary[rest:]             # (encoder.9)
                d_block, dx = block_pullback(join(dx, dmore))           # (B, S, D)  # (encoder.10)
                d_blocks.append(d_block)
            return self.cotangent(blocks=tuple(reversed(d_blocks)), **d_norm), dx

        return join(x, auxiliary), pullback

    def __call__(
        self, x: np.ndarray, *, mask: np.ndarray | None = None, position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> Any:  # fmt: skip
        """Return what `vjp` returns first, holding the residuals of one block at a time."""
        expect_placed("Stack", position_ids, x)
        auxiliary: tuple = ()
        for block in self.blocks:
            x, more = split(block(x, mask=mask, **placed(block, position_ids), **randomness(block, rng)))
            auxiliary += more
        return join(x if self.norm is None else self.norm(x), auxiliary)

    def _parts(self) -> tuple[Layer, ...]:
        return self.blocks if self.norm is None else (*self.blocks, self.norm)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    x, mask = rng.normal(size=(2, 5, 8)), padding(np.array([5, 3]), 5)
    for norm in RESIDUALS:
        for heads, seen in ((1, {}), (4, {"mask": mask})):
            settings = BlockSettings(width=8, heads=heads, hidden=6, norm=norm)
            for layer in (Block.init(rng, settings), Stack.init(rng, settings, layers=2)):
                name = f"{type(layer).__name__}, {RESIDUALS[norm].__name__}, heads {heads}{', masked' if seen else ''}"
                yield name, tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), layer), (x,), seen
    stack: Any = Stack.init(rng, BlockSettings(width=8, heads=4, hidden=6, dropout=0.4), layers=2)
    mixtures = tuple(
        Block(block.attention, PreNorm(LayerNorm.init(8), MixtureOfExperts.init(rng, 8, 3, experts=3, k=2)))
        for block in stack.blocks
    )
    stack = tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), Stack(mixtures, stack.norm))
    yield "Stack, mixtures, dropout", stack, (x,), {"mask": mask, "rng": np.random.default_rng(1)}
