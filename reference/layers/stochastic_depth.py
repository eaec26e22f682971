"""Stochastic depth: whole branches set to 0 at random.  Derivation: specs/layers/stochastic_depth.md."""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from reference.core.arrays import handed_over
from reference.core.kinds import Share
from reference.core.layer import Layer
from reference.core.randomness import expect_generator
from reference.core.shapes import expect_floating


class StochasticDepth(Layer):
    """y = x / (1 - rate) for a sample whose branch is kept, 0 for one whose branch is dropped.

    It stands at the end of a residual's branch, where a sample that is dropped keeps its skip alone.
    """

    rate: Share

    def vjp(
        self, x: np.ndarray, *, rng: np.random.Generator | None = None
    ) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (B, ...) to y (B, ...), dropping each of the B samples with probability `rate`, as `rng` draws.

        Without a generator, or with rate 0, x itself is handed on and nothing is drawn.

        Raises:
            TypeError: x is not a floating or complex array, or rng not a generator.
            ValueError: x has no axis.

        Source: Huang et al. 2016 (arXiv:1603.09382), eq. 2, a draw for each sample and scaled while training.
        """
        expect_floating("StochasticDepth", "x", x)
        if x.ndim < 1:
            raise ValueError(f"StochasticDepth: x must have shape (B, ...), got {x.shape}")
        expect_generator("StochasticDepth", rng)
        rate = float(self.rate)
        if rng is None or rate == 0:
            return x, self._handed_on
        draws = rng.random((len(x),) + (1,) * (x.ndim - 1), np.float32)
        kept = handed_over(draws >= rate, x)                            # (B, 1, ...)  # (stochastic_depth.1)
        scale = 1 / (1 - rate)                                          # ()           # (stochastic_depth.2)
        y = scale * x
        y *= kept                                                       # (B, ...)     # (stochastic_depth.3)

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            dx = scale * dy
            dx *= kept                                                  # (B, ...)     # (stochastic_depth.4)
            return self.cotangent(), dx

        return y, pullback

    def _handed_on(self, dy: np.ndarray) -> tuple[Self, np.ndarray]:
        return self.cotangent(), dy


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    x = rng.normal(size=(5, 2, 3))
    yield "rate 0.4", StochasticDepth(0.4), (x,), {"rng": np.random.default_rng(2)}
    yield "no generator", StochasticDepth(0.4), (x,), {}
