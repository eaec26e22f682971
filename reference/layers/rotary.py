"""Rotary positions: queries and keys turned by the angle of their position.  Derivation: specs/layers/rotary.md."""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from reference.core.arrays import integers, table
from reference.core.kinds import AboveZero
from reference.core.layer import Layer
from reference.core.shapes import MOST, expect_shape, expect_whole


class Rotary(Layer):
    """Entries i and i + K/2 of position t are the ends of a hand, turned by t base^(-2i/K); no parameters."""

    base: AboveZero = 10000.0

    def vjp(
        self, x: np.ndarray, *, start: int = 0
    ) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (B, H, T, K) to y (B, H, T, K); x[:, :, 0] stands at position `start`.

        Raises:
            TypeError: x is not a floating or complex array, or start not a whole number.
            ValueError: x has not four axes, K is odd, or start is negative.

        Source: Su et al. 2021 (arXiv:2104.09864), eq. 15 and 34, with other pairs: (i, i + K/2), not (2i, 2i + 1).
        """
        expect_shape("Rotary", "x", x, ("B", "H", "T", "K"))
        expect_pairs("Rotary", x.shape[3])
        expect_whole("Rotary", "start", start, 0, MOST)
        half = x.shape[3] // 2
        cos, sin = _turns(float(self.base), int(start), x.shape[2], half, x.real.dtype, like=x)  # (T, K/2)

        a, b, y = x[..., :half], x[..., half:], np.empty_like(x)
        y[..., :half] = cos * a - sin * b                               # (B, H, T, K/2)  # (rotary.3)
        y[..., half:] = sin * a + cos * b                               # (B, H, T, K/2)  # (rotary.4)

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            da, db, dx = dy[..., :half], dy[..., half:], np.empty_like(dy)
            dx[..., :half] = cos * da + sin * db                        # (B, H, T, K/2)  # (rotary.5)
            dx[..., half:] = cos * db - sin * da                        # (B, H, T, K/2)  # (rotary.6)
            return self.cotangent(), dx

        return y, pullback


def expect_pairs(where: str, width: int) -> None:
    """Raise unless the entries of a head come in pairs."""
    if width % 2:
        raise ValueError(f"{where}: the head width must be even, got {width}")


@table  # queries, keys and all layers ask for the same few
def _turns(
    base: float, start: int, length: int, half: int, dtype: np.dtype, *, like: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return cosines and sines (T, K/2), arrays like `like`; the angles are float64, whatever `dtype` is."""
    speed = base ** (-integers(range(half), like) / half)               # (K/2,)          # (rotary.1)
    angle = integers(range(start, start + length), like)[:, None] * speed  # (T, K/2)      # (rotary.2)
    return np.cos(angle).astype(dtype), np.sin(angle).astype(dtype)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "(2, 4, 3, 6)", Rotary(), (rng.normal(size=(2, 4, 3, 6)),), {}
    yield "base 10, from position 5", Rotary(base=10.0), (rng.normal(size=(2, 1, 3, 8)),), {"start": 5}
