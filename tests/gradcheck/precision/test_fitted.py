"""The derivative from claims that are integrated over many steps of a format of few bits."""

import types

import numpy as np
import pytest
from narrow import half

from gradcheck.adapters import pair
from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.reading import Place
from gradcheck.precision.fitted import fitted
from gradcheck.precision.segments import Line
from gradcheck.subjects.problem import Problem

X = np.array([0.7312, -1.2345, 0.4142])
D = np.array([1.0, -0.75, 1.25])
NOISE = np.array([2.0**-12])  # of three roundings of 2^-11, each uniform


def line(forward, slope, factor=1.0):
    problem = Problem(pair(forward, lambda x, dy: factor * slope(x) * dy), (X,), {})
    g = np.ones((1, 3))
    return Line(problem, Place([X], forward(X), g), {0: D}, np.array([factor * (slope(X) @ D)]), NOISE)


def wavy(x):
    return half(np.sin(x))


@pytest.mark.parametrize("seed", range(5))
def test_a_right_claim_lies_within_the_bar_and_a_wrong_one_outside(seed):
    rng = np.random.default_rng(seed)
    value, bar = fitted(line(wavy, np.cos), rng)
    assert np.abs(value - np.cos(X) @ D) <= bar < 0.02
    for factor in (0.0, -1.0, 0.8, 2.0):
        wrong = line(wavy, np.cos, factor)
        value, bar = fitted(wrong, rng)
        assert np.abs(value - wrong.claimed) > bar


def test_a_right_claim_over_a_kink_keeps_nothing_of_it():
    bent = line(lambda x: half(np.abs(x - 0.72)), lambda x: np.sign(x - 0.72))
    value, bar = fitted(bent, np.random.default_rng(0))
    assert np.abs(value - bent.claimed) <= bar < 0.5


def test_where_every_segment_leaves_the_domain_there_is_no_bar():
    def forward(x):
        return np.where((x == X).all(), x, np.nan)

    value, bar = fitted(line(forward, np.ones_like), np.random.default_rng(0))
    assert np.isnan(value).all() and np.isinf(bar).all()


def test_what_overflows_inside_and_is_a_number_in_the_end_is_followed():
    with np.errstate(over="ignore"):
        along = line(lambda x: wavy(x) + 1 / np.exp(1e6 + x * x), np.cos)
    value, bar = fitted(along, np.random.default_rng(0))
    assert np.abs(value - np.cos(X) @ D) <= bar < 0.02


def curve(function, rounding=1e-9):
    """A line through 0 whose claims are 0, what its function was asked for, and what is found (value, bar)."""
    asked = []
    problem = types.SimpleNamespace(
        attempt=lambda arrays, size: asked.append(float(arrays[0][0])) or np.array([function(asked[-1])]),
        gradients=lambda arrays, g: [np.zeros((1, 1))],
    )
    place = Place([np.zeros(1)], np.zeros(1), np.ones((1, 1)))
    along = Line(problem, place, {0: np.ones(1)}, np.zeros(1), np.array([rounding]))
    (value,), (bar,) = fitted(along, np.random.default_rng(0))
    return asked, value, bar


def test_a_segment_has_a_point_in_each_of_64_parts_and_is_the_longest_of_four_in_the_domain():
    asked, _, _ = curve(np.sin)
    np.testing.assert_array_equal(np.floor(32 * (np.array(asked) / STEPS[0] + 1)), np.arange(64))
    nowhere, _, _ = curve(lambda t: np.nan)
    lengths = np.abs(np.reshape(nowhere, (4, 64))).max(axis=1)
    np.testing.assert_allclose(lengths, STEPS[[0, 1, 2, 4]], rtol=1 / 32, atol=0)


def test_the_bar_is_six_deviations_of_a_slope_through_as_many_points_as_are_independent():
    """A parabola crosses the line through it twice: five are."""
    _, _, bar = curve(lambda t: t * t)
    assert bar == pytest.approx(6e-9 / (STEPS[0] * np.sqrt(5 / 3)), rel=1e-9, abs=0)


@pytest.mark.parametrize(("degree", "is_noise"), [(5, False), (6, True)])
def test_what_a_polynomial_of_fifth_degree_leaves_is_noise(degree, is_noise):
    _, _, bar = curve(lambda t: (t / STEPS[0]) ** degree)
    assert (bar > 1e-6) == is_noise
