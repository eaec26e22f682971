"""What floats lose is told in units in the last place, and cancellation shows."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.exact.accuracy import Accuracy, accuracy
from gradcheck.exact.refusals import NotFollowed
from gradcheck.subjects.problem import Problem

X = np.random.default_rng(0).normal(size=(6, 5))


def found(forward, backward, dtype, *inputs, **constants):
    return accuracy(Problem(pair(forward, backward), inputs or (X,), constants), dtype, 0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_one_product_is_off_by_half_a_unit_at_most(dtype):
    (lost,) = found(lambda x: x * x / 2, lambda x, dy: x * dy, dtype)
    assert 0 < lost.median < lost.worst <= 0.5 and 0 < lost.beside <= lost.worst


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_exact_numbers_lose_nothing(dtype):
    (lost,) = found(lambda x: 2 * x, lambda x, dy: 2 * dy, dtype)
    assert (lost.name, lost.median, lost.worst, lost.beside) == ("x", 0, 0, 0)


@pytest.mark.parametrize(("dtype", "large"), [(np.float64, 2.0**20), (np.float32, 2.0**8)])
def test_digits_that_are_lost_are_counted(dtype, large):
    (lost,) = found(lambda x: x * 1, lambda x, dy: (dy + large) - large, dtype)
    assert large / 16 < lost.median <= lost.worst <= large  # half a unit of `large`, of numbers of 1/2 to 1


def test_where_terms_cancel_the_worst_is_large_in_its_own_units_and_not_in_those_of_the_largest():
    """tanh is flat at 3: 1 - tanh^2 is a small difference there, and none at 0."""
    x = np.array([0.25, 0.5, 9.0])
    (lost,) = found(np.tanh, lambda x, dy: dy * (1 - np.tanh(x) ** 2), np.float64, x)
    assert lost.worst > 1e3 and lost.beside < 2 and lost.median < 4


def test_zero_has_no_digits():
    lost = found(lambda a, b: a * 1 + 0 * b, lambda a, b, dy: (dy, 0 * dy), np.float64, X, X)
    assert lost[0].worst == 0 and lost[1] == Accuracy("b")


def test_an_entry_that_should_be_zero_is_seen_beside_the_largest():
    def backward(x, dy):
        rest = dy[:, :1] / 3 + dy[:, :1] / 7 - dy[:, :1] * 10 / 21  # zero, but for roundings
        return np.concatenate([rest * 2.0**10, dy], axis=1)

    (lost,) = found(lambda x: x[:, 1:] * 1, backward, np.float64)
    assert lost.worst == 0 and lost.beside > 1


def test_constants_are_rounded_to_the_dtype_with_the_arrays():
    weights = np.linspace(0.1, 0.9, 5)
    seen = []

    def backward(x, dy, *, weights):
        seen.append(getattr(weights, "dtype", None))
        return dy * weights

    (lost,) = found(lambda x, *, weights: x * weights, backward, np.float32, X, weights=weights)
    assert lost.worst <= 0.5 and seen[0] == np.float32


def test_what_balls_cannot_take_is_refused():
    with pytest.raises(NotFollowed):
        found(np.sin, lambda x, dy: np.asarray(dy, dtype=float), np.float64)
