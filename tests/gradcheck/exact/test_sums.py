"""Sums, means, norms and extremes: values are NumPy's, slopes are limits of difference quotients."""

import numpy as np
import pytest
from onballs import array, expect_slope, floats, run

from gradcheck.exact.refusals import NotFollowed
from gradcheck.exact.sums import CALLED

X = np.cos(np.arange(24.0)).reshape(2, 3, 4) + 1.5
D = np.sin(np.arange(24.0)).reshape(2, 3, 4)
OTHERS = {"clip", "linalg.norm", "linalg.vecdot", "sinc", "round", "around", "vdot", "cumprod"}
REDUCED = [name for name in CALLED if name not in OTHERS]


def numpys(name):
    return np.linalg.norm if name == "linalg.norm" else getattr(np, name)


def expect_same(function, *pairs):
    found, _ = run(function, *pairs)
    wanted = function(*(x for x, _ in pairs))
    np.testing.assert_allclose(floats(found.value), wanted, rtol=1e-14, atol=0)  # a sum's roundings
    expect_slope(function, *pairs)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("name", REDUCED)
def test_reductions_are_numpys(name, axis):
    expect_same(lambda x: numpys(name)(x, axis=axis), (X, D))


@pytest.mark.parametrize("name", [name for name in REDUCED if name not in ("average", "ptp")])
def test_axes_are_kept_where_asked(name):
    expect_same(lambda x: numpys(name)(x, axis=1, keepdims=True), (X, D))
    assert run(lambda x: numpys(name)(x, keepdims=True), (X, D))[0].shape == (1, 1, 1)


def test_methods_are_the_functions():
    expect_same(lambda x: x.sum(1) + x.mean(1) + x.max(1) + x.min(1) + x.std(1) + x.var(1) + x.prod(1), (X, D))


@pytest.mark.parametrize("ord", [None, 1, 2, np.inf])
def test_norms_of_vectors_are_numpys(ord):
    expect_same(lambda x: np.linalg.norm(x, ord, axis=-1), (X, D))
    expect_same(lambda x: np.linalg.norm(x, ord), (X[0, 0], D[0, 0]))


def test_norms_that_are_singular_values_are_refused():
    with pytest.raises(NotFollowed, match=r"^numpy\.linalg\.norm of order 2$"):
        np.linalg.norm(array(X[0]), 2)


def test_others_are_numpys():
    expect_same(lambda x: np.clip(x, 1.25, 2.0), (X, D))
    expect_same(lambda x: x.clip(max=2.0), (X, D))
    expect_same(lambda x: np.average(x, axis=0, weights=np.array([1.0, 3.0])), (X, D))
    expect_same(lambda x: np.sinc(x / 8), (X, D))
    expect_same(lambda x: np.cumprod(x, axis=1), (X, D))
    expect_same(np.cumprod, (X, D))
    expect_same(lambda x: np.var(x, axis=0, ddof=1), (X, D))
    found, _ = run(lambda x: np.round(x, 1), (X, D))
    np.testing.assert_allclose(floats(found.value), np.round(X, 1), rtol=1e-15, atol=0)
    assert floats(run(lambda x: np.round(x), (X, D))[0].value).tolist() == np.round(X).tolist()
    expect_same(np.vdot, (X, D), (D, X))
    expect_same(np.linalg.vecdot, (X, D), (D, X))


def test_the_least_of_whole_numbers_divides_exactly():
    found, _ = run(lambda x: np.mean(x > 1.0), (X, D))
    assert floats(found.value) == (X > 1.0).mean() and found.dtype == np.float64


def test_sums_of_nothing_are_zero_and_products_one():
    empty = np.zeros((0, 3))
    found, _ = run(lambda x: x.sum(0), (empty, empty))
    assert floats(found.value).tolist() == [0, 0, 0]
    found, _ = run(lambda x: x.prod(0), (empty, empty))
    assert floats(found.value).tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match=r"^zero-size array to reduction operation maximum which has no identity$"):
        run(lambda x: x.max(0), (empty, empty))
