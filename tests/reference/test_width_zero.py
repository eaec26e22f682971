"""A width of 0 is a sum of nothing: outputs and gradients have their shapes, and what is summed is 0."""

import numpy as np
import pytest

from reference.core import tree
from reference.functions.relu import relu_vjp
from reference.layers.dropout import Dropout
from reference.layers.embedding import Embedding
from reference.layers.feedforward import FeedForward
from reference.layers.gated import GatedFeedForward
from reference.layers.layernorm import LayerNorm
from reference.layers.learned import LearnedPositions
from reference.layers.linear import Linear
from reference.layers.residual import PreNorm
from reference.layers.rmsnorm import RMSNorm
from reference.layers.sinusoidal import SinusoidalPositions
from reference.models.tied import Projection

none = np.zeros


def linear(width_in, width_out, bias=True):
    return Linear(w=np.zeros((width_in, width_out)), b=np.full(width_out, 0.5) if bias else None)


LAYERS = {
    "Linear, 0 to 5": (linear(0, 5), 0, 5, 0.5),
    "Linear, 0 to 5, without a bias": (linear(0, 5, bias=False), 0, 5, 0.0),
    "Linear, 5 to 0": (linear(5, 0), 5, 0, None),
    "Linear, 0 to 0": (linear(0, 0), 0, 0, None),
    "RMSNorm": (RMSNorm(none(0)), 0, 0, None),
    "LayerNorm": (LayerNorm(none(0), none(0)), 0, 0, None),
    "Projection, of width 0": (Projection(none((5, 0))), 0, 5, 0.0),
    "Projection, of no words": (Projection(none((0, 5))), 5, 0, None),
    "FeedForward, hidden 0": (FeedForward(linear(5, 0), linear(0, 5), relu_vjp), 5, 5, 0.5),
    "FeedForward, width 0": (FeedForward(linear(0, 5), linear(5, 0), relu_vjp), 0, 0, None),
    "GatedFeedForward, hidden 0": (GatedFeedForward(linear(5, 0), linear(5, 0), linear(0, 5), relu_vjp), 5, 5, 0.5),
    "PreNorm": (PreNorm(RMSNorm(none(0)), linear(0, 0)), 0, 0, None),
    "LearnedPositions": (LearnedPositions(none((4, 0))), 0, 0, None),
    "SinusoidalPositions": (SinusoidalPositions(), 0, 0, None),
    "Dropout": (Dropout(0.5), 0, 0, None),
}


@pytest.mark.parametrize("lengths", [(2, 3), (2, 0), (0, 3)])
@pytest.mark.parametrize(("layer", "width_in", "width_out", "value"), LAYERS.values(), ids=LAYERS)
def test_a_width_of_zero_is_an_empty_sum(layer, width_in, width_out, value, lengths):
    x = np.ones((*lengths, width_in))
    y, pullback = layer.vjp(x)
    d_layer, dx = pullback(np.ones_like(y))
    assert y.shape == (*lengths, width_out)
    assert (y == value).all()
    assert dx.shape == x.shape
    assert np.isfinite(dx).all()
    shapes = {path: leaf.shape for path, leaf in tree.leaves(d_layer)}
    assert shapes == {path: leaf.shape for path, leaf in tree.leaves(layer)}
    np.testing.assert_array_equal(layer(x), y)


def test_an_embedding_of_width_zero_is_empty():
    y, pullback = Embedding(none((5, 0))).vjp(ids=np.array([[1, 1, 4]]))
    (d_layer,) = pullback(np.ones_like(y))
    assert y.shape == (1, 3, 0)
    assert d_layer.table.shape == (5, 0)


def test_an_embedding_of_no_words_is_asked_for_none():
    y, pullback = Embedding(none((0, 5))).vjp(ids=np.zeros((2, 0), int))
    (d_layer,) = pullback(np.ones_like(y))
    assert (y.shape, d_layer.table.shape) == ((2, 0, 5), (0, 5))
