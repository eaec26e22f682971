"""What roundings inside make of the output and of each cotangent, measured where the point moves."""

import numpy as np
import pytest
from promises import called

from gradcheck.contract.scatter import MARGIN, scatter

X = np.random.default_rng(1).normal(size=(3, 4))


def of(forward, backward, x=X):
    call = called(lambda x: (forward(x), lambda dy: backward(x, dy)), x)
    return call, scatter(call)


def mean(x):
    return x.astype(np.float32).mean(-1, keepdims=True)


def test_a_function_that_rounds_once_scatters_by_its_roundings():
    _, (y, dx) = of(lambda x: 3 * x, lambda x, dy: 3 * dy)
    assert max(y, dx) <= MARGIN * 64 * 2.0**-53 * np.abs(3 * X).max()


def test_a_mean_in_float32_scatters_by_its_roundings_in_the_output_and_where_it_is_in_the_cotangent():
    _, (y, dx) = of(lambda x: x - mean(x), lambda x, dy: dy - dy.mean(-1, keepdims=True))
    assert MARGIN * 2.0**-28 < y < MARGIN * 2.0**-23 and dx < 2.0**-46
    _, (y, dx) = of(lambda x: x * x, lambda x, dy: dy * 2 * (x + mean(x)))
    assert y < 2.0**-46 and MARGIN * 2.0**-28 < dx < MARGIN * 2.0**-22


@pytest.mark.parametrize("size", [1e-5, 1e-8, 1e-12])
def test_a_small_difference_of_larger_numbers_scatters_by_theirs(size):
    x = size * X
    for forward in (lambda x: np.exp(x) - 1, lambda x: np.exp(x) - 1 - x):
        _, (y, _) = of(forward, lambda x, dy: dy, x)
        assert 2.0**-54 < y < MARGIN * 2.0**-48


@pytest.mark.parametrize("forward", [lambda x: np.round(x * 64) / 64, lambda x: np.sin(1e4 * x)])
def test_what_moves_by_more_than_roundings_may_is_no_scatter(forward):
    _, (y, _) = of(forward, lambda x, dy: dy)
    assert y < 1e-10


def test_what_is_nothing_but_roundings_scatters_by_them():
    _, (y, _) = of(lambda x: ((1 + x) + np.flip(x)) - 1 - (x + np.flip(x)), lambda x, dy: 0 * dy)
    assert 2.0**-54 < y < MARGIN * 2.0**-48


@pytest.mark.parametrize(("part", "is_scatter"), [(1e-5, True), (1e-2, False)])
def test_noise_of_more_than_a_thousandth_is_a_shape_of_the_function(part, is_scatter):
    _, (y, _) = of(lambda x: np.sin(x) + part * np.sin(1e13 * x), lambda x, dy: dy)
    assert y > part if is_scatter else y < part / 100


def test_where_all_other_points_lie_outside_the_domain_nothing_is_known():
    def picky(x):
        if not np.array_equal(x, X):
            raise ValueError("outside")
        return x - mean(x)

    with np.errstate(all="ignore"):
        assert of(picky, lambda x, dy: dy)[1] == [0, 0]


def test_where_the_output_has_another_shape_at_all_other_points_nothing_is_known():
    def cut(x):
        return x * 1 if np.array_equal(x, X) else x[:2] * 1

    assert of(cut, lambda x, dy: np.resize(dy, x.shape))[1] == [0, 0]
