"""How layers step that are made of others: what they keep between steps is what their parts keep."""

from typing import Any

import numpy as np

from reference.core.cache import Cache, begin, expect_cache, expect_rows, go_on
from reference.core.shapes import expect_ids


class InTurn:
    """A layer whose parts act one after the other: the layers of `_parts`."""

    def _parts(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def cache(self, batch: int, room: int, *, starts: np.ndarray | None = None) -> Cache:
        """Return what `step` needs: arrays for the keys and values of `room` positions of `batch` rows.

        Row b begins at position starts[b] (B,), if there are starts; what stands before is padding.

        Raises:
            TypeError: a size is not a whole number, starts no integers, or a part cannot step.
            ValueError: a size is below 1, or a start lies outside [0, room].
        """
        where = f"{type(self).__name__}.cache"
        expect_rows(where, batch, room, starts)
        parts = (begin(where, part, batch, room, starts=starts) for part in self._parts())
        return Cache(self, batch, room, starts, tuple(parts))

    def step(self, x: np.ndarray, cache: Any) -> np.ndarray:
        """Map the next x (B, T, D) to y (B, T, D), which sees what came before; nothing is dropped.

        Raises:
            TypeError: x is not floating or complex, or cache no cache.
            ValueError: cache is that of another layer or batch, or has no room for x.
        """
        expect_cache(self, cache)
        for part, kept in zip(self._parts(), cache.parts, strict=True):
            x = go_on(part, x, kept)
        return x


class OverMemory(InTurn):
    """Parts in turn, of which some attend to a memory: the field cross_attention of a block, and blocks."""

    def cache(  # type: ignore[override]  # a memory more
        self, batch: int, room: int, memory: np.ndarray, *,
        memory_mask: np.ndarray | None = None, starts: np.ndarray | None = None,
    ) -> Cache:  # fmt: skip
        """Return what `step` needs, with the keys and values of memory (B, S, D), made once.

        `memory_mask` is boolean, (B or 1, H or 1, 1, S); starts and errors as for InTurn.
        """
        where = f"{type(self).__name__}.cache"
        expect_rows(where, batch, room, starts)
        own, cross = getattr(self, "self_attention", None), getattr(self, "cross_attention", None)

        def kept(part: Any) -> Any:
            if part is own:
                return begin(where, part, batch, room, starts=starts)
            if part is cross:
                return begin(where, part, batch, room, memory, mask=memory_mask)
            return begin(where, part, batch, room, memory, memory_mask=memory_mask, starts=starts)

        return Cache(self, batch, room, starts, tuple(map(kept, self._parts())))


class OfTokens:
    """A model from tokens to logits: embedding, positions or None, stack, output."""

    embedding: Any
    positions: Any
    stack: Any
    output: Any
    scale: Any

    def _capped(self, logits: Any) -> Any:
        raise NotImplementedError

    def cache(self, batch: int, room: int, *, starts: np.ndarray | None = None) -> Cache:
        """Return what `step` needs, for `batch` rows of at most `room` tokens.

        Row b begins at position starts[b] (B,), if there are starts; the tokens before are padding, which
        no other position sees.

        Raises:
            TypeError: a size is not a whole number, starts no integers, or a part cannot step.
            ValueError: a size is below 1, room is above the model's positions, or a start lies outside [0, room].
        """
        where = f"{type(self).__name__}.cache"
        expect_rows(where, batch, room, starts, self.embedding.table)
        named = self.embedding, self.positions, self.stack, self.output
        parts = (None if part is None else begin(where, part, batch, room, starts=starts) for part in named)
        return Cache(self, batch, room, starts, tuple(parts))

    def step(self, tokens: np.ndarray, cache: Any) -> np.ndarray:
        """Map the next token ids (B, T) to logits (B, T, V), of which each sees all tokens before it.

        Raises:
            TypeError: tokens is not an integer array, or cache no cache.
            ValueError: an id is outside the vocabulary, or cache is that of another model or batch, or has no room.
        """
        where = f"{type(self).__name__}.step"
        expect_cache(self, cache)
        expect_tokens(where, tokens, len(self.embedding.table))
        cache.expect(where, "tokens", tokens)
        embedding, positions, stack, output = cache.parts
        x = embedding(tokens)
        x = x if self.scale == 1 else float(self.scale) * x
        if self.positions is not None:
            x = go_on(self.positions, x, positions)
        logits = go_on(self.output, go_on(self.stack, x, stack), output)
        cache.length += tokens.shape[1]
        return self._capped(logits)


def expect_tokens(where: str, tokens: Any, vocabulary: int) -> None:
    """Raise unless `tokens` are ids (B, T) of a vocabulary."""
    expect_ids(where, "tokens", tokens, vocabulary)
    if tokens.ndim != 2:
        raise ValueError(f"{where}: tokens must have shape (B, T), got {tokens.shape}")


def of_one_table(layer: Any, separate: Cache) -> Cache:
    """Return the cache of a tied layer, which steps as the layer does that it separates into."""
    return Cache(layer, separate.batch, separate.room, None, (separate,))


def step_of_one_table(layer: Any, ids: np.ndarray, cache: Any) -> np.ndarray:
    """Let the layer step that a tied one separates into."""
    expect_cache(layer, cache)
    (separate,) = cache.parts
    logits = separate.layer.step(ids, separate)
    cache.length = separate.length
    return logits
