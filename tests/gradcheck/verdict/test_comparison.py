"""One probe's numbers: where a claim is contradicted, by which of the two means, and how plainly."""

import dataclasses

import numpy as np
import pytest

from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.comparison import Comparison

DENSE = Probe(0, seed=1)


# Real differences.  All numbers are sums of powers of two, so that an edge is met exactly.


@pytest.mark.parametrize(("claimed", "outside"), [(0.625, False), (0.5, True), (1.375, False), (1.5, True)])
def test_a_claim_may_lie_as_far_from_the_difference_as_both_bars_together(comparison, claimed, outside):
    c = comparison(claimed, 1.0, bar=0.25, claimed_bar=0.125)
    assert c.outside().tolist() == [outside] and c.real_tolerance.tolist() == [0.375]


@pytest.mark.parametrize(("claimed", "outside"), [(-0.375, False), (-0.5, True), (2.375, False), (2.5, True)])
def test_at_a_kink_that_is_so_beside_either_end(comparison, claimed, outside):
    c = comparison(claimed, 0.5, bar=0.25, claimed_bar=0.125, ends=(0.0, 2.0))
    assert c.outside().tolist() == [outside] and c.kink.all()


def test_each_cotangent_is_judged_by_itself(comparison):
    c = comparison([1.0, 2.0, 3.0, np.nan], [1.0, 1.0, np.nan, 1.0], bar=[0.5, 0.5, np.inf, 0.5])
    assert c.outside().tolist() == [False, True, False, True]
    assert not c.resolved and comparison([1.0, 2.0], 1.0).resolved


def test_a_claim_that_is_no_number_is_outside_of_whatever_was_measured(comparison):
    assert comparison(np.nan).outside().all() and comparison(np.nan, np.nan, bar=np.inf).outside().all()
    assert not comparison(1.0).outside().any() and not comparison(1.0, np.nan, bar=np.inf).outside().any()


def test_what_was_not_measured_has_no_bar_and_no_kink_and_contradicts_nothing(comparison):
    bare = comparison([1.0, 2.0])
    assert np.isinf(bare.real_tolerance).all() and not bare.resolved and bare.doubt == "" and not bare.followed
    for flags in (bare.kink, bare.jump, bare.exact_outside(), bare.exact_contradicts_real()):
        assert flags.tolist() == [False, False]


def test_kinks_and_jumps_are_those_of_the_differences(comparison):
    c = comparison([1.0, 2.0], 1.0, kink=[True, False], jump=[False, True])
    assert c.kink.tolist() == [True, False] and c.jump.tolist() == [False, True]


def test_nothing_is_still_that_some_step_changes(comparison, sweep):
    assert comparison(1.0, 1.0).still_everywhere()
    assert comparison(1.0, 1.0, sweep=sweep(lambda t: 0 * t)).still_everywhere()
    right, left = lambda t: np.maximum(t, 0), lambda t: np.minimum(t, 0)
    for side in (right, left):
        assert not comparison([1.0, 1.0], 1.0, sweep=sweep(lambda t: 0 * t, side)).still_everywhere()


# The complex step


def test_the_complex_step_contradicts_what_is_farther_than_both_bars(comparison):
    for claimed, beyond in ((1.375, False), (1.5, True), (0.625, False), (0.5, True)):
        c = comparison(claimed, exact=1.0, exact_bar=0.25, claimed_bar=0.125)
        assert c.exact_outside().tolist() == [beyond]


def test_a_complex_step_sees_one_side_of_a_kink_and_contradicts_nothing(comparison):
    kink = comparison(0.3, 0.5, ends=(0.0, 1.0), exact=1.0)
    assert not kink.exact_outside().any() and not kink.exact_contradicts_real().any()
    assert comparison([0.3, 0.3], 0.5, kink=[True, False], exact=1.0).exact_outside().tolist() == [False, True]


def test_the_complex_step_is_not_to_be_believed_outside_what_differences_allow(comparison):
    for exact, beyond in ((1.375, False), (1.5, True), (-0.375, False), (-0.5, True)):
        c = comparison(0.5, 0.5, bar=0.25, ends=(0.0, 1.0), exact=exact, exact_bar=0.125)
        assert c.exact_contradicts_real().tolist() == [beyond]
    assert not comparison(1.0, 1.0, bar=np.inf, exact=5.0).exact_contradicts_real().any()
    assert comparison(1.0, 1.0, exact=np.nan).exact_contradicts_real().all()


def test_a_value_without_a_bar_says_nothing(comparison):
    c = comparison(1.0, 1.0, exact=5.0)
    c = type(c)(c.probe, c.unit, c.claimed, c.claimed_bar, c.real, exact=c.exact)
    assert not c.exact_outside().any() and not c.exact_contradicts_real().any()


def test_the_best_bar_is_the_complex_steps_where_it_is_believed_and_away_from_kinks(comparison):
    c = comparison(1.0, 1.0, bar=0.25, claimed_bar=0.125, exact=1.0, exact_bar=0.5)
    assert c.best_tolerance(True).tolist() == [0.625] and c.best_tolerance(False).tolist() == [0.375]
    assert comparison(1.0, 1.0, bar=0.25, claimed_bar=0.125).best_tolerance(True).tolist() == [0.375]
    both = comparison([1.0, 1.0], 1.0, bar=0.25, claimed_bar=0.125, kink=[True, False], exact=1.0, exact_bar=0.5)
    assert both.best_tolerance(True).tolist() == [0.375, 0.375]


# Plain failures


@pytest.fixture
def plain(comparison):
    def plain(claimed=2.0, value=1.0, bar=1e-8, exact=1.0, probe=DENSE, **more):
        return comparison(claimed, value, bar, exact=exact, probe=probe, **more).is_plain()

    return plain


def test_a_failure_is_plain_where_both_means_show_it_far_outside_a_tight_bar(plain):
    assert plain() is True
    assert plain(probe=Probe(0, coordinate=0)) is False, "a single entry may be far smaller than its array"
    assert plain(bar=np.inf) is False, "nothing was resolved"
    assert plain(value=None) is False, "nothing was measured"
    assert plain(ends=(0.9, 1.1)) is False, "a kink"
    assert not plain(claimed=-2.0, bar=2.1e-3) and plain(claimed=-2.0, bar=1.9e-3), "a thousandth of the larger"
    assert not plain(claimed=1 + 9e-8) and plain(claimed=1 + 11e-8), "ten bars away"
    assert not plain(exact=None), "real differences alone"
    assert not plain(exact=2.0), "the complex step sides with the claim"
    assert not plain(exact=3.0), "the complex step contradicts both"


def test_it_is_not_plain_where_wide_steps_show_something_else_or_the_smallest_nothing(plain, sweep):
    """As of a narrow format inside, on a grain of which small steps stand."""
    assert plain(sweep=sweep(np.sin)) and not plain(sweep=sweep(np.sin), still=True)
    bent = sweep(lambda t: t + np.where(np.abs(t) > STEPS[4], t, 0))
    assert plain(sweep=bent) is False and plain(sweep=sweep(lambda t: t + np.where(np.abs(t) > STEPS[3], t, 0)))
    assert plain(claimed=6.0, sweep=bent), "a fifth of what the claim is off"
    assert not plain(claimed=[2.0, 1.0], sweep=sweep(np.sin, lambda t: t + np.where(np.abs(t) > STEPS[4], t, 0)))


def test_how_f_bends_is_no_departure_of_wide_steps(plain, sweep):
    """Of an error of one part in 10^6, beside which sin is 8e-6 away from its slope at the widest step."""
    small = {"claimed": 1 + 1e-6, "value": 1.0, "bar": 1e-12}
    assert plain(sweep=sweep(np.sin), **small) and plain(sweep=sweep(lambda t: t - t**3), **small)
    assert not plain(sweep=sweep(lambda t: t + 1e-5 * np.where(np.abs(t) > STEPS[5], t, 0)), **small)
    assert not plain(sweep=sweep(lambda t: t + 1e-3 * np.where(np.abs(t) > STEPS[6], t * np.abs(t), 0)), **small)


def test_ten_bars_and_a_thousandth_are_the_limits(plain):
    unit = 2.0**-20
    assert not plain(claimed=1 + 10 * unit, bar=unit, claimed_bar=0) and plain(claimed=1 + 11 * unit, bar=unit)
    assert plain(claimed=1000.0, bar=1.0) and not plain(claimed=1000.0, bar=1.0 + 1e-12)


def test_it_is_plain_along_one_cotangent_with_tight_bars_along_all(plain):
    assert plain(claimed=[2.0, 1.0])
    assert not plain(claimed=[2.0, 1.0], bar=[1e-8, 0.1])
    assert not plain(claimed=[2.0, 1.0], kink=[False, True])


def test_the_size_beside_which_a_bar_is_tight_is_that_of_the_larger_number(plain):
    assert plain(claimed=0.0, value=1.0, bar=9e-4) and plain(claimed=-100.0, value=1.0, bar=0.09)
    assert plain(claimed=0.0, value=-1.0, bar=9e-4, exact=-1.0)


# Doubts


def test_a_longer_look_is_deserved_by_what_is_open_wide_kinked_or_contradicted(comparison):
    assert comparison(1.0, 1.0, bar=0.25).is_doubtful(0.25) is False and comparison(1.0).steps == 0
    assert comparison(1.0, 1.0, bar=0.25).is_doubtful(0.125) is True
    assert comparison([1.0, 1.0], 1.0, bar=[0.125, 0.5]).is_doubtful(0.25)
    assert comparison(1.0).is_doubtful(1.0) and comparison(1.0, np.nan, bar=np.inf).is_doubtful(np.inf)
    assert comparison([0.5, 0.5], 0.5, bar=0.25, kink=[True, False]).is_doubtful(1.0)
    assert comparison([2.0, 1.0], 1.0).is_doubtful(1.0) and comparison([1.0, 1.0], 1.0, exact=[1, 2]).is_doubtful(1.0)


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Comparison).probe = None


@pytest.mark.parametrize(
    ("apart", "departs"),
    [
        ([0.0, 0.0, 0.26, 0.26, 0.0], True),
        ([0.0, 0.0, -0.26, 0.26, 0.0], True),
        ([0.0, 0.0, 0.25, 0.26, 0.0], False),
        ([0.0, 0.0, 0.26, 0.25, 0.0], False),
        ([1.0, 1.0, 0.0, 0.0, 1.0], False),
    ],
)
@pytest.mark.parametrize("which", [0, 1])
def test_the_two_widest_steps_below_a_sixteenth_depart_by_more_than_a_quarter_of_what_the_claim_is_off(
    comparison, sweep, apart, departs, which
):
    """Along either cotangent; a step of a sixteenth is too wide."""
    made = sweep(*[lambda t: 0 * t] * 2, steps=2.0 ** -np.arange(3.0, 8.0))
    central = np.zeros((5, 2))
    central[:, which] = apart
    c = comparison([1.0, -1.0], 0.0, sweep=dataclasses.replace(made, central=central))
    assert c.departs_from_afar() is departs


def test_it_is_at_odds_by_either_means(comparison):
    assert not comparison([1.0, 1.0], 1.0, exact=1.0).is_at_odds()
    assert comparison([1.0, 2.0], 1.0).is_at_odds() and comparison([1.0, 2.0], exact=1.0).is_at_odds()
    assert comparison([1.0, 1.0], 1.0, claimed_bar=9.0, exact=[1.0, 2.0]).is_at_odds()


@pytest.mark.parametrize(
    ("apart", "departs"),
    [
        ([8.0, 2.0, 0.5], False),  # as the square of the step
        ([8.0, 2.0, 2.0], True),
        ([8.0, 2.0, 0.0], True),
        ([8.0, 2.18, 0.545], False),
        ([8.0, 1.82, 0.455], False),
        ([8.0, 2.22, 0.555], True),
        ([8.0, 1.78, 0.445], True),
        ([8.0, 2.0, 0.5, 0.5], False),  # what smaller steps do is their own
        ([8.0, 2.0], True),  # two steps tell no square
    ],
)
def test_what_falls_like_the_square_of_the_step_over_three_steps_is_no_departure(comparison, sweep, apart, departs):
    made = sweep(*[lambda t: 0 * t] * 2, steps=2.0 ** -np.arange(5.0, 5.0 + len(apart)))
    c = comparison([1.0, 1.0], 0.0, sweep=dataclasses.replace(made, central=np.array([apart, apart]).T))
    assert c.departs_from_afar() is departs


def test_without_differences_nothing_departs(comparison, sweep):
    assert comparison(1.0, 1.0).departs_from_afar() is False
    assert comparison(1.0, sweep=sweep(np.sin)).departs_from_afar() is False


def test_of_two_cotangents_what_bends_for_one_is_no_departure_though_the_other_is_uneven(comparison, sweep):
    made = sweep(*[lambda t: 0 * t] * 2, steps=2.0 ** -np.arange(5.0, 8.0))
    central = np.array([[8.0, 2.0, 0.5], [0.0, 0.125, 0.0]]).T
    assert comparison([1.0, 1.0], 0.0, sweep=dataclasses.replace(made, central=central)).departs_from_afar() is False


def test_the_widest_of_several_bars_is_what_is_left_open(comparison):
    assert comparison([2.0, 4.0], [2.0, 4.0], bar=[0.5, 0.25]).part() == 0.25
    assert comparison([2.0, 4.0], [2.0, 4.0], bar=[0.25, 2.0]).part() == 0.5


def test_of_nothing_beside_nothing_a_bar_is_no_part(comparison):
    assert comparison(0.0, 0.0, 0.0).part() == comparison(0.0, np.nan, np.inf).part() == np.inf


def test_what_has_no_differences_has_no_bar_that_is_wide(comparison):
    assert comparison(1.0).part() == 0.0
    assert comparison(2.0, 1.0, bar=0.5).part() == comparison(1.0, 2.0, 0.5).part() == 0.25
