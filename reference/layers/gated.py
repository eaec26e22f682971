"""Gated feed-forward network (SwiGLU, GeGLU and their kin).  Derivation: specs/layers/gated.md."""

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
from reference.functions.relu import relu_vjp
from reference.functions.sigmoid import sigmoid_vjp
from reference.functions.silu import silu_vjp
from reference.layers.linear import Linear


class GatedFeedForward(Layer):
    """y = output(activation(gate(x)) * value(x)): SwiGLU with silu_vjp, GeGLU with gelu_vjp."""

    gate: Linear    # D -> F
    value: Linear   # D -> F
    output: Linear  # F -> D
    activation: Activation

    @classmethod
    def init(
        cls,
        rng: np.random.Generator,
        width: Size,
        hidden_width: Size,
        activation: Activation,
        dtype: DTypeLike = np.float32,
        *,
        bias: bool = True,
    ) -> Self:
        """Draw the three maps as Linear does."""
        gate = Linear.init(rng, width, hidden_width, dtype, bias=bias)
        value = Linear.init(rng, width, hidden_width, dtype, bias=bias)
        output = Linear.init(rng, hidden_width, width, dtype, bias=bias)
        return cls(gate=gate, value=value, output=output, activation=activation)

    def vjp(self, x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (..., D) to y (..., D).

        Raises:
            TypeError: x is not a floating or complex array.
            ValueError: the last axis of x has not length D, or gate and value have not one shape.

        Source: Shazeer 2020 (arXiv:2002.05202), eq. 5 and 6; Dauphin et al. 2017 (arXiv:1612.08083), eq. 1.
        """
        expect_shape("GatedFeedForward", "value.w", self.value.w, self.gate.w.shape)
        expect_last_axis("GatedFeedForward", "x", x, self.gate.w.shape[0])
        g, gate_pullback = self.gate.vjp(x)             # (..., F)  # (gated.1)
        a, activation_pullback = self.activation(g)     # (..., F)  # (gated.2)
        v, value_pullback = self.value.vjp(x)           # (..., F)  # (gated.3)
        h = a * v                                       # (..., F)  # (gated.4)
        y, output_pullback = self.output.vjp(h)         # (..., D)  # (gated.5)

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            d_output, dh = output_pullback(dy)          # (..., F)  # (gated.6)
            dv = a * dh                                 # (..., F)  # (gated.7)
            da = v * dh                                 # (..., F)  # (gated.8)
            dg = activation_pullback(da)                # (..., F)  # (gated.9)
            d_value, dx_value = value_pullback(dv)      # (..., D)  # (gated.10)
            d_gate, dx_gate = gate_pullback(dg)         # (..., D)  # (gated.11)
            dx = dx_value + dx_gate                     # (..., D)  # (gated.12)
            return self.cotangent(gate=d_gate, value=d_value, output=d_output), dx

        return y, pullback

    def ready(self) -> Ready:
        """Return x (..., D) -> y (..., D), for many calls."""
        gate, value, activation, output = self.gate.ready(), self.value.ready(), self.activation, self.output.ready()
        return lambda x: output(activation(gate(x))[0] * value(x))


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    for name, activation in (("SwiGLU", silu_vjp), ("GeGLU", gelu_vjp), ("ReGLU", relu_vjp), ("GLU", sigmoid_vjp)):
        layer = GatedFeedForward(
            gate=Linear(w=rng.normal(size=(5, 7)), b=rng.normal(size=7)),
            value=Linear(w=rng.normal(size=(5, 7)), b=rng.normal(size=7)),
            output=Linear(w=rng.normal(size=(7, 5)), b=rng.normal(size=5)),
            activation=activation,
        )
        yield f"{name}, (2, 3, 5) through 7", layer, (rng.normal(size=(2, 3, 5)),), {}
