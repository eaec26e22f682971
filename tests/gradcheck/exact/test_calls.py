"""Ufuncs that read numbers: exponents, signs, tests, and truth values."""

import numpy as np
import pytest
from onballs import array, expect_slope, floats, run

from gradcheck.exact.balls import Balls

X = np.array([0.75, -3.0, 0.0, 1e-300, 7.0])
D = np.cos(X)


def test_exponents_are_numpys_and_the_rest_moves():
    (mantissa, exponent), _ = run(np.frexp, (X, D))
    np.testing.assert_array_equal(exponent.value, np.frexp(X)[1])
    np.testing.assert_array_equal(floats(mantissa.value), np.frexp(X)[0])
    expect_slope(lambda x: np.ldexp(*np.frexp(x)), (X[:2], D[:2]))
    expect_slope(lambda x: np.frexp(x)[0], (X[:2], D[:2]))


def test_numbers_are_scaled_by_powers_of_two():
    expect_slope(lambda x: np.ldexp(x, np.array([1, -2, 0, 3, 4])), (X, D))


@pytest.mark.parametrize("test", [np.isfinite, np.isnan, np.isinf, np.signbit])
def test_tests_are_numpys(test):
    x = np.array([0.5, -0.25, 2.0, np.inf, -np.inf, np.nan])[: 5 if test is np.signbit else 6]
    assert test(array(x)).value.tolist() == test(x).tolist()


@pytest.mark.parametrize("call", [np.logical_and, np.logical_or])
def test_numbers_are_true_where_they_are_not_zero(call):
    assert call(array(X), Balls(X > 0)).value.tolist() == call(X, X > 0).tolist()
    assert np.logical_not(array(X)).value.tolist() == np.logical_not(X).tolist()


def test_vectors_are_multiplied():
    expect_slope(np.vecdot if hasattr(np, "vecdot") else np.inner, (X, D), (X + 1, D))
