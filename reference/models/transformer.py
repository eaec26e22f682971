"""Transformer from token ids to logits, three separate tables.  Derivation: specs/models/transformer.md.

B batch, S positions of the source, T positions of the target, D width, V vocabulary.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.cache import Cache, begin, expect_cache
from reference.core.families import TransformerSettings, expect_embeddings
from reference.core.kinds import AboveZero
from reference.core.layer import Layer
from reference.core.masks import packed, padding
from reference.core.outputs import expect_alone, join, split, width_of
from reference.core.roles import OfOne
from reference.core.shapes import expect_ids
from reference.layers.embedding import Embedding
from reference.layers.linear import Linear
from reference.models.encoder import RESIDUALS
from reference.models.encoder_decoder import EncoderDecoder

TOKENS = 0.5  # size of the entries of an embedded token as it is drawn; those of its position have 0.7


class Transformer(Layer):
    """logits = output(body(scale source_embedding(source), scale target_embedding(target)))."""

    source_embedding: Embedding
    target_embedding: Embedding
    body: EncoderDecoder
    output: OfOne  # D -> V: the Linear that init makes, or the Projection of a tied model
    scale: AboveZero | None = None  # of the embeddings; sqrt(D) unless given

    @property
    def width_out(self) -> int | None:
        return width_of(self.output)

    @classmethod
    def init(cls, rng: np.random.Generator, settings: TransformerSettings, dtype: DTypeLike = np.float32) -> Self:
        """Draw every part as it does itself, the tables with TOKENS; source and target have vocabularies of one size.

        Raises:
            ValueError: the settings are those of a model with tied embeddings.
        """
        expect_embeddings(f"{cls.__name__}.init", settings, "separate")
        return cls(
            source_embedding=Embedding.init(rng, settings.vocabulary, settings.width, dtype, size=TOKENS),
            target_embedding=Embedding.init(rng, settings.vocabulary, settings.width, dtype, size=TOKENS),
            body=EncoderDecoder.init(rng, settings, dtype),
            output=Linear.init(rng, settings.width, settings.vocabulary, dtype),
        )

    def vjp(
        self, *, source: np.ndarray, target: np.ndarray, source_mask: np.ndarray | None = None,
        target_mask: np.ndarray | None = None, memory_mask: np.ndarray | None = None,
        source_position_ids: np.ndarray | None = None, target_position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> tuple[Any, Callable[[Any], tuple[Self]]]:  # fmt: skip
        """Map token ids, source (B, S) and target (B, T), to logits (B, T, V).

        `target` is the decoder's input, shifted to the right by its caller: logits t depend
        on the targets up to t.  `source_mask` is boolean, (B or 1, 1, 1 or S, S), False at padding; with S rows it is
        beside `memory_mask` (B or 1, 1, T or 1, S), and `target_mask` (B or 1, 1, T or 1, T), where a row holds several
        sequences.  `source_position_ids` (B or 1, S), `target_position_ids` (B or 1, T) stand in place of 0 to S - 1,
        0 to T - 1, as with padding in front.  Auxiliary outputs of the body stand behind the logits, if there are any.

        Raises:
            TypeError: source or target is not an integer array, the mask is not boolean, or rng is no generator.
            ValueError: an id is outside its vocabulary, or the shapes do not fit together.

        Source: Vaswani et al. 2017, sec. 3.1 and 3.4.
        """
        self._expect_pair(source, target)
        scale = self._scale()
        e_source, source_embedding_pullback = self.source_embedding.vjp(ids=source)
        e_target, target_embedding_pullback = self.target_embedding.vjp(ids=target)
        x_source = scale * e_source                                 # (B, S, D)  # (transformer.1)
        x_target = scale * e_target                                 # (B, T, D)  # (transformer.2)
        seen = {"source_mask": source_mask, "target_mask": target_mask, "memory_mask": memory_mask}
        at = {"source_position_ids": source_position_ids, "target_position_ids": target_position_ids}
        out, body_pullback = self.body.vjp(x_source, x_target, **seen, **at, rng=rng)
        y, auxiliary = split(out)                                   # (B, T, D)  # (transformer.3)
        logits, output_pullback = self.output.vjp(y)                # (B, T, V)  # (transformer.4)
        expect_alone("Transformer", "output", logits)

        def pullback(cotangents: Any) -> tuple[Self]:
            dlogits, dauxiliary = split(cotangents)
            d_output, dy = output_pullback(dlogits)                 # (B, T, D)  # (transformer.5)
            d_body, dx_source, dx_target = body_pullback(join(dy, dauxiliary))   # (transformer.6)
            (d_source_embedding,) = source_embedding_pullback(scale * dx_source)  # (transformer.7)
            (d_target_embedding,) = target_embedding_pullback(scale * dx_target)  # (transformer.8)
            d_self = self.cotangent(
                source_embedding=d_source_embedding,
                target_embedding=d_target_embedding,
                body=d_body,
                output=d_output,
            )
            return (d_self,)

        return join(logits, auxiliary), pullback

    def __call__(
        self, *, source: np.ndarray, target: np.ndarray, source_mask: np.ndarray | None = None,
        target_mask: np.ndarray | None = None, memory_mask: np.ndarray | None = None,
        source_position_ids: np.ndarray | None = None, target_position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> Any:  # fmt: skip
        """Return what `vjp` returns first, holding the residuals of one block at a time."""
        self._expect_pair(source, target)
        both: dict[str, Any] = {"source_mask": source_mask, "rng": rng}
        of_target: dict[str, Any] = {"target_mask": target_mask, "memory_mask": memory_mask, "target": target}
        memory, of_encoder = split(self.encode(source=source, position_ids=source_position_ids, **both))
        logits, of_decoder = split(self.decode(memory, position_ids=target_position_ids, **of_target, **both))
        return join(logits, of_encoder + of_decoder)

    def encode(
        self, *, source: np.ndarray, source_mask: np.ndarray | None = None, position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> Any:  # fmt: skip
        """Map source ids (B, S) to the memory (B, S, D), with the encoder's auxiliary outputs behind it."""
        _expect_tokens("source", source, "B", self.source_embedding)
        x_source = self._scale() * self.source_embedding(ids=source)
        return self.body.encode(x_source, source_mask=source_mask, position_ids=position_ids, rng=rng)

    def decode(
        self, memory: np.ndarray, *, target: np.ndarray, source_mask: np.ndarray | None = None,
        target_mask: np.ndarray | None = None, memory_mask: np.ndarray | None = None,
        position_ids: np.ndarray | None = None, rng: np.random.Generator | None = None,
    ) -> Any:  # fmt: skip
        """Let target ids (B, T) query the memory (B, S, D); return logits (B, T, V) and what is behind them."""
        _expect_tokens("target", target, "B", self.target_embedding)
        x_target = self._scale() * self.target_embedding(ids=target)
        seen: dict[str, Any] = {"source_mask": source_mask, "target_mask": target_mask, "memory_mask": memory_mask}
        y, auxiliary = split(self.body.decode(memory, x_target, **seen, position_ids=position_ids, rng=rng))
        return join(self.output(y), auxiliary)

    def cache(self, batch: int, room: int, memory: np.ndarray, **options: Any) -> Cache:
        """Return what `step` needs, for `room` tokens of targets that query the memory (B, S, D) which `encode` made.

        Options are `source_mask`, (B or 1, 1, 1, S), and `starts` (B,), at which position each row begins.

        Raises:
            TypeError, ValueError: as `decode` does; the memory is not that of `batch`, or a start is not in [0, room].
        """
        where = f"{type(self).__name__}.cache"
        parts = (begin(where, self.target_embedding), self.body.cache(batch, room, memory, **options))
        return Cache(self, batch, room, options.get("starts"), (*parts, begin(where, self.output)))

    def step(self, target: np.ndarray, cache: Any) -> np.ndarray:
        """Map the next target ids (B, T) to logits (B, T, V), as `decode` does without an rng."""
        where = f"{type(self).__name__}.step"
        expect_cache(self, cache)
        _expect_tokens("target", target, "B", self.target_embedding)
        cache.expect(where, "target", target)
        embedding, body, output = cache.parts
        logits = output(self.body.step(self._scale() * embedding(target), body))
        cache.length += target.shape[1]
        return logits

    def _scale(self) -> float:
        return math.sqrt(self.source_embedding.table.shape[1]) if self.scale is None else float(self.scale)

    def _expect_pair(self, source: Any, target: Any) -> None:
        _expect_tokens("source", source, "B", self.source_embedding)
        _expect_tokens("target", target, len(source), self.target_embedding)


def _expect_tokens(name: str, ids: Any, batch: int | str, embedding: Embedding) -> None:
    expect_ids("Transformer", name, ids, len(embedding.table))
    if ids.ndim != 2 or batch not in ("B", len(ids)):
        raise ValueError(f"Transformer: {name} must have shape ({batch}, {'ST'[name == 'target']}), got {ids.shape}")


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    ids = {"source": rng.integers(7, size=(2, 5)), "target": rng.integers(7, size=(2, 4))}
    mask = padding(np.array([5, 3]), 5)
    for norm in RESIDUALS:
        for heads, seen in ((1, {}), (4, {"source_mask": mask})):
            sizes: dict[str, Any] = {"vocabulary": 7, "width": 8, "heads": heads, "hidden": 6}
            model = Transformer.init(rng, TransformerSettings(**sizes, norm=norm))
            name = f"{RESIDUALS[norm].__name__}, heads {heads}{', masked' if seen else ''}"
            yield name, tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), model), (), ids | seen
    at, of = np.array([[0, 1, 2, 0, 1], [0, 1, 0, 1, 2]]), np.array([[0, 1, 0, 1], [0, 1, 2, 0]])
    rows = {"source_mask": packed(at), "target_mask": packed(of), "memory_mask": packed(of, at)}
    rows |= {"source_position_ids": at, "target_position_ids": of}
    yield "two in a row", model.astype(np.float64), (), ids | rows
    yield "embeddings as they are", dataclasses.replace(model.astype(np.float64), scale=1.0), (), ids
