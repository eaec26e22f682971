"""Kinks, jumps and staircases: where a function has no derivative, and what is said of it there."""

import dataclasses

import numpy as np
import pytest
from sweeps import U, one, swept

from gradcheck.numeric.constants import LAST, NEARER_KINK
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.kinks import (
    jumps,
    one_sided,
    where_still,
    with_its_mean,
    with_kink,
    with_nearer_kink,
    without_noise_alone,
)
from gradcheck.numeric.ladder import STEPS


@pytest.mark.parametrize("slopes", [(0.0, 1.0), (-1.0, 1.0), (2.0, -3.0)])
def test_at_a_kink_the_one_sided_derivatives_are_the_interval(slopes):
    left, right = slopes
    e = one(lambda t: np.where(t > 0, right * np.expm1(t), left * np.sin(t)).item(), x=0.0)
    assert e["kink"]
    assert abs(e["low"] - min(slopes)) <= e["bar"] and abs(e["high"] - max(slopes)) <= e["bar"]
    assert e["bar"] < 1e-6


@pytest.mark.parametrize(("value", "stays"), [(1.5, True), (1.5 + 2e-3, False), (-8.0, False), (np.nan, True)])
def test_slopes_of_another_mean_than_central_differences_are_of_no_kink(value, stays):
    """Those were taken at wide steps, of a function that is another one within them."""
    kink, no = np.array([True]), np.array([False])
    found = Estimate(np.array([value]), np.array([1e-3]), np.array([1.0]), np.array([2.0]), kink, no, no)
    left = with_its_mean(found, found.value, np.array([1e-6]))
    assert left.kink.tolist() == [stays] and left.bar.tolist() == [1e-3 if stays else 1e-6]
    assert [left.low[0], left.high[0]] == ([1.0, 2.0] if stays else [value, value])


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


def limits_of(h, side, noise):
    """Every limit of one side, and beside it the bar that the noise of two values makes; the pairs are neighbours."""
    found = []
    for k in range(1, len(h)):
        r = h[k - 1] / h[k]
        limit = (r * side[k] - side[k - 1]) / (r - 1)
        found.append((limit, 4 * noise[k] / h[k] * (2 * r - 1) / (r - 1)))
    return found


def sides_of(h, right, left, noise):
    """(numerics.g) by hand: the pair of limits whose last change and noise are the least."""
    ahead, behind = limits_of(h, right, noise), limits_of(h, left, noise)
    bars = [
        (2 * max(abs(ahead[k][0] - ahead[k - 1][0]), abs(behind[k][0] - behind[k - 1][0])) + ahead[k][1], k)
        for k in range(1, len(ahead))
    ]
    bar, k = min(bars)
    return ahead[k][0], behind[k][0], bar


def kink_of(h, right, left, noise, bar):
    """Whether the slopes of both sides differ by more than four bars and keep doing so."""
    ahead, behind = limits_of(h, right, noise), limits_of(h, left, noise)
    jump = [a[0] - b[0] for a, b in zip(ahead, behind, strict=True)]
    size_bar, k = min((2 * abs(jump[k] - jump[k - 1]) + ahead[k][1], k) for k in range(1, len(jump)))
    size, level = jump[k], k + 1
    beside = abs(right[level] - left[level] - size)
    stays = all(
        abs(right[i] - left[i] - size) <= 4 * noise[i] / h[i] + size_bar + beside for i in range(level, len(h))
    )
    return abs(size) > 4 * max(size_bar, bar if np.isfinite(bar) else 0.0) and stays


SIDES = [
    lambda t: np.where(t > 0, 3 * np.expm1(t), np.sin(t)).item(),
    lambda t: abs(t) * (1 + t),
    lambda t: abs(t - 1e-6) - 1e-6,
    lambda t: np.sin(t) + 1e-3 * abs(t),
    np.exp,
]


@pytest.mark.parametrize("function", SIDES, ids=range(len(SIDES)))
@pytest.mark.parametrize("noise", [U, 1e-9, 1e-5, 1e-3])
def test_the_sides_their_bar_and_whether_they_differ_are_those_of_the_guide(function, noise, rng):
    for _ in range(5):
        s, bound = swept(lambda t: function(t) + noise * rng.uniform(-2, 2), noise=noise)
        h, right, left, n = (x[:, 0] for x in (s.steps, s.right, s.left, bound))
        ahead, behind, bar = sides_of(h, right, left, n)
        found = one_sided(s.steps, s.right, s.left, bound)
        # in another order of operations
        assert [x[0] for x in found] == pytest.approx([ahead, behind, bar], rel=1e-9, abs=1e-11)
        for value_bar in (0.0, 0.1, np.inf):
            e = with_kink(s.steps, s.right, s.left, bound, np.full(1, 7.0), np.full(1, value_bar))
            kink = kink_of(h, right, left, n, value_bar)
            assert e.kink[0] == kink
            ends = (min(ahead, behind), max(ahead, behind)) if kink else (7, 7)
            want = (value_bar if np.isfinite(value_bar) else 0) + bar if kink else value_bar
            assert [e.low[0], e.high[0], e.bar[0]] == pytest.approx([*ends, want], rel=1e-9, abs=1e-11)
            assert e.value[0] == 7 and not e.jump[0] and not e.still[0]


def test_a_kink_of_exactly_the_bars_is_none():
    """With slopes that are right to the last bit the difference of both sides has no bar but that of the value."""
    h = 2.0 ** -np.arange(12.0)[:, None]
    right, left, none = np.ones((12, 1)), np.zeros((12, 1)), np.zeros((12, 1))
    for bar, kink in ((0.25, False), (0.2499, True)):
        assert with_kink(h, right, left, none, np.zeros(1), np.full(1, bar)).kink[0] == kink
    noise = np.full((12, 1), 2.0**-11 / 48)  # its limits' bars are 4 noise / h (2 r - 1) / (r - 1): 1/4 at the first
    for part, kink in ((0.99, True), (1.01, False)):
        there = with_kink(h, right, left, part * noise * h / h[2] * h[2] / 2.0**-11, np.zeros(1), np.zeros(1)).kink[0]
        assert there == kink


def test_a_kink_of_exactly_the_bar_of_its_size_is_none():
    h = 2.0 ** -np.arange(12.0)[:, None]
    zero = np.zeros(1)
    for size, kink in ((12.0, False), (12.5, True)):  # four times the bar of limits, 4 noise / h (2 r - 1) / (r - 1)
        assert with_kink(h, np.full((12, 1), size), 0 * h, h / 4, zero, zero).kink[0] == kink


def test_a_kink_that_the_smallest_steps_show_best_is_one():
    h = 2.0 ** -np.arange(12.0)[:, None]
    e = with_kink(h, 1 + h**2, 0 * h, 0 * h, np.zeros(1), np.zeros(1))
    # the limit of the last two steps has the error 2 h^2 of the smaller one, whose change is three times that
    assert e.kink[0] and [e.low[0], e.high[0]] == pytest.approx([0, 1], abs=3 * h[-1, 0] ** 2)


def test_a_difference_of_both_sides_that_a_smaller_step_does_not_show_is_no_kink():
    h = 2.0 ** -np.arange(12.0)[:, None]
    left, none = np.zeros((12, 1)), np.zeros((12, 1))
    for last, kink in ((1.0, True), (0.0, False)):
        right = np.ones((12, 1))
        right[-1] = last
        assert with_kink(h, right, left, none, np.zeros(1), np.zeros(1)).kink[0] == kink
    right[:3, 0] = 5, 7, 4  # larger steps say nothing
    right[-1] = 1.0
    assert with_kink(h, right, left, none, np.zeros(1), np.zeros(1)).kink[0]


H = 2.0 ** -np.arange(12.0)[:, None]


def jumping(changes, noise):
    """Whether changes of f to one side, one for each of the smallest steps, are those of a jump."""
    change = np.append(np.zeros(12 - len(changes)), changes)[:, None]
    return bool(jumps(H, change / H, np.full(H.shape, noise))[0])


def test_a_jump_is_a_change_with_a_limit_that_every_two_steps_show():
    assert LAST == 5 and jumping([1.0] * 5, 0.0) and jumping([-1.0] * 5, 0.0)
    assert not jumping([0.0] * 5, 0.0) and not jumping([1.0, -1, 1, -1, 1], 0.0)
    assert jumping([1.5, 1.25, 1.125, 1.0625, 1.03125], 0.0), "1 + h: each limit is 1"
    assert not jumping([0.0, 1, 1, 1, 1], 0.0) and not jumping([1.0, 1, 1, 1, 0], 0.0)
    assert jumping([9.0, 1, 1, 1, 1, 1], 0.0), "what was before the last five does not count"


def test_a_jump_is_far_above_the_noise_of_the_smallest_steps():
    assert jumping([1.0] * 5, 0.1249) and not jumping([1.0] * 5, 0.125)
    noise = np.full(H.shape, 9.0)
    noise[-5:] = 0.1
    assert jumps(H, 1 / H, noise)[0], "larger steps may have more"
    noise[-5] = 0.2
    assert not jumps(H, 1 / H, noise)[0]


def test_the_least_change_decides_whether_a_jump_is_above_the_noise():
    changes = 1 + 0.9 * H[-5:, 0] / H[-5, 0]
    assert jumping(changes, 0.124) and not jumping(changes, 0.126)


def test_limits_and_changes_of_a_jump_are_alike_by_more_than_a_half():
    """Changes 1 + s h of twice the limit at the largest of five steps are none; a little less are."""
    steps = H[-5:, 0] / H[-5, 0]
    assert not jumping(1 + steps, 0.0) and jumping(1 + 0.99 * steps, 0.0)


def estimated(value=1.0, bar=0.25, still=True, kink=False, jump=False, low=None, high=None):
    row = [np.array([x], float) for x in (value, bar, value if low is None else low, value if high is None else high)]
    return Estimate(*row, *(np.array([flag]) for flag in (kink, jump, still)))


def still(found, claimed=0.0, noise=1.0, hidden=0.0, step=1.0, narrow=0.0):
    column = (np.full((3, 1), x) for x in (noise, step, narrow))
    noise, step, narrow = column
    step[:-1], narrow[:-1] = 1e-9, 1e9  # the last alone counts
    return where_still(found, np.array([claimed]), noise, np.array([hidden]), step, narrow)


def test_a_stair_is_where_a_claimed_zero_lies_outside_the_bar():
    for value, bar, stair in ((1, 0.25, True), (-1, 0.25, True), (1, 1.0, False), (-1, 1.0, False), (1, 1.5, False)):
        e = still(estimated(value, bar, kink=True))
        assert bool(e.jump[0]) is stair and bool(e.kink[0]) is not stair
        assert np.isnan(e.value[0]) == stair and np.isinf(e.bar[0]) == stair
    assert not still(estimated(still=False)).jump[0] and not still(estimated(), claimed=1e-300).jump[0]
    assert still(estimated(jump=True), claimed=1.0).jump[0], "what jumps already does so still"


def test_an_interval_of_slopes_that_holds_zero_is_no_stair():
    assert not still(estimated(0.5, 0.25, low=-0.5, high=1.0)).jump[0]
    assert not still(estimated(0.5, 0.25, low=0.25, high=1.0)).jump[0]
    assert still(estimated(0.5, 0.25, low=0.26, high=1.0)).jump[0]
    assert still(estimated(-0.5, 0.25, low=-1.0, high=-0.26)).jump[0]
    assert not still(estimated(-0.5, 0.25, low=-1.0, high=-0.25)).jump[0]


def test_a_stair_is_none_where_the_smallest_step_is_lost_in_a_narrow_output():
    assert not still(estimated(), step=0.5, narrow=0.5).jump[0] and still(estimated(), step=0.5, narrow=0.49).jump[0]
    assert not still(estimated(-2.0), step=0.5, narrow=1.0).jump[0]


def test_each_cotangent_is_on_a_stair_or_not_by_its_own_numbers():
    rows = [np.repeat(x, 2) for x in (1.0, 0.25, 1.0, 1.0)]
    found = Estimate(*rows, *(np.array([flag, flag]) for flag in (False, False, True)))
    ones, narrow = np.ones((3, 2)), np.array([[9.0, 9], [9, 9], [0.5, 2]])
    assert where_still(found, np.zeros(2), ones, np.zeros(2), ones, narrow).jump.tolist() == [True, False]


def test_a_rounding_that_hides_a_claim_widens_the_bar_where_no_step_changes_anything():
    assert still(estimated(), claimed=1.0, noise=0.0, hidden=0.5).bar == 0.5
    assert still(estimated(), claimed=1.0, noise=0.0, hidden=0.1).bar == 0.25
    assert still(estimated(), claimed=1.0, noise=1e-300, hidden=0.5).bar == 0.25
    mixed = where_still(
        estimated(), np.ones(1), np.array([[0.0], [1.0]]), np.array([0.5]), np.ones((2, 1)), np.zeros((2, 1))
    )
    assert mixed.bar == 0.25, "a step changed something"


def test_a_bar_as_wide_as_the_slope_hides_it_and_the_kink_with_it():
    for bar, kept in ((0.99, True), (1.0, False)):
        e = without_noise_alone(estimated(-1.0, bar, still=False, kink=True))
        assert bool(e.kink[0]) is kept and np.isfinite(e.bar[0]) == kept


def test_each_cotangent_is_lost_in_a_narrow_output_by_its_own_numbers():
    found = Estimate(*(np.full(2, x) for x in (1.0, 0.25, 1.0, 1.0, False, False, True)))
    narrow = np.array([[9.0, 9.0], [1.5, 0.5]])  # the last step alone counts
    e = where_still(found, np.zeros(2), np.ones((2, 2)), np.zeros(2), np.ones((2, 2)), narrow)
    assert e.jump.tolist() == [False, True]


def test_the_bar_beside_a_nearer_kink_reaches_the_last_slope_that_is_farther_and_what_noise_leaves_of_it():
    """What the fourth smallest step shows is nothing to it."""
    h = STEPS[-6:, None]
    right = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.5])[:, None]
    noise = np.array([0, 0, 0, 0, 0, 2.0**-10])[:, None] * h
    found = Estimate.smooth(np.full(1, 1.25), np.full(1, 1e-9))
    for sides in ((right, np.ones_like(right)), (np.ones_like(right), right)):
        assert with_nearer_kink(h, *sides, noise, found).bar == 1.25 + 2.0**-10


@pytest.mark.parametrize(("level", "gap"), [(-1, 1.5), (-2, 1.0)])
def test_slopes_that_noise_of_one_of_the_two_smallest_steps_may_part_are_of_no_nearer_kink(level, gap):
    h, found = STEPS[-6:, None], Estimate.smooth(np.full(1, 1.25), np.full(1, 1e-9))
    right, left = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.5])[:, None], np.ones((6, 1))
    for part, nearer in ((0.99, True), (1.0, False)):
        noise = np.zeros((6, 1))
        noise[level] = part * gap * h[level] / NEARER_KINK
        assert (with_nearer_kink(h, right, left, noise, found).bar[0] > 1e-9) == nearer


def test_of_two_cotangents_one_may_have_a_kink_beside_one_whose_slopes_meet_at_the_smallest_step():
    h = STEPS[:12, None] * np.ones(2)
    right, zero = np.ones((12, 2)), np.zeros(2)
    right[-1, 1] = 0.0
    assert with_kink(h, right, 0 * h, 0 * h, zero, zero).kink.tolist() == [True, False]
