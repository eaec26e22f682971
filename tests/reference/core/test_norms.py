import numpy as np
import pytest
from strict import strict

from reference.core.norms import normalization
from reference.layers.layernorm import LayerNorm
from reference.layers.rmsnorm import RMSNorm


def layers(rng, dtype=np.float32):
    gamma, beta = rng.normal(size=(2, 7)).astype(dtype)
    return LayerNorm(gamma, beta), RMSNorm(gamma)


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e-3, 1.0, 1e10, 1e20, 1e37])
@pytest.mark.parametrize("shape", [(7,), (1, 1, 7), (2, 3, 7), (0, 7)])
def test_in_float32_it_is_the_layer_at_every_scale(rng, scale, shape):
    x = (scale * rng.normal(size=shape)).astype(np.float32)
    before = x.copy()
    for layer in layers(rng):
        y = layer.ready()(x)
        assert y.dtype == np.float32 and y.shape == shape and np.array_equal(x, before)
        np.testing.assert_allclose(y, layer(x), rtol=0, atol=3e-6)  # some ten roundings of 6e-8 of entries up to 4


def test_of_other_dtypes_and_arrays_it_is_the_layer_itself(rng):
    for layer in layers(rng, np.float64):
        assert layer.ready() is layer
    for layer in layers(rng):
        x = rng.normal(size=(2, 7))
        assert layer.ready()(x).dtype == np.float64 and np.array_equal(layer.ready()(x), layer(x))
    layer = LayerNorm(*(strict(np.ones(7, np.float32)) for _ in range(2)))
    assert layer.ready() is layer


def test_a_mean_that_is_left_in_is_caught(rng):
    layer, x = layers(rng)[0], rng.normal(size=(4, 7)).astype(np.float32)
    wrong = normalization(layer, layer.gamma, layer.eps, layer.beta, centred=False)
    assert not np.allclose(wrong(x), layer(x), rtol=0, atol=1e-3)  # a mean of some tenths
