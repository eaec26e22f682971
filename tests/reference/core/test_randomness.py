import numpy as np
import pytest

from reference.core.layer import Layer
from reference.core.randomness import randomness


class Drawing(Layer):
    def vjp(self, x, *, rng=None):
        return x, lambda dy: (self.cotangent(), dy)


class Plain(Layer):
    def vjp(self, x, **constants):
        return x, lambda dy: (self.cotangent(), dy)


def test_only_a_layer_that_names_it_gets_the_generator(rng):
    assert randomness(Drawing(), rng) == {"rng": rng}
    assert randomness(Plain(), rng) == {}


@pytest.mark.parametrize("layer", [Drawing(), Plain()])
def test_without_a_generator_nobody_gets_one(layer):
    assert randomness(layer, None) == {}


@pytest.mark.parametrize("layer", [Drawing(), Plain()])
@pytest.mark.parametrize("wrong", [0, np.random.RandomState(0), np.random])
def test_anything_else_is_one_clear_line(layer, wrong):
    kind = type(wrong).__name__
    message = f"^{type(layer).__name__}: rng must be a numpy.random.Generator or None, got {kind}$"
    with pytest.raises(TypeError, match=message):
        randomness(layer, wrong)


class Refusing(Layer):
    """It draws, and then refuses."""

    def vjp(self, x, *, rng=None):
        rng.random(3)
        raise ValueError("Refusing: x must be another")

    def __call__(self, **inputs):
        return self.vjp(1.0, **inputs)


@pytest.mark.parametrize("call", [Refusing(), lambda *, rng: Refusing().vjp(1.0, rng=rng)])
def test_a_call_that_raises_leaves_the_generator_where_it_was(rng, call):
    before = rng.bit_generator.state
    with pytest.raises(ValueError, match=r"^Refusing: x must be another$"):
        call(rng=rng)
    assert rng.bit_generator.state == before


def test_a_call_that_returns_moves_the_generator(rng):
    class Taking(Layer):
        def vjp(self, x, *, rng=None):
            return x * rng.random(), lambda dy: (self.cotangent(), dy)

    before = rng.bit_generator.state
    Taking()(1.0, rng=rng)
    assert rng.bit_generator.state != before
