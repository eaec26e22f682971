"""The derivative from claims that are integrated over many steps of a format of few bits."""

import numpy as np
import pytest
from narrow import half

from gradcheck.adapters import pair
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
