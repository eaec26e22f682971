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


@pytest.mark.parametrize(("jump", "below"), [(0.1, True), (0.01, False)])
def test_what_contradicts_a_claim_by_d_moves_f_by_half_of_it_which_is_to_be_more_than_four_steps(
    comparison, jump, below
):
    c = comparison([1.0, 1.0], [1.5, 1.0])
    assert is_below(c, Known().with_jumps(0, np.full(2, jump))) is below
    assert not is_below(c, Known()) and not is_below(c, Known().with_jumps(1, np.ones(2)))


def test_without_evidence_nothing_is_contradicted_and_nothing_resolved(comparison):
    c = without_evidence(comparison(1.0, 1.5, exact=1.5))
    assert not c.outside().any() and not c.exact_outside().any() and c.jump.all() and not c.resolved
