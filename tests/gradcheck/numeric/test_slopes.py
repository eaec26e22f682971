"""What a sweep says of each output."""

import dataclasses

import numpy as np
import pytest

from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.ladder import STEPS, sweep
from gradcheck.numeric.noise import bound
from gradcheck.numeric.plain import Plain
from gradcheck.numeric.probe import Along
from gradcheck.numeric.slopes import FIELDS, Slopes, Spot, chosen, improved, nothing, read

U = 2.0**-53


def measured(f, x, steps=STEPS, unit=1.0, level=0.0):
    plain = Plain(f, x, "derivative")
    _, y, roundoff = plain.first()
    spot = Spot(plain.point, y, roundoff, np.zeros(len(y)), True)
    probe = Along(None, vectors=(np.ones_like(plain.point[0]),), unit=unit)
    swept = sweep(plain, plain.point, probe, None, steps, y)
    return read(swept, spot, np.full(len(y), level), probe)


def one(value=1.0, bar=1e-3, kink=False, jump=False, coarse=True):
    v, flags = np.array([value]), [np.array([flag]) for flag in (kink, jump, True, coarse)]
    return Slopes(v, np.array([bar]), v, v, *flags)


def test_slopes_are_those_of_a_direction_of_length_one():
    for unit in (1.0, 0.25, 2.0**-10):
        s = measured(np.exp, 0.3, unit=unit)
        assert abs(s.value - np.exp(0.3)) <= s.bar < 1e-10 and s.right == s.left == s.value


def test_each_output_is_read_from_its_own_first_finite_level():
    s = measured(lambda x: np.stack([np.exp(x), np.sqrt(x), np.exp(2 * x)]), np.array(1e-4))
    assert (np.abs(s.value - [np.exp(1e-4), 50, 2 * np.exp(2e-4)]) <= s.bar).all()
    assert s.bar[0] == measured(np.exp, 1e-4).bar and s.bar[1] > 100 * s.bar[0]


def test_noise_makes_wider_bars():
    quiet, noisy = (measured(np.exp, 0.3, level=level) for level in (0.0, 1e-9))
    assert noisy.bar > 1e3 * quiet.bar and not quiet.doubt and not quiet.coarse


def test_a_kink_has_both_sides_in_their_order_and_is_worth_a_longer_look():
    s = measured(lambda x: np.where(x > 0, 3 * x, np.sin(x)), np.array(0.0))
    assert s.kink and s.doubt and s.coarse
    assert abs(s.right - 3) <= s.bar and abs(s.left - 1) <= s.bar and s.value == (s.right + s.left) / 2


def test_a_sharp_kink_is_doubtful_however_narrow_its_bar():
    s = measured(lambda x: np.abs(x), np.array(0.0))
    assert s.kink and s.bar < 1e-12 and s.doubt


def test_the_roundings_of_x_inside_f_are_within_the_bar():
    wide = measured(lambda x: np.sin(1024 * x) / 1024, 100 / 64)
    plain = measured(lambda x: np.sin(x), 100 / 64)
    assert wide.bar > 1024 / 10 * U > plain.bar / 10


def test_what_changes_nothing_may_hide_a_rounding():
    s = measured(lambda x: 3.0 + 0 * x, 1.0)
    assert s.value == 0 and s.bar > 3 * U and not s.coarse
    assert measured(lambda x: 3.0 + 0 * x, 1.0, unit=2.0**-40).coarse, "steps of another size may change something"


def test_where_every_step_is_lost_in_the_rounding_of_the_point_nothing_is_claimed():
    s = measured(np.sin, 1.0, unit=2.0**-200)
    assert np.isnan(s.value) and np.isinf(s.bar) and s.doubt


def test_a_choice_is_made_output_by_output():
    a, b = measured(np.sin, np.array([0.1, 0.2])), measured(np.cos, np.array([0.1, 0.2]))
    mixed = chosen(np.array([True, False]), a, b)
    assert all(getattr(mixed, f)[0] == getattr(a, f)[0] and getattr(mixed, f)[1] == getattr(b, f)[1] for f in FIELDS)


def test_finer_steps_overrule_and_coarser_ones_only_sharpen_what_they_confirm():
    narrow = one(1.5, 1e-6)
    assert improved(one(1.0), narrow, finer=True) and not improved(one(1.0), narrow, finer=False)
    assert improved(one(1.5), narrow, finer=False) and improved(one(np.nan, np.inf), narrow, finer=False)
    assert not improved(narrow, one(1.5), finer=True) and not improved(narrow, one(1.5), finer=False)
    assert improved(one(1.5, 1e-9, kink=True), narrow, finer=True)
    assert not improved(one(1.5, kink=True), narrow, finer=False)
    assert not improved(one(np.nan, np.inf, jump=True), narrow, finer=False)
    assert not improved(one(1.5, coarse=False), narrow, finer=True)
    assert not improved(one(1.5), one(1.5), finer=True) and not improved(one(1.5), one(1.5), finer=False)
    assert not improved(one(1.5, coarse=False), narrow, finer=False)
    assert not improved(one(np.nan, np.inf), one(np.nan, np.inf), finer=False)
    assert not improved(one(1.5), one(1.5, 1e-6, kink=True), finer=False)


def test_coarser_steps_confirm_what_lies_within_both_bars():
    for value, agrees in ((1.74, True), (1.75, True), (1.76, False)):
        assert bool(improved(one(1.0, 0.5), one(value, 0.25), finer=False)[0]) is agrees


def test_nothing_is_claimed_by_nothing():
    s = nothing(measured(np.sin, 0.3))
    assert np.isnan([s.value, s.right, s.left]).all() and np.isinf(s.bar) and not s.resolved


def test_the_reach_of_a_point_is_its_length_beside_that_of_the_direction():
    spot = Spot([np.array([3.0, 4.0, 9.0]), np.array(100.0)], np.ones(1), np.full(1, U), np.zeros(1), True)
    v = np.array([0.5, 0.0, 0.0])
    assert spot.reach(Along(None, vectors=(v, None), unit=2.0)) == 3.0
    assert spot.reach(Along(None, vectors=(v, None), unit=0.25)) == 24.0
    assert spot.reach(Along(None, vectors=(0 * v, None))) == 0.0


@pytest.mark.parametrize("kind", [Spot, Slopes])
def test_what_is_known_is_filled_in_once(kind):
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(kind).point = None


@pytest.mark.parametrize("unit", [1.0, 0.25])
@pytest.mark.parametrize(
    "function", [np.sin, lambda x: np.sin(40 * x), lambda x: 1e6 * np.exp(-x) + x * np.abs(x - 0.71)]
)
def test_a_bar_is_that_of_the_differences_and_four_roundings_of_what_cancels_and_of_the_point(function, unit):
    plain = Plain(function, 0.7, "derivative")
    _, y, roundoff = plain.first()
    probe = Along(None, vectors=(np.array(0.5),), unit=unit)
    swept = sweep(plain, plain.point, probe, None, STEPS, y)
    s = read(swept, Spot(plain.point, y, roundoff, np.zeros(1), True), np.zeros(1), probe)
    e = estimate(swept, bound(swept, np.zeros(1), U), U)
    sides = max(np.abs(swept.right).max(), np.abs(swept.left).max())
    bend = np.median(np.abs(swept.right - swept.left) / swept.steps)
    bar = e.bar + 4 * U * (sides + 0.7 / (0.5 * unit) * bend)
    assert s.value == e.value / unit and s.bar == pytest.approx(bar / unit, rel=1e-14, abs=0)


@pytest.mark.parametrize("y", [3.0, 0.125, -1e6, 1e-12])
def test_where_nothing_moves_the_bar_is_what_a_rounding_of_the_output_hides(y):
    s = measured(lambda x: y + 0 * x, 1.0)
    assert s.bar == 4 * U * max(abs(y), 1) / STEPS[0] and not s.coarse and s.value == 0
    assert s.doubt == (abs(y) < 1e-9), "beside an output so small it is wide"


def test_beside_a_large_output_a_wide_bar_is_in_no_doubt_but_other_steps_may_see_more():
    s = measured(lambda x: 1e8 + np.sin(x), 1.0)
    assert 1e-7 < s.bar < 1e-2 and not s.doubt and s.coarse
    small = measured(lambda x: 1e-3 * np.sin(x) + 1e-12 * np.sign(np.sin(1e9 * x)), 1.0, level=1e-9)
    assert small.doubt and small.coarse


def test_a_kink_of_one_output_is_told_beside_others_that_have_none():
    s = measured(lambda x: np.stack([np.abs(x), np.exp(x), np.maximum(x, 3 * x)]), np.array(0.0))
    assert s.kink.tolist() == [True, False, True]
    np.testing.assert_allclose(s.right, [1, 1, 3], rtol=0, atol=1e-9)  # of the bar
    np.testing.assert_allclose(s.left, [-1, 1, 1], rtol=0, atol=1e-9)
    assert s.right[1] == s.left[1] == s.value[1]


@pytest.mark.parametrize(
    ("size", "level", "jump"),
    [(1e-12, 0.0, True), (1e-7, 2.0**-24, False), (1e-4, 2.0**-24, True), (1e-4, 1e-2, True), (1e-7, 1e-2, False)],
)
def test_a_jump_is_more_than_roundings_of_a_format_whatever_noise_was_measured(size, level, jump):
    s = measured(lambda x: 1 + 1e-6 * np.sin(x) + size * (x > 0.5), np.array(0.5), level=level)
    assert bool(s.jump[0]) is jump


@pytest.mark.parametrize(("unit", "coarse"), [(2.0**-26, False), (2.0**-27, True)])
def test_where_nothing_moves_a_bar_is_coarse_beside_a_step_of_its_size(unit, coarse):
    """A bar of 4 U / 0.4, beside WIDE times the unit: 1.5e-15 and 0.75e-15."""
    s = measured(lambda x: 0.5 + 0 * x, 1.0, unit=unit)
    assert s.bar * unit == 4 * U / STEPS[0] and bool(s.coarse[0]) is coarse
