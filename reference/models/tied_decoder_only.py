"""Decoder-only Transformer with one table for tokens and output.  Derivation: specs/models/tied_decoder_only.md.

B batch, T positions, D width, V vocabulary.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.cache import Cache
from reference.core.families import DecoderOnlySettings, expect_embeddings
from reference.core.kinds import AboveZero, Share
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.core.roles import OfOne
from reference.core.steps import of_one_table, step_of_one_table
from reference.layers.embedding import Embedding
from reference.models.decoder_only import DecoderOnly
from reference.models.encoder import Stack
from reference.models.tied import Projection


class TiedDecoderOnly(Layer):
    """The decoder-only Transformer whose embedding and output are one table E (V, D), as GPT-2's are."""

    vocabulary: Embedding
    positions: OfOne | None
    stack: Stack
    dropout: Share = 0.0
    scale: AboveZero = 1.0        # of the embeddings
    cap: AboveZero | None = None  # logits are bent into (-cap, cap)

    @property
    def width_out(self) -> int:
        return len(self.vocabulary.table)

    @classmethod
    def init(cls, rng: np.random.Generator, settings: DecoderOnlySettings, dtype: DTypeLike = np.float32) -> Self:
        """Draw what DecoderOnly does, but for its output.

        Raises:
            ValueError: the settings are those of a model with separate embeddings.
        """
        expect_embeddings(f"{cls.__name__}.init", settings, "tied")
        return cls.tie(DecoderOnly.init(rng, dataclasses.replace(settings, embeddings="separate"), dtype))

    @classmethod
    def tie(cls, model: DecoderOnly) -> Self:
        """Return `model` with its embedding for an output, in place of its own."""
        return cls(model.embedding, model.positions, model.stack, model.dropout, model.scale, model.cap)

    def separate(self) -> DecoderOnly:
        """Return the model with two tables at the point where both are E."""
        return DecoderOnly(                                                     # (tied_decoder_only.1)
            embedding=self.vocabulary,
            positions=self.positions,
            stack=self.stack,
            output=Projection(table=self.vocabulary.table),
            dropout=self.dropout,
            scale=self.scale,
            cap=self.cap,
        )

    def vjp(
        self, *, tokens: np.ndarray, mask: np.ndarray | None = None, position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> tuple[Any, Callable[[Any], tuple[Self]]]:  # fmt: skip
        """Map token ids (B, T) to logits (B, T, V); mask, ids, auxiliary outputs and errors as for DecoderOnly.

        Source: Press & Wolf 2017 (arXiv:1608.05859), sec. 3.
        """
        given: dict[str, Any] = {"mask": mask, "position_ids": position_ids, "rng": rng}
        logits, separate_pullback = self.separate().vjp(tokens=tokens, **given)

        def pullback(dlogits: Any) -> tuple[Self]:
            d: Any  # whose output is a Projection
            (d,) = separate_pullback(dlogits)
            dE = d.embedding.table + d.output.table                 # (V, D)    # (tied_decoder_only.2)
            others = {} if self.positions is None else {"positions": d.positions}
            return (self.cotangent(vocabulary=self.vocabulary.cotangent(table=dE), stack=d.stack, **others),)

        return logits, pullback

    def __call__(self, **inputs: Any) -> Any:
        """Return what `vjp` returns first, holding the residuals of one block at a time."""
        return self.separate()(**inputs)

    def cache(self, batch: int, room: int, *, starts: np.ndarray | None = None) -> Cache:
        """Return what `step` needs, as DecoderOnly does."""
        return of_one_table(self, self.separate().cache(batch, room, starts=starts))

    def step(self, tokens: np.ndarray, cache: Any) -> np.ndarray:
        """Map the next token ids (B, T) to logits (B, T, V), as DecoderOnly does."""
        return step_of_one_table(self, tokens, cache)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    tokens, seen = rng.integers(7, size=(2, 5)), padding(np.array([5, 3]), 5)
    sizes: dict[str, Any] = {"vocabulary": 7, "width": 8, "heads": 4, "hidden": 6, "layers": 1, "embeddings": "tied"}
    gpt = DecoderOnlySettings.gpt(**sizes, length=6)
    llama = DecoderOnlySettings.llama(**sizes, key_value_heads=2)
    for name, model, constants in (
        ("like GPT-2", TiedDecoderOnly.init(rng, gpt), {"mask": seen}),
        ("like Llama with one table", TiedDecoderOnly.init(rng, llama), {}),
    ):
        model = tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), model)
        yield name, model, (), {"tokens": tokens, **constants}
    yield "like Gemma", dataclasses.replace(model, scale=8**0.5, cap=1.5), (), {"tokens": tokens}
