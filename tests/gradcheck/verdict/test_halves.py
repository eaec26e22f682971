"""What one half shows tells what the other does, and a ladder is climbed where that is not enough."""

import dataclasses

import numpy as np
import pytest

from gradcheck.numeric.probe import Probe
from gradcheck.verdict.ground import Known
from gradcheck.verdict.halves import (
    BOTH,
    Cut,
    _at_two_steps,
    _rest,
    by_complex_step,
    by_ladders,
    by_short_ladders,
    in_two,
)
from gradcheck.verdict.locate import _excess, halved

X = np.linspace(1, 2, 128)


def spoilt(*wrong, by=1.01):
    return lambda x, dy: np.cos(x) * dy * np.where(np.isin(np.arange(x.size), wrong), by, 1)


def excess(c):
    return _excess(c, False)


def real_sine(x):
    return np.sin(np.real(x))


@pytest.fixture
def both(ground):
    """Both halves of 128 entries by some means, with what is known of the whole, and what they cost."""

    def both(means, backward, whole=True, forward=real_sine):
        at, rng = ground(forward, backward, X, exact=means is by_complex_step), np.random.default_rng(2)
        probe = Probe(0, seed=1)
        parts = [Probe(0, seed=1, start=a, stop=b) for a, b in in_two(0, 128)]
        measure = by_complex_step if at.exact else by_ladders
        (of_whole,), known = measure(at, Known(), Cut([[probe]], [None], excess), rng)
        before = dict(at.problem.count)
        found, _ = means(at, known, Cut([parts], [of_whole if whole else None], excess), rng)
        return found, {kind: n - before.get(kind, 0) for kind, n in at.problem.count.items()}

    return both


def test_a_segment_is_cut_in_the_middle_and_an_entry_stays_whole():
    assert in_two(0, 5) == [(0, 2), (2, 5)] and in_two(3, 4) == [(3, 4)]


@pytest.mark.parametrize("wrong", [5, 100])
def test_two_steps_along_one_half_tell_that_along_the_other(both, wrong):
    (first, second), cost = both(by_short_ladders, spoilt(wrong))
    assert len(BOTH) == 2 and cost["forward"] == 4
    assert (excess(first) > 1) is (wrong < 64) and (excess(second) > 1) is (wrong >= 64)
    (one, two), _ = both(by_ladders, spoilt(wrong))
    for short, ladder in ((first, one), (second, two)):
        assert (np.abs(short.real.value - ladder.real.value) <= short.real.bar + ladder.real.bar).all()


def test_where_neither_half_is_odd_or_the_whole_is_not_known_both_have_ladders(both):
    tiny = spoilt(5, by=1 + 1e-9)  # less than two steps show, and more than a ladder does
    (first, second), cost = both(by_short_ladders, tiny)
    assert cost["forward"] > 4 and excess(first) > 1 >= excess(second)
    found, cost = both(by_short_ladders, spoilt(5), whole=False)
    _, of_ladders = both(by_ladders, spoilt(5), whole=False)
    assert cost["forward"] == of_ladders["forward"] and len(found) == 2


def test_the_complex_step_along_one_half_tells_that_along_the_other(both):
    (first, second), cost = both(by_complex_step, spoilt(100), forward=np.sin)
    assert cost["complex forward"] == 1 and _excess(second, True) > 1 >= _excess(first, True)
    assert (second.exact_bar > first.exact_bar).all(), "that of the whole and of the part"


@pytest.mark.parametrize("wrong", [[37], [3, 100], [0, 1, 127]])
def test_short_ladders_lead_to_the_same_entries_as_long_ones(ground, wrong):
    found = []
    for means in (by_ladders, by_short_ladders):
        at = ground(real_sine, spoilt(*wrong), X)
        halving = halved(at, Known(), Probe(0, seed=1), excess, 32, means, np.random.default_rng(2))
        found.append((halving.entries, halving.complete))
    assert found == [(wrong, True)] * 2


def test_what_is_cut_is_not_filled_in_later():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Cut([], [], excess).halves = None


def test_two_steps_have_wider_bars_where_roundings_of_a_large_point_are_lost(ground):
    """A billion and some: at steps of a thousandth the point is rounded, which counts by the slope that is claimed."""
    x, probe, bars = 1e9 + X, Probe(0, seed=1), []
    halves = [[dataclasses.replace(probe, stop=64), dataclasses.replace(probe, start=64)]]
    for slope in (1.0, 0.0):
        at = ground(lambda x: 1.0 * np.real(x), lambda x, dy, slope=slope: slope * dy, x)
        (whole,), known = by_ladders(at, Known(), Cut([[probe]], [None], excess), np.random.default_rng(2))
        (first, _), _ = by_short_ladders(at, known, Cut(halves, [whole], lambda c: 2.0), np.random.default_rng(2))
        bars.append(first.real.bar)
    assert (bars[0] > 1.1 * bars[1]).all()


def test_what_one_part_leaves_of_a_whole_is_known_to_the_bars_of_both(ground, comparison):
    at = ground(np.sin, lambda x, dy: np.cos(x) * dy, X)
    whole = comparison([1.0, 1.0], 3.0, 0.1, exact=5.0, exact_bar=0.5)
    part = comparison([1.0, 1.0], 1.0, 0.2, exact=1.5, exact_bar=0.25)
    c = _rest(at, Probe(0, seed=1, start=64), whole, part)
    np.testing.assert_allclose([c.real.value, c.real.bar], [[2.0] * 2, [0.3] * 2], rtol=1e-15, atol=0)
    np.testing.assert_array_equal([c.exact, c.exact_bar], [[3.5] * 2, [0.75] * 2])
    for lacking in (dataclasses.replace(part, exact=None, real=None), dataclasses.replace(part, exact_bar=None)):
        left = _rest(at, Probe(0, seed=1, start=64), whole, lacking)
        assert left.exact is None and (left.real is None) is (lacking.real is None)


def test_where_two_steps_are_not_taken_nothing_is_said(ground, sweep):
    at, probe = ground(np.sin, lambda x, dy: np.cos(x) * dy, X), Probe(0, seed=1)
    for seen in (None, sweep(np.sin, np.cos, steps=BOTH[:1])):
        c = _at_two_steps(at, Known(), probe, seen)
        assert c.real is None and c.probe == probe


@pytest.mark.parametrize("means", [by_complex_step, by_short_ladders])
def test_halves_without_a_word_on_their_whole_are_refused(ground, means):
    at = ground(np.sin, lambda x, dy: np.cos(x) * dy, X)
    with pytest.raises(ValueError, match="shorter"):
        means(at, Known(), Cut([[Probe(0, seed=1)]], [], excess), np.random.default_rng(0))
