"""Encoder from token ids to hidden states, such as BERT.  Derivation: specs/models/encoder_only.md.

B batch, S positions, D width.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.families import BlockSettings, EncoderOnlySettings
from reference.core.kinds import Share
from reference.core.layer import Layer
from reference.core.masks import packed, padding
from reference.core.positions import expect_position_ids, given
from reference.core.randomness import expect_generator
from reference.core.roles import OfOne
from reference.core.shapes import expect_boolean, expect_ids, expect_shape
from reference.functions.gelu import gelu_vjp
from reference.layers.attention import SelfAttention
from reference.layers.dropout import Dropout
from reference.layers.embedding import Embedding
from reference.layers.feedforward import FeedForward
from reference.layers.layernorm import LayerNorm
from reference.layers.learned import LearnedPositions
from reference.layers.sinusoidal import SinusoidalPositions
from reference.models.encoder import Block, Stack, final_norm, residual


class EncoderOnly(Layer):
    """y = stack(drop(norm(positions(embedding[tokens] + segments[of each token]))))."""

    embedding: Embedding
    positions: OfOne            # x -> x + its table of positions
    segments: Embedding | None  # to tell the sequences of a pair apart
    norm: OfOne | None          # of the sum of embeddings
    stack: Stack
    dropout: Share = 0.0        # of the normalised sum

    @classmethod
    def init(cls, rng: np.random.Generator, settings: EncoderOnlySettings, dtype: DTypeLike = np.float32) -> Self:
        """Draw the model of Devlin et al. 2018 (pre-norm if the settings say so): exact GELU, learned positions.

        Every part is drawn as it does itself, and not from their normal law of deviation 0.02.
        """
        s, width = settings, settings.width

        def block() -> Block:
            attention = SelfAttention.init(rng, width, s.heads, dtype)
            feedforward = FeedForward.init(rng, width, s.hidden, gelu_vjp, dtype)
            return Block(attention=residual(s, attention, dtype), feedforward=residual(s, feedforward, dtype))

        return cls(
            embedding=Embedding.init(rng, s.vocabulary, width, dtype),
            positions=LearnedPositions.init(rng, s.length, width, dtype),
            segments=Embedding.init(rng, s.segments, width, dtype),
            norm=LayerNorm.init(width, dtype),
            stack=Stack(blocks=tuple(block() for _ in range(s.layers)), norm=final_norm(s, dtype)),
            dropout=s.dropout,
        )

    def vjp(
        self,
        *,
        tokens: np.ndarray,
        segments: np.ndarray | None = None,
        mask: np.ndarray | None = None,
        position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> tuple[Any, Callable[[Any], tuple[Self]]]:
        """Map token ids (B, S) to hidden states y (B, S, D), with the auxiliary outputs of the stack behind, if any.

        `segments` (B, S) says to which sequence of a pair each token belongs; without it every
        token belongs to sequence 0.  `mask` is boolean, (B or 1, 1, S or 1, S), False where a position is hidden, as
        padding is, or hidden from another, as in rows of several sequences (`packed`).  `position_ids` (B or 1, S)
        stand in place of 0 to S - 1.

        Raises:
            TypeError: ids are no integer arrays, the mask is not boolean, or rng is no generator.
            ValueError: an id is outside its table (without one every segment is 0), or the
                shapes do not fit together, those of the tables included.

        Source: Devlin et al. 2018 (arXiv:1810.04805), sec. 3, fig. 2 and A.2.
        """
        segments = self._expect(tokens, segments, mask, rng, position_ids)
        e, embedding_pullback = self.embedding.vjp(ids=tokens)          # (B, S, D)  # (encoder_only.1)
        g = e
        if self.segments is not None:
            a, segments_pullback = self.segments.vjp(ids=segments)      # (B, S, D)  # (encoder_only.2)
            g = e + a                                                   # (B, S, D)  # (encoder_only.3)
        z, positions_pullback = self.positions.vjp(g, **given(position_ids))  # (B, S, D)  # (encoder_only.4)
        n = z
        if self.norm is not None:
            n, norm_pullback = self.norm.vjp(z)                         # (B, S, D)  # (encoder_only.5)
        u, drop_pullback = Dropout(self.dropout).vjp(n, rng=rng)        # (B, S, D)  # (encoder_only.6)
        y, stack_pullback = self.stack.vjp(u, mask=mask, position_ids=position_ids, rng=rng)  # (encoder_only.7)

        def pullback(dy: Any) -> tuple[Self]:
            d: dict[str, Any] = {}
            d["stack"], du = stack_pullback(dy)                         # (B, S, D)  # (encoder_only.8)
            _, dn = drop_pullback(du)                                   # (B, S, D)  # (encoder_only.9)
            dz = dn
            if self.norm is not None:
                d["norm"], dz = norm_pullback(dn)                       # (B, S, D)  # (encoder_only.10)
            d["positions"], dg = positions_pullback(dz)                 # (B, S, D)  # (encoder_only.11)
            if self.segments is not None:
                (d["segments"],) = segments_pullback(dg)                             # (encoder_only.12)
            (d["embedding"],) = embedding_pullback(dg)                               # (encoder_only.13)
            return (self.cotangent(**d),)

        return y, pullback

    def __call__(
        self,
        *,
        tokens: np.ndarray,
        segments: np.ndarray | None = None,
        mask: np.ndarray | None = None,
        position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> Any:
        """Return what `vjp` returns first, holding the residuals of one block at a time."""
        segments = self._expect(tokens, segments, mask, rng, position_ids)
        h = self.embedding(ids=tokens)
        if self.segments is not None:
            h = h + self.segments(ids=segments)
        h = self.positions(h, **given(position_ids))
        if self.norm is not None:
            h = self.norm(h)
        return self.stack(Dropout(self.dropout)(h, rng=rng), mask=mask, position_ids=position_ids, rng=rng)

    def _expect(self, tokens: Any, segments: Any, mask: Any, rng: Any, position_ids: Any) -> np.ndarray:
        """Raise unless the arguments fit; return the segment of every token."""
        where, bound = "EncoderOnly", 1 if self.segments is None else len(self.segments.table)
        expect_generator(where, rng)
        expect_ids(where, "tokens", tokens, len(self.embedding.table))
        if tokens.ndim != 2:
            raise ValueError(f"{where}: tokens must have shape (B, S), got {tokens.shape}")
        expect_position_ids(where, position_ids, tokens, like=self.embedding.table)
        if mask is not None:
            expect_boolean(where, "mask", mask)
            b, s = tokens.shape
            if mask.shape not in ((b, 1, 1, s), (1, 1, 1, s), (b, 1, s, s), (1, 1, s, s)):
                raise ValueError(f"{where}: mask must have shape ({b} or 1, 1, {s} or 1, {s}), got {mask.shape}")
        width = self.embedding.table.shape[-1]
        if self.segments is not None:
            expect_shape(where, "segments.table", self.segments.table, ("G", width))
        if segments is None:
            return np.zeros_like(tokens)
        expect_ids(where, "segments", segments, bound)  # 0 is the only one without a table
        if segments.shape != tokens.shape:
            raise ValueError(f"{where}: segments must have the shape of tokens, {tokens.shape}, got {segments.shape}")
        return segments


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    ids = {"tokens": rng.integers(7, size=(2, 5)), "segments": np.array([[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]])}
    mask = padding(np.array([5, 3]), 5)
    for heads, layers, dropout, seen in ((4, 1, 0.0, {"mask": mask}), (1, 2, 0.3, {"rng": np.random.default_rng(1)})):
        sizes: dict[str, Any] = {"vocabulary": 7, "length": 6, "width": 8, "hidden": 6}
        settings = EncoderOnlySettings(**sizes, heads=heads, layers=layers, dropout=dropout)
        model = EncoderOnly.init(rng, settings)
        name = f"BERT, heads {heads}, {'dropout' if dropout else 'masked'}"
        yield name, tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), model), (), ids | seen
    at = np.array([[0, 1, 2, 0, 1], [0, 1, 0, 1, 2]])
    two = tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), EncoderOnly.init(rng, settings))
    yield "BERT, two in a row", two, (), {"tokens": ids["tokens"], "mask": packed(at), "position_ids": at}
    plain = EncoderOnly(
        embedding=Embedding.init(rng, 7, 8),
        positions=SinusoidalPositions(),
        segments=None,
        norm=None,
        stack=Stack.init(rng, BlockSettings(width=8, heads=4, hidden=6), layers=1),
    )
    plain = tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), plain)
    yield "pre-norm, no segments", plain, (), {"tokens": ids["tokens"], "mask": mask}
