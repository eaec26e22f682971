"""Rotary positions: queries and keys turned by the angle of their position.  Derivation: specs/layers/rotary.md."""

import math
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from reference.core.arrays import handed_over, integers, table
from reference.core.kinds import AboveZero, Nonnegative, Size
from reference.core.layer import Layer
from reference.core.positions import row_after_row
from reference.core.shapes import expect_shape
from reference.core.turns import BASE, expect_places, expect_turns, pairs_of
from reference.core.words import cut


class Rotary(Layer):
    """Entries i and i + R/2 of position t are the ends of a hand, turned by t base^(-2i/R); no parameters.

    R is the width K of a head, or `width`, which leaves the entries beyond as they are; interleaved, the ends of a
    hand are the neighbours 2i and 2i + 1.  For sequences longer than those of the training all pairs turn `factor`
    times slower; given their `length`, only the slow pairs do: those that turn `low` times within it, while those
    that turn `high` times keep their speed; `by_pairs`, in between the share goes by the number of the pair, not by how
    often it turns.  `speeds` of the caller's, R/2 of them in radians a position, stand in place of those of the base.
    What turns is as long as before times `gain`.
    """

    base: AboveZero = BASE
    factor: AboveZero = 1.0
    length: Size | None = None
    low: Nonnegative = 1.0
    high: AboveZero = 4.0
    width: Size | None = None
    interleaved: bool = False
    speeds: tuple[Nonnegative, ...] | None = None
    by_pairs: bool = False
    gain: AboveZero = 1.0

    def vjp(
        self, x: np.ndarray, *, start: int = 0, position_ids: np.ndarray | None = None, angles: np.ndarray | None = None
    ) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (B, H, T, K) to y (B, H, T, K); x[:, :, t] stands at position `start` + t, or at position_ids[:, t].

        A table `angles` (B or 1, T, R/2) of the caller's stands in place of positions and speeds.

        Raises:
            TypeError: x is not a floating or complex array, start not a whole number, position_ids (B or 1, T) not
                an integer array, or angles not a real one.
            ValueError: x has not four axes, R is odd or above K, a position is negative, two of start, position_ids
                and angles are given, there are not R/2 speeds or angles, low is not below high, or what goes by
                pairs has no length, a base of at most 1, a low of 0, or speeds of the caller's.

        Source: Su et al. 2021 (arXiv:2104.09864), eq. 15 and 34, where pairs are interleaved; Chen et al. 2023
        (arXiv:2306.15595), eq. 4 (factor); Peng et al. 2023 (arXiv:2309.00071), eq. 17 to 19 (length), 22 (gain).
        """
        expect_shape("Rotary", "x", x, ("B", "H", "T", "K"))
        expect_turns("Rotary", self, x.shape[3])
        if not self.low < self.high:
            raise ValueError(f"Rotary: low must be below high, {self.high}, got {cut(self.low)}")
        batch, heads, length, width = x.shape
        half = pairs_of(self, width)
        expect_places("Rotary", x, half, start, position_ids, angles)
        if angles is not None:
            at = row_after_row(angles, batch).reshape(batch * length, half)  # (T, R/2)
        elif position_ids is not None:
            at = row_after_row(position_ids, batch)                     # (T,)
        else:
            return self._turned(x, int(start))
        row = 1, heads, batch * length, width                           # all sequences, one after the other
        y, turned_pullback = self._turned(x.swapaxes(0, 1).reshape(row), at)

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            d_self, dx = turned_pullback(dy.swapaxes(0, 1).reshape(row))
            return d_self, dx.reshape(heads, batch, length, width).swapaxes(0, 1)

        return y.reshape(heads, batch, length, width).swapaxes(0, 1), pullback

    def _turned(
        self, x: np.ndarray, at: int | np.ndarray
    ) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Turn x (B, H, T, K), which stands at these positions (T,), or from one on, or at these angles (T, R/2)."""
        u = self._by_halves(x)                                          # (B, H, T, R)    # (rotary.11)
        half, dtype = u.shape[3] // 2, x.real.dtype
        ends = float(self.low), float(self.high)
        speeds = float(self.base), float(self.factor), self.length, *ends, self.speeds, self.by_pairs
        if isinstance(at, int):
            cos, sin = _turns(speeds, at, x.shape[2], half, dtype, like=x)  # (T, R/2)
        elif at.ndim == 1:
            cos, sin = _turns_at(at, _speeds(half, x, *speeds), dtype)  # (T, R/2)
        else:
            cos, sin = _turns_by(at.astype(float), dtype)               # (T, R/2)
        a, b, v = u[..., :half], u[..., half:], np.empty_like(u)
        v[..., :half] = cos * a - sin * b                               # (B, H, T, R/2)  # (rotary.3)
        v[..., half:] = sin * a + cos * b                               # (B, H, T, R/2)  # (rotary.4)
        if self.gain != 1:
            v = float(self.gain) * v                                    # (B, H, T, R)    # (rotary.21)
        y = self._in_place(v, x)                                        # (B, H, T, K)    # (rotary.12)

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            dv = self._by_halves(dy)                                    # (B, H, T, R)    # (rotary.13)
            if self.gain != 1:
                dv = float(self.gain) * dv                              # (B, H, T, R)    # (rotary.22)
            da, db, du = dv[..., :half], dv[..., half:], np.empty_like(dv)
            du[..., :half] = cos * da + sin * db                        # (B, H, T, R/2)  # (rotary.5)
            du[..., half:] = cos * db - sin * da                        # (B, H, T, R/2)  # (rotary.6)
            dx = self._in_place(du, dy)                                 # (B, H, T, K)    # (rotary.14)
            return self.cotangent(), dx

        return y, pullback

    def _by_halves(self, x: np.ndarray) -> np.ndarray:
        """Return the entries of x (..., K) that turn, (..., R): of each pair the first in the first half."""
        turning = x if self.width is None else x[..., : int(self.width)]
        if not self.interleaved:
            return turning
        return np.concatenate([turning[..., ::2], turning[..., 1::2]], axis=-1)

    def _in_place(self, u: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return x (..., K) with u (..., R) for the entries that turn: where `_by_halves` took them from."""
        if not self.interleaved and u.shape == x.shape:
            return u
        half, y = u.shape[-1] // 2, x.copy()
        if not self.interleaved:
            y[..., : 2 * half] = u
        else:
            y[..., : 2 * half : 2], y[..., 1 : 2 * half : 2] = u[..., :half], u[..., half:]
        return y


def _speeds(
    half: int, like: Any,
    base: float, factor: float, trained: int | None, low: float, high: float, given: tuple[float, ...] | None,
    by_pairs: bool,
) -> np.ndarray:  # fmt: skip
    """Return by how much each pair turns from one position to the next."""
    pairs = integers(range(half), like)                                 # (R/2,)
    if given is None:
        first = base ** (-pairs / half)                                 # (R/2,)          # (rotary.1)
    else:
        own = handed_over(np.array(given, float), like)                 # (R/2,)
        first = own                                                     # (R/2,)          # (rotary.16)
    if trained is None:
        speed = first / factor                                          # (R/2,)          # (rotary.7)
        return speed
    if by_pairs:
        number = [half * math.log(trained / (turns * 2 * math.pi)) / math.log(base) for turns in (high, low)]
        begin = max(math.floor(number[0]), 0)                           # ()              # (rotary.18)
        end = min(math.ceil(number[1]), 2 * half - 1)                   # ()              # (rotary.19)
        kept = 1 - np.clip((pairs - begin) / max(end - begin, 0.5), 0, 1)  # (R/2,)       # (rotary.20)
    else:
        times = trained * first / (2 * math.pi)                         # (R/2,)          # (rotary.8)
        kept = np.clip((times - low) / (high - low), 0, 1)              # (R/2,)          # (rotary.9)
    speed = (kept + (1 - kept) / factor) * first                        # (R/2,)          # (rotary.10)
    return speed


@table  # queries, keys and all layers ask for the same few
def _turns(
    speeds: tuple[Any, ...], start: int, length: int, half: int, dtype: np.dtype, *, like: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return cosines and sines (T, R/2), arrays like `like`; the angles are float64, whatever `dtype` is."""
    speed = _speeds(half, like, *speeds)
    angle = integers(range(start, start + length), like)[:, None] * speed  # (T, R/2)      # (rotary.2)
    return np.cos(angle).astype(dtype), np.sin(angle).astype(dtype)


def _turns_at(at: np.ndarray, speed: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Return cosines and sines (T, R/2) of these positions (T,)."""
    angle = at[:, None] * speed                                         # (T, R/2)        # (rotary.15)
    return np.cos(angle).astype(dtype), np.sin(angle).astype(dtype)


def _turns_by(chosen: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Return cosines and sines (T, R/2) of these angles."""
    angle = chosen                                                      # (T, R/2)        # (rotary.17)
    return np.cos(angle).astype(dtype), np.sin(angle).astype(dtype)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "(2, 4, 3, 6)", Rotary(), (rng.normal(size=(2, 4, 3, 6)),), {}
    yield "base 10, from position 5", Rotary(base=10.0), (rng.normal(size=(2, 1, 3, 8)),), {"start": 5}
    packed = {"position_ids": np.array([[0, 1, 2, 0, 9]])}
    yield "position ids", Rotary(base=10.0, width=4), (rng.normal(size=(1, 3, 5, 6)),), packed
    turns = {"angles": rng.normal(size=(1, 5, 2))}
    yield "angles of the caller's", Rotary(width=4), (rng.normal(size=(1, 3, 5, 6)),), turns
    three = Rotary(speeds=(1.0, 0.3, 0.0), factor=2.0)
    yield "speeds of the caller's", three, (rng.normal(size=(2, 1, 3, 6)),), {"start": 5}
    slow = Rotary(base=10.0, factor=3.0, length=12, low=0.4, high=1.5)  # pairs of both kinds, and two in between
    yield "slow pairs slower", slow, (rng.normal(size=(2, 1, 3, 8)),), {"start": 5}
    yarn = Rotary(base=10.0, factor=3.0, length=40, low=1.6, high=2.84, by_pairs=True, gain=1.2)  # 2 kept, 1 between
    yield "slow pairs slower, by their number, and a gain", yarn, (rng.normal(size=(2, 1, 3, 8)),), {"start": 5}
    long = Rotary(base=10.0, factor=3.0, length=4_000, high=900.0, by_pairs=True)  # none is as slow as `low`
    yield "all pairs but one a little slower", long, (rng.normal(size=(2, 1, 3, 8)),), {"start": 5}
    yield "4 of 7 entries", Rotary(base=10.0, width=4), (rng.normal(size=(2, 1, 3, 7)),), {"start": 5}
    neighbours = Rotary(base=10.0, width=6, interleaved=True)
    yield "neighbours, 6 of 7 entries", neighbours, (rng.normal(size=(2, 1, 3, 7)),), {"start": 5}
