import pytest

from reference.core import tree
from reference.functions.tanh import tanh_vjp
from reference.layers.dropout import Dropout
from reference.layers.feedforward import FeedForward
from reference.published import parts


def test_layers_have_the_sizes_that_are_asked_for_and_no_numbers():
    made = parts.linear(3, 2), parts.linear(3, 2, bias=False), parts.embedding(5, 3), parts.layernorm(3, 1e-3)
    assert [leaf.shape for _, leaf in tree.leaves(made)] == [(3, 2), (2,), (3, 2), (5, 3), (3,), (3,)]
    assert not any(leaf.any() for _, leaf in tree.leaves(made))
    assert made[3].eps == 1e-3


def test_activations_have_the_names_of_configs(rng):
    other = {"gelu_pytorch_tanh": "gelu_new", "swish": "silu"}  # two names of one function
    for name, activation in parts.ACTIVATIONS.items():
        assert parts.activation(FeedForward.init(rng, 2, 3, activation)) == other.get(name, name)
    with pytest.raises(KeyError):
        parts.activation(FeedForward.init(rng, 2, 3, tanh_vjp))


def test_what_drops_nothing_is_no_layer():
    assert parts.dropout(0.0) is None and parts.share(None) == 0.0
    assert parts.share(parts.dropout(0.3)) == 0.3 and type(parts.dropout(0.3)) is Dropout
