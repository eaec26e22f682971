"""Jumps of f's own are told from steps of a format by one entry; what is less than a few steps is no evidence."""

import numpy as np
import pytest
from narrow import half

from gradcheck.numeric import staircase
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.compare import glance
from gradcheck.verdict.ground import Known
from gradcheck.verdict.own_jumps import has_own_jumps, is_below, without_evidence
from gradcheck.verdict.worst_entry import line_at

X = np.append(np.linspace(0.995, 1.005, 40), np.linspace(2, 3, 217))


def branch(x):
    return np.where(np.abs(x - 1) < 0.01, x * x, x)


@pytest.mark.parametrize(
    ("forward", "own"), [(branch, True), (lambda x: half(np.sin(x)), False), (lambda x: x + half(2 * x), False)]
)
def test_along_all_entries_both_are_steps_and_along_one_those_of_a_format_are(ground, rng, forward, own):
    place = ground(forward, lambda x, dy: dy, X)
    (c,), _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    met = staircase.steps(line_at(place, c.probe.direction(place.place.point)))
    assert met is not None and has_own_jumps(place, c, met) is own


def test_a_few_steps_of_a_mean_are_no_evidence(ground, rng):
    """Of 3,000 entries one moves a mean by less than a step of float16; what a claim lacks there is not seen."""
    x = np.random.default_rng(0).normal(size=3000)
    place = ground(lambda x: x + half(x.mean()), lambda x, dy: dy + dy.sum() / dy.size, x)
    (c,), _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    met = staircase.steps(line_at(place, c.probe.direction(place.place.point)))
    assert met is not None and not has_own_jumps(place, c, met)


@pytest.mark.parametrize(("times", "own"), [(0.99, True), (1.01, False)])
def test_half_of_what_the_worst_entry_is_off_is_to_be_more_than_four_steps_for_the_same_cotangent(
    ground, rng, times, own
):
    x = np.linspace(1, 2, 5)
    place = ground(lambda x: x + np.append(x[0], np.zeros(4)), lambda x, dy: dy, x)
    (c,), _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    off = np.abs(place.place.g[:, 0]) * Probe(0, coordinate=0).direction([x])[0][0]
    jump = np.full(2, 0.0 if times > 1 else 1e9)
    jump[off.argmax()] = times * off.max() / 8
    assert has_own_jumps(place, c, staircase.Steps(jump, jump)) is own


def test_the_entry_is_found_by_steps_of_3e_7_of_the_scale_and_outside_the_domain_there_is_none(ground, rng):
    x, seen = np.ones(3), []

    def forward(y):
        seen.append(np.abs(y - x).max())
        return np.where(np.abs(y - x) > 1e-9, np.nan, y)

    place = ground(forward, lambda y, dy: 2 * dy, x)
    (c,), _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    seen.clear()
    assert has_own_jumps(place, c, staircase.Steps(np.zeros(2), np.zeros(2))) is False
    direction = np.abs(c.probe.direction([x])[0]).max()
    np.testing.assert_allclose(seen, 3e-7 * direction, rtol=0.1, atol=0)  # a digit, as the constant says


@pytest.mark.parametrize(("jump", "below"), [(0.1, True), (0.0625, True), (0.062, False)])
@pytest.mark.parametrize("shown", [{"value": [1.5, 1.0]}, {"value": [1.0, 1.0], "exact": [1.5, 1.0]}])
def test_what_contradicts_a_claim_by_d_moves_f_by_half_of_it_which_is_to_be_more_than_four_steps(
    comparison, jump, below, shown
):
    c = comparison([1.0, 1.0], **shown)
    assert is_below(c, Known().with_jumps(0, np.full(2, jump))) is below
    assert is_below(c, Known().with_jumps(0, np.array([jump, 1e-9]))) is below, "of each cotangent by its own steps"
    assert is_below(c, Known()) is False and is_below(c, Known().with_jumps(1, np.ones(2))) is False


def test_of_real_differences_and_a_complex_step_that_contradicts_the_one_counts_that_is_farther_off(comparison):
    for value, exact in ((1.5, 1.1), (1.1, 1.5)):
        c = comparison(1.0, value, exact=exact)
        assert [is_below(c, Known().with_jumps(0, np.array([jump]))) for jump in (0.0625, 0.062)] == [True, False]
    kinked = comparison(1.0, 1.0, exact=1.5, kink=True)
    assert is_below(kinked, Known().with_jumps(0, np.array([0.01]))) is True, "at a kink it sees one side"


def test_what_is_not_known_is_not_below(comparison):
    assert is_below(comparison(1.0, exact=1.5), Known().with_jumps(0, np.ones(1))) is False


def test_without_evidence_nothing_is_contradicted_and_nothing_resolved(comparison):
    c = without_evidence(comparison(1.0, 1.5, exact=1.5))
    assert not c.outside().any() and not c.exact_outside().any() and c.jump.all() and not c.resolved
    assert c.jump.dtype == bool and c.exact is None and c.exact_bar is None
    assert without_evidence(comparison(1.0)).real is None
