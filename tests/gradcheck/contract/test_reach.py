"""How far dy is scaled: to the ends of the range, or as far as numbers inside let it, unless they are cut off."""

import dataclasses

import numpy as np
import pytest
from promises import called

import gradcheck
from gradcheck.contract.likeness import Rounding, measure_rounding
from gradcheck.contract.linear import is_linear
from gradcheck.contract.reach import reach

U = 2.0**-52
NUMBER = 4 / 3
PLAIN = Rounding({"x": 0.0}, {}, {"x": 0.0}, 0.0)


def holds(_leaf, a, b, _power):
    return bool((np.abs(a - b) <= 2.0**-30 * np.abs(a).max()).all())


def call_of(pullback=lambda dy: dy * 1, u=U, **numbers):
    """A call of y = x in which all numbers are 1 but some."""
    ones = np.ones(1)
    numbers = {"g": ones, "y": ones, "first": ones, "point": ones} | {k: np.array([v]) for k, v in numbers.items()}
    call, seen = called(lambda x: (x * 1, pullback), ones), []
    return dataclasses.replace(
        call,
        g=np.stack([numbers["g"]] * 2),
        y=numbers["y"],
        first=[numbers["first"]],
        point=[numbers["point"]],
        pullback=lambda dy: seen.append(int(np.frexp(float(dy[0]))[1]) - 1) or (None, (pullback(dy),)),
        u=u,
    ), seen


def judged(pullback):
    """The powers that are judged, the part of a number with all its bits that is left, and all that were tried."""
    call, seen = call_of(pullback, g=NUMBER, first=NUMBER)
    with np.errstate(all="ignore"):
        rows = list(reach(call, PLAIN, holds).held())
        return [(int(np.log2(power)), float(scaled[0][0]) / power / NUMBER) for power, scaled in rows], seen


@pytest.mark.parametrize(
    ("u", "up", "down"),
    [(U, [1023, 960, 520], [-1014, -958, -519]), (2.0**-23, [127, 96, 68], [-118, -94, -67])],
)
def test_powers_lie_at_the_end_with_room_and_beyond_the_middle(u, up, down):
    found = reach(call_of(u=u)[0], PLAIN, holds)
    assert (found.up, found.down) == (up, down)


def test_of_few_bits_they_lie_near_each_other():
    found = reach(call_of(u=2.0**-10)[0], PLAIN, holds)
    assert (found.up, found.down) == ([15, 12, 8], [-14, -10, -7])


@pytest.mark.parametrize(("which", "end"), [("g", 1013), ("first", 1013), ("y", 1023), ("point", 1023)])
def test_room_is_left_for_large_numbers_in_sight_and_at_the_very_end_for_dy_and_its_cotangent(which, end):
    found = reach(call_of(**{which: 2.0**10})[0], PLAIN, holds)
    assert (found.up, found.down) == ([end, 950, 510], [-1014, -958, -519])


@pytest.mark.parametrize("which", ["g", "first", "y", "point"])
def test_room_is_left_for_small_numbers_in_sight(which):
    found = reach(call_of(**{which: 2.0**-10})[0], PLAIN, holds)
    assert (found.up, found.down) == ([1023, 960, 520], [-1004, -948, -509])


def test_zeros_and_what_is_not_finite_are_no_sizes():
    for number in (0.0, np.inf):
        assert reach(call_of(y=number)[0], PLAIN, holds).down == [-1014, -958, -519]
    assert reach(call_of(g=0.0, first=0.0, y=0.0, point=0.0)[0], PLAIN, holds) is None


def test_what_comes_through_is_tried_once_at_each_end():
    assert judged(lambda dy: dy * 1) == ([(1023, 1.0)], [1023, -1014])


def test_what_overflows_is_tried_further_in():
    held, seen = judged(lambda dy: dy * 2.0**50 * 2.0**-50)
    assert (held, seen) == ([(959, 1.0)], [1023, 959, -1014])
    held, seen = judged(lambda dy: dy * 2.0**300 * 2.0**-300)
    assert (held, seen) == ([(519, 1.0)], [1023, 959, 519, -1014])


def refusing(dy):
    if dy[0] > 2.0**1000:
        raise ValueError("array must not contain infs or NaNs")
    return dy * 1


def test_so_is_what_is_refused_or_made_a_number_again():
    for pullback in (refusing, lambda dy: np.nan_to_num(dy * 2.0**50) * 2.0**-50 * (dy < 2.0**1000)):
        assert judged(pullback)[0] == [(959, 1.0)]


def test_a_clip_is_judged_at_the_end():
    ((power, part),), _ = judged(lambda dy: np.minimum(dy, NUMBER * 2.0**1000))
    assert (power, part) == (1023, 2.0**-23)


def test_what_overflows_in_the_middle_is_judged_there():
    ((power, part), *_), _ = judged(lambda dy: np.sqrt(dy * dy))
    assert power == 519 and part == np.inf


@pytest.mark.parametrize("inside", [2.0**-30, 2.0**-100, 2.0**-400])
def test_bits_that_are_lost_one_by_one_are_lost_to_the_range(inside):
    held, seen = judged(lambda dy: dy * inside / inside)
    assert held == [(1023, 1.0)] and len(seen) <= 15


@pytest.mark.parametrize("least", [2.0**-1000, 2.0**-970, 2.0**-700])
@pytest.mark.parametrize("left", [0.0, 0.5])
def test_what_is_lost_at_once_is_judged_where_it_is_gone(least, left):
    held, _ = judged(lambda dy: np.where(dy < least, left * dy, dy))
    assert held == [(1023, 1.0), (int(np.log2(least)) - 2, pytest.approx(left, abs=1e-15))]


def test_what_is_lost_in_the_middle_is_judged_there():
    held, _ = judged(lambda dy: np.where(dy < 2.0**-400, 0, dy))
    assert held == [(1023, 1.0), (-519, 0.0)]


def test_where_the_point_holds_the_largest_number_what_overflows_is_not_judged():
    """As an additive mask of it does, which multiplies nothing: its dtype's end is tried, and left where it is none."""
    bias = np.array([0.0, -np.finfo(np.float32).max, 0.0, 0.0], np.float32)

    def softmax(s, bias):
        e = np.exp(s + bias - (s + bias).max())
        p = e / e.sum()

        def pullback(dy):
            d = p * (dy - (p * dy).sum())
            return d, d

        return p, pullback

    for seed in range(4):
        s = np.random.default_rng(seed).normal(size=4).astype(np.float32)
        report = gradcheck.Checker(seed=seed)(softmax, s, bias)
        assert not [f for f in report.findings if f.kind == "homogeneous"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_overflows_by_exponentials_of_the_inputs_is_excused_and_by_itself_is_not(dtype):
    """A log-sum-exp that shifts nothing: half way up the range e^x dy has no number, at an eighth of x it has."""
    x = (np.log(float(np.finfo(dtype).max)) - 3 + np.linspace(-2, 0, 5)).astype(dtype)

    def vjp(x, spoil=lambda dy: dy):
        e = np.exp(x)
        return np.log(e.sum()), lambda dy: spoil(dy) * e / e.sum()

    def found(vjp):
        call = called(vjp, x)
        rng = np.random.default_rng(3)
        with np.errstate(all="ignore"):
            return [f.kind for f in is_linear(call, measure_rounding(call, rng), rng)]

    assert not found(vjp)
    assert "homogeneous" in found(lambda x: vjp(x, lambda dy: np.where(np.abs(dy) > 1e5, np.inf, dy).astype(dtype)))


def test_of_powers_that_leave_no_room_the_last_is_one():
    found = reach(call_of(first=2.0**1000)[0], PLAIN, holds)
    assert found.up == [23, 1]
