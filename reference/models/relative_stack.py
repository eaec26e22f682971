"""A stack whose blocks share one table of relative positions.  Derivation: specs/models/relative_stack.md.

B batch, T positions, S positions of the memory, D width, N buckets, H heads, L blocks.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.cache import Cache
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.core.shapes import got
from reference.core.steps import of_one_table, step_of_one_table
from reference.layers.attention import MultiHeadAttention
from reference.layers.feedforward import FeedForward
from reference.layers.grouped_attention import GroupedAttention
from reference.layers.relative import RelativePositions
from reference.layers.residual import PreNorm
from reference.layers.rmsnorm import RMSNorm
from reference.models.decoder import Decoder, DecoderBlock
from reference.models.encoder import Block, Stack


class RelativeStack(Layer):
    """y = stack(x, ...), with the biases of one table on the scores of every block's self-attention, as T5 has them."""

    relative: RelativePositions
    stack: Stack | Decoder  # of blocks whose self-attention is a GroupedAttention without relative positions

    def separate(self) -> Stack | Decoder:
        """Return the stack whose blocks have tables of their own, at the point where all are the one.

        Raises:
            TypeError: the self-attention of a block is none that takes such a table, or has one already.
        """
        for i, block in enumerate(self.stack.blocks):
            inner = getattr(getattr(block, _name(block), None), "inner", None)
            if not isinstance(inner, GroupedAttention) or inner.relative is not None:
                must = "must attend by a GroupedAttention without relative positions"
                raise TypeError(f"RelativeStack: stack.blocks[{i}] {must}, got {got(inner)}")
        return _placed(self.stack, self.relative)                                   # (relative_stack.1)

    def vjp(
        self, x: np.ndarray, *memory: np.ndarray, position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None, **masks: Any,
    ) -> tuple[Any, Callable[[Any], tuple]]:  # fmt: skip
        """Map x (B, T, D), and the memory (B, S, D) of a decoder, to y (B, T, D).

        Masks, position ids and errors as for the stack.

        Source: Raffel et al. 2020 (arXiv:1910.10683), sec. 2.1: "we share the position embedding parameters".
        """
        y, separate_pullback = self.separate().vjp(x, *memory, position_ids=position_ids, rng=rng, **masks)

        def pullback(dy: Any) -> tuple:
            d_stack, *dinputs = separate_pullback(dy)
            each = [getattr(block, _name(block)).inner.relative.table for block in d_stack.blocks]
            dphi = sum(each, start=np.zeros_like(self.relative.table))              # (N, H)  # (relative_stack.2)
            d_relative = self.relative.cotangent(table=dphi)
            return self.cotangent(relative=d_relative, stack=_placed(d_stack, None)), *dinputs

        return y, pullback

    def __call__(
        self, x: np.ndarray, *memory: np.ndarray, position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None, **masks: Any,
    ) -> Any:  # fmt: skip
        """Return what `vjp` returns first, holding the residuals of one block at a time."""
        return self.separate()(x, *memory, position_ids=position_ids, rng=rng, **masks)

    def cache(self, *sizes: Any, **options: Any) -> Cache:
        """Return what `step` needs, as the stack does."""
        return of_one_table(self, self.separate().cache(*sizes, **options))

    def step(self, x: np.ndarray, cache: Any) -> np.ndarray:
        """Map the next x (B, T, D) to y (B, T, D), as the stack does."""
        return step_of_one_table(self, x, cache)


def _name(block: Any) -> str:
    """Return the name of the field in which a block attends to itself."""
    return "self_attention" if hasattr(block, "self_attention") else "attention"


def _placed(stack: Any, relative: RelativePositions | None) -> Any:
    """Return the stack, or its gradient, with other relative positions in every block."""

    def within(block: Any) -> Any:
        residual = getattr(block, _name(block))
        inner = dataclasses.replace(residual.inner, relative=relative)
        return dataclasses.replace(block, **{_name(block): dataclasses.replace(residual, inner=inner)})

    return dataclasses.replace(stack, blocks=tuple(map(within, stack.blocks)))


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    x, memory = rng.normal(size=(2, 4, 6)), rng.normal(size=(2, 5, 6))

    def within(inner: Layer) -> PreNorm:
        return PreNorm(RMSNorm.init(6, np.float64), inner)

    def attention(causal: bool) -> GroupedAttention:
        drawn = GroupedAttention.init(rng, 6, 2, head_width=4, causal=causal, dtype=np.float64)
        return dataclasses.replace(drawn, scale=1.0)

    def feedforward() -> PreNorm:
        return within(FeedForward.init(rng, 6, 5, dtype=np.float64))

    encoder = Stack(tuple(Block(within(attention(False)), feedforward()) for _ in range(2)), RMSNorm.init(6))
    cross = MultiHeadAttention.init(rng, 6, 2, np.float64)
    decoder = Decoder((DecoderBlock(within(attention(True)), within(cross), feedforward()),), RMSNorm.init(6))
    mask = padding(np.array([5, 3]), 5)
    for name, stack, both, inputs, masks in (
        ("encoder, 2 blocks", encoder, True, (x,), {"mask": mask[..., :4]}),
        ("decoder", decoder, False, (x, memory), {"memory_mask": mask}),
    ):
        layer = RelativeStack(RelativePositions(rng.normal(size=(6, 2)), both, far=4), stack)
        yield name, tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), layer), inputs, masks
