"""Subjects that hold an ill-conditioned matrix: right ones do not fail, wrong ones do."""

import dataclasses

import numpy as np
import pytest
import scipy.linalg

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.probe import Probe
from gradcheck.verdict import held as module
from gradcheck.verdict.held import DOUBT, FARTHER, GROWN, OF_INPUTS, OF_MADE, allowing_for_what_is_held

SIZE = 7
HILBERT = 1 / (1.0 + np.add.outer(range(SIZE), range(SIZE)))
VANDERMONDE = np.vander(np.linspace(1, 2, SIZE))
INVERSE, FACTORS = np.linalg.inv(HILBERT), scipy.linalg.lu_factor(HILBERT)
ALONG = [Probe(0, seed=1), Probe(0, coordinate=1), Probe(None, seed=2)]


def transposed(b, dy):
    return np.linalg.solve(HILBERT.T, dy)


def least_squares(b):
    return np.linalg.lstsq(VANDERMONDE, b, rcond=None)[0]


PASSES = {
    "solved": (lambda b: np.linalg.solve(HILBERT, b), transposed),
    "inverted": (lambda b: np.linalg.inv(HILBERT) @ b, transposed),
    "inverted before": (lambda b: INVERSE @ b, transposed),
    "factored before": (lambda b: scipy.linalg.lu_solve(FACTORS, b), transposed),
    "least squares": (least_squares, lambda b, dy: np.linalg.solve(VANDERMONDE.T, dy)),
}


def verdicts(subject):
    return {gradcheck.Checker(seed=s)(subject, np.random.default_rng(s).normal(size=SIZE)).verdict for s in range(4)}


@pytest.mark.parametrize("name", PASSES)
def test_a_right_solve_with_a_constant_matrix_passes(name):
    assert verdicts(pair(*PASSES[name])) == {"pass"}


@pytest.mark.parametrize("error", [1e-2, 1e-4])
@pytest.mark.parametrize("name", PASSES)
def test_a_wrong_one_fails(name, error):
    forward, backward = PASSES[name]
    assert verdicts(pair(forward, lambda b, dy: (1 + error) * backward(b, dy))) == {"fail"}


def test_one_that_is_not_transposed_fails():
    wrong = pair(lambda b: np.linalg.solve(VANDERMONDE, b), lambda b, dy: np.linalg.solve(VANDERMONDE, dy))
    assert verdicts(wrong) == {"fail"}


def test_a_matrix_of_no_condition_excuses_nothing():
    a = np.eye(SIZE) + HILBERT
    wrong = pair(lambda b: np.linalg.solve(a, b), lambda b, dy: (1 + 1e-9) * np.linalg.solve(a, dy))
    assert verdicts(wrong) == {"fail"}


def test_the_report_says_how_far_it_was_checked_and_why():
    report = gradcheck.check(pair(*PASSES["solved"]), np.random.default_rng(1).normal(size=SIZE))
    (note,) = (f.message for f in report.findings if f.kind == "precision")
    assert note == f"b: checked to {report.gradients[0].digits:.1f} digits: {DOUBT}"
    assert 5 < report.gradients[0].digits < 9
    size = 11
    hilbert = 1 / (1.0 + np.add.outer(range(size), range(size)))
    lost = pair(lambda b: np.linalg.solve(hilbert, b), lambda b, dy: np.linalg.solve(hilbert.T, dy))
    report = gradcheck.check(lost, np.random.default_rng(1).normal(size=size))
    assert (report.verdict, report.gradients[0].reason) == ("inconclusive", DOUBT)


# The bars, by numbers made by hand


@pytest.fixture
def nothing_made(monkeypatch):
    """What a pullback adds to dy would be met as well as what it holds."""
    monkeypatch.setattr(module, "with_made_rounded", lambda *_: None)


@pytest.fixture
def at(ground, nothing_made):
    """at(change): x -> x, whose pullback adds `change(a)` for an array that is held, which is 1."""

    def at(change, u=2.0**-53, **more):
        a = np.ones(8)
        return ground(lambda x: x.copy(), lambda x, dy: dy + change(a), np.linspace(1.0, 2, 8), u=u, **more)

    return at


def seen(place, comparison, error, **more):
    """Claims of the place along probes, beside differences that are off by `error` and have hardly a bar."""
    found = []
    for probe in ALONG:
        claimed = np.array([1.0, 1.0])
        found.append(comparison(claimed, claimed + error, bar=1e-18, probe=probe, **more))
    return found


def magnified(a):
    return 2.0**20 * (a - 1)


def test_bars_of_claims_are_what_roundings_of_held_arrays_make_of_them(at, comparison, rng):
    place = at(magnified)
    before = seen(place, comparison, 2.0**-33)
    asked = place.problem.count["pullback"]
    found = allowing_for_what_is_held(place, before, rng)
    assert place.problem.count["pullback"] - asked == 2 * 4 * len(place.place.g), "four times near, and far"
    for old, new in zip(before, found, strict=True):
        assert old.outside().all() and not new.outside().any()
        assert new == dataclasses.replace(old, claimed_bar=new.claimed_bar, doubt=DOUBT)
        assert (new.claimed_bar > 2.0**-33).all() and (new.claimed_bar < 2.0**-25).all()


@pytest.mark.parametrize(("error", "asked"), [(2.0**-22, 2 * 4), (2.0**-14, 2 * 4), (1e-1, 1), (1.0, 1)])
def test_what_is_off_by_more_keeps_its_bar_and_by_very_much_more_is_told_by_the_first_rounding(
    at, comparison, rng, error, asked
):
    """From afar roundings make some 2^-25 of these claims, of which a bar is a few times as much."""
    place = at(magnified)
    before, count = seen(place, comparison, error), place.problem.count["pullback"]
    assert allowing_for_what_is_held(place, before, rng) == before
    assert place.problem.count["pullback"] - count == asked * len(place.place.g)


def test_a_rounding_that_is_less_than_others_by_chance_is_followed_by_them(at, comparison, rng):
    """The first makes a thousandth of what the others do."""
    made = iter([2.0**-10, *[1.0] * 20])
    place = at(lambda a: 0 * a if (a == 1).all() else next(made) * magnified(a))
    found = allowing_for_what_is_held(place, seen(place, comparison, 2.0**-33), rng)
    assert not any(c.outside().any() for c in found)


def test_what_jumps_is_no_rounding(at, comparison, rng):
    place = at(lambda a: 2.0**-30 * np.sign(a - 1))
    before = seen(place, comparison, 2.0**-33)
    assert allowing_for_what_is_held(place, before, rng) == before


@pytest.mark.parametrize(("power", "excused"), [(0.36, True), (0.31, False)])
def test_it_must_grow_with_the_rounding(at, comparison, rng, power, excused):
    """64 times as far it is 4.5 times as much, or 3.6 times; 4 are asked for."""
    assert 64**0.31 < GROWN < 64**0.36 and 2 * FARTHER == 128
    place = at(lambda a: np.sign(a - 1) * np.abs(a - 1) ** power, u=2.0**-40)
    found = allowing_for_what_is_held(place, seen(place, comparison, 2.0**-20), rng)
    assert [not c.outside().any() for c in found] == [excused] * len(found)


def test_what_is_not_contradicted_keeps_its_bar(at, comparison, rng):
    place = at(magnified)
    right, wrong = seen(place, comparison, 0.0), seen(place, comparison, 2.0**-33)
    found = allowing_for_what_is_held(place, right + wrong, rng)
    assert found[: len(right)] == right and all(c.doubt == DOUBT for c in found[len(right) :])


def test_at_a_kink_nothing_is_excused(at, comparison, rng):
    place = at(magnified)
    before = seen(place, comparison, 2.0**-33, kink=True)
    assert allowing_for_what_is_held(place, before, rng) == before


def test_the_complex_step_is_excused_as_well(at, comparison, rng):
    place = at(magnified)
    before = seen(place, comparison, 0.0, exact=1 + 2.0**-33, exact_bar=1e-18)
    assert all(c.exact_outside().all() for c in before)
    assert not any(c.exact_outside().any() for c in allowing_for_what_is_held(place, before, rng))


def test_a_complex_step_that_differences_refute_keeps_no_bar_narrow(at, comparison, rng):
    place = at(magnified)
    before = seen(place, comparison, 2.0**-33, exact=2.0, exact_bar=1e-18)
    assert all(c.exact_contradicts_real().all() for c in before)
    assert not any(c.outside().any() for c in allowing_for_what_is_held(place, before, rng))


def test_nothing_is_measured_where_nothing_is_contradicted_or_held(at, comparison, rng, ground):
    place = at(magnified)
    count, right = place.problem.count.total(), seen(place, comparison, 0.0)
    assert allowing_for_what_is_held(place, right, rng) is right
    bare = ground(lambda x: x.copy(), lambda x, dy: dy.copy(), np.linspace(1.0, 2, 8))
    before = seen(bare, comparison, 2.0**-33)
    calls = bare.problem.count.total()
    assert allowing_for_what_is_held(bare, before, rng) is before
    assert place.problem.count.total() == count and bare.problem.count.total() == calls


def test_the_bar_follows_the_format_of_the_subject(at, comparison, rng):
    place = at(magnified, u=2.0**-40)
    found = allowing_for_what_is_held(place, seen(place, comparison, 2.0**-20), rng)
    assert not any(c.outside().any() for c in found)


def test_it_is_no_matter_of_the_real_differences(at, comparison, rng):
    place = at(magnified)
    for c in allowing_for_what_is_held(place, seen(place, comparison, 2.0**-33), rng):
        assert isinstance(c.real, Estimate) and (c.real.bar == 1e-18).all()


# Matrices that a function makes as it is called


@pytest.mark.parametrize("size", [6, 8, 10])
def test_a_right_solve_with_a_matrix_that_is_made_within_does_not_fail_and_a_wrong_one_does(size):
    b = np.random.default_rng(1).normal(size=size)

    def made():
        return 1 / (1.0 + np.add.outer(range(size), range(size)))

    for seed in range(3):
        right = pair(lambda b: np.linalg.solve(made(), b), lambda b, dy: np.linalg.solve(made().T, dy))
        wrong = pair(lambda b: np.linalg.solve(made(), b), lambda b, dy: 1.01 * np.linalg.solve(made().T, dy))
        report = gradcheck.Checker(seed=seed)(right, b)
        assert report.verdict == ("pass" if size < 10 else "inconclusive"), str(report)
        assert size < 10 or OF_MADE in str(report)
        assert gradcheck.Checker(seed=seed)(wrong, b).verdict == "fail"


# Matrices that are differentiated themselves


def solved(a, b, dy, error=0.0):
    g = np.linalg.solve(a.T, dy)
    return -np.outer(g, np.linalg.solve(a, b)), (1 + error) * g


@pytest.mark.parametrize("size", [8, 10])
def test_a_right_solve_with_an_ill_conditioned_matrix_does_not_fail_and_a_wrong_one_does_not_pass(size):
    a, b = 1 / (1.0 + np.add.outer(range(size), range(size))), np.random.default_rng(1).normal(size=size)
    for seed in (3, 5):
        assert gradcheck.Checker(seed=seed)(pair(np.linalg.solve, solved), a, b).verdict != "fail"
        wrong = pair(np.linalg.solve, lambda a, b, dy: solved(a, b, dy, 0.01))
        assert gradcheck.Checker(seed=seed)(wrong, a, b).verdict != "pass"


@pytest.fixture
def given(ground, nothing_made):
    """given(rounding): x -> x, of such a rounding of y, whose pullback adds many times what x changes by."""

    def given(rounding, by=2.0**20):
        x = np.linspace(1.0, 2, 8)
        return ground(lambda x: x.copy(), lambda z, dy: dy + by * (z - x), x, rounding=rounding)

    return given


def test_bars_are_what_roundings_of_inputs_make_of_claims_if_they_make_much_of_y(given, comparison, rng):
    place = given(2.0**-36)
    found = allowing_for_what_is_held(place, seen(place, comparison, 2.0**-33), rng)
    assert all(c.doubt == OF_INPUTS and not c.outside().any() for c in found)
    far = seen(place, comparison, 2.0**-20)
    assert allowing_for_what_is_held(place, far, rng) == far


@pytest.mark.parametrize(("rounding", "by"), [(2.0**-50, 2.0**20), (2.0**-36, 2.0**40)])
def test_and_not_if_they_make_little_of_y_or_much_more_of_the_claims(given, comparison, rng, rounding, by):
    place = given(rounding, by)
    before = seen(place, comparison, 2.0**-33)
    assert allowing_for_what_is_held(place, before, rng) == before
