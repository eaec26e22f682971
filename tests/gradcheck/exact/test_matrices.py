"""Inverses, solutions and determinants."""

import numpy as np
import pytest
from onballs import array, expect_slope, floats, run

from gradcheck.exact.refusals import NotFollowed

A = np.cos(np.arange(18.0)).reshape(2, 3, 3) + 2 * np.eye(3)
D = np.sin(np.arange(18.0)).reshape(2, 3, 3)
B = np.arange(6.0).reshape(2, 3, 1) - 1.5


@pytest.mark.parametrize("function", [np.linalg.inv, np.linalg.det, lambda a: np.linalg.slogdet(a)[1]])
def test_functions_of_one_matrix(function):
    found, _ = run(function, (A, D))
    np.testing.assert_allclose(floats(found.value), function(A), rtol=1e-13, atol=0)  # the condition is below 10
    expect_slope(function, (A, D))


def test_solutions():
    expect_slope(np.linalg.solve, (A, D), (B, np.cos(B)))
    expect_slope(np.linalg.solve, (A[0], D[0]), (B[0, :, 0], B[1, :, 0]))


@pytest.mark.parametrize("n", [-2, 0, 1, 3])
def test_powers(n):
    found, _ = run(lambda a: np.linalg.matrix_power(a, n), (A, D))
    np.testing.assert_allclose(floats(found.value), np.linalg.matrix_power(A, n), rtol=1e-13, atol=1e-14)
    expect_slope(lambda a: np.linalg.matrix_power(a, n), (A, D))


def test_a_matrix_that_may_be_singular_is_refused():
    with pytest.raises(NotFollowed, match=r"^a matrix that may be singular$"):
        np.linalg.inv(array(np.ones((2, 2))))
