"""Position-wise feed-forward network.  Derivation: specs/layers/feedforward.md."""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core.activation import Activation
from reference.core.cache import Ready
from reference.core.kinds import Size
from reference.core.layer import Layer
from reference.core.shapes import expect_last_axis, expect_shape
from reference.functions.gelu import gelu_vjp
from reference.functions.gelu_tanh import gelu_tanh_in_place, gelu_tanh_vjp
from reference.functions.relu import relu_vjp
from reference.functions.sigmoid import sigmoid_vjp
from reference.functions.silu import silu_vjp
from reference.functions.softplus import softplus_vjp
from reference.functions.tanh import tanh_vjp
from reference.layers.linear import Linear


class FeedForward(Layer):
    """y = activation(x w1 + b1) w2 + b2, the same map at every position."""

    hidden: Linear  # D -> F
    output: Linear  # F -> D
    activation: Activation = relu_vjp

    @classmethod
    def init(
        cls,
        rng: np.random.Generator,
        width: Size,
        hidden_width: Size,
        activation: Activation = relu_vjp,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """Draw both maps as Linear does."""
        hidden = Linear.init(rng, width, hidden_width, dtype=dtype)
        output = Linear.init(rng, hidden_width, width, dtype=dtype)
        return cls(hidden=hidden, output=output, activation=activation)

    def vjp(self, x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (..., D) to y (..., D).

        Raises:
            TypeError: x is not a floating or complex array.
            ValueError: the last axis of x has not length D, or the two maps do not fit together.

        Source: Vaswani et al. 2017, eq. 2, with relu.
        """
        expect_last_axis("FeedForward", "x", x, self.hidden.w.shape[0])
        expect_shape("FeedForward", "output.w", self.output.w, (self.hidden.w.shape[1], "D"))
        a, hidden_pullback = self.hidden.vjp(x)         # (..., F)  # (feedforward.1)
        h, activation_pullback = self.activation(a)     # (..., F)  # (feedforward.2)
        y, output_pullback = self.output.vjp(h)         # (..., D)  # (feedforward.3)

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            d_output, dh = output_pullback(dy)          # (..., F)  # (feedforward.4)
            da = activation_pullback(dh)                # (..., F)  # (feedforward.5)
            d_hidden, dx = hidden_pullback(da)          # (..., D)  # (feedforward.6)
            return self.cotangent(hidden=d_hidden, output=d_output), dx

        return y, pullback

    def ready(self) -> Ready:
        """Return x (..., D) -> y (..., D), for many calls."""
        hidden, activation, output = self.hidden.ready(), self.activation, self.output.ready()
        if activation is gelu_tanh_vjp:
            return lambda x: output(gelu_tanh_in_place(hidden(x)))
        return lambda x: output(activation(hidden(x))[0])


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    for activation in (relu_vjp, sigmoid_vjp, tanh_vjp, softplus_vjp, silu_vjp, gelu_vjp, gelu_tanh_vjp):
        layer = FeedForward(
            hidden=Linear(w=rng.normal(size=(5, 7)), b=rng.normal(size=7)),
            output=Linear(w=rng.normal(size=(7, 5)), b=rng.normal(size=5)),
            activation=activation,
        )
        name = activation.__name__.removesuffix("_vjp")
        yield f"{name}, (2, 3, 5) through 7", layer, (rng.normal(size=(2, 3, 5)),), {}
