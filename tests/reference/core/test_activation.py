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
    assert expect_activation("Layer", activation) is None


def test_an_activation_is_tried_once_and_not_at_every_step():
    calls = []

    def counted_vjp(x):
        calls.append(x)
        return relu_vjp(x)

    expect_activation("Layer", counted_vjp)
    expect_activation("Layer", counted_vjp)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        ("gelu", r"^Layer: activation must be callable, such as relu_vjp, got str$"),
        (None, r"^Layer: activation must be callable, such as relu_vjp, got NoneType$"),
        (relu, r"^Layer: activation must return \(y, pullback\), got ndarray from relu$"),
        (np.float64, r"^Layer: activation must return \(y, pullback\), got ndarray from float64$"),
        (lambda x: (x, x), r"^Layer: activation must return \(y, pullback\), got tuple from <lambda>$"),
    ],
)
def test_anything_else_is_one_clear_line(activation, message):
    with pytest.raises(TypeError, match=message):
        expect_activation("Layer", activation)
