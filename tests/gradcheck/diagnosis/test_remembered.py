"""Claims at a point are made once, for every array; at another point, or for other cotangents, anew."""

import numpy as np
import pytest

from gradcheck.claims.claim import Claim
from gradcheck.diagnosis import remembered
from gradcheck.numeric.reading import Place


@pytest.fixture
def made():
    return []


@pytest.fixture
def claims(made):
    def make(place):
        made.append(place)
        return Claim([place.g[:, :1] * x for x in place.point], [], 2.0**-53)

    return remembered.Remembered(make)


def place(x, g=1.0):
    return Place([np.array([x, 2.0])], np.zeros(3), np.full((1, 3), g))


def test_claims_are_made_once_at_a_point(claims, made):
    first = claims.at(place(1.0))
    assert claims.at(place(1.0)) is first
    assert len(made) == 1


@pytest.mark.parametrize("other", [place(1.5), place(1.0, 2.0)])
def test_at_another_point_and_for_other_cotangents_they_are_others(claims, made, other):
    claims.at(place(1.0))
    np.testing.assert_array_equal(claims.at(other).values[0], other.g[:, :1] * other.point[0])
    assert len(made) == 2


def test_no_more_of_them_are_kept_than_there_is_room_for(monkeypatch, made):
    monkeypatch.setattr(remembered, "NUMBERS", 3)
    claims = remembered.Remembered(lambda place: made.append(place) or Claim([np.zeros(2)], [], 0.0))
    for x in (1.0, 3.0, 1.0, 3.0):
        claims.at(place(x))
    assert len(made) == 3
