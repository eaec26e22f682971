import functools

import numpy as np
import pytest

from reference.core.activation import expect_activation
from reference.functions.relu import relu, relu_vjp
from reference.functions.tanh import tanh_vjp


def scaled_vjp(x, factor):
    return factor * x, lambda dy: factor * dy


@pytest.mark.parametrize(
    "activation", [relu_vjp, tanh_vjp, lambda x: (x, np.copy), functools.partial(scaled_vjp, factor=2)]
)
def test_the_vjp_of_a_function_is_an_activation(activation):
    assert expect_activation("Layer", "activation", activation) is None


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        (relu, r"^Layer: activation must return \(y, pullback\), got ndarray from relu$"),
        (np.float64, r"^Layer: activation must return \(y, pullback\), got ndarray from float64$"),
        (lambda x: (x, x), r"^Layer: activation must return \(y, pullback\), got tuple from <lambda>$"),
        (scaled_vjp, r"^Layer: activation must return \(y, pullback\), got TypeError from scaled_vjp$"),
    ],
)
def test_anything_else_is_one_clear_line(activation, message):
    with pytest.raises(TypeError, match=message):
        expect_activation("Layer", "activation", activation)
