"""Jumps of f's own are told from steps of a format by one entry; what is less than a few steps is no evidence."""

import numpy as np
import pytest
from narrow import brain, half

from gradcheck.numeric import staircase
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.compare import glance
from gradcheck.verdict.ground import Known
from gradcheck.verdict.own_jumps import (
    has_own_jumps,
    is_below,
    is_below_common,
    with_common_steps,
    without_evidence,
)
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


MANY = 1 + np.random.default_rng(0).normal(size=3000) / 2
PARTS = Probe(0, seed=1, stop=1500), Probe(0, seed=1, start=1500)


def seen(ground, rng, forward, probe, x=MANY, claim=lambda x, dy: 1.001 * dy):
    place = ground(forward, claim, x)
    (c,), _ = glance(place, Known(), [probe], [True], rng)
    return place, c, place.problem.count["forward"]


@pytest.mark.parametrize("rounding", [half, brain])
def test_steps_of_a_mean_are_met_where_all_entries_move_to_one_side(ground, rng, rounding):
    place, c, _ = seen(ground, rng, lambda x: x + rounding(x.mean()), Probe(0, seed=1), claim=with_mean)
    known = with_common_steps(place, Known(), c)
    step = np.abs(place.place.g.sum(axis=1)) * (2.0**-10 if rounding is half else 2.0**-7)
    np.testing.assert_allclose(known.common[0], step, rtol=1e-7, atol=0)
    assert known.has_common(0) and is_below_common(known, c) is (rounding is brain), "of float16 it crosses more"
    assert with_common_steps(place, known, c) is known, "it is asked once"


def with_mean(x, dy):
    return dy + dy.sum() / dy.size


@pytest.mark.parametrize(
    ("forward", "asked"),
    [
        (np.sin, 6),
        (lambda x: x + 2 * x.mean(), 6),
        (lambda x: np.maximum(x, 1.01), 60),
        (lambda x: x + np.round(4096 * x.mean()) / 4096, 250),  # a quantiser's, which are as large everywhere
        (lambda x: np.where(x > 1.1, x * x, x), 350),  # jumps of f's own, of which each entry has one
    ],
)
def test_of_what_has_no_steps_of_a_format_none_are_met(ground, rng, forward, asked):
    place, c, before = seen(ground, rng, forward, Probe(0, seed=1))
    known = with_common_steps(place, Known(), c)
    assert not known.has_common(0) and 0 in known.common and not is_below_common(known, c)
    assert place.problem.count["forward"] - before <= asked


@pytest.mark.parametrize("probe", PARTS)
def test_a_part_of_an_array_is_not_asked_and_has_those_of_the_whole(ground, rng, probe):
    place, c, before = seen(ground, rng, lambda x: x + half(x.mean()), probe)
    assert with_common_steps(place, known := Known(), c) is known and not is_below_common(known, c)
    assert is_below_common(Known(common={0: np.full(2, 1e9)}), c)
    assert place.problem.count["forward"] == before


@pytest.mark.parametrize(("few", "met"), [(2700, True), (2990, False)])
def test_where_most_entries_stay_few_steps_will_do(ground, rng, few, met):
    held = Probe(0, seed=1, held=tuple(range(few)))
    place, c, _ = seen(ground, rng, lambda x: x + brain(x.mean()), held)
    assert with_common_steps(place, Known(), c).has_common(0) is met
    place, c, _ = seen(ground, rng, lambda x: x + brain(x[:few].mean()), held)
    assert not with_common_steps(place, Known(), c).has_common(0), "what stays makes none"


def test_an_entry_and_all_arrays_at_once_have_none_in_common(ground, rng):
    for probe in (Probe(0, coordinate=3), Probe(None)):
        place, c, before = seen(ground, rng, lambda x: x + half(x.mean()), probe)
        assert with_common_steps(place, known := Known(), c) is known and not is_below_common(known, c)
        assert not is_below_common(Known(common={0: np.full(2, 1e9)}), c)
        assert place.problem.count["forward"] == before


@pytest.mark.parametrize("seed", range(5))
def test_a_few_jumps_of_other_entries_are_no_steps_of_a_mean(ground, rng, seed):
    """Of 42 entries some come to the other branch, and make as few steps as a format of less than four bits would."""
    x = np.random.default_rng(seed).normal(size=42)
    place, c, _ = seen(ground, rng, lambda x: np.where(x > 0.5, x * x, np.sin(x)), Probe(0, seed=1), x)
    assert not with_common_steps(place, Known(), c).has_common(0)
    place, c, _ = seen(ground, rng, lambda x: x - brain(np.log(np.exp(x).sum())), Probe(0, seed=1), x, claim=with_mean)
    assert with_common_steps(place, Known(), c).has_common(0)
