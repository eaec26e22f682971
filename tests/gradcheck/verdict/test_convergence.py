"""Which differences are shown beside a verdict, and in which units."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.convergence import convergence
from gradcheck.verdict.facts import Gradient

DENSE = Probe(0, seed=1)


@pytest.fixture
def shown(comparison, sweep):
    """A comparison with a ladder of phi = value t + t^2 for every cotangent."""

    def shown(claimed, value=1.0, probe=DENSE, bar=2.0**-10, **more):
        values = np.broadcast_to(value, np.shape(np.atleast_1d(claimed)))
        ladder = sweep(*(lambda t, v=v: v * t + t * t for v in values), steps=[0.5, 0.25])
        bounds = 2.0**-20 * np.ones_like(ladder.steps)
        return comparison(claimed, value, bar, claimed_bar=0, probe=probe, sweep=ladder, bounds=bounds, **more)

    return shown


def at(index):
    return Probe(0, coordinate=index)


def passing(shape=(2, 3)):
    return Gradient("x", shape, "pass")


def failing(worst, wrong=None, shape=(2, 3)):
    return Gradient("x", shape, "fail", worst_index=worst, wrong=[worst] if wrong is None else wrong)


def test_of_a_right_array_a_direction_is_shown_and_an_entry_where_there_is_none(shown):
    entry, first, second = shown(1.0, probe=at(0)), shown(1.0), shown(1.0, 1.1)
    found = convergence(passing(), [entry, first, second], False)
    assert found.index is None and found.moves == "x" and found.numeric == 1.0
    found = convergence(passing(), [entry], False)
    assert found.index == (0, 0)


def test_what_has_no_ladder_is_not_shown(comparison, shown):
    assert convergence(passing(), [comparison(1.0, 1.0, probe=DENSE)], False) is None
    assert convergence(passing(), [], False) is None
    for lacking in ("bounds", "real"):
        assert convergence(passing(), [dataclasses.replace(shown(1.0), **{lacking: None})], False) is None
    assert convergence(passing(), [comparison(1.0, 1.0, probe=DENSE), shown(1.0)], False) is not None


def test_of_a_wrong_array_the_worst_entry_is_shown_in_its_own_units(shown):
    other, worst, dense = shown(9.0, probe=at(1)), shown(2.0, probe=at(5), unit=0.5), shown(9.0)
    found = convergence(failing((1, 2)), [other, dense, worst], False)
    assert found.index == (1, 2) and found.moves == "x"
    assert found.steps == (0.25, 0.125), "steps of the entry itself"
    assert found.central == (2.0, 2.0) and found.right == (3.0, 2.5) and found.noise == (2.0**-20, 2.0**-20)
    assert (found.claimed, found.numeric, found.bar) == (4.0, 2.0, 2.0**-9)


def test_along_a_direction_the_units_are_those_of_the_step(shown):
    found = convergence(passing(), [shown(1.0, unit=4.0)], False)
    assert found.steps == (0.5, 0.25) and found.right == (1.5, 1.25) and found.bar == 2.0**-10


def test_of_several_looks_at_the_worst_entry_the_worst_is_shown(shown):
    near, far = shown(1.0, 1.001, probe=at(5)), shown(2.0, probe=at(5))
    for looks in ([near, far], [far, near]):
        assert convergence(failing((1, 2)), looks, False).claimed == 2.0
    near, far = shown([1.0, 1.01], 1.0, probe=at(5)), shown([1.0, 2.0], 1.0, probe=at(5))
    assert convergence(failing((1, 2)), [near, far], False).claimed == 2.0
    far, nan = shown(2.0, probe=at(5)), shown(np.nan, probe=at(5))
    assert np.isnan(convergence(failing((1, 2)), [far, nan], False).claimed)


def test_where_the_worst_entry_has_no_ladder_the_worst_there_is_is_shown(shown):
    right, wrong = shown(1.0), shown(3.0, probe=at(0))
    assert convergence(failing((1, 2)), [right, wrong], False).claimed == 3.0


def test_where_no_single_entry_is_wrong_the_worst_direction_is_shown(shown):
    assert convergence(failing(None, wrong=[]), [shown([1.0, 1.1]), shown([1.0, 3.0])], False).claimed == 3.0
    entry, right, wrong = shown(9.0, probe=at(0)), shown(1.0), shown(3.0)
    for gradient in (failing(None, wrong=[]), failing((0, 0), wrong=[]), failing(None, wrong=[(0, 0)])):
        assert convergence(gradient, [entry, right, wrong], False).claimed == 3.0


def test_of_a_right_array_the_first_direction_is_shown_not_the_worst(shown):
    assert convergence(passing(), [shown(1.0), shown(1.0, 1.0009)], False).numeric == 1.0


def test_the_cotangent_that_shows_most_is_chosen(shown):
    found = convergence(passing(), [shown([1.0, 3.0, 1.0], [1.0, 2.0, 1.0])], False)
    assert (found.claimed, found.numeric) == (3.0, 2.0) and found.central == (2.0, 2.0)
    found = convergence(passing(), [shown([1.0, 3.0, np.nan], [1.0, 2.0, 1.0])], False)
    assert np.isnan(found.claimed) and found.numeric == 1.0
    zero_by_zero = shown([1.0, 1.125], [1.0, 1.0], bar=[0.0, 0.25])
    assert convergence(passing(), [zero_by_zero], False).claimed == 1.125


def test_the_number_beside_the_claim_is_the_best_there_is(shown):
    c = shown(1.0, exact=1.25)
    assert convergence(passing(), [c], True).numeric == 1.25 and convergence(passing(), [c], False).numeric == 1.0


def test_what_moves_is_said(shown):
    assert convergence(passing(), [shown(1.0, probe=Probe(None, seed=1))], False).moves == "all arrays together"
    assert convergence(passing(), [shown(1.0, probe=Probe(0, by_value=True))], False).moves == "x (equal entries alike)"


# Whole checks


@pytest.mark.parametrize("name", ["right", "kink", "zero"])
def test_a_report_holds_ladders_of_right_gradients(reports, name):
    for gradient in reports[name].gradients:
        assert gradient.map is None
        together = len([g for g in reports[name].gradients if 0 not in g.shape]) > 1
        assert gradient.ladder.index is None
        assert gradient.ladder.moves == ("all arrays together" if together else gradient.name)
        assert gradient.ladder.order is None or gradient.ladder.order > 1.9


@pytest.mark.parametrize("name", ["wrong", "dense", "entry", "sparse", "scalar"])
def test_a_report_holds_the_ladder_of_the_worst_entry_and_a_map(reports, name):
    gradient = next(g for g in reports[name].gradients if g.verdict == "fail")
    assert gradient.ladder.index == gradient.worst_index
    assert gradient.ladder.order == pytest.approx(1, rel=0, abs=0.05)  # the few remainders at the smallest steps round
    assert gradient.ladder.claimed == pytest.approx(gradient.claimed, rel=1e-6)
    assert gradient.ladder.numeric == pytest.approx(gradient.numeric, rel=1e-6)
    assert gradient.map.wrong.any()


def test_what_was_not_compared_has_neither(reports):
    assert all(g.ladder is None and g.map is None for name in ("shape", "noisy") for g in reports[name].gradients)


def test_without_the_complex_step_each_array_has_ladders_of_its_own(normal):
    def angle(x, w):
        return np.arctan2(x, w), lambda dy: (dy * w / (x * x + w * w), -dy * x / (x * x + w * w))

    gradients = gradcheck.check(angle, normal(4, 3), normal(4, 3)).gradients
    assert [g.ladder.moves for g in gradients] == ["x", "w"]


def test_of_wrong_directions_the_one_that_is_off_by_most_bars_is_shown(shown):
    near, far = shown(2.0, bar=2.0**-10, probe=Probe(0, seed=1)), shown(9.0, bar=2.0, probe=Probe(0, seed=2))
    for found in ([near, far], [far, near]):
        drawn = convergence(failing(None, wrong=[]), found, False)
        assert drawn.claimed == 2.0, "1 off is 1024 bars, 8 off four"
