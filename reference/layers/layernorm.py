"""Layer normalisation over the last axis.  Derivation: specs/layers/layernorm.md."""

import math
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core.cache import Ready
from reference.core.kinds import Nonnegative, Size
from reference.core.layer import Layer
from reference.core.norms import normalization
from reference.core.shapes import expect_last_axis, expect_shape
from reference.core.sums import as_rows, column_sums, row_means, row_scales


class LayerNorm(Layer):
    """y = gamma * xhat + beta, where each row xhat has mean 0 and variance almost 1."""

    gamma: np.ndarray   # (D,)
    beta: np.ndarray    # (D,)
    eps: Nonnegative = 1e-5

    @classmethod
    def init(cls, width: Size, dtype: DTypeLike = np.float32) -> Self:
        """Start without effect: gamma is one, beta is zero."""
        return cls(gamma=np.ones(width, dtype), beta=np.zeros(width, dtype))

    def vjp(self, x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (..., D) to y (..., D).

        Raises:
            TypeError: x is not a floating or complex array.
            ValueError: the last axis of x has not length D, or gamma and beta do not fit together.

        Source: Ba, Kiros & Hinton 2016 (arXiv:1607.06450), eq. 3 and 4, with eps inside the root.
        """
        gamma = self.gamma
        expect_shape("LayerNorm", "gamma", gamma, ("D",))
        expect_shape("LayerNorm", "beta", self.beta, gamma.shape)
        expect_last_axis("LayerNorm", "x", x, gamma.size)
        centred = x - row_means(x)                                      # (..., D)  # (layernorm.1)
        scale = row_scales(centred, math.sqrt(self.eps))                # (..., 1)  # (layernorm.2)
        variance = row_means(np.square(centred / scale))                # (..., 1)  # (layernorm.3)
        rstd = 1 / (scale * np.sqrt(variance + self.eps / scale / scale))           # (layernorm.4)
        xhat = np.multiply(rstd, centred, out=centred)                  # (..., D)  # (layernorm.5)
        y = gamma * xhat + self.beta                                    # (..., D)  # (layernorm.6)

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            drows = as_rows(dy)                                         # (N, D)
            dgamma = column_sums(drows * xhat.reshape(drows.shape))     # (D,)      # (layernorm.7)
            dbeta = column_sums(drows)                                  # (D,)      # (layernorm.8)
            dxhat = gamma * dy                                          # (..., D)  # (layernorm.9)
            dx = rstd * (dxhat - row_means(dxhat) - xhat * row_means(dxhat * xhat))  # (layernorm.10)
            return self.cotangent(gamma=dgamma, beta=dbeta), dx

        return y, pullback

    def ready(self) -> Ready:
        """Return x (..., D) -> y (..., D), for many calls."""
        return normalization(self, self.gamma, self.eps, self.beta, centred=True)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    layer = LayerNorm(gamma=rng.normal(size=7), beta=rng.normal(size=7))
    yield "(2, 3, 7)", layer, (rng.normal(size=(2, 3, 7)),), {}
    yield "one row", layer, (rng.normal(size=7),), {}
    yield "eps as large as the variance", LayerNorm(layer.gamma, layer.beta, 1.0), (rng.normal(size=(5, 7)),), {}
