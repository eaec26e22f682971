"""A claim that small differences confirm, and wide ones do not: it forgets a part that moves in steps."""

import numpy as np
import pytest
from narrow import brain, half

from gradcheck.numeric.probe import Probe
from gradcheck.verdict.compare import compare, glance
from gradcheck.verdict.ground import Known
from gradcheck.verdict.hiding import forgotten, hides_steps

X = np.array([0.7312, -1.2345, 0.4142, 1.6180, -0.577, 2.236])


def near(x):
    return np.abs(x - X[0]) < 0.002


def confirmed(ground, rng, forward, slope, **changes):
    place = ground(forward, lambda x, dy: dy * slope(x), X, **changes)
    (c,), _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    assert not c.outside().any()
    return place, c


@pytest.mark.parametrize("part", [1.0, 1e-2, 1e-3])
@pytest.mark.parametrize("rounding", [half, brain])
def test_steps_beside_what_small_differences_show_are_told_and_the_forgotten_part_contradicts(
    ground, rng, rounding, part
):
    place, c = confirmed(ground, rng, lambda x: x + part * rounding(np.sin(x)), np.ones_like)
    found = forgotten(place, c, rng)
    assert hides_steps(c) and found.outside().any() and found.probe.coordinate is not None


@pytest.mark.parametrize(
    ("forward", "slope"),
    [
        (np.sin, np.cos),
        (lambda x: np.sin(20 * x), lambda x: 20 * np.cos(20 * x)),
        (lambda x: x * x * x, lambda x: 3 * x * x),
        (lambda x: np.maximum(x, 0.2), lambda x: x > 0.2),
    ],
)
def test_what_bends_like_the_square_of_the_step_hides_none_and_costs_nothing(ground, rng, forward, slope):
    place, c = confirmed(ground, rng, forward, slope)
    before = place.problem.count["forward"]
    assert not hides_steps(c) and place.problem.count["forward"] == before


@pytest.mark.parametrize(
    ("forward", "slope"),
    [
        (lambda x: np.maximum(x, X[0] + 1e-3), lambda x: x > X[0] + 1e-3),  # a kink near by
        (lambda x: np.where(near(x), x * x, x), lambda x: np.where(near(x), 2 * x, 1)),
        (lambda x: x + np.round(512 * x) / 512, np.ones_like),  # a quantiser, whose slope is zero
    ],
)
def test_a_right_claim_beside_kinks_and_jumps_of_f_itself_stands(ground, rng, forward, slope):
    place, c = confirmed(ground, rng, forward, slope)
    assert hides_steps(c) and forgotten(place, c, rng) is c


def test_a_longer_ladder_says_the_same(ground, rng):
    place = ground(lambda x: x + half(np.sin(x)), lambda x, dy: dy, X)
    (c,), _ = compare(place, Known(), [Probe(0, seed=1)], [True], rng)
    assert hides_steps(c)
