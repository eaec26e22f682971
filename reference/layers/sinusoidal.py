"""Sinusoidal positions, added to a sequence.  Derivation: specs/layers/sinusoidal.md."""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core.arrays import integers, table
from reference.core.cache import Cache, expect_rows
from reference.core.layer import Layer
from reference.core.positions import PositionsCache, add_positions, expect_position_ids, row_after_row
from reference.core.shapes import MOST, expect_dtype, expect_flag, expect_shape, expect_whole


def sinusoidal(
    length: int, width: int, dtype: DTypeLike = np.float32, *, halves: bool = False, like: Any = None
) -> np.ndarray:
    """Return the table of positions (T, D): sines in the even columns, cosines in the odd ones.

    With `halves` the sines stand in the first half of the columns, the cosines in the second.
    It is an array like `like`, by default of NumPy's own, which is read-only.

    Raises:
        TypeError: length or width is not a whole number, dtype neither floating nor complex, or halves no flag.
        ValueError: one of them is negative.

    Source: Vaswani et al. 2017 (arXiv:1706.03762), sec. 3.5.
    """
    expect_whole("sinusoidal", "length", length, 0, MOST)
    expect_whole("sinusoidal", "width", width, 0, MOST)
    expect_dtype("sinusoidal", dtype)
    expect_flag("sinusoidal", "halves", halves)
    return _table(int(length), int(width), np.dtype(dtype), bool(halves), like=like)


@table  # a sine costs more than the layer
def _table(length: int, width: int, dtype: np.dtype, halves: bool, *, like: Any = None) -> np.ndarray:
    angle = integers(range(length), like)[:, None] * _frequency(width, like)  # (T, D)  # (sinusoidal.2)
    return _waves(angle, dtype, halves)


def _frequency(width: int, like: Any) -> np.ndarray:
    column = integers(range(width), like)
    return 10000.0 ** (-2 * (column // 2) / width)                      # (D,)      # (sinusoidal.1)


def _waves(angle: np.ndarray, dtype: np.dtype, halves: bool) -> np.ndarray:
    width = angle.shape[1]
    column = integers(range(width), angle)
    positions = np.where(column % 2, np.cos(angle), np.sin(angle)).astype(dtype)  # (sinusoidal.3)
    if halves:
        order = np.where(2 * column < width, 2 * column, 2 * (column - (width + 1) // 2) + 1)   # (sinusoidal.6)
        positions = positions.take(order, axis=1)                       # (T, D)    # (sinusoidal.7)
    return positions


class SinusoidalPositions(Layer):
    """y = x + table; no parameters.  A table of the caller's own is that of LearnedPositions."""

    halves: bool = False  # the sines stand in the first half of the columns, as Marian has them

    def vjp(
        self, x: np.ndarray, *, position_ids: np.ndarray | None = None
    ) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (B, T, D) to y (B, T, D); `position_ids` (B or 1, T) stand in place of 0 to T - 1.

        Raises:
            TypeError: x is not a floating or complex array, or position_ids not an integer one.
            ValueError: x has not three axes, or position_ids another shape, or an id is negative.
        """
        expect_shape("SinusoidalPositions", "x", x, ("B", "T", "D"))
        batch, length, width = shape = x.shape
        expect_position_ids("SinusoidalPositions", position_ids, x)
        if position_ids is None:
            positions = sinusoidal(length, width, x.real.dtype, halves=self.halves, like=x)
        else:
            at, x = row_after_row(position_ids, batch), x.reshape(1, batch * length, width)
            angle = at[:, None] * _frequency(width, x)                  # (T, D)     # (sinusoidal.8)
            positions = _waves(angle, x.real.dtype, self.halves)
        y = x + positions                                               # (B, T, D)  # (sinusoidal.4)

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            dx = dy                                                     # (B, T, D)  # (sinusoidal.5)
            return self.cotangent(), dx

        return y.reshape(shape), pullback

    def cache(self, batch: int, room: int, *, starts: np.ndarray | None = None) -> Cache:
        """Return what `step` needs."""
        expect_rows("SinusoidalPositions.cache", batch, room, starts)
        return PositionsCache(self, batch, room, starts, None)

    def step(self, x: np.ndarray, cache: Cache) -> np.ndarray:
        """Map the next x (B, T, D) to y (B, T, D)."""
        if isinstance(cache, PositionsCache) and cache.table is None:  # its width and dtype are known now
            cache.table = sinusoidal(cache.room, x.shape[-1], x.real.dtype, halves=self.halves, like=x)
        return add_positions("SinusoidalPositions.step", self, x, cache)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "(2, 3, 8)", SinusoidalPositions(), (rng.normal(size=(2, 3, 8)),), {}
    packed = {"position_ids": np.array([[0, 1, 2, 1000]])}
    yield "position ids", SinusoidalPositions(halves=True), (rng.normal(size=(1, 4, 7)),), packed
    yield "odd width", SinusoidalPositions(), (rng.normal(size=(2, 3, 5)),), {}
    yield "sines in the first half", SinusoidalPositions(halves=True), (rng.normal(size=(2, 3, 7)),), {}
