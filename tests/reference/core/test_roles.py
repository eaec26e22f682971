import numpy as np
import pytest

from reference.core.kinds import kind_of
from reference.core.layer import Layer
from reference.core.roles import Drop, OfArrays, OfOne
from reference.layers.attention import MultiHeadAttention
from reference.layers.dropout import Dropout
from reference.layers.embedding import Embedding
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear
from reference.layers.residual import PostNorm, PreNorm
from reference.layers.stochastic_depth import StochasticDepth
from reference.models.encoder import Stack

W = np.ones((8, 8), np.float32)
NORM, MAP, TABLE, DROP = LayerNorm.init(8), Linear(W, None), Embedding(W), Dropout(0.5)
ATTENTION = MultiHeadAttention(*(Linear(W.copy(), None) for _ in range(4)), 2)


class Late(Layer):
    """Takes a constant that nobody who calls it knows of."""

    def vjp(self, x, *, ids):
        return x, lambda dy: (self.cotangent(), dy)


@pytest.mark.parametrize(
    ("role", "layer"),
    [(OfOne, NORM), (OfOne, MAP), (OfOne, DROP), (OfOne, PreNorm(NORM, MAP)), (OfOne | None, None),
     (OfArrays, ATTENTION), (OfArrays, MAP), (Drop, DROP), (Drop | None, StochasticDepth(0.5)), (Drop | None, None)],
)  # fmt: skip
def test_who_takes_what_the_role_is_given_passes(role, layer):
    assert kind_of(role).check("L", "part", layer) is None


@pytest.mark.parametrize(
    ("role", "layer", "must"),
    [
        (OfOne, TABLE, "that maps one array x, got Embedding"),
        (OfOne, ATTENTION, "that maps one array x, got MultiHeadAttention"),
        (OfOne | None, Late(), "that maps one array x, got Late"),
        (OfArrays, TABLE, "that maps an array x, got Embedding"),
        (Drop, MAP, "that maps one array x and takes an rng, got Linear"),
        (Drop | None, TABLE, "that maps one array x and takes an rng, got Embedding"),
    ],
)
def test_who_does_not_is_named_with_the_field(role, layer, must):
    with pytest.raises(TypeError, match=rf"^L: part must be a layer {must}$"):
        kind_of(role).check("L", "part", layer)


@pytest.mark.parametrize("residual", [PreNorm, PostNorm])
def test_a_residual_is_told_where_it_is_made(residual):
    for parts, field in (((TABLE, MAP), "norm"), ((NORM, TABLE), "inner"), ((NORM, MAP, MAP), "drop")):
        with pytest.raises(TypeError, match=rf"^{residual.__name__}: {field} must be a layer that "):
            residual(*parts)
    with pytest.raises(TypeError, match=r"^Stack: norm must be a layer that maps one array x, got Embedding$"):
        Stack((residual(NORM, MAP),), TABLE)


def test_a_norm_that_changes_the_width_is_named():
    narrow = Linear(W[:, :6].copy(), None)
    for layer in (PreNorm(narrow, Linear(W[:6].copy(), None)), PostNorm(narrow, MAP)):
        name = type(layer).__name__
        with pytest.raises(ValueError, match=rf"^{name}: norm must return the shape of x, \(2, 8\), got \(2, 6\)$"):
            layer(np.ones((2, 8), np.float32))


def test_a_layer_of_no_class_of_its_own_is_none():
    with pytest.raises(TypeError, match=r"^Layer: a layer must be of a class that defines vjp, got Layer itself$"):
        PreNorm(Layer(), MAP)
