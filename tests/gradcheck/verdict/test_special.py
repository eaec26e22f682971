"""Whether the very numbers that were given are special, or only their last bits are."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.claims.claim import claim_at
from gradcheck.numeric.scales import quantise
from gradcheck.subjects.problem import Problem
from gradcheck.verdict.places import choose
from gradcheck.verdict.special import is_special

X = np.array([0.1, 0.7, -1.3])


class Layer:
    def __init__(self, gamma):
        self.gamma = gamma

    def vjp(self, x):
        return x * self.gamma, lambda dy: (Layer((dy * x).sum(0)), dy * self.gamma)


@pytest.fixture
def special(rng):
    def special(backward, x=X, forward=np.sin):
        problem = Problem(pair(forward, backward), (x,), {})
        places = choose(problem, x.size, rng)
        claim = claim_at(problem, places.own.point, places.own.g, places.u, 0, rng)
        return is_special(problem, places, claim.values, rng)

    return special


def test_smooth_claims_are_the_same_at_numbers_of_fewer_bits(special):
    assert special(lambda x, dy: np.cos(x) * dy) is False


def test_a_comparison_with_one_of_the_numbers_makes_it_special(special):
    assert special(lambda x, dy: np.cos(x) * dy * (x != 0.1)) is True
    assert special(lambda x, dy: np.cos(x) * dy * (x != 0.25)) is False
    assert special(lambda x, dy: np.cos(x) * dy * (1 + 1e-3 * (x == 0.1))) is True


def test_what_changes_with_the_last_bits_by_less_than_2_to_the_minus_20_is_rounding(special):
    for part, found in ((0.9 * 2.0**-20, False), (1.1 * 2.0**-20, True)):
        assert special(lambda x, dy, part=part: dy * (1 + part * (x == 0.1)), np.array([0.1])) is found


def test_a_claim_that_changes_with_every_rounding_makes_no_number_special(special):
    """Half the numbers beside the given ones have an odd last bit, whatever that of the given ones is."""
    many = np.random.default_rng(1).normal(size=200)
    assert special(lambda x, dy: np.cos(x) * dy * (1 + (x.view(np.int64) & 1)), many) is False


def test_where_the_domain_ends_between_the_two_the_given_numbers_are_taken(special):
    x = np.array([0.1, -0.7])
    assert quantise(x)[0] < 0.1, "the inputs must show it"
    assert special(lambda x, dy: np.where(np.abs(x) < 0.1, np.nan, 1.0) * dy, x) is True
    assert special(lambda x, dy: np.nan * dy, x) is False, "nowhere a number"


def test_the_size_is_that_of_the_largest_claim_and_one_cotangent_is_enough(special, rng):
    x = np.array([0.1, 0.7])
    assert special(lambda x, dy: dy * np.array([1.0, 1e6]) * (1 + 0.5 * (x == 0.1)), x) is False
    assert special(lambda x, dy: -dy * np.array([1.0, 1e3]) * (1 + 0.5 * (x == 0.1)), x) is True


def test_all_arrays_must_be_alike_and_all_their_entries(rng):
    """One entry of one of two arrays is special; or the domain of one of them ends there."""
    x, w = np.array([0.1, 0.7]), np.array([1.3, -0.4])

    def asked(backward):
        problem = Problem(pair(lambda x, w: np.sin(x) * w, backward), (x, w), {})
        places = choose(problem, 2, rng)
        claim = claim_at(problem, places.own.point, places.own.g, places.u, 0, rng)
        return is_special(problem, places, claim.values, rng)

    few = quantise(x)[0]
    assert asked(lambda x, w, dy: (dy * np.where(x == 0.1, 2, 1), dy)) is True
    assert asked(lambda x, w, dy: (dy, dy * np.where(x == 0.1, 2, 1))) is True
    assert asked(lambda x, w, dy: (1e9 * dy, dy * np.where(x == 0.1, 2, 1))) is False, "that is little beside 1e9"
    assert asked(lambda x, w, dy: (dy * np.where(x == few, np.nan, 1), dy)) is True
    assert asked(lambda x, w, dy: (dy, dy * np.where(x == few, np.inf, 1))) is True
    assert asked(lambda x, w, dy: (dy, dy * np.where(w > 0, np.nan, 1))) is False
    assert asked(lambda x, w, dy: (dy * np.where(x == few, np.nan, 1), np.nan * dy)) is False


def test_beside_the_given_numbers_all_entries_move_by_a_few_roundings_to_both_sides():
    """Three points are asked: the given one, and two beside it."""
    asked = []

    def backward(x, dy):
        asked.append(x.copy())
        return np.cos(x) * dy * np.where((x == x0).all(), 2, 1)

    x0 = np.random.default_rng(3).normal(size=400)
    problem = Problem(pair(np.sin, backward), (x0,), {})
    places = choose(problem, 400, np.random.default_rng(1))
    claims = problem.gradients(places.own.point, places.own.g)
    asked.clear()
    assert is_special(problem, places, claims, np.random.default_rng(2)) is True
    assert len(asked) == 3 and np.array_equal(asked[0], x0)
    less, more = x0 * (1 - 2.0**-50), x0 * (1 + 2.0**-50)
    assert all(((x == less) | (x == more)).all() for x in asked[1:])
    moved = np.array([x / x0 - 1 for x in asked[1:]])
    assert (moved > 0).any(axis=1).all() and (moved < 0).any(axis=1).all() and not np.array_equal(*np.sign(moved))


@pytest.fixture
def beside():
    """beside(*two): whether numbers whose claims are twice as large are special, claims beside them being these two."""

    def beside(*two):
        answers = iter((2 * np.ones(4), *two))
        subject = pair(lambda x, w: x * w, lambda x, w, dy: tuple(np.split(next(answers), 2)))
        problem = Problem(subject, (np.array([0.1, 0.7]), np.array([1.3, -0.4])), {})
        places = choose(problem, 2, np.random.default_rng(1))
        return is_special(problem, places, [np.ones((1, 2)), np.ones((1, 2))], np.random.default_rng(2))

    return beside


def test_the_points_beside_are_both_as_claimed_and_only_what_is_no_number_in_every_array_is_left_out(beside):
    one, nan = np.ones(4), np.full(4, np.nan)
    assert beside(one, one) is True and beside(one, nan) is True and beside(nan, one) is True
    assert beside(one, 2 * one) is False and beside(2 * one, one) is False
    assert beside(one, np.array([1.0, 1.0, np.nan, np.nan])) is False, "one array has numbers there"
    assert beside(np.array([np.nan, 1.0, np.nan, np.nan]), one) is False, "one entry has"


def test_claims_of_zero_are_alike(special):
    assert special(lambda x, dy: 0 * dy) is False
    assert special(lambda x, dy: dy * (x == 0.1)) is True
    assert special(lambda x, dy: 1e-9 * dy * (1 + (x == 0.1))) is True, "small claims are not"


@pytest.mark.parametrize("x", [0.1, 0.3])  # of which rounding to a few bits makes less
def test_the_end_of_a_domain_is_special_where_the_claim_is_another_there(special, x):
    def forward(z):
        if (np.real(z) > x).any():
            raise ValueError("x must not be larger")
        return z * z

    assert special(lambda z, dy: 2 * z * dy, np.array([x]), forward) is False
    assert special(lambda z, dy: 2 * z * dy * (z != x), np.array([x]), forward) is True


def test_claims_that_overflow_inside_and_are_numbers_in_the_end_are_compared_as_any_are(special):
    assert special(lambda x, dy: dy * ((x != 0.1) + 1 / np.exp(1e6 + x * x))) is True
