"""Smooth functions of numbers: values are those of NumPy and SciPy, slopes are limits of difference quotients."""

import numpy as np
import pytest
import scipy.special
from onballs import expect_slope, floats, run

from gradcheck.exact.elementwise import ONE, TWO

ABOVE_ONE = {"arccosh"}
POINTS, DIRECTION = np.array([0.375, 0.8125]), np.array([1.0, -0.5])
OTHER = np.array([1.25, 0.4375]), np.array([0.25, 2.0])
CLOSE = 1e-14  # floats round once or twice


def ufunc(name):
    return getattr(np, name, None) or getattr(scipy.special, name)


def points(name):
    return POINTS + (1 if name in ABOVE_ONE else 0)


@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_number_have_the_values_of_numpy(name):
    found, _ = run(ufunc(name), (points(name), DIRECTION))
    np.testing.assert_allclose(floats(found.value), ufunc(name)(points(name)), rtol=CLOSE, atol=0)


@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_number_have_the_slopes_of_their_values(name):
    expect_slope(ufunc(name), (points(name), DIRECTION))


@pytest.mark.parametrize("name", TWO)
def test_functions_of_two_numbers_have_the_values_of_numpy(name):
    found, _ = run(ufunc(name), (POINTS, DIRECTION), OTHER)
    np.testing.assert_allclose(floats(found.value), ufunc(name)(POINTS, OTHER[0]), rtol=CLOSE, atol=0)


@pytest.mark.parametrize("name", TWO)
def test_functions_of_two_numbers_have_the_slopes_of_their_values(name):
    expect_slope(ufunc(name), (POINTS, DIRECTION), OTHER)
    expect_slope(lambda a: ufunc(name)(a, OTHER[0]), (POINTS, DIRECTION))
    expect_slope(lambda b: ufunc(name)(POINTS, b), OTHER)


@pytest.mark.parametrize("name", TWO)
def test_operands_are_broadcast_with_their_changes(name):
    wide = np.array([[0.375], [0.8125], [0.625]])
    expect_slope(ufunc(name), (wide, np.ones((3, 1))), OTHER)
    expect_slope(lambda b: ufunc(name)(wide, b), OTHER)


@pytest.mark.parametrize("n", [0, 1, 2, 3, -2])
def test_whole_powers_of_numbers_of_both_signs(n):
    x = np.array([-1.5, 0.75, 2.0])
    found, _ = run(lambda x: x**n, (x, np.ones(3)))
    np.testing.assert_allclose(floats(found.value), x**n, rtol=CLOSE, atol=0)
    expect_slope(lambda x: x**n, (x, np.ones(3)))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_whole_powers_of_zero_have_their_slope(n):
    found, _ = run(lambda x: x**n, (np.zeros(1), np.ones(1)))
    assert (floats(found.value)[0], floats(found.change)[0]) == ((1, 0), (0, 1), (0, 0))[n]


def test_a_result_shares_no_memory_with_its_operands():
    def moved(x):
        y = x + 1
        y += x
        return x

    found, _ = run(moved, (POINTS, DIRECTION))
    assert (floats(found.value) == POINTS).all() and (floats(found.change) == DIRECTION).all()
