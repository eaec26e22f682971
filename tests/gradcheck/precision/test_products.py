"""What multiplies a saturated slope multiplies its roundings: how large that is shows where nothing is saturated."""

import types

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.precision.products import products

Y = np.ones(2)


def of_products(gradient, point, leaf=0, y=Y):
    """The sizes of products where the gradient of one array is what this function of the arrays says of every entry."""
    rows = lambda arrays, g: [gradient(arrays) * np.ones((len(g), *x.shape)) for x in arrays]  # noqa: E731
    return products(types.SimpleNamespace(gradients=rows), [np.asarray(x, float) for x in point], leaf, y)


def test_products_are_what_the_gradient_is_where_an_array_alone_is_near_zero_or_all_but_one_other():
    saturated = lambda x: 20 * (np.abs(x[0]).max() < 1e-3)  # noqa: E731
    assert of_products(saturated, [[1.0, 2.0], [30.0]]).tolist() == [20.0, 20.0]
    with_another = lambda x: 20 * (max(np.abs(x[0]).max(), np.abs(x[2]).max()) < 1e-3)  # noqa: E731
    assert of_products(with_another, [[1.0, 2.0], [30.0], [1.0]]).tolist() == [20.0, 20.0]
    assert of_products(with_another, [[1.0, 2.0], [30.0], [1.0]], leaf=1).tolist() == [0.0]


def test_they_are_no_more_than_the_largest_of_the_others_times_the_cotangent_and_nothing_where_they_diverge():
    large = lambda x: 1e9 * (np.abs(x[0]).max() < 1e-3)  # noqa: E731
    assert of_products(large, [[1.0], [30.0, -40.0]]).tolist() == [1.5 * 40]
    assert of_products(large, [[1.0]]).tolist() == [1.5] and of_products(large, [[1.0]], y=4 * Y).tolist() == [6.0]
    assert of_products(lambda x: 1 / np.abs(x[0]).max(), [[1.0], [30.0]]).tolist() == [0.0]


def test_of_what_y_is_linear_in_they_are_the_largest_gradient():
    assert of_products(lambda x: np.array([1e-6, 50.0]), [[1.0, 2.0]]).tolist() == [50.0, 50.0]
    assert of_products(lambda x: np.array([1e-6, 50 + 1e-3 * (x[0][0] < 1)]), [[1.0, 2.0]])[0] < 1e-5


def test_outside_the_domain_there_is_no_product():
    def refuses(arrays):
        if arrays[0].max() < 1:
            raise ValueError("x must be at least 1")
        return 0.25

    assert of_products(refuses, [[1.0], [2.0]]).tolist() == [0.0]


@pytest.mark.parametrize("seed", [0, 3, 7])
@pytest.mark.parametrize("size", [100, 300])
def test_a_saturated_slope_that_large_numbers_multiply_is_as_right_as_float32_lets_it_be(size, seed):
    def unit(slope):
        def backward(x, w, dy):
            g = dy * slope(np.tanh(x @ w))
            return g @ w.T, x.T @ g

        rng = np.random.default_rng(200 + seed)
        x, w = rng.normal(size=(50, 8)) * size, rng.normal(size=(8, 4))
        subject = pair(lambda x, w: np.tanh(x @ w), backward)
        return gradcheck.Checker(seed=seed)(subject, x.astype(np.float32), w.astype(np.float32))

    assert unit(lambda y: 1 - y * y).verdict != "fail"
    assert unit(lambda y: 1.01 * (1 - y * y)).verdict == "fail"


@pytest.mark.parametrize("size", [1e-3, 1e-6])
def test_what_a_table_shares_out_to_two_entries_has_the_roundings_of_the_larger_share(size):
    """The way back rounds x + 2, whose last bit is that of 2: the smaller share is off by as much as the larger."""

    def shares(x):
        at = (x + x.dtype.type(2)) * x.dtype.type(2.5)
        i = np.minimum(at.astype(int), 9)
        return i, (at - i).astype(x.dtype)

    def backward(x, table, dy):
        (i, f), d = shares(x), np.zeros_like(table)
        np.add.at(d, i, dy * (1 - f))
        np.add.at(d, i + 1, dy * f)
        return dy * (table[i + 1] - table[i]) * x.dtype.type(2.5), d

    def forward(x, table):
        i, f = shares(x)
        return table[i] * (1 - f) + table[i + 1] * f

    rng = np.random.default_rng(1)
    x, table = np.abs(size * rng.normal(size=400)).astype(np.float32), rng.normal(size=11).astype(np.float32)
    assert gradcheck.check(pair(forward, backward), x, table).gradients[1].verdict != "fail"
    doubled = pair(forward, lambda x, table, dy: (backward(x, table, dy)[0], 2 * backward(x, table, dy)[1]))
    assert gradcheck.check(doubled, x, table).gradients[1].verdict == "fail"
