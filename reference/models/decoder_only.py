"""Decoder-only Transformer from token ids to logits.  Derivation: specs/models/decoder_only.md.

B batch, T positions, D width, V vocabulary.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.kinds import AboveZero, Count, Share, Size
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.core.outputs import expect_alone, join, split, width_of
from reference.core.randomness import randomness
from reference.core.shapes import expect_ids
from reference.functions.gelu_tanh import gelu_tanh_vjp
from reference.functions.silu import silu_vjp
from reference.layers.attention import expect_heads
from reference.layers.dropout import Dropout
from reference.layers.embedding import Embedding
from reference.layers.feedforward import FeedForward
from reference.layers.gated import GatedFeedForward
from reference.layers.grouped_attention import GroupedAttention, expect_groups
from reference.layers.layernorm import LayerNorm
from reference.layers.learned import LearnedPositions
from reference.layers.linear import Linear
from reference.layers.residual import PreNorm
from reference.layers.rmsnorm import RMSNorm
from reference.layers.rotary import Rotary, expect_pairs
from reference.models.encoder import Encoder, EncoderBlock, dropout_or_none


class DecoderOnly(Layer):
    """logits = output(stack(drop(positions(embedding(tokens))))); each position sees those up to its own."""

    embedding: Embedding
    positions: Layer | None  # x -> x + its table; none where the attention knows positions, as by rotation
    stack: Encoder           # of blocks whose attention is causal
    output: Layer            # D -> V: the Linear that gpt and llama make, or the Projection of a tied model
    dropout: Share = 0.0     # of the sums of embeddings and positions

    @property
    def width_out(self) -> int | None:
        return width_of(self.output)

    @classmethod
    def gpt(
        cls,
        rng: np.random.Generator,
        vocabulary: Size,
        length: Size,
        width: Size,
        heads: Size,
        layers: Size,
        *,
        hidden: Size | None = None,
        dropout: Share = 0.0,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """Draw a model like GPT-2: learned positions, layer norms before, GELU by tanh, biases; hidden is 4 D.

        `dropout` is that of embeddings, attention weights and branches alike.

        Source: Radford et al. 2019, "Language models are unsupervised multitask learners", sec. 2.3.
        """
        expect_heads(f"{cls.__name__}.gpt", heads, width)
        hidden = 4 * width if hidden is None else hidden

        def block() -> EncoderBlock:
            attention = GroupedAttention.init(rng, width, heads, bias=True, dropout=dropout, dtype=dtype)
            feedforward = FeedForward.init(rng, width, hidden, gelu_tanh_vjp, dtype)
            return EncoderBlock(
                attention=PreNorm(LayerNorm.init(width, dtype), attention, dropout_or_none(dropout)),
                feedforward=PreNorm(LayerNorm.init(width, dtype), feedforward, dropout_or_none(dropout)),
            )

        return cls(
            embedding=Embedding.init(rng, vocabulary, width, dtype),
            positions=LearnedPositions.init(rng, length, width, dtype),
            stack=Encoder(blocks=tuple(block() for _ in range(layers)), norm=LayerNorm.init(width, dtype)),
            output=Linear.init(rng, width, vocabulary, dtype, bias=False),
            dropout=dropout,
        )

    @classmethod
    def llama(
        cls,
        rng: np.random.Generator,
        vocabulary: Size,
        width: Size,
        heads: Size,
        key_value_heads: Size,
        hidden: Size,
        layers: Size,
        *,
        window: Count | None = None,
        base: AboveZero = 10000.0,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """Draw a model like Llama 2: rotary positions, shared key and value heads, RMS norms, SwiGLU, no biases.

        With a `window` it is like Mistral 7B.

        Source: Touvron et al. 2023 (arXiv:2302.13971), sec. 2.2, and (arXiv:2307.09288), sec. 2.2; Jiang et al. 2023.
        """
        where = f"{cls.__name__}.llama"
        expect_heads(where, heads, width)
        expect_groups(where, heads, key_value_heads)
        expect_pairs(where, width // heads)
        options: dict[str, Any] = {"rotary": Rotary(base), "window": window, "dtype": dtype}

        def block() -> EncoderBlock:
            attention = GroupedAttention.init(rng, width, heads, key_value_heads, **options)
            feedforward = GatedFeedForward.init(rng, width, hidden, silu_vjp, dtype, bias=False)
            return EncoderBlock(
                attention=PreNorm(RMSNorm.init(width, dtype), attention),
                feedforward=PreNorm(RMSNorm.init(width, dtype), feedforward),
            )

        return cls(
            embedding=Embedding.init(rng, vocabulary, width, dtype),
            positions=None,
            stack=Encoder(blocks=tuple(block() for _ in range(layers)), norm=RMSNorm.init(width, dtype)),
            output=Linear.init(rng, width, vocabulary, dtype, bias=False),
        )

    def vjp(
        self, *, tokens: np.ndarray, mask: np.ndarray | None = None, rng: np.random.Generator | None = None
    ) -> tuple[Any, Callable[[Any], tuple[Self]]]:
        """Map token ids (B, T) to logits (B, T, V): logits t are meant for token t + 1.

        `mask` is boolean, (B or 1, H or 1, T or 1, T), False where a position is hidden from
        another besides those that come later.  Auxiliary outputs of the stack stand behind.

        Raises:
            TypeError: tokens is not an integer array, the mask is not boolean, or rng is no generator.
            ValueError: an id is outside the vocabulary, the shapes do not fit together, or T is above the positions.

        Source: Radford et al. 2018, "Improving language understanding by generative pre-training", sec. 3.1.
        """
        _expect_tokens(tokens, self.embedding)
        e, embedding_pullback = self.embedding.vjp(ids=tokens)          # (B, T, D)  # (decoder_only.1)
        x = e
        if self.positions is not None:
            x, positions_pullback = self.positions.vjp(e)               # (B, T, D)  # (decoder_only.2)
        x, drop_pullback = Dropout(self.dropout).vjp(x, rng=rng)        # (B, T, D)  # (decoder_only.3)
        out, stack_pullback = self.stack.vjp(x, mask=mask, **randomness(self.stack, rng))
        y, auxiliary = split(out)                                       # (B, T, D)  # (decoder_only.4)
        logits, output_pullback = self.output.vjp(y)                    # (B, T, V)  # (decoder_only.5)
        expect_alone("DecoderOnly", "output", logits)

        def pullback(cotangents: Any) -> tuple[Self]:
            dlogits, dauxiliary = split(cotangents)
            d: dict[str, Layer] = {}
            d["output"], dy = output_pullback(dlogits)                  # (B, T, D)  # (decoder_only.6)
            d["stack"], dx = stack_pullback(join(dy, dauxiliary))       # (B, T, D)  # (decoder_only.7)
            _, de = drop_pullback(dx)                                   # (B, T, D)  # (decoder_only.8)
            if self.positions is not None:
                d["positions"], de = positions_pullback(de)             # (B, T, D)  # (decoder_only.9)
            (d["embedding"],) = embedding_pullback(de)                               # (decoder_only.10)
            return (self.cotangent(**d),)

        return join(logits, auxiliary), pullback

    def __call__(
        self, *, tokens: np.ndarray, mask: np.ndarray | None = None, rng: np.random.Generator | None = None
    ) -> Any:
        """Return what `vjp` returns first, holding the residuals of one block at a time."""
        _expect_tokens(tokens, self.embedding)
        e = self.embedding(ids=tokens)
        x = Dropout(self.dropout)(e if self.positions is None else self.positions(e), rng=rng)
        y, auxiliary = split(self.stack(x, mask=mask, **randomness(self.stack, rng)))
        return join(self.output(y), auxiliary)


def _expect_tokens(tokens: Any, embedding: Embedding) -> None:
    expect_ids("DecoderOnly", "tokens", tokens, len(embedding.table))
    if tokens.ndim != 2:
        raise ValueError(f"DecoderOnly: tokens must have shape (B, T), got {tokens.shape}")


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    tokens, seen = rng.integers(7, size=(2, 5)), padding(np.array([5, 3]), 5)
    for name, model, constants in (
        ("like GPT", DecoderOnly.gpt(rng, 7, 6, 8, 4, 1, hidden=6), {"mask": seen}),
        ("like GPT, dropout", DecoderOnly.gpt(rng, 7, 6, 8, 1, 2, hidden=6, dropout=0.3), {}),
        ("like Llama", DecoderOnly.llama(rng, 7, 8, 4, 2, 6, 1), {}),
        ("like Mistral, one head of keys", DecoderOnly.llama(rng, 7, 8, 4, 1, 6, 2, window=3), {"mask": seen}),
    ):
        generator = {"rng": np.random.default_rng(1)} if model.dropout else {}
        model = tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), model)
        yield name, model, (), {"tokens": tokens, **constants, **generator}
