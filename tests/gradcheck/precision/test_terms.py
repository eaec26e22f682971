"""A saturated gradient is a small difference of terms that are not small: how large they are shows nearer to zero."""

import types

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.numeric.reading import Place
from gradcheck.precision.shadow import compare_with_shadow
from gradcheck.precision.terms import most, terms
from gradcheck.subjects.problem import Problem

TANH = pair(np.tanh, lambda x, dy: dy * (1 - np.tanh(x) ** 2))
Y = np.ones(2)


def found(gradients, leaf=0, point=None, y=Y):
    """The terms of a subject whose gradients are what this function of the arrays and the cotangents says."""
    problem = types.SimpleNamespace(gradients=gradients)
    return terms(problem, [np.ones(2)] if point is None else point, leaf, y)


def test_terms_are_what_the_gradient_is_nearer_to_zero_and_no_more_than_the_cotangent():
    x = np.array([30.0, -1.0])
    size = terms(Problem(TANH, (x,), {}), [x], 0, np.tanh(x))
    assert 0.5 < size[0] <= 1.5 and size[1] <= 1.5
    steep = Problem(pair(lambda x: 100 * x, lambda x, dy: 100 * dy), (x,), {})
    assert (terms(steep, [x], 0, Y) <= 1.5).all()


def test_gradients_are_asked_where_the_array_and_where_all_are_an_eighth_and_a_64th():
    asked, point = [], [np.array([64.0]), np.array([128.0])]

    def gradients(arrays, g):
        asked.append([float(x[0]) for x in arrays])
        return [np.zeros((len(g), 1))] * 2

    found(gradients, leaf=1, point=point)
    assert asked == [[64, 16], [8, 16], [64, 2], [1, 2]]


def test_four_cotangents_are_asked_as_along_one_a_gradient_may_be_small_by_chance():
    shapes = []
    found(lambda arrays, g: shapes.append(g.shape) or [np.zeros((len(g), 2))], y=np.ones(7))
    assert shapes == [(4, 7)] * 4


def test_the_largest_of_each_entry_counts_whatever_its_sign():
    rows = iter(([0.1, 0.0], [0.0, -0.3], [-0.4, 0.2], [0.0, 0.0]))

    def gradients(arrays, g):
        row = np.zeros((4, 2))
        row[2] = next(rows)
        return [row]

    assert found(gradients).tolist() == [0.4, 0.3]


def test_the_gradient_of_the_array_itself_is_looked_at():
    first, second = np.full((4, 2), 0.25), np.full((4, 2), 0.5)
    assert found(lambda arrays, g: [first, second], leaf=1, point=[np.ones(2)] * 2).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(("y", "size"), [([0.0, 0.5], 1), ([2.0, -16.0], 16), ([], 1)])
def test_no_term_is_larger_than_the_largest_cotangent_or_y_times_it(y, size):
    largest = []

    def gradients(arrays, g):
        largest.append(float(np.abs(g).max(initial=0)))
        return [np.full((4, 2), 1e9)]

    assert found(gradients, y=np.array(y)).tolist() == [largest[0] * size] * 2


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_no_term(value):
    assert found(lambda arrays, g: [np.array([[value, 0.25]] * 4)]).tolist() == [0, 0.25]


def test_outside_the_domain_there_are_none_and_where_it_is_left_once_the_others_count():
    visits = iter(range(4))

    def gradients(arrays, g):
        if next(visits) < 3:
            raise ValueError("too small")
        return [np.full((4, 2), 0.25)]

    assert found(gradients).tolist() == [0.25, 0.25]
    x = np.array([30.0, 40.0])

    def backward(x, dy):
        if x.max() < 20:
            raise ValueError("too small")
        return dy

    assert (terms(Problem(pair(lambda x: +x, backward), (x,), {}), [x], 0, x) == 0).all()


def test_numbers_that_overflow_are_no_warning():
    with np.errstate(over="raise"):
        assert found(lambda arrays, g: [np.exp(1e3 * np.ones((4, 2)))]).tolist() == [0, 0]


@pytest.mark.parametrize("y", [np.array([0.5, -0.25]), np.array([2.0, -8.0]), np.zeros(0)])
def test_no_terms_are_larger_than_the_most_that_there_may_be(y):
    assert most(y) == 1.5 * max(1.0, np.abs(y).max(initial=0))
    huge = Problem(pair(lambda x: +x, lambda x, dy: 1e9 * dy), (np.ones(2),), {})
    if y.size:
        size = terms(huge, [np.ones(2)], 0, y)
        assert (size > 0.9 * most(y) / 1.5).all() and (size <= most(y)).all()


@pytest.mark.parametrize(("roundings", "told"), [(15.9, False), (16.1, True)])
def test_a_difference_of_terms_in_a_narrow_format_may_be_off_by_sixteen_of_their_roundings(roundings, told):
    """Here the gradient is 0, and the cotangent it is made of is 1 nearer to zero."""

    def gradients(arrays, g):
        (x,) = arrays
        error = roundings * 2.0**-24 * (x.dtype == np.float32)
        return [np.full((len(g), 2), error if len(g) == 1 else 1.0)]

    x = np.ones(2, np.float32)
    leaf, subject = types.SimpleNamespace(name="x", value=x), types.SimpleNamespace(units={})
    forward = lambda arrays: np.ones(2)  # noqa: E731
    problem = types.SimpleNamespace(leaves=[leaf], subject=subject, gradients=gradients, forward=forward)
    own = Place([x.astype(float)], np.zeros(2), np.ones((2, 2)))
    assert bool(compare_with_shadow(problem, own, 2.0**-53, np.random.default_rng(2))) == told


def test_what_overflows_inside_and_is_a_number_in_the_end_is_a_term():
    steep = Problem(pair(lambda x: x, lambda x, dy: dy * (0.25 + 1 / np.exp(1e6 + x * x))), (np.ones(2),), {})
    assert (terms(steep, [np.ones(2)], 0, Y) > 0.25).all()
