"""Differences read again: fine shapes acquit, what changes nothing does not, and noise that was met since counts."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.ladder import SECOND_STEPS, STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import quantise
from gradcheck.verdict.compare import glance
from gradcheck.verdict.ground import Known
from gradcheck.verdict.reread import between_steps, read_finely, with_noise_of


def test_steps_below_a_measured_noise_acquit_a_claim_that_they_confirm_to_rounding(ground, comparison, sweep):
    """A contradiction for one cotangent is enough to read again, and one that is left is one."""
    fine = sweep(np.sin, lambda t: 2 * np.sin(t))
    for claimed, acquitted in (([1.0, 2.0], True), ([1.0, 2.001], False), ([1.001, 2.0], False)):
        c = comparison(claimed, [1.5, 2.0], bar=1e-3, sweep=fine)
        assert c.outside().any() and not c.outside().all()
        found = read_finely(c, 2.0**-53)
        assert (found is not c) is acquitted and found.outside().any() is not acquitted
    settled = comparison([1.0, 2.0], [1.0, 2.0], bar=1e-3, sweep=fine)
    bare = comparison([1.0, 2.0], [1.5, 2.0], bar=1e-3)
    assert read_finely(settled, 2.0**-53) is settled and read_finely(bare, 2.0**-53) is bare


def test_but_not_by_steps_that_show_less_than_was_measured(comparison, sweep):
    """Of a line with noise that is taken for none an estimate has a bar in which anything hides."""
    wild = sweep(lambda t: t + 1e-8 * np.sin(1e13 * t), steps=STEPS[10:])
    c = comparison([1.01], [1.0], bar=1e-3, sweep=wild)
    assert c.outside().all() and read_finely(c, 2.0**-53) is c


def test_nor_by_steps_that_change_nothing(comparison, sweep):
    """A cast to 26 bits, of which the last steps lie within one rounding: what is there is no slope of zero."""
    cast = sweep(lambda t: np.round(t * 2.0**26) / 2.0**26, steps=STEPS[-6:])
    assert not cast.right[-1].any() and not cast.left[-1].any()
    c = comparison([0.0], [1.0], bar=1e-3, sweep=cast)
    assert estimate(cast, 2.0**-51 * cast.weight, 2.0**-53).value == [0] and read_finely(c, 2.0**-53) is c


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_change_to_one_side_at_the_smallest_step_is_one(comparison, sweep, side):
    flat = sweep(lambda t: 0 * t, steps=STEPS[:6])
    getattr(flat, side)[-1] = 2.0**-60
    c = comparison([0.0], [1.0], bar=1e-3, sweep=flat)
    assert read_finely(c, 2.0**-53) is not c


def test_an_entry_that_gets_nothing_fails_where_float32_is_inside():
    x, gain = np.random.default_rng(0).normal(size=(3, 8)), np.random.default_rng(1).normal(size=8)

    def normed(x):
        h = x.astype(np.float32)
        return h, 1 / np.sqrt((h * h).mean(-1, keepdims=True) + np.float32(1e-6))

    def norm(x):
        h, r = normed(x)
        return gain * (h * r)

    def backward(x, dy, lost=0):
        h, r = normed(x)
        g = (dy * gain).astype(np.float32)
        dx = (r * (g - h * r * (g * h * r).mean(-1, keepdims=True))).astype(float)
        dx[0, :lost] = 0
        return dx

    assert gradcheck.check(pair(norm, backward), x).verdict == "pass"
    report = gradcheck.check(pair(norm, lambda x, dy: backward(x, dy, 1)), x)
    assert report.verdict == "fail" and report.gradients[0].worst_index == (0, 0)


@pytest.mark.parametrize("weight", [1.0, 2.0**10])
def test_that_rounding_is_four_of_each_value(comparison, sweep, weight):
    """Of a line whose claim is off by a part of what four roundings of a value make at the largest step."""
    line = sweep(lambda t: 2.0**-40 * t, weight=weight, steps=STEPS[:6])
    best = 4 * 2.0**-53 * weight / STEPS[0]
    for part, acquitted in ((0.9, True), (2.9, False)):
        c = comparison([2.0**-40 + part * best], [1.0], bar=1e-3, claimed_bar=0.0, sweep=line)
        assert (read_finely(c, 2.0**-53) is not c) is acquitted


def test_an_answer_that_stays_has_the_noise_that_was_met_since(comparison, sweep):
    """Differences of a line, of which the later ones, below a weight of 4, show 2^-20 of it as noise."""
    early, late = sweep(np.sin, steps=STEPS[:12]), sweep(np.sin, weight=[[4.0]], steps=SECOND_STEPS)
    quiet, loud = np.full((12, 1), 2.0**-50), np.full((len(SECOND_STEPS), 1), 2.0**-18)
    earlier = comparison(1.0, 1.0, 1e-13, sweep=early, bounds=quiet)
    found = with_noise_of(comparison(1.0, np.nan, np.inf, sweep=late, bounds=loud), earlier, 2.0**-53)
    assert found.sweep is early and (found.bounds == 2.0**-20).all()
    assert found.real == estimate(early, found.bounds, 2.0**-53) and found.real.bar[0] > 1e5 * earlier.real.bar[0]
    for bounds in (4 * quiet[0] + 0 * loud, 0 * loud):
        later = comparison(1.0, np.nan, np.inf, sweep=late, bounds=bounds)
        assert with_noise_of(later, earlier, 2.0**-53) == dataclasses.replace(later, real=earlier.real)
    for bare in ({"sweep": None}, {"bounds": None}):
        later = comparison(1.0, np.nan, np.inf, **{"sweep": late, "bounds": loud, **bare})
        assert with_noise_of(later, earlier, 2.0**-53) == dataclasses.replace(later, real=earlier.real)
        old, later = dataclasses.replace(earlier, **bare), comparison(1.0, np.nan, np.inf, sweep=late, bounds=loud)
        assert with_noise_of(later, old, 2.0**-53) == dataclasses.replace(later, real=old.real)


def test_outputs_that_weigh_nothing_have_no_noise(comparison, sweep):
    early, late = sweep(np.sin, steps=STEPS[:12]), sweep(np.sin, weight=0.0, steps=SECOND_STEPS)
    earlier = comparison(1.0, 1.0, 1e-13, sweep=early, bounds=np.full((12, 1), 2.0**-50))
    later = comparison(1.0, np.nan, np.inf, sweep=late, bounds=np.full((len(SECOND_STEPS), 1), 1.0))
    assert with_noise_of(later, earlier, 2.0**-53).real is earlier.real


@pytest.mark.parametrize("seed", [3, 4, 9])
def test_a_polynomial_that_is_all_roundings_near_its_root_does_not_fail(seed):
    def forward(x):
        return ((((((x - 7) * x + 21) * x - 35) * x + 35) * x - 21) * x + 7) * x - 1

    subject = pair(forward, lambda x, dy: dy * 7 * (x - 1) ** 6)
    x = 1 + 0.01 * quantise(np.random.default_rng(seed).normal(size=6))
    assert {gradcheck.Checker(seed=s)(subject, x).verdict for s in range(3)} <= {"pass", "inconclusive"}


def test_a_claim_is_acquitted_by_bars_that_are_sharper_along_every_cotangent_that_is_in_doubt(comparison, sweep):
    """Both are, of bars as they were measured: one is far tighter than four roundings."""
    fine = sweep(lambda t: t, lambda t: t)
    for bar, acquitted in (([1e-3, 1e-3], True), ([1e-3, 0.0], False)):
        c = comparison([1.0, 1.0], [1.5, 1.5], bar=bar, claimed_bar=0.0, sweep=fine)
        assert c.outside().all() and (read_finely(c, 2.0**-53) is not c) is acquitted


def test_between_two_steps_of_its_own_small_differences_alone_tell_the_slope(ground, rng):
    """Without a ladder nothing is told."""
    x = np.array([0.7312, -1.2345, 0.4142])
    place = ground(lambda x: np.sin(x) + np.round(64 * x) / 64, lambda x, dy: dy * np.cos(x), x)
    (c,), _ = glance(place, Known({0: 1e-3}), [Probe(0, seed=1)], [True], rng)
    wide = dataclasses.replace(c, real=Estimate.smooth(c.claimed + 1, np.full(2, 0.1)))
    found = between_steps(wide, 2.0**-53)
    assert wide.outside().any() and found.resolved and not found.outside().any() and not found.jump.any()
    nothing = between_steps(dataclasses.replace(wide, sweep=None), 2.0**-53)
    assert nothing.jump.all() and not nothing.outside().any()


def test_between_steps_of_its_own_there_are_none_of_numbers_that_cancel(comparison, sweep):
    """Their roundings make steps as well, between which the slope is that of a quotient by x, or of what was added."""
    line = sweep(lambda t: 2 * t)
    c = comparison([1.0], [1.0], bar=1e-3, sweep=line)
    assert between_steps(c, 2.0**-53).outside().all()
    coarse = dataclasses.replace(line, coarse=2.0**53 * line.steps)
    assert not between_steps(dataclasses.replace(c, sweep=coarse), 2.0**-53).outside().any()
    assert not between_steps(c, 2.0**-53, 2.0**53 * float(line.steps.max())).outside().any()
    assert between_steps(c, 2.0**-53, 2.0**20 * float(line.steps.min())).outside().all()
