"""From comparisons to a verdict: what no tolerance excuses, and what no number supports."""

import dataclasses

import numpy as np
import pytest

from gradcheck.numeric.extrapolate import Estimate
from gradcheck.numeric.probe import Probe
from gradcheck.subjects.adapted import Leaf
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.conclude import conclude, numeric, root_mean_square

U = 2.0**-53


def leaf(*shape):
    return Leaf("x", np.zeros(shape), False)


def array(*numbers):
    return np.array(numbers, float)


def compared(coordinate, claimed, value, bar=1e-10, ends=None, exact=None, exact_bar=1e-15):
    low, high = ends or (value, value)
    no = np.array([False])
    real = Estimate(array(value), array(bar), array(low), array(high), np.array([ends is not None]), no, no)
    c = Comparison(Probe(0, coordinate=coordinate), 1.0, array(claimed), array(1e-16), real)
    return c if exact is None else dataclasses.replace(c, exact=array(exact), exact_bar=array(exact_bar))


def verdict(*comparisons, believed=False, largest=1.0):
    return conclude(leaf(len(comparisons)), list(comparisons), believed, largest, U)


def test_agreement_within_narrow_bars_passes_with_its_digits():
    g = verdict(compared(0, 1, 1), compared(1, 2, 2))
    assert g.verdict == "pass" and g.compared == 2
    assert g.digits == pytest.approx(np.log10(np.sqrt(2.5) / 1e-10), rel=1e-6)


def test_one_entry_outside_its_bar_fails_however_well_the_others_agree():
    g = verdict(compared(0, 1, 1), compared(1, 2.001, 2), compared(2, 3, 3))
    assert (g.verdict, g.worst_index, g.wrong) == ("fail", (1,), [(1,)])
    assert (g.claimed, g.numeric) == (2.001, 2)


def test_a_claim_that_is_no_number_fails():
    assert verdict(compared(0, np.nan, 1)).verdict == "fail"
    unmeasured = Comparison(Probe(0, coordinate=0), 1.0, array(np.nan), array(0))
    assert unmeasured.outside().all() and np.isinf(unmeasured.real_tolerance).all()


def test_without_a_stable_difference_nothing_is_claimed():
    g = verdict(compared(0, 1, np.nan, bar=np.inf))
    assert (g.verdict, g.reason) == ("inconclusive", "no step gives a stable difference")


def test_a_difference_that_only_the_complex_step_sees_is_not_excused():
    g = verdict(compared(0, 1 + 1e-12, 1, exact=1), believed=True)
    assert g.verdict == "inconclusive"
    assert g.reason == "the complex step sees a difference that real differences are too coarse to confirm"


def test_a_bar_that_is_wide_beside_the_gradient_is_no_evidence():
    g = verdict(compared(0, 1, 1, bar=1e-3))
    assert (g.verdict, g.reason) == ("inconclusive", "resolved to 1e-03 only, beside a gradient of 1e+00")


def test_zero_is_zero_only_beside_something_larger():
    zero = compared(0, 0, 1e-14, bar=1e-12)
    assert verdict(zero, largest=1.0).verdict == "pass" and verdict(zero, largest=1.0).digits is None
    below = verdict(zero, largest=1e-9)
    assert (below.verdict, below.reason) == ("inconclusive", "below the noise: nothing smaller than 1.0e-12 is seen")


def test_at_a_kink_the_nearest_valid_answer_is_the_numeric_one():
    inside = compared(0, 0.3, 0.5, ends=(0.0, 1.0))
    outside = compared(0, 1.2, 0.5, ends=(0.0, 1.0))
    assert numeric(inside, True) == 0.3 and numeric(outside, True) == 1.0
    assert verdict(inside).verdict == "pass" and verdict(inside).kinks == 1
    assert verdict(outside).verdict == "fail"


def test_a_complex_step_sees_one_side_of_a_kink_and_contradicts_nothing():
    kink = compared(0, 0.3, 0.5, ends=(0.0, 1.0), exact=1.0)
    assert not kink.exact_outside().any() and not kink.exact_contradicts_real().any()
    assert compared(0, 1, 1, exact=2).exact_contradicts_real().all()


def plain(coordinate=None, claimed=2.0, value=1.0, bar=1e-8, ends=None, exact=1.0):
    return compared(coordinate, claimed, value, bar=bar, ends=ends, exact=exact).is_plain()


def test_a_failure_is_plain_where_both_means_show_it_far_outside_a_tight_bar():
    assert plain()
    assert not plain(coordinate=0), "a single entry may be far smaller than its array"
    assert not plain(bar=np.inf), "nothing was resolved"
    assert not plain(ends=(0.9, 1.1)), "a kink"
    assert not plain(claimed=-2.0, bar=2.1e-3) and plain(claimed=-2.0, bar=1.9e-3), "a thousandth of the larger"
    assert not plain(claimed=1 + 9e-8) and plain(claimed=1 + 11e-8), "ten bars away"
    assert not plain(exact=None), "real differences alone"
    assert not plain(exact=2.0), "the complex step sides with the claim"
    assert not plain(exact=3.0), "the complex step contradicts both"


def test_a_failure_is_not_plain_where_another_cotangent_shows_a_kink():
    numbers = [array(*pair) for pair in ((1.0, 1.0), (1e-8, 1e-8), (1.0, 0.9), (1.0, 1.1))]
    kinks, no = (np.array(pair) for pair in ((False, True), (False, False)))
    one, two = (Estimate(*numbers, which, no, no) for which in (no, kinks))
    exact = {"exact": array(1.0, 1.0), "exact_bar": array(1e-15, 1e-15)}
    assert Comparison(Probe(0), 1.0, array(2.0, 1.0), array(0, 0), one, **exact).is_plain()
    assert not Comparison(Probe(0), 1.0, array(2.0, 1.0), array(0, 0), two, **exact).is_plain()


def test_the_size_beside_which_a_bar_is_tight_is_that_of_the_larger_number():
    assert plain(claimed=0.0, value=1.0, bar=9e-4) and plain(claimed=-100.0, value=1.0, bar=0.09)


def test_what_was_not_measured_is_not_a_number():
    bare = Comparison(Probe(0, coordinate=0), 1.0, array(1), array(0))
    assert np.isnan(numeric(bare, True)).all() and not bare.resolved
    assert not bare.exact_outside().any() and not bare.exact_contradicts_real().any() and not bare.kink.any()


def test_the_size_of_an_array_is_that_of_its_entries():
    entries = [compared(0, 3, 3), compared(1, 4, 4)]
    assert root_mean_square(entries, 2, False) == pytest.approx(np.sqrt(12.5), rel=1e-12)
    assert root_mean_square([], 2, False) == 0


def test_an_array_without_entries_passes():
    g = conclude(leaf(0, 3), [], False, 1.0, U)
    assert (g.verdict, g.compared) == ("pass", 0)
