"""Places, extremes and factors in words."""

import numpy as np
import pytest

from gradcheck.diagnosis import words


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (np.ones((2, 3), bool), "in every entry"),
        (np.eye(3, dtype=bool), "on the diagonal"),
        (~np.eye(3, dtype=bool), "off the diagonal"),
        (np.triu(np.ones((3, 3), bool), 1), "above the diagonal"),
        (np.tril(np.ones((3, 3), bool), -1), "below the diagonal"),
        (np.isin(np.arange(9), [0, 1, 3, 5, 8]), "at index 0, 1, 3, 5, ... of axis 0"),
        (np.arange(6).reshape(2, 3) % 5 == 0, "at [0, 0], [1, 2] (2 of 6 entries)"),
        (np.arange(12).reshape(3, 4) % 5 < 2, "at [0, 0], [0, 1], [1, 1], ... (6 of 12 entries)"),
    ],
)
def test_places_in_words(where, said):
    assert words.places(where.ravel(), where.shape) == said


ENTRIES = np.array([[0.5, 2.0, -1.0], [-3.0, 0.1, 1.0]])


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ([[0, 1, 0], [0, 0, 0]], "its largest entry"),
        ([[0, 1, 0], [0, 0, 1]], "its largest entry along axis 1"),
        ([[0, 0, 0], [1, 0, 0]], "its smallest entry"),
        ([[0, 1, 0], [1, 0, 0]], "its largest (in size) entry along axis 1"),
        ([[1, 0, 0], [0, 0, 0]], None),
        ([[0, 1, 1], [0, 0, 0]], None),
    ],
)
def test_extremes_in_words(where, said):
    assert words.extreme(np.array(where, bool), ENTRIES) == said


def test_an_extreme_of_two_entries_shows_nothing():
    assert words.extreme(np.array([True, False]), np.array([2.0, 1.0])) is None


@pytest.mark.parametrize(
    ("c", "said", "is_named"),
    [(2.0, "2", True), (-1.0, "-1", True), (3.0, "3 (the length of an axis)", True), (0.7654321, "0.7654321", False)],
)
def test_factors_in_words(c, said, is_named, evidence):
    e = evidence(np.sinh, lambda x, dy: dy * np.exp(x), np.arange(12.0).reshape(3, 4) / 10)
    assert (words.factor(c, e), words.is_named(c, e)) == (said, is_named)


@pytest.mark.parametrize(
    ("c", "said"),
    [
        (1 + 1e-9, "(1 + 1.0e-09)"),
        (1 - 3e-7, "(1 - 3.0e-07)"),
        (-1 - 1e-12, "-1"),
        (-1.001, "-(1 + 1.0e-03)"),
        (0.3333333333, "0.333333"),
    ],
)
def test_no_number_reads_as_one_that_is_none(c, said):
    assert words.decimal(c, 6) == said


def test_entries_with_no_name_for_their_places_are_scattered():
    assert words.is_scattered(np.arange(6) % 5 == 0, (2, 3))
    assert not words.is_scattered(np.arange(6) == 4, (2, 3)) and not words.is_scattered(np.arange(6) < 3, (2, 3))


def test_axes_in_words():
    assert words.axes((1,)) == "axis 1" and words.axes((0, 2)) == "axes 0, 2"
