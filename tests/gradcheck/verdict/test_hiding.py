"""A claim that small differences confirm, and wide ones do not: it forgets a part that moves in steps."""

import dataclasses

import numpy as np
import pytest
from narrow import brain, half

from gradcheck.numeric.ladder import STEPS, Sweep
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.compare import compare, glance
from gradcheck.verdict.ground import Known
from gradcheck.verdict.hiding import (
    departs_farther,
    forgotten,
    forgotten_afar,
    forgotten_all_along,
    forgotten_by_all,
    hides_steps,
)
from gradcheck.verdict.own_jumps import EITHER

ALL = Probe(0, seed=1)
X = np.array([0.7312, -1.2345, 0.4142, 1.6180, -0.577, 2.236])


def near(x):
    return np.abs(x - X[0]) < 0.002


def confirmed(ground, rng, forward, slope, **changes):
    place = ground(forward, lambda x, dy: dy * slope(x), X, **changes)
    (c,), _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    assert not c.outside().any()
    return place, c


MANY = np.random.default_rng(0).normal(size=40)


def log_sum(x):
    return np.log(np.exp(x).sum())


def at_many(ground, rng, forward, slope, x=MANY):
    place = ground(forward, lambda x, dy: dy * slope(x), x)
    (c,), _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    assert not c.outside().any()
    return place, c


def test_steps_that_many_entries_cross_nowhere_near_are_told_by_a_wide_difference(ground, rng):
    place, c = at_many(ground, rng, lambda x: x - brain(log_sum(x)), np.ones_like)
    assert not hides_steps(c) and departs_farther(place, c)
    found = forgotten_afar(place, c, rng)
    assert found.outside().any() and found.probe == c.probe and found.followed


@pytest.mark.parametrize(
    ("forward", "slope"),
    [(np.sin, np.cos), (lambda x: x + log_sum(x), lambda x: 1), (np.exp, np.exp), (lambda x: 3 * x, lambda x: 3)],
)
def test_what_bends_costs_two_evaluations(ground, rng, forward, slope):
    place = ground(forward, lambda x, dy: dy * slope(x), MANY)
    (c,), _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    before = place.problem.count["forward"]
    assert not departs_farther(place, c) and place.problem.count["forward"] == before + 2
    assert not departs_farther(place, dataclasses.replace(c, bounds=None))


@pytest.mark.parametrize(
    ("forward", "slope"),
    [
        (np.abs, np.sign),
        (lambda x: np.maximum(x, 0.1), lambda x: x > 0.1),
        (lambda x: np.clip(x, -1, 1), lambda x: np.abs(x) < 1),
    ],
)
def test_what_has_kinks_far_away_is_asked_and_confirmed(ground, rng, forward, slope):
    x = MANY[(np.abs(MANY - 0.05) > 0.2) & (np.abs(np.abs(MANY) - 1) > 0.15)]
    place, c = at_many(ground, rng, forward, slope, x)
    assert departs_farther(place, c) and forgotten_afar(place, c, rng) is c


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


H = np.array([2.0**-4, *STEPS[3:11]])  # the first is not below 2^-4


def off_by(comparison, off, steps=H, bar=0.0, bounds=0.0):
    """A claim of 1 that the smallest steps confirm, and differences over each of these that are off by `off`."""
    h, none = steps[:, None], np.zeros((len(steps), 1))
    central = 1 + np.asarray(off, float)[:, None]
    sweep = Sweep(h, central, central, central, none, none)
    return comparison(1.0, 1.0, bar, sweep=sweep, bounds=np.broadcast_to(bounds, h.T.shape).T)


def as_f_bends(h, next_two, off):
    """What h^2 and h^4 make over a step of what they are over the next two."""
    a, b = np.linalg.solve(np.array([[k**2, k**4] for k in next_two]), off)
    return a * h**2 + b * h**4


def bending(off):
    """Departures over the steps H of which these are the last, and those before them as f bends."""
    off = list(off)
    while len(off) < len(H):
        at = len(H) - len(off)
        off.insert(0, as_f_bends(H[at - 1], H[at : at + 2], off[:2]))
    return off


@pytest.mark.parametrize(("share", "hides"), [(0.24, False), (0.26, True)])
@pytest.mark.parametrize("level", [1, 4])
def test_of_a_departure_a_quarter_may_be_otherwise_than_f_bends(comparison, share, hides, level):
    off = bending([H[7] ** 2, H[8] ** 2])
    off[level] = off[level] / (1 - share)
    off = bending(off[level:])  # those over wider steps are as that one makes them
    assert hides_steps(off_by(comparison, off)) is hides


def test_the_four_widest_steps_below_a_sixteenth_are_asked_and_no_others(comparison):
    fifth = bending([1e-3, -1e-3, 1e-3, 0.0])  # of which only the fifth departs from what the next two show
    assert hides_steps(off_by(comparison, fifth)) is False
    assert hides_steps(off_by(comparison, bending([1e-3, 1e-3, -1e-3, 1e-3, 0.0]))) is True
    above = bending([H[7] ** 2, H[8] ** 2])
    above[0] = 1.0
    assert hides_steps(off_by(comparison, above)) is False


@pytest.mark.parametrize(("times", "hides"), [(0.99, False), (1.01, True)])
@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize("of_bar", [False, True])
def test_a_departure_is_more_than_sixteen_bars_of_the_three_differences(comparison, times, hides, first, of_bar):
    """Each has the bar of the derivative, and the bound of a value over its step."""
    h = H[1:7]
    a, b = as_f_bends(h[0], h[1:3], [1, 0]), -as_f_bends(h[0], h[1:3], [0, 1])
    bar, bounds = (1e-6, np.zeros(6)) if of_bar else (0.0, 1e-9 * np.eye(6)[first])
    noise = 1e-6 * (1 + a + b) if of_bar else 1e-9 * ([1, a, b][first] / h[first])
    c = off_by(comparison, [times * 16 * noise, 0, 0, 0, 0, 0], h, bar, bounds)
    assert hides_steps(c) is hides


def test_without_six_steps_or_differences_or_an_estimate_nothing_is_told(comparison):
    c = off_by(comparison, [1.0, 0, 0, 0, 0, 0], H[1:7])
    assert hides_steps(c) is True
    assert hides_steps(off_by(comparison, [1.0, 0, 0, 0, 0], H[1:6])) is False
    unresolved = dataclasses.replace(c.real, bar=np.full(1, np.inf))
    for lacking in ({"sweep": None}, {"bounds": None}, {"real": None}, {"real": unresolved}):
        assert hides_steps(dataclasses.replace(c, **lacking)) is False


def test_steps_may_be_finer_than_those_of_float32_and_what_contradicts_says_that_it_came_from_a_segment(ground, rng):
    place, c = confirmed(ground, rng, lambda x: x + 2e-4 * half(np.sin(x)), np.ones_like)
    found = forgotten(place, c, rng)
    assert found.outside().any() and found.followed and found.steps == 2.0**-8


def test_the_entry_is_found_by_a_step_of_a_64th_and_where_that_leaves_the_domain_nothing_is_forgotten(ground, rng):
    seen = []

    def forward(x):
        seen.append(np.abs(x - X).max())
        return x + half(np.sin(x)) if outside is None or seen[-1] != outside else np.full(x.shape, np.nan)

    outside = None
    place, c = confirmed(ground, rng, forward, np.ones_like)
    seen.clear()
    assert forgotten(place, c, rng) is not c
    wide = np.abs(c.probe.direction([X])[0]).max() / 64
    at = int(np.abs(np.array(seen) - wide).argmin())
    assert seen[at] == pytest.approx(wide, rel=1e-12)
    outside = seen[at]
    assert forgotten(place, c, rng) is c


def test_where_the_widest_differences_leave_the_domain_nothing_is_forgotten_and_asked(ground, rng):
    place, c = confirmed(ground, rng, lambda x: np.where(np.abs(x - X) > 1e-3, np.nan, x), np.ones_like)
    before = place.problem.count["forward"]
    assert forgotten(place, c, rng) is c and place.problem.count["forward"] == before


def test_what_may_be_a_quantisers_steps_is_left_undecided(ground, rng):
    """As a quantiser it has none near zero, and what is made of them is no power of two."""
    place, c = confirmed(ground, rng, lambda x: x + np.sin(half(10 + x)), np.ones_like)
    found = forgotten(place, c, rng)
    assert found is not c and not found.outside().any() and not found.resolved and found.doubt == EITHER


def test_powers_of_two_beside_a_number_that_stays_are_a_formats(ground, rng):
    place, c = confirmed(ground, rng, lambda x: x + half(10 + x), np.ones_like)
    assert forgotten(place, c, rng).outside().any()


def test_a_claim_that_forgets_nothing_stands_beside_steps(ground, rng):
    place, c = confirmed(ground, rng, lambda x: x + half(np.sin(x)), np.ones_like)
    right = ground(lambda x: x + half(np.sin(x)), lambda x, dy: dy * (1 + np.cos(x)), X)
    assert forgotten(place, c, rng) is not c and forgotten(right, c, rng) is c


@pytest.mark.parametrize("at", [X[0] + 1e-3, X[0] - 3e-3])
def test_kinks_near_by_are_told_from_steps_along_the_very_direction(ground, rng, at):
    place, c = confirmed(ground, rng, lambda x: np.maximum(x, at), lambda x: x > at)
    before = place.problem.count["forward"]
    assert hides_steps(c) and forgotten(place, c, rng) is c
    assert place.problem.count["forward"] - before <= 8


MANY = 1 + np.random.default_rng(0).normal(size=600) / 2


def of_many(ground, rng, forward, claim, probe=ALL, arrays=(MANY,)):
    place = ground(forward, claim, *arrays)
    (c,), _ = glance(place, Known(), [probe], [True], rng)
    return place, c


@pytest.mark.parametrize("rounding", [half, brain])
def test_a_mean_that_is_forgotten_is_met_where_all_entries_grow(ground, rng, rounding):
    """Along a direction with signs it moves by hardly a step."""
    place, c = of_many(ground, rng, lambda x: x + rounding(x.mean()), lambda x, dy: dy)
    found = forgotten_by_all(place, c, rng)
    assert found.outside().any() and found.probe == dataclasses.replace(c.probe, one_sided=True)
    assert found.followed and found.steps == 2.0**-8


@pytest.mark.parametrize(
    ("forward", "asked"),
    [
        (np.sin, 6),
        (lambda x: x + x.mean() ** 3, 6),
        (lambda x: np.maximum(x, 1), 40),
        (lambda x: np.where(np.sin(8 * x) > 0, 1.01 * x, x), 250),
        (lambda x: x + np.round(64 * x.mean()) / 64, 600),  # a quantiser, whose slope is zero
    ],
)
def test_what_has_no_steps_of_a_format_forgets_none(ground, rng, forward, asked):
    place, c = of_many(ground, rng, forward, lambda x, dy: dy)
    before = place.problem.count["forward"]
    assert forgotten_by_all(place, c, rng) is c and place.problem.count["forward"] - before <= asked


def test_of_all_arrays_at_once_it_is_said_that_there_are_steps_and_a_right_claim_stands(ground, rng):
    def forward(x, w):
        return w * (x + brain(x.mean()))

    def claim(x, w, dy):
        return w * dy + (w * dy).sum() / x.size, (x + brain(x.mean())) * dy

    arrays = MANY, np.linspace(1, 2, MANY.size)
    place, c = of_many(ground, rng, forward, claim, Probe(None, seed=1), arrays)
    assert forgotten_by_all(place, c, rng) == dataclasses.replace(c, steps=2.0**-8)
    for leaf in (0, 1):
        place, c = of_many(ground, rng, forward, claim, Probe(leaf, seed=1), arrays)
        assert forgotten_by_all(place, c, rng) is c


@pytest.mark.parametrize(
    ("size", "seed", "part"), [(40, 4, log_sum), (15, 4, log_sum), (12, 1, lambda x: np.exp(x).mean())]
)
def test_a_part_that_wide_differences_do_not_show_is_lacking_in_the_integral_of_claims(ground, rng, size, seed, part):
    x = np.random.default_rng(seed).normal(size=size)
    place, c = at_many(ground, rng, lambda x: x + half(part(x)), np.ones_like, x)
    found = forgotten_all_along(place, c, rng)
    assert found.outside().any() and found.followed and found.probe.leaf == 0
    right = ground(np.sin, lambda x, dy: dy * np.cos(x), x)
    assert forgotten_all_along(right, c, rng) is c


def test_a_quantiser_of_a_mean_forgets_no_part(ground, rng):
    place, c = at_many(ground, rng, lambda x: x + np.round(4096 * x.mean()) / 4096, np.ones_like)
    assert forgotten_all_along(place, c, rng) is c
