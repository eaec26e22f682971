"""Encoder and decoder as one map of embedded sequences.  Derivation: specs/models/encoder_decoder.md.

B batch, S positions of the source, T positions of the target, D width.
"""

import operator
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.cache import Cache, begin, expect_cache, expect_rows, go_on
from reference.core.families import EncoderDecoderSettings
from reference.core.kinds import Share
from reference.core.layer import Layer
from reference.core.masks import packed, padding
from reference.core.outputs import join, split
from reference.core.pairs import expect_source, expect_target, of_memory, of_target
from reference.core.positions import expect_position_ids, given, placed
from reference.core.randomness import randomness
from reference.core.roles import OfArrays, OfOne
from reference.layers.dropout import Dropout
from reference.layers.sinusoidal import SinusoidalPositions
from reference.models.decoder import Decoder
from reference.models.encoder import RESIDUALS, Stack


class EncoderDecoder(Layer):
    """y = decoder(drop(positions(target)), encoder(drop(positions(source)))); target t sees the targets up to t."""

    encoder: OfOne    # such as Stack
    decoder: OfArrays    # such as Decoder
    positions: OfOne | None  # x -> x + its table of positions, for source and target; none where attention knows them
    dropout: Share = 0.0  # of the sums of embeddings and positions

    @classmethod
    def init(cls, rng: np.random.Generator, settings: EncoderDecoderSettings, dtype: DTypeLike = np.float32) -> Self:
        """Draw both stacks as they do themselves; the positions are sinusoidal, dropout is that of sec. 5.4."""
        return cls(
            encoder=Stack.init(rng, settings, settings.encoder_layers, dtype),
            decoder=Decoder.init(rng, settings, settings.decoder_layers, dtype),
            positions=SinusoidalPositions(),
            dropout=settings.dropout,
        )

    def vjp(
        self, source: np.ndarray, target: np.ndarray, *, source_mask: np.ndarray | None = None,
        target_mask: np.ndarray | None = None, memory_mask: np.ndarray | None = None,
        source_position_ids: np.ndarray | None = None, target_position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> tuple[Any, Callable[[Any], tuple[Self, np.ndarray, np.ndarray]]]:  # fmt: skip
        """Map source (B, S, D) and target (B, T, D), both embedded, to y (B, T, D).

        Behind y stand the auxiliary outputs of the encoder's blocks, then of the decoder's, if
        there are any.  `source_mask` is boolean, (B or 1, 1, 1, S), False at the source
        positions that nobody sees, in the encoder and in the decoder, or (B or 1, 1, S, S), as in rows of several
        sequences; `memory_mask` (B or 1, 1, T or 1, S), who of them a target sees, is then given too, and `target_mask`
        (B or 1, 1, T or 1, T), who of the targets up to its own.  Position ids, (B or 1, S) and (B or 1, T), stand in
        place of 0 to S - 1 and 0 to T - 1.

        Raises:
            TypeError: source or target is not floating or complex, a mask is not boolean, an id is no integer, or
                rng is no generator.
            ValueError: the shapes do not fit together, or a position is negative or beyond the last.

        Source: Vaswani et al. 2017, sec. 3.1, 5.4 and fig. 1.
        """
        where = "EncoderDecoder"
        expect_source(where, "source", source, source_mask)
        expect_target(where, target, source, target_mask, memory_mask)
        at_source = _given("source_position_ids", source_position_ids, source)
        at_target = _given("target_position_ids", target_position_ids, target)
        seen_memory = of_memory(where, source_mask, memory_mask)
        drop = Dropout(self.dropout)
        s, t = source, target
        if self.positions is not None:
            s, source_pullback = self.positions.vjp(source, **at_source)  # (B, S, D)  # (encoder_decoder.1)
        s, drop_source_pullback = drop.vjp(s, rng=rng)                  # (B, S, D)  # (encoder_decoder.2)
        at = placed(self.encoder, source_position_ids) | randomness(self.encoder, rng)
        out, encoder_pullback = self.encoder.vjp(s, mask=source_mask, **at)
        memory, of_encoder = split(out)                                 # (B, S, D)  # (encoder_decoder.3)
        if self.positions is not None:
            t, target_pullback = self.positions.vjp(target, **at_target)  # (B, T, D)  # (encoder_decoder.4)
        t, drop_target_pullback = drop.vjp(t, rng=rng)                  # (B, T, D)  # (encoder_decoder.5)
        at = placed(self.decoder, target_position_ids) | randomness(self.decoder, rng)
        seen = of_target(t, target_mask)
        out, decoder_pullback = self.decoder.vjp(t, memory, mask=seen, memory_mask=seen_memory, **at)
        y, of_decoder = split(out)                                      # (B, T, D)  # (encoder_decoder.6)

        def pullback(cotangents: Any) -> tuple[Self, np.ndarray, np.ndarray]:
            dy, dauxiliary = split(cotangents)
            dof_encoder, dof_decoder = dauxiliary[: len(of_encoder)], dauxiliary[len(of_encoder) :]
            d_decoder, dt, dmemory = decoder_pullback(join(dy, dof_decoder))        # (encoder_decoder.7)
            _, dt = drop_target_pullback(dt)                            # (B, T, D)  # (encoder_decoder.8)
            d: dict[str, Any] = {}
            dtarget = dt
            if self.positions is not None:
                d_positions_target, dtarget = target_pullback(dt)       # (B, T, D)  # (encoder_decoder.9)
            d_encoder, ds = encoder_pullback(join(dmemory, dof_encoder))  # (B, S, D)  # (encoder_decoder.10)
            _, ds = drop_source_pullback(ds)                            # (B, S, D)  # (encoder_decoder.11)
            dsource = ds
            if self.positions is not None:
                d_positions_source, dsource = source_pullback(ds)       # (B, S, D)  # (encoder_decoder.12)
                d["positions"] = tree.map(operator.add, d_positions_source, d_positions_target)  # (encoder_decoder.13)
            return self.cotangent(encoder=d_encoder, decoder=d_decoder, **d), dsource, dtarget

        return join(y, of_encoder + of_decoder), pullback

    def __call__(
        self, source: np.ndarray, target: np.ndarray, *, source_mask: np.ndarray | None = None,
        target_mask: np.ndarray | None = None, memory_mask: np.ndarray | None = None,
        source_position_ids: np.ndarray | None = None, target_position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> Any:  # fmt: skip
        """Return what `vjp` returns first, holding the residuals of one block at a time."""
        expect_source("EncoderDecoder", "source", source, source_mask)
        expect_target("EncoderDecoder", target, source, target_mask, memory_mask)
        _given("source_position_ids", source_position_ids, source)
        _given("target_position_ids", target_position_ids, target)
        both: dict[str, Any] = {"source_mask": source_mask, "rng": rng}
        masks = {"target_mask": target_mask, "memory_mask": of_memory("EncoderDecoder", source_mask, memory_mask)}
        memory, of_encoder = split(self.encode(source, position_ids=source_position_ids, **both))
        y, of_decoder = split(self.decode(memory, target, position_ids=target_position_ids, **masks, **both))
        return join(y, of_encoder + of_decoder)

    def encode(
        self, source: np.ndarray, *, source_mask: np.ndarray | None = None, position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> Any:  # fmt: skip
        """Map source (B, S, D), embedded, to the memory (B, S, D), with the encoder's auxiliary outputs behind it."""
        expect_source("EncoderDecoder", "source", source, source_mask)
        at = _given("position_ids", position_ids, source)
        s = Dropout(self.dropout)(source if self.positions is None else self.positions(source, **at), rng=rng)
        return self.encoder(s, mask=source_mask, **placed(self.encoder, position_ids), **randomness(self.encoder, rng))

    def decode(
        self, memory: np.ndarray, target: np.ndarray, *, source_mask: np.ndarray | None = None,
        target_mask: np.ndarray | None = None, memory_mask: np.ndarray | None = None,
        position_ids: np.ndarray | None = None, rng: np.random.Generator | None = None,
    ) -> Any:  # fmt: skip
        """Let target (B, T, D), embedded, query the memory (B, S, D); return y (B, T, D) and what is behind it."""
        where = "EncoderDecoder"
        expect_source(where, "memory", memory, source_mask)
        expect_target(where, target, memory, target_mask, memory_mask)
        at = _given("position_ids", position_ids, target)
        t = Dropout(self.dropout)(target if self.positions is None else self.positions(target, **at), rng=rng)
        seen_memory = of_memory(where, source_mask, memory_mask)
        masks: dict[str, Any] = {"mask": of_target(target, target_mask), "memory_mask": seen_memory}
        return self.decoder(t, memory, **masks, **placed(self.decoder, position_ids), **randomness(self.decoder, rng))

    def cache(
        self, batch: int, room: int, memory: np.ndarray, *,
        source_mask: np.ndarray | None = None, starts: np.ndarray | None = None,
    ) -> Cache:  # fmt: skip
        """Return what `step` needs, for `room` positions of targets that query the memory (B, S, D)."""
        where = f"{type(self).__name__}.cache"
        expect_rows(where, batch, room, starts)
        expect_source(where, "memory", memory, source_mask, one=True)
        positions = None if self.positions is None else begin(where, self.positions, batch, room, starts=starts)
        decoder = begin(where, self.decoder, batch, room, memory, memory_mask=source_mask, starts=starts)
        return Cache(self, batch, room, starts, (positions, decoder))

    def step(self, target: np.ndarray, cache: Any) -> np.ndarray:
        """Map the next of target (B, T, D), embedded, to y (B, T, D), as `decode` does without an rng."""
        expect_cache(self, cache)
        positions, decoder = cache.parts
        y = go_on(self.decoder, target if self.positions is None else go_on(self.positions, target, positions), decoder)
        cache.length += target.shape[1]
        return y


def _given(name: str, position_ids: Any, x: np.ndarray) -> dict[str, Any]:
    """Return what positions are given of the ids of a sequence, once these are seen to be such."""
    expect_position_ids("EncoderDecoder", position_ids, x, name=name)
    return given(position_ids)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    source, target = rng.normal(size=(2, 5, 8)), rng.normal(size=(2, 4, 8))
    mask = padding(np.array([5, 3]), 5)
    for norm in RESIDUALS:
        for heads, seen in ((1, {}), (4, {"source_mask": mask})):
            layer = EncoderDecoder.init(rng, EncoderDecoderSettings(width=8, heads=heads, hidden=6, norm=norm))
            name = f"{RESIDUALS[norm].__name__}, heads {heads}{', masked' if seen else ''}"
            yield name, tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), layer), (source, target), seen
    ids, of = np.array([[0, 1, 2, 0, 1], [0, 1, 0, 1, 2]]), np.array([[0, 1, 0, 1], [0, 1, 2, 0]])
    rows = {"source_mask": packed(ids), "target_mask": packed(of), "memory_mask": packed(of, ids)}
    at = {"source_position_ids": ids, "target_position_ids": of}
    yield "two in a row", layer.astype(float), (source, target), rows | at
    yield "without positions", EncoderDecoder(layer.encoder, layer.decoder, None).astype(float), (source, target), {}
