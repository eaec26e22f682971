"""Contradictions that are the steps of a format of few bits inside."""

import dataclasses
import types

import numpy as np
import pytest
from narrow import half

from gradcheck.numeric import tabulate
from gradcheck.numeric.ladder import Sweep
from gradcheck.numeric.probe import Probe
from gradcheck.verdict import grids
from gradcheck.verdict import steps as module
from gradcheck.verdict.compare import glance
from gradcheck.verdict.ground import Known
from gradcheck.verdict.own_jumps import EITHER
from gradcheck.verdict.steps import _from_afar, _is_open, _is_smooth, _over_steps, allowing_for_steps

X = np.array([0.7312, -1.2345, 0.4142])


def seen(place, rng):
    comparisons, _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    return comparisons, allowing_for_steps(place, Known(), comparisons, rng)


@pytest.mark.parametrize("factor", [1.0, 0.0, 2.0, -1.0])
def test_a_right_claim_is_contradicted_no_more_and_a_wrong_one_is(ground, rng, factor):
    """One that forgets the part in steps is what small differences show, which is the slope of x alone."""
    place = ground(lambda x: x + half(np.sin(x)), lambda x, dy: dy * (1 + factor * np.cos(x)), X)
    (before,), ((after,), _) = seen(place, rng)
    assert before.outside().any() == (factor != 0) and after.steps > 0 and after.outside().any() == (factor != 1)


def test_of_steps_along_all_arrays_no_more_is_said(ground, rng):
    place = ground(lambda x, w: x * w + half(x), lambda x, w, dy: (dy * (w + 1), dy * x), X, X + 1)
    comparisons, _ = glance(place, Known(), [Probe(None, seed=1), Probe(0, seed=1)], [True, True], rng)
    before = place.problem.count["pullback"]
    (together, _), known = allowing_for_steps(place, Known(), comparisons[:1], rng)[0] * 2, Known()
    assert together.steps > 0 and together.outside().any() and place.problem.count["pullback"] == before
    (alone,), known = allowing_for_steps(place, known, comparisons[1:], rng)
    assert alone.steps > 0 and not alone.outside().any() and list(known.jumps) == [0]


def test_a_branch_that_each_entry_leaves_once_keeps_its_contradiction(ground, rng):
    x = np.append(np.linspace(0.995, 1.005, 40), np.linspace(2, 3, 217))
    place = ground(lambda x: np.where(np.abs(x - 1) < 0.01, x * x, x), lambda x, dy: dy, x)
    (before,), ((after,), _) = seen(place, rng)
    assert before.outside().any() and after == before


def test_a_quantiser_that_is_passed_straight_through_keeps_its_contradiction(ground, rng):
    (before,), ((after,), _) = seen(ground(lambda x: np.round(x * 64) / 64, lambda x, dy: dy, X), rng)
    assert before.outside().any() and after.outside().any() and not after.real.value.any()


@pytest.mark.parametrize(("error", "evaluations"), [(1e-6, 6), (1.0, 4)])
def test_of_a_wrong_claim_on_what_is_smooth_few_evaluations_are_asked(ground, rng, error, evaluations):
    place = ground(np.tanh, lambda x, dy: (1 + error) * dy * (1 - np.tanh(x) ** 2), X)
    comparisons, _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    before = place.problem.count["forward"]
    assert allowing_for_steps(place, Known(), comparisons, rng)[0] == comparisons
    assert place.problem.count["forward"] == before + 1 + evaluations  # where all move to one side


def test_what_is_smooth_is_looked_at_once_and_stays_as_it_is(ground, rng):
    place = ground(np.sin, lambda x, dy: 2 * dy * np.cos(x), X)
    comparisons, (found, known) = seen(place, rng)
    assert found == comparisons and known.smooth and not found[0].steps
    before = place.problem.count["forward"]
    assert allowing_for_steps(place, known, comparisons, rng)[0] == comparisons
    assert place.problem.count["forward"] == before


def test_a_claim_has_the_bar_of_the_steps_that_its_own_roundings_make(ground, rng):
    """It is asked at points half a roundoff of the format away, and the complex step, which sees none, is left out."""
    x, asked = np.linspace(1, 1.9, 50), []

    def backward(x, dy):
        asked.append(x.copy())
        return dy * (1 + half(np.cos(x)))

    place = ground(lambda x: x + half(np.sin(x)), backward, x, exact=True)
    (before,), _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    assert before.exact is not None and not before.followed
    asked.clear()
    (after,), _ = allowing_for_steps(place, Known(), [before], rng)
    moved = max(np.abs(points / x - 1).max() for points in asked if np.abs(points / x - 1).max() < 2.0**-8)
    assert after.steps == 2.0**-11 and moved == pytest.approx(2.0**-12, rel=1e-9, abs=0)
    assert after.followed and after.exact is None and after.exact_bar is None
    assert (after.claimed_bar > 100 * before.claimed_bar).all()


@pytest.fixture
def slowly(comparison):
    """slowly(apart, ...): whether differences that are so far from what they show at last may be those of no steps."""

    def slowly(apart, claimed=5.0, columns=1, **more):
        central = 4 + np.array(apart).reshape(len(apart), -1) * np.ones(columns)
        h = np.repeat(0.4 * 0.36 ** np.arange(len(apart))[:, None], columns, axis=1)
        seen = Sweep(h, central, central, central, h, h)
        c = comparison(claimed, 4.0, 2.0**-30, sweep=seen, **more)
        return {True: False, False: True}[_is_smooth(c, np.ones(1), None, True)]

    return slowly


def test_differences_come_slowly_that_fall_by_less_than_half_and_stay_a_quarter_of_what_a_claim_is_off(slowly):
    assert slowly([0.9, 0.5, 0, 0]) and not slowly([1.0, 0.5, 0, 0]), "the claim is off by one"
    assert slowly([0.3, 0.26, 0, 0]) and not slowly([0.3, 0.25, 0, 0]) and not slowly([0.25, 0.3, 0, 0])
    assert not slowly([4.0, 1.5, 0.5, 0.2]), "as those of a kink"
    assert slowly([-0.9, 0.5, 0, 0]) and slowly([0, 0, 0.3, 0.26])
    assert not slowly([0.9, 0.2, 0.3]) and slowly([0.9, 0.3, 0.28]), "from one to the next"


def test_what_the_complex_step_contradicts_is_off_by_the_more_of_both(slowly):
    assert slowly([0.3, 0.3, 0.3], exact=4.0)
    assert not slowly([0.3, 0.3, 0.3], exact=6.0) and slowly([0.6, 0.6, 0.6], exact=6.0)
    assert slowly([0.3, 0.3, 0.3], exact=4.5), "less than by real differences"


def test_only_cotangents_that_are_contradicted_count(slowly):
    one = np.array([[0.3, 0.0]] * 3)
    assert slowly(one, claimed=[5.0, 5.0], columns=2) and not slowly(one, claimed=[4.0, 5.0], columns=2)


def test_where_a_claim_changes_by_half_a_step_it_has_a_bar_as_wide_as_that_whatever_its_size(ground, rng):
    """At the point itself it is right, and beside it twice as large: no change is too large for a rounding."""
    place = ground(lambda x: x + half(np.sin(x)), lambda x, dy: dy * (1 + np.cos(x)) * np.where(x == X, 2, 4), X)
    (before,), ((after,), _) = seen(place, rng)
    assert before.outside().any() and (after.claimed_bar > 0.5 * np.abs(after.claimed).min()).all()


def test_a_wide_difference_that_is_no_number_is_as_far_as_can_be_without_a_warning(ground, comparison, sweep):
    place = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.ones(1))
    line = tabulate.Line(place.problem, [np.ones(1)], {0: np.array([1e308])}, np.full((1, 1), 1e9), 1)
    assert _from_afar(sweep(np.sin), np.array([1e308]), line) > 1e300


def test_what_is_open_has_no_differences_or_a_bar_above_a_hundredth_of_the_larger_of_claim_and_value(comparison):
    assert _is_open(comparison(1.0)) is True
    assert _is_open(comparison(2.0, 1.0, bar=0.0201)) is _is_open(comparison(1.0, 2.0, bar=0.0201)) is True
    assert _is_open(comparison(2.0, 1.0, bar=0.0199)) is _is_open(comparison(1.0, 2.0, bar=0.0199)) is False


def test_of_a_subject_that_is_coarse_as_a_whole_nothing_is_asked(ground, rng):
    place = ground(lambda x: x + half(np.sin(x)), lambda x, dy: dy, X, u=2.0**-11)
    comparisons, _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    before = place.problem.count["forward"]
    assert allowing_for_steps(place, Known(), comparisons, rng)[0] is comparisons
    assert place.problem.count["forward"] == before


def test_the_wide_difference_is_that_over_a_sixteenth_of_the_scale(sweep):
    asked = []
    line = types.SimpleNamespace(at=lambda t: asked.append(t) or np.zeros(1), projected=lambda y: y)
    _from_afar(sweep(np.sin), np.zeros(1), line)
    assert asked == [1 / 16]
    line.at = lambda t: np.full(1, np.nan)
    assert _from_afar(sweep(np.sin), np.zeros(1), line).tolist() == [np.inf], "outside the domain"


@pytest.mark.parametrize("lacking", ["sweep", "real", "resolved", "still"])
def test_without_differences_that_resolve_and_move_f_is_not_taken_for_smooth(comparison, sweep, lacking):
    c = comparison(2.0, 1.0, sweep=sweep(np.sin), still=lacking == "still", bar=np.inf if lacking == "resolved" else 0)
    assert _is_smooth(comparison(2.0, 1.0, sweep=sweep(np.sin)), np.ones(1), None, True) is True
    c = dataclasses.replace(c, **({lacking: None} if lacking in ("sweep", "real") else {}))
    assert _is_smooth(c, np.ones(1), None, True) is False


def test_with_two_steps_below_a_sixteenth_nothing_is_known_from_afar(sweep):
    few = sweep(np.sin, np.sin, steps=[0.5, 2.0**-5, 2.0**-6])
    assert _from_afar(few, np.zeros(2), None).tolist() == [np.inf] * 2


def refused(*_):
    raise AssertionError("asked")


WHOLE = Probe(0, seed=1)


@pytest.fixture
def allowed(ground, monkeypatch, rng):
    """What is made of one comparison, and known then, where some of what is asked is given and the rest refused."""

    def allowed(c, known=None, **given):
        place = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.ones(3))
        names = ("line_at", "_is_smooth", "looked_for", "has_own_jumps", "_over_steps")
        for name in names:
            monkeypatch.setattr(module, name, given.get(name, refused))
        monkeypatch.setattr(module.staircase, "steps", given.get("steps", refused))
        (found,), known = allowing_for_steps(place, known or Known(), [c], rng)
        return found, known

    return allowed


def test_what_has_no_differences_stays_and_an_entry_below_the_steps_that_were_met_is_no_evidence(allowed, comparison):
    c = comparison(1.0, exact=2.0)
    assert allowed(c)[0] is c
    found, _ = allowed(comparison(1.0, 1.5), Known().with_jumps(0, np.ones(1)))
    assert not found.resolved and found.jump.all()


def test_what_is_smooth_is_not_looked_at_for_steps(allowed, comparison):
    c = comparison(1.0, 1.5, probe=WHOLE)
    found, known = allowed(c, line_at=lambda *_: None, _is_smooth=lambda *_: True)
    assert found is c and known.smooth


@pytest.mark.parametrize("forgets", [True, False])
def test_what_small_differences_confirm_is_looked_at_for_steps_that_they_do_not_show(allowed, comparison, forgets):
    c, other = comparison(1.0, 1.0, probe=WHOLE), comparison(1.0, 1.5)
    given = {"line_at": lambda *_: None, "looked_for": lambda ground, known, *_: (other if forgets else c, known)}
    assert allowed(c, **given)[0] is (other if forgets else c)
    assert allowed(c, Known(smooth=True), line_at=lambda *_: None)[0] is c, "what is known to be smooth hides none"
    entry = comparison(1.0, 1.0)
    assert allowed(entry, line_at=lambda *_: None)[0] is entry, "nor does one entry"


@pytest.mark.parametrize(("off", "u"), [(0.0, 2.0**-11), (0.15, 2.0**-8)])
def test_the_finest_format_that_explains_is_taken_and_roundings_are_those_of_the_claim(
    ground, comparison, monkeypatch, rng, off, u
):
    """A claim of 100, which is 101 when it is asked again: of that four times, and 16 roundings of an eighth of u."""
    place = ground(np.sin, lambda x, dy: 101 * np.ones(3) * np.sign(dy), np.ones(3))
    place = dataclasses.replace(place, place=dataclasses.replace(place.place, g=np.ones((2, 3))))
    place = dataclasses.replace(place, claim=dataclasses.replace(place.claim, values=[np.full((2, 3), 100.0)]))
    c = comparison([100.0, 100.0], 90.0, probe=Probe(0, coordinate=1))
    monkeypatch.setattr(module, "fitted", lambda line, rng: (104.0 + np.full(2, off), np.full(2, 1e-9)))
    rough = {}
    found = _over_steps(place, c, np.full(2, 1e-6), rough, rng)
    assert found.steps == u and found.followed and not found.outside().any()
    np.testing.assert_allclose(found.claimed_bar, 4 + 16 * u / 8 * 100, rtol=0.01, atol=0)  # and what was measured
    assert all(len(there.claim.nearby) == 4 for there in rough.values()) and len(rough) == 1 + (off > 0)
    before = place.problem.count["pullback"]
    _over_steps(place, c, np.full(2, 1e-6), rough, rng)
    assert place.problem.count["pullback"] == before, "the claim is asked once"


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_noise_above_2_to_the_minus_11_of_what_is_rounded_is_that_of_bfloat16(ground, comparison, monkeypatch, rng, y):
    """Of outputs that are zero it is a part of one."""
    place = ground(lambda x: y * x, lambda x, dy: 0 * dy, np.ones(3))
    place = dataclasses.replace(place, place=dataclasses.replace(place.place, g=np.ones((2, 3))))
    monkeypatch.setattr(module, "fitted", lambda line, rng: (np.zeros(2), np.ones(2)))
    for times, u in ((0.99, 2.0**-11), (1.01, 2.0**-8)):
        noise = times * 2.0**-11 * (3 * y or 1)
        c = comparison([0.0, 0.0], 0.0, probe=Probe(0, coordinate=1))
        assert _over_steps(place, c, np.array([0.0, noise]), {}, rng).steps == u


@pytest.fixture
def stepping(allowed, comparison, monkeypatch):
    """What is made of a contradicted claim where f moves in steps, which are a format's or not."""

    def stepping(over, is_between=True, is_formats=True, takes_its_scale=False, is_everywhere=True):
        c, between = comparison(1.0, 1.5, probe=WHOLE), comparison(1.0, 1.0 if is_between else 1.5)
        monkeypatch.setattr(grids.own_steps, "is_of_format", lambda line, met: is_formats)
        monkeypatch.setattr(grids.own_steps, "takes_its_scale", lambda line: takes_its_scale)
        monkeypatch.setattr(grids.own_steps, "are_surely_of_format", lambda line: is_everywhere)
        monkeypatch.setattr(grids, "_is_fine", lambda line, met: False)
        monkeypatch.setattr(module, "between_coarse_steps", lambda ground, known, c: (between, known))
        met = module.staircase.Steps(np.full(1, 1e-3), np.full(1, 1e-3))
        given = {"line_at": lambda *_: None, "_is_smooth": lambda *_: False, "has_own_jumps": lambda *_: False}
        found, known = allowed(c, **given, steps=lambda *_: met, _over_steps=lambda *_: over)
        return found, between, 0 in known.jumps

    return stepping


@pytest.mark.parametrize("is_between", [True, False])
def test_steps_of_fs_own_are_not_taken_for_a_formats(stepping, comparison, is_between):
    found, between, _ = stepping(comparison(1.0, 1.0), is_between, is_formats=False)
    assert found is between


@pytest.mark.parametrize("is_between", [True, False])
def test_of_steps_that_are_told_near_zero_alone_what_is_no_slope_between_them_is_undecided(
    stepping, comparison, is_between
):
    found, between, known = stepping(comparison(1.0, 1.0), is_between, takes_its_scale=True)
    assert not known and (found is between if is_between else found.doubt == EITHER and not found.resolved)


@pytest.mark.parametrize("is_between", [True, False])
@pytest.mark.parametrize("is_everywhere", [True, False])
@pytest.mark.parametrize("value", [1.0, 1.5])
def test_a_slope_between_steps_that_are_not_everywhere_is_undecided_where_a_format_would_contradict_it(
    stepping, comparison, is_between, is_everywhere, value
):
    over = comparison(1.0, value)
    found, _, known = stepping(over, is_between, is_everywhere=is_everywhere)
    is_undecided = value > 1 and is_between and not is_everywhere
    assert known and (found.doubt == EITHER and not found.outside().any() if is_undecided else found is over)
