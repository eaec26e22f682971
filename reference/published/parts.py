"""Layers of given sizes before there are numbers for them: zeros, that a file takes the place of."""

import numpy as np

from reference.core.activation import Activation
from reference.functions.gelu import gelu_vjp
from reference.functions.gelu_tanh import gelu_tanh_vjp
from reference.functions.relu import relu_vjp
from reference.functions.silu import silu_vjp
from reference.layers.dropout import Dropout
from reference.layers.embedding import Embedding
from reference.layers.feedforward import FeedForward
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear

ACTIVATIONS: dict[str, Activation] = {  # as configs name them; of two names the second is written
    "gelu_pytorch_tanh": gelu_tanh_vjp,
    "gelu_new": gelu_tanh_vjp,
    "gelu": gelu_vjp,
    "relu": relu_vjp,
    "swish": silu_vjp,
    "silu": silu_vjp,
}


def activation(feedforward: FeedForward) -> str:
    """Return what configs call the activation; KeyError where they have no name for it."""
    return {activation: name for name, activation in ACTIVATIONS.items()}[feedforward.activation]


def linear(width_in: int, width_out: int, *, bias: bool = True) -> Linear:
    return Linear(np.zeros((width_in, width_out)), np.zeros(width_out) if bias else None)


def embedding(rows: int, width: int) -> Embedding:
    return Embedding(np.zeros((rows, width)))


def layernorm(width: int, eps: float) -> LayerNorm:
    return LayerNorm(np.zeros(width), np.zeros(width), eps)


def dropout(share: float) -> Dropout | None:
    """Return the layer that drops, none where nothing is dropped."""
    return Dropout(share) if share else None


def share(drop: Dropout | None) -> float:
    """Return what `dropout` was given."""
    return drop.rate if drop is not None else 0.0
