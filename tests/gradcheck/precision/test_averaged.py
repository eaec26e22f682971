"""The derivative of a function of few digits, from differences on lines beside one another."""

import numpy as np
import pytest
from narrow import brain, half

from gradcheck.adapters import pair
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Place
from gradcheck.precision import averaged as module
from gradcheck.precision.averaged import LINES, averaged
from gradcheck.precision.segments import Line
from gradcheck.subjects.problem import Problem

X = np.array([0.7312, -1.2345, 0.4142, 1.9, -0.3])
D = np.array([1.0, -0.75, 1.25, 0.5, -1.5])
FORMATS = {half: 2.0**-11, brain: 2.0**-8}


def line(forward, slope, factor=1.0):
    problem = Problem(pair(forward, lambda x, dy: factor * slope(x) * dy), (X,), {})
    g = np.array([[1.0, -0.5, 1.5, 0.75, -1.25]])
    return Line(problem, Place([X], forward(X), g), {0: D}, factor * (g * slope(X)) @ D, np.zeros(1))


def of(to, factor=1.0):
    return line(lambda x: to(np.sin(x)), np.cos, factor)


@pytest.mark.parametrize("to", FORMATS)
def test_a_right_claim_lacks_nothing_within_the_bar_and_a_wrong_one_does(to):
    for seed in range(20):
        more, bar = averaged(of(to), FORMATS[to], np.random.default_rng(seed))
        assert np.abs(more) <= bar
    for factor in (0.0, -1.0, 0.85, 1.3):
        more, bar = averaged(of(to, factor), FORMATS[to], np.random.default_rng(0))
        assert np.abs(more) > bar


def test_many_lines_resolve_what_one_difference_leaves_open():
    u = FORMATS[brain]
    _, bar = averaged(of(brain), u, np.random.default_rng(0))
    one = 2 * u * np.abs(of(brain).place.g * np.sin(X)).sum() / (2 * 0.4)
    assert bar < one


def test_a_right_claim_lacks_nothing_over_kinks():
    for seed in range(20):
        bent = line(lambda x: half(np.abs(x - 0.72)), lambda x: np.sign(x - 0.72))
        more, bar = averaged(bent, FORMATS[half], np.random.default_rng(seed))
        assert np.abs(more) <= bar < 1.0


def test_shorter_lines_keep_within_a_domain_and_where_all_leave_it_there_is_no_bar():
    inside = line(lambda x: np.where(np.abs(x - X) < 0.2, half(np.sin(x)), np.nan), np.cos)
    more, bar = averaged(inside, FORMATS[half], np.random.default_rng(0))
    assert np.abs(more) <= bar < 0.1
    nowhere = line(lambda x: np.where((x == X).all(), x, np.nan), np.ones_like)
    more, bar = averaged(nowhere, FORMATS[half], np.random.default_rng(0))
    assert np.isnan(more).all() and np.isinf(bar).all()


def test_of_what_never_moves_a_rounding_of_every_output_is_left():
    """A claim of less than that may be right."""
    still = line(lambda x: brain(1 + 1e-6 * x), lambda x: np.full_like(x, 1e-6))
    more, bar = averaged(still, FORMATS[brain], np.random.default_rng(0))
    rounding = 2.0**-8 * np.sqrt(np.square(still.place.g).sum()) / (0.4 * LINES)
    np.testing.assert_allclose(bar, 6 * rounding, rtol=0.01, atol=0)  # the step is rounded to few bits
    assert np.abs(more) <= bar


def test_a_step_is_as_long_as_the_users_dtype_lets_it_be():
    """x + h d in float16 is off by a rounding, in another direction for each entry; a linear map shows what is left."""
    x = np.random.default_rng(0).normal(size=5).astype(np.float16)
    problem = Problem(pair(lambda x: 2 * half(x), lambda x, dy: 2 * dy), (x,), {})
    place = Place([x.astype(np.float64)], 2.0 * x, np.array([[1.0, -0.5, 1.5, 0.75, -1.25]]))
    slope = Line(problem, place, {0: D}, 2 * place.g @ D, np.zeros(1))
    more, _ = averaged(slope, FORMATS[half], np.random.default_rng(0))
    np.testing.assert_allclose(more, 0, rtol=0, atol=1e-12)


def test_what_a_right_claim_lacks_over_kinks_is_zero_in_the_mean_however_many_lines_there_are(monkeypatch):
    """A rule with places of its own would be off by the same over a kink on each of them."""
    monkeypatch.setattr(module, "LINES", 1000)

    def deviation(seed):
        x = 0.6 * np.random.default_rng(seed).normal(size=60)
        problem = Problem(pair(lambda x: np.maximum(x, 0), lambda x, dy: dy * (x > 0)), (x,), {})
        place, direction = Place([x], np.maximum(x, 0), np.ones((1, 60))), Probe(0, seed=seed).direction([x])
        bent = Line(problem, place, direction, np.array([direction[0] @ (x > 0)]), np.zeros(1))
        more, bar = averaged(bent, 0.0, np.random.default_rng(0))
        return 6 * (more / bar).item()

    assert np.sqrt(np.mean(np.square([deviation(seed) for seed in (5, 6, 7, 14, 16, 18)]))) < 2
