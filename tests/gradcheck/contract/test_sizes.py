"""What is small in dy beside the rest of it counts as it does alone."""

import dataclasses

import numpy as np
import pytest
from promises import called

from gradcheck.contract import sizes
from gradcheck.contract.likeness import Rounding, measure_rounding
from gradcheck.contract.sizes import Mixture, lost_beside_larger

X = np.random.default_rng(1).normal(size=(12, 10))
W = np.random.default_rng(3).normal(size=(10, 6))


def product(spoil):
    return lambda x, w: (x @ w, lambda dy: (spoil(dy) @ w.T, x.T @ spoil(dy)))


def lost(subject, *inputs, large=False):
    call = called(subject, *inputs, large=large)
    with np.errstate(all="ignore"):
        return {leaf for leaf, _ in lost_beside_larger(call, measure_rounding(call, np.random.default_rng(2)))}


def layer_norm(x, eps=1e-5):
    n = x - x.mean(-1, keepdims=True)
    r = 1 / np.sqrt((n * n).mean(-1, keepdims=True) + x.dtype.type(eps))
    n = n * r
    return n, lambda dy: r * (dy - dy.mean(-1, keepdims=True) - n * (dy * n).mean(-1, keepdims=True))


def bare_norm(x):
    return layer_norm(x, 0.0)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    return p, lambda dy: p * (dy - (p * dy).sum(-1, keepdims=True))


def cancelling(x):
    return (x * x, x - x), lambda dy: 2 * x * dy[0] + 3 * x * dy[1] - 3 * x * dy[1]


RIGHT = {
    "a layer norm": (layer_norm, X),
    "one of two entries, which are all but rounding": (layer_norm, X[:, :2]),
    "one of two that are near each other, where that is far larger than y": (bare_norm, 0.05 * X[:, :2]),
    "a softmax": (softmax, X),
    "a saturated one": (softmax, 20 * X),
    "a mean that is taken away": (lambda x: (x - x.mean(0), lambda dy: dy - dy.mean(0)), X),
    "a part of two that cancels": (cancelling, X),
    "differences": (lambda x: (np.diff(x), lambda dy: -np.diff(dy, prepend=0, append=0)), X[0]),
    "a running sum": (lambda x: (np.cumsum(x), lambda dy: np.cumsum(dy[::-1])[::-1]), X[0]),
    "one number": (lambda x: (x.sum(), lambda dy: dy + 0 * x), X),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("name", RIGHT)
def test_roundings_of_what_is_larger_are_not_taken_for_a_loss(name, dtype):
    subject, x = RIGHT[name]
    assert not lost(subject, x.astype(dtype))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("scale", [1, 1e-3])  # in float16 what is small there is among its smallest numbers
def test_a_matrix_product_loses_nothing(dtype, scale):
    assert not lost(product(lambda dy: dy), X.astype(dtype), (scale * W).astype(dtype))


def size(dy, axis):
    return np.abs(dy).max(axis=axis, keepdims=True)


PARTS = [(1e-1, np.float16), (1e-3, np.float32), (1e-3, np.float64), (1e-8, np.float64)]


@pytest.mark.parametrize(("part", "dtype"), PARTS)
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_what_is_dropped_below_a_part_of_the_largest_is_lost(part, axis, dtype):
    x, w = X.astype(dtype), W.astype(dtype)
    assert lost(product(lambda dy: np.where(np.abs(dy) < part * size(dy, axis), 0, dy)), x, w)


@pytest.mark.parametrize(("part", "dtype"), [(1e-1, np.float16), (1e-4, np.float32), *PARTS[1:], (1e-10, np.float64)])
@pytest.mark.parametrize("shape", [(6,), (60,), (10, 12)])
def test_so_it_is_of_an_elementwise_function(part, dtype, shape):
    x = np.resize(X, shape).astype(dtype)
    assert lost(lambda x: (np.sin(x), lambda dy: np.cos(x) * np.where(np.abs(dy) < part * size(dy, None), 0, dy)), x)
    assert not lost(lambda x: (np.sin(x), lambda dy: np.cos(x) * dy), x)


def test_so_are_rows_that_are_skipped_as_small():
    rows = product(lambda dy: dy * (size(dy, 1) >= 1e-8 * np.abs(dy).max()))
    assert lost(rows, X, W) and lost(rows, X, W, large=True)


def test_and_numbers_in_fixed_point():
    assert lost(product(lambda dy: np.round(dy / np.abs(dy).max() * 2**20) * (np.abs(dy).max() / 2**20)), X, W)


def test_the_array_that_loses_something_is_named_with_an_axis():
    def vjp(x, w):
        return x @ w, lambda dy: (dy @ w.T, x.T @ np.where(np.abs(dy) < 1e-8 * np.abs(dy).max(), 0, dy))

    call = called(vjp, X, W)
    found = list(lost_beside_larger(call, measure_rounding(call, np.random.default_rng(2))))
    assert ("w", "y along axis 1") in found and {leaf for leaf, _ in found} == {"w"}


@pytest.mark.parametrize(("large", "more"), [(False, 2), (True, 1)])
def test_one_more_cotangent_is_asked_for_along_each_axis_and_of_a_large_subject_along_one(large, more):
    """The pieces have been asked for before."""
    call = called(product(lambda dy: dy), X, W, large=large).remembering()
    rounding = measure_rounding(call, np.random.default_rng(2))
    g = call.g[0].reshape(12, 6)
    for axis, length in enumerate(g.shape):
        place = np.arange(length).reshape([-1 if i == axis else 1 for i in range(2)])
        for part in (place == 0, (place > 0) & (place < length - 1), place == length - 1):
            call.pull(np.where(part, g, 0).ravel())
    before = call.problem.count["pullback"]
    assert not list(lost_beside_larger(call, rounding))
    assert call.problem.count["pullback"] - before == more


def test_nothing_is_tried_of_an_output_of_one_entry():
    call = dataclasses.replace(called(lambda x: (x.sum(), lambda dy: dy + 0 * x), X), pullback=None)
    assert not list(lost_beside_larger(call, Rounding({}, {}, {}, 0.0)))


@pytest.mark.parametrize(
    ("times", "is_lost"), [([2, 0, 0, 0], True), ([2, 0, 0, 0, 0], False), ([1, 1, 1, 1], False), ([2, 2, 1, 0], True)]
)
def test_what_is_off_is_lost_where_a_quarter_of_it_shrinks_twice_as_what_is_small_does(monkeypatch, times, is_lost):
    call = called(lambda x: (x * 1, lambda dy: dy * 1), X.ravel()[: len(times)])
    rounding = measure_rounding(call, np.random.default_rng(2))
    off = iter([8.0 ** -np.minimum(times, most) for most in (0, 0, 1, 2)])
    monkeypatch.setattr(sizes, "_differences", lambda *_: [(next(off), np.zeros(len(times)))])
    assert bool(list(lost_beside_larger(call, rounding))) is is_lost


def test_what_is_large_in_a_mixture_stays_where_what_is_small_is_made_smaller():
    assert Mixture([], [0, 0, 7, 10], "").further(2).smaller == [0, 0, 13, 16]
