"""Decoder-only Transformer from token ids to logits.  Derivation: specs/models/decoder_only.md.

B batch, T positions, D width, V vocabulary.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.families import DecoderOnlySettings, expect_embeddings
from reference.core.kinds import AboveZero, Share
from reference.core.layer import Layer
from reference.core.masks import packed, padding
from reference.core.outputs import expect_alone, join, split, width_of
from reference.core.positions import expect_position_ids, given
from reference.core.randomness import randomness
from reference.core.roles import OfOne
from reference.core.shapes import expect_ids
from reference.core.steps import OfTokens
from reference.functions.gelu_tanh import gelu_tanh_vjp
from reference.functions.silu import silu_vjp
from reference.functions.softcap import softcap, softcap_vjp
from reference.layers.dropout import Dropout
from reference.layers.embedding import Embedding
from reference.layers.feedforward import FeedForward
from reference.layers.gated import GatedFeedForward
from reference.layers.grouped_attention import GroupedAttention
from reference.layers.layernorm import LayerNorm
from reference.layers.learned import LearnedPositions
from reference.layers.linear import Linear
from reference.layers.residual import PreNorm
from reference.layers.rmsnorm import RMSNorm
from reference.layers.rotary import Rotary
from reference.layers.sinusoidal import SinusoidalPositions
from reference.models.encoder import Block, Stack


class DecoderOnly(OfTokens, Layer):
    """logits = output(stack(drop(positions(embedding(tokens))))); each position sees those up to its own."""

    embedding: Embedding
    positions: OfOne | None  # x -> x + its table; none where the attention knows positions, as by rotation
    stack: Stack             # of blocks whose attention is causal
    output: OfOne            # D -> V: the Linear that init makes, or the Projection of a tied model
    dropout: Share = 0.0     # of the sums of embeddings and positions
    scale: AboveZero = 1.0   # of the embeddings
    cap: AboveZero | None = None  # logits are bent into (-cap, cap)

    @property
    def width_out(self) -> int | None:
        return width_of(self.output)

    @classmethod
    def init(cls, rng: np.random.Generator, settings: DecoderOnlySettings, dtype: DTypeLike = np.float32) -> Self:
        """Draw every part as it does itself: a model like GPT-2 or like Llama, as the settings say.

        Raises:
            ValueError: the settings are those of a model with tied embeddings.
        """
        expect_embeddings(f"{cls.__name__}.init", settings, "separate")
        s, width = settings, settings.width
        return cls(
            embedding=Embedding.init(rng, s.vocabulary, width, dtype),
            positions=_positions(rng, s, dtype),
            stack=Stack(blocks=tuple(_block(rng, s, dtype) for _ in range(s.layers)), norm=_norm(s, dtype)),
            output=Linear.init(rng, width, s.vocabulary, dtype, bias=False),
            dropout=s.dropout,
        )

    def vjp(
        self, *, tokens: np.ndarray, mask: np.ndarray | None = None, position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> tuple[Any, Callable[[Any], tuple[Self]]]:  # fmt: skip
        """Map token ids (B, T) to logits (B, T, V): logits t are meant for token t + 1.

        `mask` is boolean, (B or 1, H or 1, T or 1, T), False where a position is hidden from
        another besides those that come later.  `position_ids` (B or 1, T) stand in place of 0 to T - 1, as in rows
        of several sequences or with padding in front.  Auxiliary outputs of the stack stand behind.

        Raises:
            TypeError: tokens or position_ids is not an integer array, the mask is not boolean, or rng is no generator.
            ValueError: an id is outside the vocabulary, the shapes do not fit together, T or one of position_ids is
                beyond the positions, or attention goes by places.

        Source: Radford et al. 2018, "Improving language understanding by generative pre-training", sec. 3.1.
        """
        at = _expect_tokens(tokens, self.embedding, position_ids)
        e, embedding_pullback = self.embedding.vjp(ids=tokens)          # (B, T, D)  # (decoder_only.1)
        if self.scale != 1:
            e = float(self.scale) * e                                   # (B, T, D)  # (decoder_only.11)
        x = e
        if self.positions is not None:
            x, positions_pullback = self.positions.vjp(e, **at)         # (B, T, D)  # (decoder_only.2)
        x, drop_pullback = Dropout(self.dropout).vjp(x, rng=rng)        # (B, T, D)  # (decoder_only.3)
        out, stack_pullback = self.stack.vjp(x, mask=mask, **at, **randomness(self.stack, rng))
        y, auxiliary = split(out)                                       # (B, T, D)  # (decoder_only.4)
        logits, output_pullback = self.output.vjp(y)                    # (B, T, V)  # (decoder_only.5)
        expect_alone("DecoderOnly", "output", logits)
        capped = logits
        if self.cap is not None:
            capped, cap_pullback = softcap_vjp(logits, cap=self.cap)    # (B, T, V)  # (decoder_only.12)

        def pullback(cotangents: Any) -> tuple[Self]:
            dcapped, dauxiliary = split(cotangents)
            d, dlogits = dict[str, Layer](), dcapped
            if self.cap is not None:
                dlogits = cap_pullback(dcapped)                         # (B, T, V)  # (decoder_only.13)
            d["output"], dy = output_pullback(dlogits)                  # (B, T, D)  # (decoder_only.6)
            d["stack"], dx = stack_pullback(join(dy, dauxiliary))       # (B, T, D)  # (decoder_only.7)
            _, de = drop_pullback(dx)                                   # (B, T, D)  # (decoder_only.8)
            if self.positions is not None:
                d["positions"], de = positions_pullback(de)             # (B, T, D)  # (decoder_only.9)
            if self.scale != 1:
                de = float(self.scale) * de                             # (B, T, D)  # (decoder_only.14)
            (d["embedding"],) = embedding_pullback(de)                               # (decoder_only.10)
            return (self.cotangent(**d),)

        return join(capped, auxiliary), pullback

    def __call__(
        self, *, tokens: np.ndarray, mask: np.ndarray | None = None, position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> Any:  # fmt: skip
        """Return what `vjp` returns first, holding the residuals of one block at a time."""
        at = _expect_tokens(tokens, self.embedding, position_ids)
        e = self.embedding(ids=tokens)
        e = e if self.scale == 1 else float(self.scale) * e
        x = Dropout(self.dropout)(e if self.positions is None else self.positions(e, **at), rng=rng)
        y, auxiliary = split(self.stack(x, mask=mask, **at, **randomness(self.stack, rng)))
        return join(self._capped(self.output(y)), auxiliary)

    def _capped(self, logits: np.ndarray) -> np.ndarray:
        return logits if self.cap is None else softcap(logits, cap=self.cap)


def _positions(rng: np.random.Generator, settings: DecoderOnlySettings, dtype: DTypeLike) -> Layer | None:
    """Return the layer that adds positions; none where the attention knows them, or nothing does."""
    if settings.positions == "learned":
        return LearnedPositions.init(rng, settings.length, settings.width, dtype)
    return SinusoidalPositions() if settings.positions == "sinusoidal" else None


def _norm(settings: DecoderOnlySettings, dtype: DTypeLike) -> LayerNorm | RMSNorm:
    return (LayerNorm if settings.normalization == "layer" else RMSNorm).init(settings.width, dtype)


def _block(rng: np.random.Generator, settings: DecoderOnlySettings, dtype: DTypeLike) -> Block:
    s, drop = settings, Dropout(settings.dropout) if settings.dropout else None
    attention = GroupedAttention.init(
        rng, s.width, s.heads, s.key_value_heads, bias=s.bias, dropout=s.dropout, window=s.window, dtype=dtype,
        rotary=Rotary(s.base) if s.positions == "rotary" else None, alibi=s.positions == "alibi",
    )  # fmt: skip
    feedforward = _feedforward(rng, s, 4 * s.width if s.hidden is None else s.hidden, dtype)
    return Block(PreNorm(_norm(s, dtype), attention, drop), PreNorm(_norm(s, dtype), feedforward, drop))


def _feedforward(rng: np.random.Generator, settings: DecoderOnlySettings, hidden: int, dtype: DTypeLike) -> Layer:
    width, bias = settings.width, settings.bias
    if settings.feedforward == "swiglu":
        return GatedFeedForward.init(rng, width, hidden, silu_vjp, dtype, bias=bias)
    first, second = (Linear.init(rng, *sizes, dtype, bias=bias) for sizes in ((width, hidden), (hidden, width)))
    return FeedForward(first, second, gelu_tanh_vjp)


def _expect_tokens(tokens: Any, embedding: Embedding, position_ids: Any) -> dict[str, Any]:
    expect_ids("DecoderOnly", "tokens", tokens, len(embedding.table))
    if tokens.ndim != 2:
        raise ValueError(f"DecoderOnly: tokens must have shape (B, T), got {tokens.shape}")
    expect_position_ids("DecoderOnly", position_ids, tokens, like=embedding.table)
    return given(position_ids)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    tokens, seen = rng.integers(7, size=(2, 5)), padding(np.array([5, 3]), 5)
    sizes: dict[str, Any] = {"vocabulary": 7, "width": 8, "hidden": 6}

    ids = np.array([[0, 1, 0, 1, 2], [0, 1, 2, 0, 1]])

    def gpt(**more: Any) -> DecoderOnly:
        return DecoderOnly.init(rng, DecoderOnlySettings.gpt(**sizes, length=6, **more))

    def llama(**more: Any) -> DecoderOnly:
        return DecoderOnly.init(rng, DecoderOnlySettings.llama(**sizes, heads=4, **more))

    for name, model, constants in (
        ("like GPT", gpt(heads=4, layers=1), {"mask": seen}),
        ("like GPT, dropout", gpt(heads=1, layers=2, dropout=0.3), {}),
        ("like Llama", llama(key_value_heads=2, layers=1), {}),
        ("like Llama, two in a row", llama(key_value_heads=2, layers=1), {"mask": packed(ids), "position_ids": ids}),
        ("like Mistral, one head of keys", llama(key_value_heads=1, layers=2, window=3), {"mask": seen}),
    ):
        generator = {"rng": np.random.default_rng(1)} if model.dropout else {}
        model = tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), model)
        yield name, model, (), {"tokens": tokens, **constants, **generator}
    model = tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), gpt(heads=2, layers=1))
    yield "like GPT, scaled and capped", dataclasses.replace(model, scale=8**0.5, cap=1.5), (), {"tokens": tokens}
