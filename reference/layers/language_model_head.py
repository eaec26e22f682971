"""Logits of a token at every position.  Derivation: specs/layers/language_model_head.md.

D width, V vocabulary.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core.activation import Activation
from reference.core.cache import Ready
from reference.core.kinds import Size
from reference.core.layer import Layer
from reference.core.outputs import expect_alone, width_of
from reference.core.roles import OfOne
from reference.core.shapes import expect_last_axis
from reference.functions.gelu import gelu_vjp
from reference.functions.gelu_tanh import gelu_tanh_vjp
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear


class LanguageModelHead(Layer):
    """logits = output(norm(activation(dense(x)))), the same map at every position."""

    dense: Linear  # D -> D
    norm: OfOne    # over D
    output: OfOne  # D -> V: the Linear that init makes, or the Projection of a tied model
    activation: Activation = gelu_vjp

    @property
    def width_out(self) -> int | None:
        return width_of(self.output)

    @classmethod
    def init(cls, rng: np.random.Generator, width: Size, vocabulary: Size, dtype: DTypeLike = np.float32) -> Self:
        """Draw both maps as Linear does; the norm between them is a LayerNorm."""
        return cls(
            dense=Linear.init(rng, width, width, dtype),
            norm=LayerNorm.init(width, dtype),
            output=Linear.init(rng, width, vocabulary, dtype),
        )

    def vjp(self, x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (..., D) to logits (..., V).

        Raises:
            TypeError: x is not a floating or complex array.
            ValueError: the last axis of x has not length D.

        Source: Devlin et al. 2018 (arXiv:1810.04805), sec. 3.1; what stands before the output is in their code only.
        """
        expect_last_axis("LanguageModelHead", "x", x, self.dense.w.shape[0])
        a, dense_pullback = self.dense.vjp(x)           # (..., D)  # (language_model_head.1)
        h, activation_pullback = self.activation(a)     # (..., D)  # (language_model_head.2)
        n, norm_pullback = self.norm.vjp(h)             # (..., D)  # (language_model_head.3)
        logits, output_pullback = self.output.vjp(n)    # (..., V)  # (language_model_head.4)
        expect_alone("LanguageModelHead", "output", logits)

        def pullback(dlogits: np.ndarray) -> tuple[Self, np.ndarray]:
            d_output, dn = output_pullback(dlogits)     # (..., D)  # (language_model_head.5)
            d_norm, dh = norm_pullback(dn)              # (..., D)  # (language_model_head.6)
            da = activation_pullback(dh)                # (..., D)  # (language_model_head.7)
            d_dense, dx = dense_pullback(da)            # (..., D)  # (language_model_head.8)
            return self.cotangent(dense=d_dense, norm=d_norm, output=d_output), dx

        return logits, pullback

    def ready(self) -> Ready:
        """Return x (..., D) -> logits (..., V), for many calls."""
        return self


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    layer = LanguageModelHead(
        dense=Linear(w=rng.normal(size=(5, 5)), b=rng.normal(size=5)),
        norm=LayerNorm(gamma=rng.normal(size=5), beta=rng.normal(size=5)),
        output=Linear(w=rng.normal(size=(5, 7)), b=rng.normal(size=7)),
    )
    yield "(2, 3, 5) to 7", layer, (rng.normal(size=(2, 3, 5)),), {}
    other = LanguageModelHead(layer.dense, layer.norm, layer.output, gelu_tanh_vjp)
    yield "another activation", other, (rng.normal(size=(2, 5)),), {}
