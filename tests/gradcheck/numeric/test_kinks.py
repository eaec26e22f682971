"""Kinks, jumps and staircases: where a function has no derivative, and what is said of it there."""

import dataclasses

import numpy as np
import pytest
from sweeps import U, one, swept

from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.kinks import one_sided, where_still, without_noise_alone


@pytest.mark.parametrize("slopes", [(0.0, 1.0), (-1.0, 1.0), (2.0, -3.0)])
def test_at_a_kink_the_one_sided_derivatives_are_the_interval(slopes):
    left, right = slopes
    e = one(lambda t: np.where(t > 0, right * np.expm1(t), left * np.sin(t)).item(), x=0.0)
    assert e["kink"]
    assert abs(e["low"] - min(slopes)) <= e["bar"] and abs(e["high"] - max(slopes)) <= e["bar"]
    assert e["bar"] < 1e-6


def test_a_kink_nearby_is_none_here():
    e = one(lambda t: max(t, 0.0), x=1e-5)
    assert not e["kink"] and abs(e["value"] - 1) <= e["bar"] < 1e-6


@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-6])
def test_where_a_function_jumps_there_is_no_derivative(size):
    e = one(lambda t: np.sin(t) + size * (t > 0))
    assert e["jump"] and not e["kink"] and not e["resolved"] and np.isnan(e["value"])


def test_a_jump_to_one_side_is_one():
    assert one(lambda t: np.sin(t) + (t >= 0))["jump"] and one(lambda t: np.sin(t) + (t != 0))["jump"]


def test_a_jump_nearby_is_none_here():
    e = one(lambda t: np.sin(t) + (t > 1e-6))
    assert not e["jump"] and abs(e["value"] - 1) <= e["bar"] < 1e-3


@pytest.mark.parametrize("slope", [1.0, 1e3, 1e6])
def test_what_a_steep_function_changes_is_no_jump(slope):
    e = one(lambda t: np.tanh(slope * t))
    assert not e["jump"] and abs(e["value"] - slope) <= e["bar"] < 1e-3 * slope


def test_the_noise_that_the_value_at_the_point_adds_to_every_change_is_no_jump(rng):
    """All changes share the error of f(x), so their sizes are alike in one case of thirteen."""
    jumps = 0
    for _ in range(200):
        sweep, noise = swept(lambda t: 1e-9 * t + U * rng.normal())
        jumps += estimate(dataclasses.replace(sweep, weight=0 * noise + 1 / 64), 0 * noise + U / 16, U).jump[0]
    assert jumps <= 6  # the lines through neighbours are alike in one case of 75


def test_where_the_smallest_steps_change_nothing_it_is_said():
    assert one(lambda t: 3.0 + 0 * t)["still"] and one(lambda t: np.floor(t + 0.5))["still"]
    assert not one(np.sin)["still"] and not one(lambda t: max(t, 0.0))["still"]


def stair(t):
    """Steps of 1e-7, taken for noise: larger differences show the slope 1."""
    return np.round(t * 1e7) / 1e7


def judged(function, claimed):
    sweep, noise = swept(function, noise=1e-7)
    found = estimate(sweep, noise, U)
    return found, where_still(found, np.array([claimed]), noise, np.array([1e-15]), sweep.steps, 0 * noise)


def test_nothing_is_held_against_the_zero_that_a_staircase_claims():
    before, after = judged(stair, 0.0)
    assert before.still[0] and not before.jump[0] and abs(before.value[0] - 1) <= before.bar[0] < 0.01
    assert after.jump[0] and np.isnan(after.value[0]) and not after.resolved[0]


def test_a_claim_other_than_zero_on_a_stair_is_judged_by_what_larger_steps_show():
    before, after = judged(stair, 1.5)
    assert not after.jump[0] and after.value[0] == before.value[0] and after.bar[0] == before.bar[0]


def test_what_a_rounding_hides_is_allowed_for_only_where_nothing_changed_and_something_is_claimed():
    constant, slope = (lambda t: 3.0), (lambda t: 3.0 + t)
    sweep, noise = swept(constant)
    found, none = estimate(sweep, 0 * noise, U), 0 * noise
    hidden = np.array([1e-15])
    assert where_still(found, np.array([1e-28]), none, hidden, sweep.steps, none).bar == 1e-15
    assert where_still(found, np.array([0.0]), none, hidden, sweep.steps, none).bar == found.bar
    sweep, noise = swept(slope)
    found = estimate(sweep, noise, U)
    assert where_still(found, np.array([1e-28]), noise, np.array([1e9]), sweep.steps, 0 * noise).bar == found.bar


def test_what_is_lost_in_a_narrow_output_is_no_stair():
    sweep, noise = swept(stair, noise=1e-7)
    found = estimate(sweep, noise, U)
    wide = np.full_like(noise, 1e-7)  # the rounding of an output of float32, in which the smallest steps are lost
    assert not where_still(found, np.zeros(1), noise, np.array([1e-15]), sweep.steps, wide).jump[0]


def test_one_sided_derivatives_are_told_in_their_order_within_their_bar():
    sweep, noise = swept(lambda t: np.where(t > 0, 3 * np.expm1(t), np.sin(t)).item())
    right, left, bar = one_sided(sweep.steps, sweep.right, sweep.left, noise)
    assert abs(right[0] - 3) <= bar[0] < 1e-6 and abs(left[0] - 1) <= bar[0]


@pytest.mark.parametrize(("bar", "still", "kept"), [(0.5, False, True), (2.0, False, False), (2.0, True, True)])
def test_beside_more_noise_than_any_format_has_a_bar_that_hides_the_slope_is_no_estimate(bar, still, kept):
    found = estimate(*swept(np.sin), U)
    found = dataclasses.replace(found, value=np.array([-1.0]), bar=np.array([bar]), still=np.array([still]))
    seen = without_noise_alone(found)
    assert bool(seen.resolved[0]) is kept and np.isnan(seen.value[0]) == (not kept)
