"""Outputs that are coarser than their own size."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.grain import grain, hidden_grain, may_be_coarse
from gradcheck.numeric.scales import quantise
from gradcheck.subjects.problem import Problem

X = quantise(np.random.default_rng(1).normal(size=50))


def grains(function, x=X, u=2.0**-53):
    problem = Problem(pair(function, lambda x, dy: dy), (x,), {})
    return grain(problem, [x], np.asarray(function(x)).ravel(), u, np.random.default_rng(4))


@pytest.mark.parametrize("size", [1.0, 1e3, 1e6])
def test_a_small_difference_of_large_numbers_has_their_grain(size):
    found = grains(lambda x: (size + 1e-3 * size * x) - size)
    assert (found >= size / 2).all() and (found <= 2 * size).all()


@pytest.mark.parametrize("function", [np.sin, lambda x: 2 * x, np.exp, lambda x: np.maximum(x, 0), np.sign, np.round,
    lambda x: np.round(x * 64) / 64])
def test_what_is_rounded_at_its_own_size_has_none(function):
    assert not grains(function).any()


def test_a_narrow_format_is_no_grain():
    assert not grains(lambda x: np.sin(x).astype(np.float32).astype(float), u=2.0**-24).any()


def test_a_value_that_is_no_number_hides_no_grain():
    """A number in its place, such as 1, would have a last bit of its own, finer than those of 2^60."""
    visits = iter(range(7))

    def forward(x):
        y = (2.0**60 + 2.0**50 * x) - 2.0**60
        return np.where(next(visits) == 3, np.nan, y)

    found = grains(forward)
    assert (found >= 2.0**59).all() and (found <= 2.0**61).all()


def test_six_points_are_asked_that_lie_a_millionth_of_each_number_away_to_both_sides():
    asked = []
    grains(lambda x: asked.append(x) or x)
    away = np.array(asked[1:]) / X - 1  # the first is the point itself
    assert away.shape == (6, 50) and len({tuple(row) for row in away}) == 6
    assert 2.0**-20.2 < away.max() < 2.0**-20 and 2.0**-20.2 < -away.min() < 2.0**-20  # of 300 uniform numbers


def test_outputs_that_are_not_finite_have_none():
    with np.errstate(all="ignore"):
        assert not grains(lambda x: np.log(-np.abs(x))).any()


@pytest.mark.parametrize("x0", [-6.0, -8.0, -9.0, -12.0, -16.0, -17.0])
@pytest.mark.parametrize("error", [0, 1e-3])
def test_a_coarse_output_fails_no_right_claim_and_hides_no_wrong_one(x0, error):
    """Powers of two are the points at which a table of small spacings sees one value of 1 + tanh only."""
    backward = lambda x, dy: dy * (1 - np.tanh(x) ** 2) * (1 + error)  # noqa: E731
    subject = pair(lambda x: 1 + np.tanh(x), backward)
    for seed in range(3):
        report = gradcheck.Checker(seed=seed)(subject, np.array([x0, 0.3, 1.2]))
        assert report.verdict == ("fail" if error else "pass"), str(report)


def test_a_straight_through_estimator_is_still_failed():
    subject = pair(lambda x: np.round(x * 64) / 64, lambda x, dy: dy)
    assert gradcheck.check(subject, np.random.default_rng(1).normal(size=5)).verdict == "fail"


def test_numbers_that_end_in_zeros_may_be_coarse():
    assert may_be_coarse(np.array([0.3, 0.5]), 2.0**-53) and may_be_coarse(np.array([0.0]), 2.0**-53)
    assert not may_be_coarse(np.array([1 + 2.0**-52, 2 - 2.0**-52]), 2.0**-53)
    assert may_be_coarse(np.array([2.0**-20 * (1 + 2.0**-40)]), 2.0**-53)


@pytest.mark.parametrize(("bits", "coarse"), [(48, True), (49, False)])
def test_an_output_is_coarse_that_ends_in_more_than_three_zeros(bits, coarse):
    """Of 1.6 a step of 2^-48 is ten roundings, and one of 2^-49 five."""
    x = np.full(3, 1.6)
    found = grains(lambda x: np.round(x * 2.0**bits) / 2.0**bits, x)
    assert (found == (2.0**-bits * 2.0**52 if coarse else 0)).all()
    y = np.full(1, 1.6 // 2.0**-bits * 2.0**-bits)
    odd = y + (2.0**-bits if round(y[0] * 2.0**bits) % 2 == 0 else 0)
    assert may_be_coarse(odd, 2.0**-53) is coarse


@pytest.mark.parametrize(("size", "offset"), [(1.0, 0.0), (1024.0, 0.0), (1.0, 1024.0), (2.0**-10, 0.0)])
def test_steps_as_wide_as_a_billionth_of_any_number_in_sight_were_meant(size, offset):
    """2^-22 of the largest of 1, the inputs and the outputs."""
    x, most = size * np.linspace(1.0, 1.9, 9), max(size * 1.9, 1.0, offset)
    for bits, coarse in ((23, True), (20, False)):
        step = 2.0 ** (np.floor(np.log2(most)) - bits)
        found = grains(lambda x, step=step: np.append(np.round(x / step) * step, offset), x)[:-1]
        assert (found > 0).any() == coarse


@pytest.mark.parametrize(
    ("x", "y", "largest"),
    [([0.75, 0.5], [0.75, 0.5], 1.0), ([128.0, 0.5], [0.75, 0.5], 128.0), ([0.75, 0.5], [0.5, -128.0], 128.0)],
)
def test_steps_are_roundings_of_numbers_up_to_2_to_the_30_times_the_largest_in_sight_and_1(x, y, largest, rng):
    def found(step):
        def stair(a):
            return np.round((np.array(y) + 2.0**10 * (a - np.array(x))) / step) * step

        problem = Problem(pair(stair, lambda a, dy: dy), (np.array(x),), {})
        return grain(problem, [np.array(x)], np.array(y), 2.0**-53, rng)

    assert (found(2.0**-22 * largest) > 0).any() and not found(2.0**-21 * largest).any()


def test_what_overflows_inside_and_is_a_number_in_the_end_hides_no_grain():
    problem = Problem(pair(lambda x: (1e3 + x) - 1e3 + 1 / np.exp(1e6 + x * x), lambda x, dy: dy), (X,), {})
    assert (grain(problem, [X], X, 2.0**-53, np.random.default_rng(4)) >= 500).all()


def hidden(function, x):
    problem = Problem(pair(function, lambda x, dy: dy), (x,), {})
    return hidden_grain(problem, [x], np.asarray(function(x)).ravel(), 2.0**-53)


@pytest.mark.parametrize("size", [1e-8, 1e-10, 1e-12, 1e-16, 1e-25])
@pytest.mark.parametrize("function", [lambda x: np.exp(x) - 1 - x, lambda x: np.sqrt(1 + x) - 1 - x / 2])
def test_something_finer_that_is_added_hides_no_grain(function, size):
    """No table has a spacing of as many roundings of 1, and where all of x lies on one step they reach farther."""
    found = hidden(function, size * X)
    assert np.mean(found > 1 / 4) > 0.95 and (found < 8).all()


@pytest.mark.parametrize("size", [1.0, 1e-9])
@pytest.mark.parametrize("function", [np.sin, lambda x: x * x, np.abs, lambda x: np.exp(x) - 1.5])
def test_what_has_its_own_roundings_has_none_that_is_hidden(function, size):
    assert not hidden(function, size * X).any()


@pytest.mark.parametrize("function", [np.round, lambda x: np.sin(1e9 * x),
    lambda x: x + np.sin(x).astype(np.float32).astype(float)])
def test_nor_has_what_moves_in_steps_or_waves_of_its_own(function):
    assert not hidden(function, X).any()


@pytest.mark.parametrize("size", [1e-10, 1e-12, 1e-14])
@pytest.mark.parametrize("forward", [lambda x: np.exp(x) - 1 - x, lambda x: np.log(1 + x) - x])
def test_a_slope_between_two_roundings_contradicts_no_claim(forward, size):
    subject = pair(forward, lambda x, dy: dy * forward(2 * x) / 2)  # nothing, to all digits that float64 has there
    for seed in range(2):
        assert gradcheck.Checker(seed=seed)(subject, size * X[:8]).verdict == "inconclusive"


@pytest.mark.parametrize("size", [1e-10, 1e-12])
def test_nor_does_it_confirm_one(size):
    subject = pair(lambda x: np.exp(x) - 1 - x, lambda x, dy: -dy)
    for seed in range(2):
        assert gradcheck.Checker(seed=seed)(subject, size * X[:8]).verdict != "pass"


def test_outputs_that_are_zero_near_by_have_the_grain_that_they_show_farther_away():
    x = np.array([1e-8, 1.1e-7, 1.3e-7, -1.2e-7])
    assert (x - np.sin(x))[0] == 0 and grains(lambda x: x - np.sin(x), x)[0] >= 2.0**-28
