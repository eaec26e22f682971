"""Learned positions, added to a sequence.  Derivation: specs/layers/learned.md."""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core.arrays import expect_beside
from reference.core.cache import Cache, expect_rows
from reference.core.kinds import Size
from reference.core.layer import Layer
from reference.core.positions import PositionsCache, add_positions, expect_position_ids, row_after_row
from reference.core.shapes import expect_shape
from reference.core.special import rows_added
from reference.core.sums import as_rows
from reference.core.words import cut


class LearnedPositions(Layer):
    """y = x + table[:T]: one vector for each of P positions, the same for every sequence unless ids say which."""

    table: np.ndarray  # (P, D)

    @classmethod
    def init(cls, rng: np.random.Generator, positions: Size, width: Size, dtype: DTypeLike = np.float32) -> Self:
        """Draw normal entries of standard deviation D^(-1/2), as Embedding does."""
        return cls(table=rng.normal(scale=width ** -0.5, size=(positions, width)).astype(dtype))

    def vjp(
        self, x: np.ndarray, *, position_ids: np.ndarray | None = None
    ) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (B, T, D) to y (B, T, D); `position_ids` (B or 1, T) stand in place of 0 to T - 1.

        Raises:
            TypeError: x is not a floating or complex array, or position_ids not an integer one.
            ValueError: x has not the shape (B, T, D), T is larger than P, or an id outside [0, P).

        Source: Gehring et al. 2017 (arXiv:1705.03122), sec. 3.1.
        """
        expect_shape("LearnedPositions", "table", self.table, ("P", "D"))
        positions, width = self.table.shape
        expect_shape("LearnedPositions", "x", x, ("B", "T", width))
        expect_beside("LearnedPositions", "x", x, self.table)
        batch, length, _ = x.shape
        expect_position_ids("LearnedPositions", position_ids, x, positions)
        if position_ids is None and length > positions:
            raise ValueError(f"LearnedPositions: x must have at most {positions} positions, got {length}")
        if position_ids is None:
            y = x + self.table[:length]                                 # (B, T, D)  # (learned.1)
        else:
            at = row_after_row(position_ids, batch).reshape(batch, length)  # (B, T)
            y = x + self.table.take(at, axis=0)                         # (B, T, D)  # (learned.4)

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            if position_ids is None:
                dtable = np.zeros_like(dy, shape=(positions, width))
                dtable[:length] = dy.sum(axis=0)                        # (T, D)     # (learned.2)
            else:
                dtable = rows_added(at, as_rows(dy), positions)         # (P, D)     # (learned.5)
            dx = dy                                                     # (B, T, D)  # (learned.3)
            return self.cotangent(table=dtable), dx

        return y, pullback

    def cache(self, batch: int, room: int, *, starts: np.ndarray | None = None) -> Cache:
        """Return what `step` needs; ValueError where there is no vector for each of `room` positions."""
        where, positions = "LearnedPositions.cache", len(self.table)
        expect_rows(where, batch, room, starts, self.table)
        if room > positions:
            raise ValueError(f"{where}: room must be at most the {positions} positions of the table, got {cut(room)}")
        return PositionsCache(self, batch, room, starts, self.table)

    def step(self, x: np.ndarray, cache: Cache) -> np.ndarray:
        """Map the next x (B, T, D) to y (B, T, D)."""
        return add_positions("LearnedPositions.step", self, x, cache)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    layer = LearnedPositions(table=rng.normal(size=(5, 7)))
    yield "3 of 5 positions", layer, (rng.normal(size=(2, 3, 7)),), {}
    yield "all positions", layer, (rng.normal(size=(2, 5, 7)),), {}
    packed = np.array([[0, 1, 2, 0], [4, 1, 1, 0]])
    yield "position ids", layer, (rng.normal(size=(2, 4, 7)),), {"position_ids": packed}
    yield "position ids for all", layer, (rng.normal(size=(3, 4, 7)),), {"position_ids": packed[1:]}
