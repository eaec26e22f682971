"""Contradictions that are the steps of a format of few bits inside."""

import numpy as np
import pytest
from narrow import half

from gradcheck.numeric.probe import Probe
from gradcheck.verdict.compare import glance
from gradcheck.verdict.ground import Known
from gradcheck.verdict.steps import allowing_for_steps

X = np.array([0.7312, -1.2345, 0.4142])


def seen(place, rng):
    comparisons, _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    return comparisons, allowing_for_steps(place, Known(), comparisons, rng)


@pytest.mark.parametrize("factor", [1.0, 0.0, 2.0, -1.0])
def test_a_right_claim_is_contradicted_no_more_and_a_wrong_one_is(ground, rng, factor):
    place = ground(lambda x: x + half(np.sin(x)), lambda x, dy: dy * (1 + factor * np.cos(x)), X)
    (before,), ((after,), _) = seen(place, rng)
    assert before.outside().any() == (factor != 0), "small differences show the slope of x alone"
    assert (after.steps > 0) == (factor != 0) and after.outside().any() == (factor not in (0, 1))


def test_a_quantiser_that_is_passed_straight_through_keeps_its_contradiction(ground, rng):
    (before,), ((after,), _) = seen(ground(lambda x: np.round(x * 64) / 64, lambda x, dy: dy, X), rng)
    assert before.outside().any() and after == before


@pytest.mark.parametrize("error", [1e-6, 1.0])
def test_of_a_wrong_claim_on_what_is_smooth_one_evaluation_is_asked(ground, rng, error):
    place = ground(np.tanh, lambda x, dy: (1 + error) * dy * (1 - np.tanh(x) ** 2), X)
    comparisons, _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    before = place.problem.count["forward"]
    assert allowing_for_steps(place, Known(), comparisons, rng)[0] == comparisons
    assert place.problem.count["forward"] == before + 1


def test_what_is_smooth_is_looked_at_once_and_stays_as_it_is(ground, rng):
    place = ground(np.sin, lambda x, dy: 2 * dy * np.cos(x), X)
    comparisons, (found, known) = seen(place, rng)
    assert found == comparisons and known.smooth and not found[0].steps
    before = place.problem.count["forward"]
    assert allowing_for_steps(place, known, comparisons, rng)[0] == comparisons
    assert place.problem.count["forward"] == before
