"""Root-mean-square normalisation over the last axis.  Derivation: specs/layers/rmsnorm.md."""

import math
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core.cache import Ready
from reference.core.kinds import Finite, Nonnegative, Size
from reference.core.layer import Layer
from reference.core.norms import normalization
from reference.core.shapes import expect_last_axis, expect_shape
from reference.core.sums import as_rows, column_sums, row_means, row_scales


class RMSNorm(Layer):
    """y = (offset + gamma) * xhat, where each row xhat is the row of x with a mean square of almost 1."""

    gamma: np.ndarray   # (D,)
    eps: Nonnegative = 1e-6
    offset: Finite = 0.0  # of the gain; 1 where gamma says how far it is from 1, as in Gemma

    @classmethod
    def init(cls, width: Size, dtype: DTypeLike = np.float32) -> Self:
        """Start without effect: gamma is one."""
        return cls(gamma=np.ones(width, dtype))

    def vjp(self, x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (..., D) to y (..., D).

        Raises:
            TypeError: x is not a floating or complex array.
            ValueError: gamma has not one axis, or the last axis of x has not length D.

        Source: Zhang & Sennrich 2019 (arXiv:1910.07467), eq. 4, with eps inside the root.
        """
        gamma, offset = self.gamma, float(self.offset)
        expect_shape("RMSNorm", "gamma", gamma, ("D",))
        expect_last_axis("RMSNorm", "x", x, gamma.size)
        scale = row_scales(x, math.sqrt(self.eps))                      # (..., 1)  # (rmsnorm.1)
        square = row_means(np.square(x / scale))                        # (..., 1)  # (rmsnorm.2)
        r = 1 / (scale * np.sqrt(square + self.eps / scale / scale))    # (..., 1)  # (rmsnorm.3)
        xhat = r * x                                                    # (..., D)  # (rmsnorm.4)
        y = (offset + gamma) * xhat                                     # (..., D)  # (rmsnorm.5)

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            drows = as_rows(dy)                                         # (N, D)
            dgamma = column_sums(drows * xhat.reshape(drows.shape))     # (D,)      # (rmsnorm.6)
            dxhat = (offset + gamma) * dy                               # (..., D)  # (rmsnorm.7)
            dx = r * (dxhat - xhat * row_means(dxhat * xhat))           # (..., D)  # (rmsnorm.8)
            return self.cotangent(gamma=dgamma), dx

        return y, pullback

    def ready(self) -> Ready:
        """Return x (..., D) -> y (..., D), for many calls."""
        return normalization(self, float(self.offset) + self.gamma, self.eps, None, centred=False)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    layer = RMSNorm(gamma=rng.normal(size=7))
    yield "(2, 3, 7)", layer, (rng.normal(size=(2, 3, 7)),), {}
    yield "one row", layer, (rng.normal(size=7),), {}
    yield "eps as large as the mean square", RMSNorm(layer.gamma, 1.0), (rng.normal(size=(5, 7)),), {}
    yield "a gain about 1", RMSNorm(layer.gamma, offset=1.0), (rng.normal(size=(2, 7)),), {}
