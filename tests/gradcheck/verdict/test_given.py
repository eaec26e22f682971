"""The given point of a large array: one direction speaks for all entries, and kinks are found and held."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.probe import Along, Probe
from gradcheck.numeric.scales import scale, scales
from gradcheck.verdict import given as module
from gradcheck.verdict import locate
from gradcheck.verdict.given import (
    EVEN,
    FEW,
    RESIDUE,
    _of_each_value,
    _shown,
    compare_at_given,
    contradicting,
    settled,
    unbalanced,
    unsettled_by,
)
from gradcheck.verdict.ground import Known
from gradcheck.verdict.measured import measured
from gradcheck.verdict.plan import EXHAUSTIVE, SUSPECTS

SIZE = EXHAUSTIVE + 44


def without(x, *points):
    """Numbers none of which is near to one of `points`, where a branch begins."""
    for p in points:
        x = np.where(np.abs(x - p) < 0.1, p + 0.1 + np.abs(x - p), x)
    return x


def clipped(x):
    return np.where(np.real(x) > 2, 2, x)


def right(x, dy):
    return dy * (x < 2)


def forgotten(x, dy):
    return dy * 1


@pytest.mark.parametrize(("size", "place"), [(SIZE, 0), (SIZE, 57), (SIZE, -1), (3000, 57), (100_001, 57)])
def test_a_branch_that_one_entry_alone_is_in_is_found(rng, size, place):
    x = np.clip(rng.normal(size=size), -3, 1.7)
    x[place] = 2.005  # a generic point nearby is mostly on the other side
    assert gradcheck.check(pair(clipped, right), x).verdict != "fail"
    report = gradcheck.check(pair(clipped, forgotten), x)
    assert report.verdict == "fail", str(report)
    assert report.gradients[0].wrong == [(place % size,)]


def test_a_branch_is_found_without_the_complex_step(rng):
    def forward(x):
        return np.minimum(np.real(x), 2.0)

    x = np.clip(rng.normal(size=SIZE), -3, 1.7)
    x[57] = 2.005
    assert gradcheck.check(pair(forward, right), x).verdict == "pass"
    assert gradcheck.check(pair(forward, forgotten), x).verdict == "fail"


@pytest.mark.parametrize("number", [0.25, 3.0, -0.5])
def test_an_error_at_exactly_the_numbers_that_were_given_is_found(rng, number):
    x = rng.normal(size=SIZE)
    x[[5, 200]] = number

    def backward(x, dy):
        return dy * np.cos(x) * (x != number)

    assert gradcheck.check(pair(np.sin, lambda x, dy: dy * np.cos(x)), x).verdict == "pass"
    assert gradcheck.check(pair(np.sin, backward), x).verdict == "fail"


@pytest.mark.parametrize("residue", [0.0, 1e-17, -1e-10, 5e-324])
@pytest.mark.parametrize("count", [1, 9, 40])
def test_residues_at_a_kink_fail_no_right_claim(rng, residue, count):
    x = without(rng.normal(size=SIZE), 0.0)
    x[rng.choice(SIZE, count, replace=False)] = residue
    report = gradcheck.check(pair(lambda x: np.maximum(x, 0), lambda x, dy: dy * (x > 0)), x)
    assert report.verdict != "fail", str(report)


@pytest.mark.parametrize("count", [1, 9, 40])
def test_beside_kinks_an_error_elsewhere_is_found(rng, count):
    x = without(np.clip(rng.normal(size=SIZE), -3, 1.7), 0.0)
    places = rng.choice(SIZE, count + 1, replace=False)
    x[places[:-1]], x[places[-1]] = 0, 2.005
    report = gradcheck.check(pair(lambda x: np.clip(np.real(x), 0, 2), lambda x, dy: dy * (x > 0)), x)
    assert report.verdict == "fail", str(report)
    assert report.gradients[0].wrong == [(places[-1],)]


def test_of_more_kinks_than_can_be_told_apart_a_sample_is_compared_and_it_is_said(rng):
    x = without(rng.normal(size=SIZE), 0.0)
    x[:200] = 0
    report = gradcheck.check(pair(lambda x: np.maximum(x, 0), lambda x, dy: dy * (x > 0)), x)
    said = "x has many kinks at the given point: of their entries a sample was compared"
    assert report.verdict != "fail" and said in [f.message for f in report.findings]


@pytest.fixture
def at_point(ground):
    def at_point(forward, backward, x):
        given = ground(forward, backward, x, measures_noise=False)
        first, known = measured(given, Known(), [Probe(0, seed=5)], [True], np.random.default_rng(4))
        return compare_at_given(given, known, 0, first, (), np.random.default_rng(6)), first

    return at_point


def test_where_one_direction_is_settled_nothing_more_is_compared(at_point, rng):
    found, first = at_point(np.sin, lambda x, dy: np.cos(x) * dy, rng.normal(size=SIZE))
    assert found.complete and found.comparisons == first and settled(first[0])


def test_entries_at_a_kink_are_compared_alone_and_held_while_the_others_move(at_point, rng):
    x = without(rng.normal(size=SIZE), 0.0)
    x[[3, 250]] = 0
    found, first = at_point(lambda x: np.maximum(x, 0), lambda x, dy: dy * (x > 0), x)
    assert found.complete and not settled(first[0])
    alone = [c.probe.coordinate for c in found.comparisons if c.probe.coordinate is not None]
    (rest,) = [c for c in found.comparisons if c.probe.coordinate is None]
    assert alone == [3, 250] and rest.probe.held == (3, 250) and settled(rest)


def test_a_wrong_entry_is_found_whichever_of_several_directions_shows_it(ground, rng):
    x = np.clip(rng.normal(size=SIZE), -3, 1.7)
    x[200] = 2.005
    given = ground(clipped, forgotten, x, measures_noise=False)
    probes = [Probe(0, seed=5, stop=100), Probe(0, seed=6, start=100)]
    first, known = measured(given, Known(), probes, [True, True], np.random.default_rng(4))
    assert [settled(c) for c in first] == [True, False]
    found = compare_at_given(given, known, 0, first, (), np.random.default_rng(6))
    alone = [c.probe.coordinate for c in found.comparisons if c.probe.coordinate is not None]
    assert found.complete and 200 in alone


def test_of_more_kinks_at_numbers_of_their_own_than_rounds_find_not_every_entry_took_part(at_point, rng):
    x = rng.uniform(1, 2, SIZE)
    c = np.where(np.arange(SIZE) < 150, x, 0)
    found, first = at_point(lambda x: np.abs(x - c), lambda x, dy: dy * np.sign(x - c), x)
    assert not found.complete and not settled(first[0])


def equal_to(value):
    """A backward pass without a gradient where an entry is exactly a number that has all its bits."""
    return pair(np.sin, lambda x, dy: dy * np.cos(x) * (x != value))


@pytest.mark.parametrize("size", [20, 300])
def test_the_very_numbers_that_were_given_are_compared(size, rng):
    x = rng.normal(size=size)
    x[3] = 0.1
    assert gradcheck.check(equal_to(0.1), x).verdict == "fail"
    x[3] = 0.2
    assert gradcheck.check(equal_to(0.1), x).verdict == "pass"


@pytest.mark.parametrize(("value", "verdict"), [(0.0, "fail"), (0.5, "pass")])
def test_a_parameter_of_zeros_is_compared_as_it_is_too(value, verdict, rng):
    class Shift:
        def __init__(self, b):
            self.b = b

        def vjp(self, x):
            return np.sin(x) + self.b, lambda dy: ({"b": dy.sum(0) * (self.b != 0)}, dy * np.cos(x))

    report = gradcheck.check(Shift(np.full(3, value)), rng.normal(size=(4, 3)))
    assert report.verdict == verdict, str(report)


# One comparison at a time


def test_agreement_away_from_kinks_is_settled(comparison):
    assert settled(comparison(1.0, 1.0, exact=1.0)) is True and unsettled_by(comparison(1.0, 1.0)) == 0.0
    assert settled(comparison([1.0, 1.0], 1.0))


def test_what_is_open_kinked_or_contradicted_along_one_cotangent_is_not(comparison):
    assert unsettled_by(comparison([1.0, 1.0], [1.0, np.nan], bar=[1.0, np.inf])) == 1.0
    for c in (
        comparison([0.5, 0.5], 0.5, kink=[True, False]),
        comparison([2.0, 1.0], 1.0),
        comparison([1.0, 1.0], 1.0, bar=0.5, exact=[1.25, 1.0]),
        comparison([1.0, 1.0], 1.0, exact=[2.0, 1.0]),
        comparison([np.nan, 1.0]),
        comparison([1.0, 2.0], exact=[1.0, 1.0]),
    ):
        assert not settled(c) and unsettled_by(c) >= 1.0


def test_it_is_unsettled_by_one_and_as_many_bars_as_it_is_off(comparison):
    assert unsettled_by(comparison([3.0, 1.0], 1.0, bar=0.25, claimed_bar=0.25)) == 5.0
    assert unsettled_by(comparison(3.0, 0.0, bar=0.5, claimed_bar=0, ends=(0.0, 1.0))) == 5.0
    assert unsettled_by(comparison(0.5, 0.0, bar=0.5, claimed_bar=0, ends=(0.0, 1.0))) == 1.0
    assert unsettled_by(comparison(np.nan, 1.0)) > 1e300
    assert unsettled_by(comparison(1.0, 1.0, 0.0, claimed_bar=0.0)) == 0.0, "nothing beside nothing"


@pytest.mark.parametrize("size", [3, SIZE])
def test_where_every_entry_is_held_a_direction_in_which_nothing_moves_is_no_evidence(size):
    """Equal entries at a jump, as wrong as can be: without any entry left the claim 0 = 0 would settle it."""

    def fare(x):
        if np.abs(x.real - 1).max() > 0.01:
            raise ValueError("known near 1 only")
        return np.where(x.real < 1, 0, x.real)

    report = gradcheck.check(pair(fare, lambda x, dy: 7 * dy), np.ones(size))
    assert report.gradients[0].verdict == "inconclusive", str(report)


def test_of_a_small_array_every_zero_is_compared(rng):
    """At a zero of the rectifier 0.3 is a subgradient and 1.5 is none."""
    x = np.where(rng.random(200) < 0.5, 0.0, rng.normal(size=200))
    zeros = np.flatnonzero(x == 0)
    at_zero = np.full(200, 0.3)

    def backward(x, dy):
        return dy * np.where(x == 0, at_zero, x > 0)

    relu = pair(lambda x: np.where(x.real > 0, x.real, 0), backward)  # without the complex step
    assert gradcheck.check(relu, x).verdict == "pass"
    at_zero[zeros[70]] = 1.5
    report = gradcheck.check(relu, x)
    assert report.verdict == "fail" and report.gradients[0].wrong == [(zeros[70],)]


# Entries that count alike


@pytest.mark.parametrize(
    ("size", "wrong", "alone", "asked"),
    [
        (6, set(), [], range(6)),
        (6, {0}, [], []),
        (6, set(), [2, 5], [0, 1, 3, 4]),
        (6, set(), [0], []),
        (SIZE, set(), [], []),
    ],
)
def test_an_error_that_is_much_of_its_own_entry_alone_leads_to_every_entry_of_a_small_array(
    ground, comparison, size, wrong, alone, asked
):
    """x^2 at numbers that range over 20 orders of magnitude; of the least of them the claim is off by a thousandth."""
    x = np.logspace(-20, 0, size)

    def backward(off):
        return lambda x, dy: 2 * x * dy * np.where(np.arange(size) == 0, 1 + off, 1)

    columns = [[comparison(1.0, 1.0, probe=Probe(0, coordinate=i)) for i in (*alone, None)]]
    for off, entries in ((0.0, []), (1e-3, asked)):
        own = ground(lambda x: x * x, backward(off), x, exact=True)
        found, shown = unbalanced(own, Known(), wrong, columns, np.random.default_rng(1))
        assert [p.coordinate for p in found.probes] == list(entries) and not any(found.real)
        assert shown == (set() if entries or wrong else {0}), "along what is contradicted nothing is"


def test_up_to_a_size_every_entry_is_asked(ground):
    def asked(size):
        own = ground(np.sin, lambda x, dy: 1.001 * np.cos(x) * dy, np.linspace(1, 1.5, size), exact=True)
        return len(unbalanced(own, Known(), set(), [[]], np.random.default_rng(1))[0].probes)

    assert asked(EXHAUSTIVE) == EXHAUSTIVE == 256 and asked(EXHAUSTIVE + 1) == 0


@pytest.mark.parametrize(("which", "asked"), [(None, []), (1, [(1, 0), (1, 1), (1, 2)])])
def test_several_arrays_are_asked_together_and_each_alone_only_where_that_contradicts(ground, which, asked):
    x = np.array([1.0, 1e-10, 1e-5])

    def backward(x, y, dy):
        off = np.array([1.0, 1.001, 1.0])
        return 2 * x * dy * (off if which == 0 else 1), 2 * y * dy * (off if which == 1 else 1)

    own = ground(lambda x, y: x * x + y * y, backward, x, x + 0, exact=True)
    before = own.problem.count["complex forward"]
    found, shown = unbalanced(own, Known(), set(), [[], []], np.random.default_rng(1))
    assert [(p.leaf, p.coordinate) for p in found.probes] == asked and shown == (set() if asked else {0, 1})
    assert own.problem.count["complex forward"] - before == (2 + 4 + 2 * 3 if asked else 2), "with noise"


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_what_is_odd_along_all_is_asked_of_each_only_if_it_is_no_noise(ground, monkeypatch, noise):
    x = np.array([1.0, 1e-10, 1e-5])
    own = ground(lambda x, y: x * x + y * y, lambda x, y, dy: (2 * x * dy, 2.002 * y * dy), x, x + 0, exact=True)

    def widened(ground, comparisons, where, rng):
        (c,) = comparisons
        assert where == [0] and c.probe.leaf is None
        return [dataclasses.replace(c, exact_bar=c.exact_bar + noise)]

    monkeypatch.setattr(module, "widened", widened)
    found, shown = unbalanced(own, Known(), set(), [[], []], np.random.default_rng(1))
    assert {p.leaf for p in found.probes} == (set() if noise else {1}) and shown == set()


def test_an_array_is_shown_that_changes_more_than_what_is_not_seen_of_all(ground, comparison):
    """The claims are dy, 2^-20 dy and 0, and the entries move by one."""
    along = Along(None, vectors=tuple(np.array([[1.0, -1.0]] * 3)))
    own = ground(lambda x, y, z: x, lambda x, y, z, dy: (dy, 2.0**-20 * dy, 0 * dy), *np.ones((3, 2)))
    least = 2.0**-20 * np.abs(own.place.g).max()
    for part, seen in ((0.99, {0, 1}), (1.01, {0})):
        bar = part * least * EVEN
        c = comparison([1.0, 1.0], exact=1.0, exact_bar=[0, 0.9 * bar], claimed_bar=0.1 * bar, probe=along)
        assert set(_shown(own, c)) == seen and EVEN == 2.0**-32
    assert set(_shown(own, comparison([1.0, 1.0], exact=1.0, exact_bar=0.0, claimed_bar=0.0, probe=along))) == {0, 1, 2}
    assert set(_shown(own, comparison([1.0, 1.0], 1.0, probe=along))) == set(), "no complex step"
    seen = comparison([1.0, 1.0], exact=1.0, probe=along)
    for missing in ("exact", "exact_bar"):
        assert set(_shown(own, dataclasses.replace(seen, **{missing: None}))) == set(), "nor what it leaves open"


def test_of_a_small_array_every_entry_takes_part_whatever_is_left_open(at_point):
    x = np.array([0.3, 0.5, 0.7, 0.9, 1.1])
    found, first = at_point(np.sin, lambda x, dy: 1.5 * np.cos(x) * dy, x)
    assert found.complete and not any(map(settled, first))
    assert sorted(c.probe.coordinate for c in found.comparisons if c.probe.coordinate is not None) == list(range(5))


@pytest.mark.parametrize(("count", "complete"), [(32, True), (33, False)])
def test_of_a_large_array_up_to_32_zeros_are_compared_each(at_point, rng, count, complete):
    x = without(rng.normal(size=SIZE), 0.0)
    x[:count] = 0
    found, _ = at_point(lambda x: np.maximum(x, 0), lambda x, dy: dy * (x > 0), x)
    alone = [c.probe.coordinate for c in found.comparisons if c.probe.coordinate is not None]
    assert found.complete is complete and len(alone) == (count if complete else SUSPECTS)


@pytest.mark.parametrize("error", [1.0, 1.5])
def test_of_numbers_of_few_bits_each_value_is_compared(at_point, error):
    """A clip at 1, wrong there alone; the sums along a direction lie between the slopes of both sides either way."""
    x = np.round(np.random.default_rng(1).normal(size=3000) * 4) / 4
    slopes = (np.abs(x) <= 1) * np.where(x == 1, error, 1)
    found, _ = at_point(lambda x: np.clip(x, -1, 1), lambda x, dy: dy * slopes, x)
    alone = [c for c in found.comparisons if c.probe.coordinate is not None]
    wrong = {float(x[c.probe.coordinate]) for c in alone if c.outside().any()}
    assert not found.complete and wrong == ({1.0} if error > 1 else set())


def test_one_of_each_value_is_chosen_of_the_most_frequent_first():
    values = np.repeat(np.arange(1.0, 41), np.arange(40, 0, -1))
    x = np.random.default_rng(2).permutation(np.concatenate([values, [500.5]]))
    chosen = _of_each_value(x, np.flatnonzero(x < 500), np.random.default_rng(3))
    assert sorted(x[chosen]) == list(range(1, FEW + 1)) and (np.diff(chosen) > 0).all()
    again = _of_each_value(x, np.flatnonzero(x < 500), np.random.default_rng(4))
    assert sorted(x[again]) == sorted(x[chosen]) and not np.array_equal(again, chosen), "drawn at random"


def test_of_few_values_several_are_chosen_and_what_is_nearly_zero_is_one_value():
    x = np.full(100, 3.0)
    x[:40], x[40:42], x[-1] = 0.5, 1.5, 1e3
    chosen = _of_each_value(x, np.arange(99), np.random.default_rng(1))
    assert sorted(x[chosen]) == [0.5, 0.5, 1.5, 1.5, 3.0, 3.0], "at least four in all"
    x[40:42] = 1.5, 2.5
    assert len(_of_each_value(x, np.arange(41), np.random.default_rng(1))) == 3, "as many as there are"
    x[:40] = RESIDUE * scales(x)[0] * np.linspace(-1, 1, 40)
    chosen = _of_each_value(x, np.arange(40), np.random.default_rng(1))
    assert len(chosen) == SUSPECTS and (chosen < 40).all()


@pytest.mark.parametrize(("part", "halves"), [(1.0, False), (17 / 16, True)])
def test_what_is_a_millionth_of_the_scale_is_taken_for_a_zero_and_what_is_more_is_looked_for(
    at_point, rng, monkeypatch, part, halves
):
    x = without(rng.normal(size=SIZE), 0.0)
    x[7] = -part * 2.0**-20 * scale(x)
    halved = []
    monkeypatch.setattr(module, "halved", lambda *rest: halved.append(rest) or locate.halved(*rest))
    kink = np.where(np.arange(SIZE) == 7, x, -9)
    found, first = at_point(lambda x: np.abs(x - kink), lambda x, dy: dy * np.where(x == kink, 3, 1), x)
    alone = [c.probe.coordinate for c in found.comparisons if c.probe.coordinate is not None]
    assert not settled(first[0]) and 7 in alone and bool(halved) is halves


def test_one_zero_is_held_at_once_and_without_any_nothing_is_compared_again(at_point, rng, monkeypatch):
    x = without(rng.normal(size=SIZE), 0.0)
    monkeypatch.setattr(module, "halved", lambda *_: pytest.fail("halved"))
    kinked = np.where(np.arange(SIZE) == 3, 0, x)
    found, _ = at_point(lambda x: np.maximum(x, 0), lambda x, dy: dy * (x > 0), kinked)
    assert found.complete and [c.probe.held for c in found.comparisons] == [(), (3,)]
    monkeypatch.setattr(module, "halved", locate.halved)
    monkeypatch.setattr(module, "_again", lambda *_: pytest.fail("again"))
    found, first = at_point(np.sin, lambda x, dy: 1.5 * np.cos(x) * dy, x[:200])
    assert not settled(first[0]) and found.complete


@pytest.mark.parametrize("wrong", [set(), {0}])
def test_parameters_as_they_were_contradict_nothing_where_nothing_is_odd(ground, wrong):
    x = np.array([1.0, 0.5])
    off = 1.5 if wrong else 1.0
    own = ground(lambda x, y: x * y, lambda x, y, dy: (off * y * dy, x * dy), x, x + 1, exact=True)
    assert contradicting(own, Known(), wrong, np.random.default_rng(1)) == [[], []]


def test_what_halving_learns_of_noise_is_known_afterwards_though_it_leads_to_no_entry(at_point, rng, monkeypatch):
    monkeypatch.setattr(module, "halved", lambda *_: locate.Halved([], True, Known({0: 0.25})))
    found, first = at_point(np.sin, lambda x, dy: 1.5 * np.cos(x) * dy, rng.normal(size=SIZE))
    assert found.known.level(0) == 0.25 and not found.complete and not settled(first[0])


@pytest.fixture
def asked(ground, comparison, rng, monkeypatch):
    """What is compared alone at a large array, and where it is halved, if no direction is ever settled."""

    def asked(x, entries=None):
        alone, halvings = [], []
        at = ground(np.sin, lambda x, dy: np.cos(x) * dy, x)

        def halved(ground, known, probe, excess, widest, means, rng):
            halvings.append(widest)
            return locate.Halved([len(halvings)] if entries is None else entries, True, known)

        monkeypatch.setattr(module, "settled", lambda c: False)
        monkeypatch.setattr(module, "_again", lambda ground, known, first, held, rng: (first, known))
        monkeypatch.setattr(
            module, "_alone", lambda ground, known, leaf, where, rng: alone.append(where.tolist()) or ([], known)
        )
        monkeypatch.setattr(module, "halved", halved)
        compare_at_given(at, Known(), 0, [comparison(1.0, 2.0, probe=Probe(0, seed=1))], (), rng)
        return alone, halvings

    return asked


def test_entries_are_halved_and_held_three_times_and_eight_segments_at_one_depth_at_most(asked):
    alone, halvings = asked(np.linspace(1, 2, 300))
    assert alone == [[], [1], [2], [3]] and halvings == [8] * 3


@pytest.mark.parametrize(("count", "compared"), [(32, 32), (33, 4)])
def test_up_to_32_zeros_of_a_large_array_are_all_compared_alone(asked, count, compared):
    (first, *_), _ = asked(np.append(np.zeros(count), np.linspace(1, 2, 300)))
    assert len(first) == compared and max(first) < count


@pytest.mark.parametrize(("size", "is_zero"), [(0.99, True), (1.01, False)])
def test_a_residue_of_a_millionth_of_the_scale_counts_as_zero(asked, size, is_zero):
    x = np.append((-1.0) ** np.arange(299) * (1 + np.arange(299) / 1000), size * 2.0**-20)
    (first, *_), _ = asked(x)
    assert first == ([299] if is_zero else []) and scale(x) == 1


@pytest.mark.parametrize(("entries", "halvings", "compared"), [([], 1, 0), (list(range(300)), 1, 300)])
def test_halving_ends_where_nothing_new_is_found_or_nothing_is_left_that_moves(asked, entries, halvings, compared):
    alone, widths = asked(np.linspace(1, 2, 300), entries)
    assert len(widths) == halvings and [len(found) for found in alone[1:]] == [compared] * (compared > 0)
