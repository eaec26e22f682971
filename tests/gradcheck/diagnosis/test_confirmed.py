"""gradcheck.diagnosis.confirmed, on layers with one planted bug."""

import numpy as np

from gradcheck.diagnosis import confirmed, words
from gradcheck.diagnosis.branches import threshold

LINE = np.linspace(-2, 2, 9) + 0.1
FIRST = np.arange(9) < 4


def condition(part, x):
    return threshold(part, x, "x")


def test_a_branch_goes_with_the_values(evidence):
    e = evidence(lambda x: np.where(x > 0, x * x, np.sin(x)), lambda x, dy: dy * np.where(x > 0, 2 * x, 1), LINE)
    assert condition(e.wrong, e.x) and confirmed.follows(e, condition)


def test_places_that_lie_on_one_side_by_accident_do_not(evidence):
    e = evidence(np.sinh, lambda x, dy: dy * np.where(FIRST, np.sin(x), np.cosh(x)), LINE)
    assert condition(e.wrong, e.x) and not confirmed.follows(e, condition)


def test_an_extreme_is_one_again_where_the_values_stand_otherwise(evidence):
    e = evidence(lambda x: x / np.abs(x).max(), lambda x, dy: dy / np.abs(x).max(), LINE)
    said = words.extreme(e.wrong, e.x)
    assert said and confirmed.returns(e, said, words.extreme)


def test_a_place_that_holds_the_extreme_by_accident_is_none(evidence):
    e = evidence(np.sinh, lambda x, dy: dy * np.where(np.arange(9) == 8, 3 * x, np.cosh(x)), LINE)
    said = words.extreme(e.wrong, e.x)
    assert said and not confirmed.returns(e, said, words.extreme)
