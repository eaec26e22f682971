"""gradcheck.diagnosis.local: derivatives of single steps."""

import numpy as np
import pytest

from gradcheck.diagnosis.local import derivative
from gradcheck.diagnosis.traced import Step

X, Y = np.random.default_rng(2).normal(size=(2, 5))


def step(call, kind, *operands):
    return Step(call, tuple(range(len(operands))), np.asarray(call(*operands)), getattr(call, "__name__", ""), kind, ())


@pytest.mark.parametrize(
    ("call", "slope"),
    [
        (np.tanh, 1 - np.tanh(X) ** 2),
        (np.abs, np.sign(X)),
        (np.square, 2 * X),
        (lambda x: np.where(X > 0, x, 3 * x), np.where(X > 0, 1, 3)),
    ],
)
def test_a_slope_by_entry_has_all_digits_but_four(call, slope):
    """A complex step loses nothing; differences of the fourth order lose four digits."""
    assert np.allclose(derivative(step(call, "each", X), 0, [X]), slope, rtol=1e-11, atol=0)


def test_each_operand_has_a_derivative_of_its_own():
    product = step(np.multiply, "each", X, Y)
    assert np.allclose(derivative(product, 0, [X, Y]), Y, rtol=1e-15, atol=0)  # a rounding
    assert np.allclose(derivative(product, 1, [X, Y]), X, rtol=1e-15, atol=0)


def test_an_operand_may_have_other_values():
    assert np.allclose(derivative(step(np.multiply, "each", X, Y), 0, [X, 2 * Y]), 2 * Y, rtol=1e-15, atol=0)


def test_what_is_linear_is_exact():
    assert np.array_equal(derivative(step(np.cumsum, "linear", X), 0, [X]), np.tri(5))


def test_what_selects_has_whole_numbers():
    d = derivative(step(lambda x: np.sort(x), "other", X), 0, [X])
    assert np.array_equal(d, np.eye(5)[np.argsort(X)])


def test_infinities_have_no_slope():
    x = np.array([1.0, -np.inf, 2.0])
    assert np.array_equal(derivative(step(np.max, "other", x), 0, [x]), [[0, 0, 1]])
    assert np.allclose(derivative(step(np.exp, "each", x), 0, [x]), np.exp(x), rtol=1e-12, atol=0)
