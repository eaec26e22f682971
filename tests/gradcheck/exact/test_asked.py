"""Questions about arrays of balls: order, truth, kind."""

import functools

import numpy as np
import pytest
from onballs import array, expect_slope, run

from gradcheck.exact.asked import TRUTHS
from gradcheck.exact.balls import Balls

X = np.array([[0.5, -1.0, 2.0, 0.0], [3.0, 0.25, 0.0, -2.0]])
D = np.cos(X)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_places_of_extremes_are_numpys(name, axis):
    found, _ = run(lambda x: getattr(x, name)(axis), (X, D))
    np.testing.assert_array_equal(found.value, getattr(X, name)(axis))
    found, _ = run(lambda x: getattr(np, name)(x, axis=1, keepdims=True), (X, D))
    assert found.shape == (2, 1)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_order_and_sorted_numbers_are_numpys(axis):
    found, _ = run(lambda x: np.argsort(x, axis=axis, kind="stable"), (X, D))
    np.testing.assert_array_equal(found.value, np.argsort(X, axis=axis, kind="stable"))
    expect_slope(lambda x: np.sort(x, axis=axis), (X, D))


@pytest.mark.parametrize("name", TRUTHS)
def test_truth_values_are_numpys(name):
    ask = getattr(np, name)
    for given in (X, X > 0):
        found = ask(array(given) if given.dtype == float else Balls(given))
        for a, b in zip(*(x if isinstance(x, tuple) else (x,) for x in (found, ask(given))), strict=True):
            np.testing.assert_array_equal(a.value, b)


def test_the_largest_of_whole_numbers():
    assert np.argmax(Balls(np.array([1, 3, 2]))).value == 1


def test_what_is_close_is_a_branch():
    for ask in (np.isclose, np.allclose):
        for other in (X * (1 + 1e-6), X + 1e-3):
            wide = functools.partial(ask, b=other, rtol=1e-5, atol=1e-8)  # NumPy's own
            found, watch = run(wide, (X, D))
            assert np.array_equal(found, wide(X)) and watch.decided["less_equal"] == X.size


def test_kinds_and_shapes_are_told():
    x = array(X)
    assert (np.result_type(x, np.float32), np.common_type(x)) == (np.float64, np.float64)
    assert (np.shape(x), np.ndim(x), np.size(x), np.size(x, 1)) == ((2, 4), 2, 8, 4)
    assert np.isrealobj(x) and not np.iscomplexobj(x)
    assert np.array_equal(x, array(X)) and not np.array_equal(x, array(X + 1)) and not np.array_equal(x, array(X[0]))
    assert np.real(x) is x and not np.any(np.imag(x))
