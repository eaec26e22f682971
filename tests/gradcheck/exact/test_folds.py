"""Ufuncs along an axis, step by step, of all pairs, and into repeated places."""

import numpy as np
import pytest
from onballs import array, expect_slope, floats, run

from gradcheck.exact.balls import Balls
from gradcheck.exact.refusals import NotFollowed

X = np.cos(np.arange(12.0)).reshape(3, 4) + 1.25
D = np.sin(np.arange(12.0)).reshape(3, 4)
FOLDED = [np.add, np.multiply, np.maximum, np.minimum, np.logaddexp]


@pytest.mark.parametrize("axis", [0, 1, (0, 1), None])
@pytest.mark.parametrize("ufunc", FOLDED)
def test_reductions(ufunc, axis):
    found, _ = run(lambda x: ufunc.reduce(x, axis=axis), (X, D))
    np.testing.assert_allclose(floats(found.value), ufunc.reduce(X, axis=axis), rtol=1e-14, atol=0)  # a sum's roundings
    expect_slope(lambda x: ufunc.reduce(x, axis=axis, keepdims=True), (X, D))


@pytest.mark.parametrize("ufunc", FOLDED)
def test_reductions_begin_with_an_initial_number(ufunc):
    found, _ = run(lambda x: ufunc.reduce(x, axis=1, initial=2.0), (X, D))
    np.testing.assert_allclose(floats(found.value), ufunc.reduce(X, axis=1, initial=2.0), rtol=1e-14, atol=0)
    expect_slope(lambda x: ufunc.reduce(x, axis=1, initial=2.0), (X, D))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("ufunc", FOLDED)
def test_accumulations(ufunc, axis):
    found, _ = run(lambda x: ufunc.accumulate(x, axis=axis), (X, D))
    np.testing.assert_allclose(floats(found.value), ufunc.accumulate(X, axis=axis), rtol=1e-14, atol=0)
    expect_slope(lambda x: ufunc.accumulate(x, axis=axis), (X, D))


@pytest.mark.parametrize("ufunc", [np.multiply, np.subtract, np.maximum])
def test_all_pairs(ufunc):
    found, _ = run(ufunc.outer, (X, D), (X[0] + 0.0625, D[1]))
    np.testing.assert_allclose(floats(found.value), ufunc.outer(X, X[0] + 0.0625), rtol=1e-14, atol=0)
    expect_slope(ufunc.outer, (X, D), (X[0] + 0.0625, D[1]))


@pytest.mark.parametrize("ufunc", [np.add, np.subtract])
def test_repeated_places_add_up(ufunc):
    def scattered(x):
        out = np.zeros_like(x, shape=(2, 4))
        ufunc.at(out, np.array([1, 0, 1]), x)
        return out

    bare = np.zeros((2, 4))
    ufunc.at(bare, np.array([1, 0, 1]), X)
    found, _ = run(scattered, (X, D))
    np.testing.assert_allclose(floats(found.value), bare, rtol=1e-15, atol=0)
    expect_slope(scattered, (X, D))


def test_truth_values_are_folded():
    found, watch = run(lambda x: np.logical_or.reduce(x > 2, axis=1), (X, D))
    assert (found.value == (X > 2).any(1)).all() and watch.decided == {"greater": 12}
    assert np.logical_and.reduce(array(X)).value.all()


def test_what_is_not_taken_is_named():
    for call, name in (
        (lambda x: np.add.reduce(x, where=X > 1), "numpy.add.reduce with where"),
        (lambda x: np.fmod.reduce(x), "numpy.fmod.reduce"),
        (lambda x: np.multiply.at(x, [0], x[:1]), "numpy.multiply.at"),
        (lambda x: np.add.reduceat(x, [0, 1]), "numpy.add.reduceat"),
        (lambda x: np.add.at(np.zeros((3, 4)), [0, 1, 2], x), "numpy.add.at on a bare NumPy array"),
    ):
        with pytest.raises(NotFollowed, match=f"^{name}$".replace(".", r"\.")):
            call(array(X))


def test_whole_numbers_are_folded_as_numpy_does():
    assert np.add.reduce(Balls(np.array([1, 2, 3]))).value == 6
    assert np.cumsum(Balls(np.array([True, True]))).value.tolist() == [1, 2]
