"""What outputs lose by roundings inside, as a wider format shows it; what jumps or bends by itself loses nothing."""

import numpy as np
import pytest

import gradcheck.numeric.wider as module
from gradcheck.adapters import pair
from gradcheck.numeric.wider import hidden_by_rounding, lost_by_rounding
from gradcheck.subjects.problem import Problem

U = 2.0**-53
X = np.random.default_rng(1).uniform(0.5, 1.5, 20) * np.resize([1.0, -1.0], 20)

pytestmark = pytest.mark.skipif(not module.WIDER, reason="no format here is wider than float64")


def lost(function, x=X):
    problem = Problem(pair(function, lambda x, dy: dy), (x,), {})
    return lost_by_rounding(problem, [x], np.asarray(function(x)).ravel(), U)


@pytest.mark.parametrize("size", [1e-6, 1e-8])
def test_a_quotient_of_numbers_that_cancel_has_their_roundings(size):
    found = lost(lambda x: (1 - np.cos(x)) / x, size * X)
    assert (found > 0.1 / size).all() and (found < 10 / size).all()


@pytest.mark.parametrize("size", [1.0, 1e-4])
def test_an_entry_that_is_far_smaller_than_its_array_loses_what_it_does_where_it_is(size):
    x = np.append(size * X, 5e-8)
    found = lost(lambda x: (1 - np.cos(x)) / x, x)
    assert 0.1 / 5e-8 < found[-1] < 10 / 5e-8 and (found[:-1] < 10 / size).all()


@pytest.mark.parametrize("function", [np.sin, np.exp, lambda x: x * x, lambda x: np.round(8 * x), np.sign, np.abs,
    lambda x: np.sin(3 * x), lambda x: x + np.sin(x).astype(np.float32)])  # fmt: skip
def test_what_is_the_same_in_every_format_has_none(function):
    assert not lost(function).any()


def test_one_point_of_three_that_differs_is_a_jump_of_its_own():
    asked = []

    def function(x):
        asked.append(x.dtype)
        return x + (x.dtype == np.longdouble) * (asked.count(np.longdouble) == 1)

    assert not lost(function).any()


def test_nothing_is_known_of_what_takes_no_wider_numbers():
    def picky(x):
        if x.dtype != np.float64:
            raise TypeError("float64 alone")
        return (1 - np.cos(x)) / x

    assert not lost(picky, 1e-8 * X).any()


def test_nor_where_there_is_no_wider_format(monkeypatch):
    monkeypatch.setattr(module, "WIDER", False)
    assert not lost(lambda x: (1 - np.cos(x)) / x, 1e-8 * X).any()


def hidden(function, x=X):
    problem = Problem(pair(function, lambda x, dy: dy), (x,), {})
    return hidden_by_rounding(problem, [x], {0: np.ones_like(x)}, np.asarray(function(x)).ravel(), U)


@pytest.mark.parametrize("function", [lambda x: (x + 1e17) - 1e17, lambda x: np.sin(x)])
def test_what_a_wider_format_moves_over_a_step_is_told(function):
    assert hidden(function).all()


@pytest.mark.parametrize("function", [
    lambda x: 0 * x, lambda x: np.where(np.abs(x) > 3, x, 1), lambda x: 1 + 1e-18 * x, lambda x: 1 + 1e-15 * x,
    lambda x: (x + 1e30) - 1e30, lambda x: np.log(np.maximum(x - 3, 0))])  # fmt: skip
def test_what_it_does_not_is_not(function):
    with np.errstate(all="ignore"):
        assert not hidden(function).any()


def test_nothing_is_moved_without_one(monkeypatch):
    monkeypatch.setattr(module, "WIDER", False)
    assert not hidden(lambda x: (x + 1e17) - 1e17).any()
