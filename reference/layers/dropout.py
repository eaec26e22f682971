"""Dropout: entries set to 0 at random, the others scaled up.  Derivation: specs/layers/dropout.md."""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from reference.core.arrays import as_array, handed_over
from reference.core.kinds import Share
from reference.core.layer import Layer
from reference.core.randomness import expect_generator
from reference.core.shapes import expect_floating


class Dropout(Layer):
    """y = x / (1 - rate) where an entry is kept, 0 where it is dropped; y = x without a generator."""

    rate: Share

    def vjp(
        self, x: np.ndarray, *, rng: np.random.Generator | None = None
    ) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (...) to y (...), dropping each entry with probability `rate`, as `rng` draws.

        Without a generator, or with rate 0, x itself is handed on and nothing is drawn.

        Raises:
            TypeError: x is not a floating or complex array, or rng not a generator.

        Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from
        overfitting", sec. 4, scaled while training as in sec. 10.
        """
        expect_floating("Dropout", "x", x)
        expect_generator("Dropout", rng)
        rate, shape = float(self.rate), x.shape
        if rng is None or rate == 0:
            return x, self._handed_on
        kept = as_array(rng.random(shape, np.float32) >= rate)          # (...)  # (dropout.1)
        scale = 1 / (1 - rate)                                          # ()     # (dropout.2)
        y = as_array(scale * x)
        y *= handed_over(kept, y)                                       # (...)  # (dropout.3)
        bits, size = np.packbits(kept), kept.size  # an eighth of what booleans would hold until the way back

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            dx = as_array(scale * dy)
            kept = np.unpackbits(bits, count=size).view(bool).reshape(shape)
            dx *= handed_over(kept, dx)                                 # (...)  # (dropout.4)
            return self.cotangent(), dx

        return y, pullback

    def _handed_on(self, dy: np.ndarray) -> tuple[Self, np.ndarray]:
        return self.cotangent(), dy


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    x = rng.normal(size=(2, 3, 7))
    yield "rate 0.4", Dropout(0.4), (x,), {"rng": np.random.default_rng(1)}
    yield "no generator", Dropout(0.4), (x,), {}
