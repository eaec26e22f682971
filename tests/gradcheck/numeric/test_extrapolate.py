"""From differences to a derivative and its bar: what is believed, and what is not."""

import dataclasses

import numpy as np
import pytest
from sweeps import U, one, swept

from gradcheck.numeric import extrapolate
from gradcheck.numeric.constants import NEAR_BEST, NEARER_KINK, ORDERS, STEADY
from gradcheck.numeric.extrapolate import FEWEST, estimate, estimates, of_two
from gradcheck.numeric.ladder import STEPS, Sweep, joined

SMOOTH = [
    (np.exp, 0.3, np.exp(0.3)),
    (np.sin, 2.0, np.cos(2.0)),
    (lambda t: 1 / (1 + t), 0.0, -1.0),
    (lambda t: np.sin(200 * t), 0.1, 200 * np.cos(20.0)),
    (lambda t: np.sin(64 * np.pi * t), 0.25, 64 * np.pi),
    (lambda t: 1e8 + t * t * t, 1.0, 3.0),
    (lambda t: 3.0 + 0 * t, 1.0, 0.0),
]


@pytest.mark.parametrize(("function", "x", "slope"), SMOOTH, ids=range(len(SMOOTH)))
def test_the_derivative_lies_within_the_bar(function, x, slope):
    e = one(function, x=x)
    assert abs(e["value"] - slope) <= e["bar"] + 4 * U * abs(slope)  # the slope itself is rounded here
    assert not e["kink"] and e["low"] == e["high"] == e["value"]


def test_at_a_kink_that_the_smallest_steps_see_turned_no_bar_leaves_out_the_slopes_there():
    """Wide steps show -1 and 1, and the few that are nearer than 1e-8 show -0.7 and 1.3."""
    e = one(lambda t: abs(t) + 0.3 * min(max(t, -1e-8), 1e-8))
    assert e["low"] - e["bar"] <= -0.7 and e["high"] + e["bar"] >= 1.3


def test_of_a_smooth_function_many_digits_are_resolved():
    assert one(np.exp, x=0.3)["bar"] < 1e-11


def test_more_noise_makes_a_wider_bar():
    bars = [one(np.exp, noise=u)["bar"] for u in (U, 2.0**-24, 2.0**-11)]
    assert 1e5 * bars[0] < 1e2 * bars[1] < 1e5 * bars[2] and bars[0] < bars[1] < bars[2]


def test_small_steps_overrule_large_ones():
    """Slope 1 out to 1e-4, and 2 beyond: any number of large steps agree on what is wrong."""
    e = one(lambda t: t if abs(t) < 1e-4 else 2 * t - np.sign(t) * 1e-4, noise=2.0**-53)
    assert abs(e["value"] - 1) <= e["bar"] < 1e-6


def test_without_enough_steps_nothing_is_claimed():
    e = one(np.exp, steps=STEPS[: FEWEST - 1])
    assert not e["resolved"] and np.isinf(e["bar"]) and np.isnan(e["value"]) and not e["kink"]


def test_steps_out_of_the_domain_are_left_out():
    with np.errstate(invalid="ignore"):
        e = one(np.log, x=1e-3)
        root = one(np.sqrt, x=1e-12)
    assert abs(e["value"] - 1000) <= e["bar"] < 1e-3
    assert not root["resolved"]


def test_noise_that_nothing_explains_leaves_no_estimate_or_a_wide_one():
    rng = np.random.default_rng(1)
    e = one(lambda t: t + 1e-3 * rng.normal())
    assert not e["resolved"] or e["bar"] > 1e-4


def test_sweeps_of_one_form_are_worked_out_together_to_the_same_numbers():
    pairs = [swept(np.exp, x=0.3), swept(np.sin, x=1.0), swept(np.cos, x=1.0, steps=STEPS[3:11])]
    found = estimates([s for s, _ in pairs], [n for _, n in pairs], U)
    for e, (s, n) in zip(found, pairs, strict=True):
        alone = estimate(s, n, U)
        assert e.value == alone.value and e.bar == alone.bar


def of_the_guide(h, d, noise):
    """Value and bar of one column, as (numerics.b), (numerics.c) and (numerics.d) have them."""
    candidates = []
    t, eta = {(k, 0): d[k] for k in range(len(h))}, {(k, 0): noise[k] / h[k] for k in range(len(h))}
    for j in range(ORDERS):
        for k in range(len(h) - j):
            if j:
                r = (h[k] / h[k + j]) ** 2
                t[k, j] = (r * t[k + 1, j - 1] - t[k, j - 1]) / (r - 1)
                eta[k, j] = (r * eta[k + 1, j - 1] + eta[k, j - 1]) / (r - 1)
            if k:
                position = abs(t[k, j] - t[k - 1, j]) / (h[k - 1] / h[k] - 1)
                order = abs(t[k, j] - t[k + 1, j - 1]) if j else 0.0
                bar, m = 2 * max(position, order) + eta[k, j], k + j
                smaller = range(m + 1, len(h))
                slack = [eta[i, 0] + bar + 2 * abs(d[m] - t[k, j]) * h[i] / h[m] for i in smaller]
                if all(abs(d[i] - t[k, j]) <= s for i, s in zip(smaller, slack, strict=True)):
                    candidates.append((bar, t[k, j]))
    best = sorted(candidates)[:NEAR_BEST]
    bar, value = best[0]
    return value, max([bar, *(abs(t - value) for b, t in best if b <= 10 * bar)])


def reached(sweep, noise, value):
    """What the bar must reach at the least, as (numerics.p) has it: 0 where no kink can be nearer than the steps."""
    h, right, left = sweep.steps[:, 0], sweep.right[:, 0], sweep.left[:, 0]
    gap = abs(right - left)
    stays = min(max(abs(np.diff(side[-STEADY:]))) for side in (right, left)) < gap[-2] / NEARER_KINK
    apart = all(gap[-2:] > NEARER_KINK * noise[-2:] / h[-2:]) and gap[-2] > gap[-3] * np.sqrt(h[-2] / h[-3])
    return max(abs(right[-1] - value), abs(left[-1] - value)) + noise[-1] / h[-1] if stays and apart else 0.0


BENDS = [np.exp, np.sin, lambda t: np.sin(9 * t), lambda t: np.tanh(40 * t), lambda t: np.arctan(300 * (t + 0.02))]
BENDS += [lambda t: np.exp(t) + abs(t - 3e-4), lambda t: t * abs(t) - t, lambda t: np.sign(t) * abs(t) ** 1.5]


@pytest.mark.parametrize("function", BENDS, ids=range(len(BENDS)))
@pytest.mark.parametrize("noise", [2.0**-53, 1e-9, 1e-4])
@pytest.mark.parametrize("levels", [FEWEST, 9, len(STEPS)])
def test_value_and_bar_are_those_of_the_guide(function, noise, levels, rng):
    steps = STEPS[1 : levels + 1]
    for _ in range(4):
        sweep, bound = swept(lambda t: function(t) + noise * rng.uniform(-4, 4), steps=steps, noise=noise)
        found = estimate(sweep, bound, noise)
        value, bar = of_the_guide(sweep.steps[:, 0], sweep.central[:, 0], bound[:, 0])
        bar = max(bar, reached(sweep, bound[:, 0], value))
        # in another order of operations: a few roundings of the terms
        assert found.value[0] == pytest.approx(value, rel=1e-12, abs=1e-12 * np.abs(sweep.central).max())
        same = pytest.approx(bar, rel=1e-9, abs=1e-12 * np.abs(sweep.central).max())
        assert found.kink[0] or found.bar[0] == same, "that of both sides"


def test_of_many_candidates_near_the_best_their_spread_is_in_the_bar(rng):
    """Where noise is larger than its bound, some candidates agree by chance."""
    wider = 0
    for _ in range(40):
        sweep, bound = swept(lambda t: np.exp(t) + 1e-9 * rng.uniform(-1, 1), noise=1e-10)
        h, d, found = sweep.steps[:, 0], sweep.central[:, 0], estimate(sweep, bound, 1e-10)
        value, bar = of_the_guide(h, d, bound[:, 0])
        assert found.bar[0] == pytest.approx(bar, rel=1e-6, abs=0) and abs(found.value[0] - value) <= 1e-6 * bar
        wider += bar > of_the_guide(h, d, 1.0001 * bound[:, 0])[1]
    assert wider < 40


def test_a_level_is_left_out_if_a_value_to_one_side_is_not_finite_and_all_larger_ones_with_it():
    for side in ("right", "left"):
        sweep, noise = swept(np.exp, x=0.3)
        broken = getattr(sweep, side).copy()
        broken[3] = np.nan
        found = estimate(dataclasses.replace(sweep, **{side: broken}), noise, U)
        rest = Sweep(*(getattr(sweep, field.name)[4:] for field in dataclasses.fields(Sweep)))
        want = estimate(rest, noise[4:], U)
        assert found.value == want.value and found.bar == want.bar


def test_where_one_column_leaves_the_domain_all_are_read_from_there():
    sweep, noise = swept(np.exp, x=0.3)
    two = Sweep(*(np.repeat(getattr(sweep, field.name), 2, axis=1) for field in dataclasses.fields(Sweep)))
    rest = estimate(Sweep(*(getattr(sweep, field.name)[6:] for field in dataclasses.fields(Sweep))), noise[6:], U)
    for side in (two.right, two.left):
        kept = side[5, 1]
        side[5, 1] = np.inf
        found = estimate(two, np.repeat(noise, 2, axis=1), U)
        assert (found.value == rest.value).all() and (found.bar == rest.bar).all()
        side[5, 1] = kept


def test_as_few_steps_as_are_enough_are():
    assert one(np.exp, steps=STEPS[4 : 4 + FEWEST])["resolved"]
    with np.errstate(invalid="ignore"):
        reach = float(STEPS[-FEWEST]) * 1.001
        assert one(np.sqrt, x=reach)["resolved"] and not one(np.sqrt, x=float(STEPS[1 - FEWEST]) * 1.001)["resolved"]


@pytest.mark.parametrize("jump", [lambda t: t > 0, lambda t: t >= 0, lambda t: -1.0 * (t != 0)])
def test_a_jump_to_either_side_is_told_and_leaves_no_value_and_no_kink(jump):
    e = one(lambda t: np.sin(t) + jump(t))
    assert e["jump"] and not e["kink"] and np.isnan(e["value"]) and np.isinf(e["bar"])
    assert not one(np.sin)["jump"] and one(np.sin)["resolved"]


def test_what_was_measured_beyond_roundings_may_be_the_jump_and_hides_none():
    assert one(lambda t: np.sin(t) + 1e-4 * (t > 0), noise=1e-2)["jump"] is np.False_, "of that format it is a rounding"
    sweep, noise = swept(lambda t: np.sin(t) + 1e-4 * (t > 0), noise=1e-2)
    assert estimate(sweep, noise, U).jump[0]


@pytest.mark.parametrize("size", [1.0, 2.0**10, 2.0**-10])
@pytest.mark.parametrize(("roundings", "jumps"), [(30, False), (36, True)])
def test_a_jump_is_more_than_eight_bounds_of_what_a_value_is_rounded_by(size, roundings, jumps):
    """Of 32 roundings: each value has at most four."""
    u = 2.0**-20
    sweep, _ = swept(lambda t: size * (1 + roundings * u * (t != 0)), noise=u)
    sweep.weight[...] = size
    assert bool(estimate(sweep, 4 * u * sweep.weight, u).jump[0]) is jumps


def test_still_is_what_the_smallest_steps_change_to_neither_side():
    assert one(lambda t: np.floor(t + 0.5))["still"] and one(lambda t: 3.0 + 0 * t)["still"]
    for moving in (np.sin, lambda t: max(t, 0.0), lambda t: min(t, 0.0)):
        assert not one(moving)["still"]
    sweep, noise = swept(lambda t: 3.0 + 0 * t)
    left_over = np.arange(len(STEPS), 0, -1)[:, None]  # levels, with this one
    for side in ("right", "left"):
        moved = dataclasses.replace(sweep, **{side: np.where(left_over == 2, 1e-9, 0.0)})
        assert not estimate(moved, noise, U).still[0]
    earlier = dataclasses.replace(sweep, right=np.where(left_over > 5, 1e-9, 0.0))
    assert estimate(earlier, noise, U).still[0]


def test_a_kink_is_told_with_both_sides():
    e = one(lambda t: max(t, 2 * t))
    assert e["kink"] and not e["jump"] and (e["low"], e["high"]) == pytest.approx((1, 2), rel=1e-9, abs=0)


def test_of_numbers_without_any_error_there_is_none():
    sweep, noise = swept(lambda t: 3.0 + 0 * t)
    found = estimate(sweep, 0 * noise, U)
    assert found.value == 0 and found.bar == 0


@pytest.mark.parametrize("levels", [FEWEST, 7, 11, len(STEPS)])
def test_candidates_that_are_confirmed_together_have_the_bits_of_each_by_itself(monkeypatch, levels):
    rng = np.random.default_rng(levels)
    functions = (np.exp, lambda t: 1 / (1.6 + t), lambda t: abs(t - 0.01), lambda t: 1e6 * t)
    sweep, noise = joined([swept(f)[0] for f in functions]), np.concatenate([swept(f)[1] for f in functions], 1)
    sweep = Sweep(*(getattr(sweep, f.name)[:levels] for f in dataclasses.fields(sweep)))
    sweep.central = sweep.central * (1 + 1e-9 * rng.normal(size=sweep.central.shape))
    found = []
    for together in (extrapolate.CANDIDATES_TOGETHER, 0):
        monkeypatch.setattr(extrapolate, "CANDIDATES_TOGETHER", together)
        found.append(extrapolate._candidates(sweep.steps, sweep.central, noise[:levels]))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.isinf(found[0][1]).any() and np.isfinite(found[0][1]).any(), "some are confirmed, and some are not"


@pytest.mark.parametrize(("columns", "together"), [(4096, True), (4097, False)])
def test_up_to_4096_columns_all_candidates_of_an_order_are_confirmed_in_one_call(monkeypatch, columns, together):
    asked, agree = [], extrapolate._agree
    monkeypatch.setattr(extrapolate, "_agree", lambda *args: asked.append(len(args[3])) or agree(*args))
    h = np.repeat(STEPS[:FEWEST, None], columns, axis=1)
    extrapolate._candidates(h, np.ones_like(h), np.full_like(h, 1e-16))
    assert (max(asked) == FEWEST - 1) is together and (max(asked) == 1) is not together


@pytest.mark.parametrize(("off", "agrees"), [(0.5, True), (-0.5, True), (0.5 + 2.0**-50, False)])
def test_a_smaller_step_agrees_that_lies_exactly_within_the_bar_and_what_a_larger_one_shows_is_not_asked(off, agrees):
    h, d, none = np.array([[4.0], [2.0], [1.0]]), np.array([[9.0], [1.0], [1.0 + off]]), np.zeros((1, 1))
    found = extrapolate._agree(h, d, np.zeros((3, 1)), none + 1, none + 0.5, none, np.array([1]))
    assert found.tolist() == [[agrees]]


def test_what_larger_steps_of_huge_numbers_might_be_allowed_is_no_warning():
    assert np.isclose(one(lambda t: 1e300 * np.tanh(1e6 * t))["value"], 1e306, rtol=1e-9, atol=0)


def test_two_differences_of_a_cube_give_its_derivative_and_what_they_corrected_is_the_bar():
    """Of t^3 at 1 a central difference of step h is 3 + h^2."""
    h, noise = np.array([[0.5], [0.125]]), np.array([[1e-3], [2e-3]])
    e = of_two(h, 3 + h**2, noise)
    assert e.value[0] == pytest.approx(3, rel=1e-14, abs=0)
    assert e.bar[0] == pytest.approx(0.125**2 + (16 * 2e-3 / 0.125 + 1e-3 / 0.5) / 15, rel=1e-14, abs=0)
