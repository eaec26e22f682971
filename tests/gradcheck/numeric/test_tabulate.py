"""Values at equally spaced points of a line."""

import dataclasses

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.numeric.constants import NOISE_POINTS
from gradcheck.numeric.ladder import rounded
from gradcheck.numeric.tabulate import Line, Table
from gradcheck.subjects.problem import Problem

X = np.array([1.0, 2.0])


def line(forward, g=None):
    return Line(Problem(pair(forward, lambda x, dy: dy), (X,), {}), [X], {0: np.array([1.0, -2.0])}, g, 2)


def test_a_table_has_as_many_points_before_the_middle_as_after_it_but_for_one():
    table = line(np.square).table(0.25)
    t = 0.25 * (np.arange(NOISE_POINTS) - NOISE_POINTS // 2)
    np.testing.assert_array_equal(table.values, np.stack([(1 + t) ** 2 - 1, (2 - 2 * t) ** 2 - 4], axis=1))
    assert table.spacing == 0.25 and table.is_finite and table.size.tolist() == [3.0625, 16.0]


def test_cotangents_project_the_values_and_their_roundings_of_outputs_that_change():
    g = np.array([[1.0, 3.0], [0.5, -1.0]])
    table, alone = (line(f, g).table(0.25) for f in (np.square, lambda x: np.array([7.0, x[1] ** 2])))
    plain = line(np.square).table(0.25)
    np.testing.assert_array_equal(table.values, plain.values @ g.T)
    np.testing.assert_array_equal(table.size, rounded(g, plain.size))
    np.testing.assert_array_equal(alone.size, [48.0, 16.0])


def test_a_table_that_leaves_the_domain_is_not_finite():
    assert not line(lambda x: np.where(x > 2.5, np.nan, x)).table(0.25).is_finite
    assert np.isnan(line(lambda x: x[:1]).at(0.5)).all(), "nor is it where f has other outputs"
    assert line(np.negative).at(0.5).tolist() == [-1.5, -1.0]


@pytest.mark.parametrize("kind", [Line, Table])
def test_tables_are_filled_in_once(kind):
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(kind).spacing = None


@pytest.mark.parametrize("value", [np.inf, 1e308])
def test_numbers_without_a_difference_are_no_warning(value):
    assert not line(lambda x: np.where(x > 2, value, -value)).table(0.25).is_finite


def test_what_overflows_inside_and_is_a_number_in_the_end_is_in_the_domain():
    assert line(lambda x: x + 1 / np.exp(1e6 + x * x)).at(0.5).tolist() == [1.5, 1.0]
