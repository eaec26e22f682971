"""Learned positions, added to a sequence.  Derivation: specs/layers/learned.md."""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core.arrays import expect_beside
from reference.core.cache import Cache, expect_rows
from reference.core.kinds import Size
from reference.core.layer import Layer
from reference.core.positions import PositionsCache, add_positions
from reference.core.shapes import expect_shape


class LearnedPositions(Layer):
    """y = x + table[:T]: one vector for each of P positions, the same for every sequence."""

    table: np.ndarray  # (P, D)

    @classmethod
    def init(cls, rng: np.random.Generator, positions: Size, width: Size, dtype: DTypeLike = np.float32) -> Self:
        """Draw normal entries of standard deviation D^(-1/2), as Embedding does."""
        return cls(table=rng.normal(scale=width ** -0.5, size=(positions, width)).astype(dtype))

    def vjp(self, x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (B, T, D) to y (B, T, D).

        Raises:
            TypeError: x is not a floating or complex array.
            ValueError: x has not the shape (B, T, D), or T is larger than P.

        Source: Gehring et al. 2017 (arXiv:1705.03122), sec. 3.1.
        """
        expect_shape("LearnedPositions", "table", self.table, ("P", "D"))
        positions, width = self.table.shape
        expect_shape("LearnedPositions", "x", x, ("B", "T", width))
        expect_beside("LearnedPositions", "x", x, self.table)
        length = x.shape[1]
        if length > positions:
            raise ValueError(f"LearnedPositions: x must have at most {positions} positions, got {length}")
        y = x + self.table[:length]                                     # (B, T, D)  # (learned.1)

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            dtable = np.zeros_like(dy, shape=(positions, width))
            dtable[:length] = dy.sum(axis=0)                            # (T, D)     # (learned.2)
            dx = dy                                                     # (B, T, D)  # (learned.3)
            return self.cotangent(table=dtable), dx

        return y, pullback

    def cache(self, batch: int, room: int, *, starts: np.ndarray | None = None) -> Cache:
        """Return what `step` needs; ValueError where there is no vector for each of `room` positions."""
        where, positions = "LearnedPositions.cache", len(self.table)
        expect_rows(where, batch, room, starts, self.table)
        if room > positions:
            raise ValueError(f"{where}: room must be at most the {positions} positions of the table, got {room}")
        return PositionsCache(self, batch, room, starts, self.table)

    def step(self, x: np.ndarray, cache: Cache) -> np.ndarray:
        """Map the next x (B, T, D) to y (B, T, D)."""
        return add_positions("LearnedPositions.step", self, x, cache)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    layer = LearnedPositions(table=rng.normal(size=(5, 7)))
    yield "3 of 5 positions", layer, (rng.normal(size=(2, 3, 7)),), {}
    yield "all positions", layer, (rng.normal(size=(2, 5, 7)),), {}
