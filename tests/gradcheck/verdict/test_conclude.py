"""From comparisons to a verdict: what no tolerance excuses, and what no number supports."""

import numpy as np
import pytest

from gradcheck.numeric.probe import Probe
from gradcheck.precision.formats import need
from gradcheck.subjects.adapted import Leaf
from gradcheck.verdict.conclude import NEED_ZERO, _digits, conclude, numeric, root_mean_square

U = 2.0**-53
DENSE, ALL = Probe(0, seed=1), Probe(None, seed=1)


def at(index):
    return Probe(0, coordinate=index)


@pytest.fixture
def entries(comparison):
    """entries(claim, ...): a comparison at each entry, of claims that are right unless numbers say otherwise."""

    def entries(*claims, numbers=None, **more):
        pairs = zip(claims, claims if numbers is None else numbers, strict=True)
        return [comparison(claimed, value, probe=at(i), **more) for i, (claimed, value) in enumerate(pairs)]

    return entries


def verdict(comparisons, shape=None, believed=False, largest=1.0, u=U, is_own=False):
    leaf = Leaf("x", np.zeros(shape or len(comparisons), np.float32), False)
    return conclude(leaf, comparisons, believed, largest, u, is_own)


def test_agreement_within_narrow_bars_passes_with_its_digits(entries):
    g = verdict(entries(1.0, 2.0))
    assert (g.name, g.shape, g.dtype, g.verdict, g.reason) == ("x", (2,), "float32", "pass", "")
    assert g.compared == 2 and g.method == "real differences" and (g.kinks, g.jumps, g.wrong) == (0, 0, [])
    # 1e-10 and 1e-16 beside the root mean square of 1 and 2
    assert g.digits == g.real_digits == pytest.approx(np.log10(np.sqrt(2.5) / (1e-10 + 1e-16)), rel=1e-12, abs=0)
    assert g.bar == pytest.approx(1e-10 + 1e-16, rel=1e-12, abs=0)


@pytest.mark.parametrize(("u", "fewest"), [(U, 1.0), (2.0**-24, 0.302), (2.0**-8, 0.302)])
def test_nothing_passes_that_did_not_show_a_digit_or_a_factor_of_two_where_the_format_leaves_no_more(
    comparison, u, fewest
):
    """Along a dense direction a derivative may be much larger than its entries, and its bar no small part of these."""
    for digits in (fewest - 0.01, fewest + 0.01):
        g = verdict([comparison(1e9, 1e9, 10.0**-digits * 1e9 / 1e4, probe=DENSE)], shape=10**8, u=u)
        assert g.digits == pytest.approx(digits, abs=1e-6)
        assert g.verdict == ("pass" if digits > fewest else "inconclusive")


def test_the_digits_of_the_complex_step_are_told_beside_those_of_differences(entries):
    g = verdict(entries(1.0, 1.0, exact=1.0, exact_bar=1e-14, claimed_bar=0), believed=True)
    assert g.method == "complex step"
    assert g.digits == pytest.approx(14, rel=1e-12, abs=0) and g.real_digits == pytest.approx(10, rel=1e-12, abs=0)
    perfect = verdict(entries(1.0, exact=1.0, exact_bar=0, claimed_bar=0), believed=True)
    assert perfect.digits == pytest.approx(17, rel=1e-12, abs=0), "no number has more"


def test_every_cotangent_is_counted(comparison):
    assert verdict([comparison([1.0, 2.0], [1.0, 2.0], probe=at(0))]).compared == 2


def test_one_entry_outside_its_bar_fails_however_well_the_others_agree(entries):
    g = verdict(entries(1.0, 2.001, 3.0, numbers=(1.0, 2.0, 3.0)))
    assert (g.verdict, g.worst_index, g.wrong) == ("fail", (1,), [(1,)])
    assert (g.claimed, g.numeric, g.bar) == (2.001, 2.0, 1e-10 + 1e-16)


def test_a_direction_outside_its_bar_fails_without_an_entry(comparison, entries):
    g = verdict([*entries(1.0), comparison(2.0, 1.0, probe=DENSE)])
    assert g.verdict == "fail" and g.wrong == [] and g.worst_index == (0,)


def test_of_several_wrong_entries_the_worst_is_that_of_most_bars(comparison):
    wide = comparison(3.0, 1.0, bar=0.5, probe=at(1))
    tight = comparison([1.0, 1.5], 1.0, bar=[0.1, 0.1], probe=at(4), unit=2.0)
    for found in ([wide, tight], [tight, wide]):
        g = verdict(found, shape=(2, 3))
        assert sorted(g.wrong) == [(0, 1), (1, 1)] and g.worst_index == (1, 1)
        assert (g.claimed, g.numeric) == (0.75, 0.5) and g.bar == pytest.approx(0.05, rel=1e-12, abs=0)


def test_a_claim_that_is_no_number_is_worse_than_any_other(comparison):
    finite, none = comparison(5.0, 1.0, probe=at(0)), comparison([1.0, np.nan], [1.0, 2.0], probe=at(1))
    g = verdict([finite, none])
    assert g.verdict == "fail" and g.worst_index == (1,) and np.isnan(g.claimed) and g.numeric == 2.0


def test_where_the_complex_step_is_believed_a_right_entry_is_held_against_it(comparison):
    a = comparison(1.0, 1.0 + 1e-11, exact=1.0, probe=at(0), claimed_bar=0)
    b = comparison(1.0, 1.0, exact=1.0 + 5e-16, probe=at(1), claimed_bar=0)
    g = verdict([a, b], believed=True)
    assert g.verdict == "pass" and g.worst_index == (1,) and g.numeric == 1.0 + 5e-16
    assert verdict([a, b]).worst_index == (0,) and verdict([a, b]).numeric == 1.0 + 1e-11


def test_without_a_stable_difference_nothing_is_claimed(comparison):
    g = verdict([comparison(1.0, np.nan, bar=np.inf)])
    assert (g.verdict, g.reason) == ("inconclusive", "no step gives a stable difference")
    told = comparison(1.0, np.nan, bar=np.inf, doubt="for a reason")
    assert verdict([comparison(1.0, 1.0), told, comparison(1.0, np.nan, bar=np.inf)]).reason == "for a reason"


def test_the_complex_step_alone_is_no_evidence(comparison):
    unresolved = [comparison(1.0, np.nan, bar=np.inf, exact=1.0, probe=at(i)) for i in range(2)]
    g = verdict(unresolved, believed=True)
    assert (g.verdict, g.digits) == ("inconclusive", None)
    assert g.reason == "no step gives a stable difference, and the complex step alone is no evidence"
    assert verdict([*unresolved, comparison(1.0, 1.0, exact=1.0, probe=at(2))], believed=True).verdict == "pass"
    one = comparison([1.0, 1.0], [np.nan, 1.0], bar=[np.inf, 1e-10], exact=1.0, probe=at(0))
    g = verdict([one], believed=True)
    assert g.verdict == "pass" and g.real_digits == pytest.approx(10, rel=0, abs=0.1), "one cotangent's are some"


def test_a_difference_that_only_the_complex_step_sees_is_not_excused(entries):
    found = entries(1 + 1e-12, numbers=(1.0,), exact=1.0)
    g = verdict(found, believed=True)
    assert g.verdict == "inconclusive"
    assert g.reason == "the complex step sees a difference that real differences are too coarse to confirm"
    assert verdict(found).verdict == "pass", "where it is not believed it is not asked"
    two = entries(1.0, 1 + 1e-12, numbers=(1.0, 1.0), exact=1.0)
    assert verdict(two, believed=True).verdict == "inconclusive"


def test_a_bar_that_is_wide_beside_the_gradient_is_no_evidence(entries):
    g = verdict(entries(1.0, bar=1e-3))
    assert (g.verdict, g.reason) == ("inconclusive", "resolved to 1e-03 only, beside a gradient of 1e+00")
    assert verdict(entries(1.0, bar=1e-3, doubt="for a reason")).reason == "for a reason"
    assert verdict(entries(1.0, bar=1e-3), u=2.0**-11).verdict == "pass", "of a narrow format that is all there is"
    assert verdict(entries(1.0, bar=9e-5, claimed_bar=0)).verdict == "pass"
    assert verdict(entries(1.0, bar=1.1e-4, claimed_bar=0)).verdict == "inconclusive"


def test_a_bar_may_be_wide_beside_a_small_entry_or_beside_a_small_array_but_not_beside_both(comparison):
    small = comparison(1e-6, 1e-6, bar=1e-5, probe=at(1))
    assert verdict([comparison(1.0, 1.0), small]).verdict == "pass", "1e-5 of the array's size"
    large = comparison(100.0, 100.0, bar=1e-3, probe=at(1))
    assert verdict([comparison(1e-4, 1e-4), large], shape=1000).verdict == "pass", "1e-5 of its own size"
    assert verdict([comparison(-100.0, -100.0, bar=1e-3), small]).verdict == "pass", "as large as a negative number is"


def test_at_a_kink_a_wide_bar_is_no_matter(comparison):
    kink = comparison(0.5, 0.5, bar=0.1, ends=(0.0, 1.0), probe=at(1))
    for found in ([comparison(1.0, 1.0), kink], [kink, comparison(1.0, 1.0)]):
        g = verdict(found)
        assert g.verdict == "pass" and g.kinks == 1 and g.digits == pytest.approx(10, rel=0.1, abs=0)
    assert verdict([kink, comparison(1.0, 1.0, bar=0.1)]).verdict == "inconclusive", "that is no leave for the others"


def test_zero_is_zero_only_beside_something_larger(entries):
    zero = entries(0.0, numbers=(1e-14,), bar=1e-12)
    g = verdict(zero, largest=1.0)
    assert g.verdict == "pass" and g.digits is None and g.real_digits is None
    assert g.bar == pytest.approx(1e-12, rel=1e-3, abs=0)
    below = verdict(zero, largest=1e-9)
    assert (below.verdict, below.reason) == ("inconclusive", "below the noise: nothing smaller than 1.0e-12 is seen")


def test_how_large_is_a_part_of_the_largest_change(entries):
    zero = entries(0.0, bar=2.0**-40, claimed_bar=0)
    assert verdict(zero, largest=2.0**-40 / NEED_ZERO * (1 + 1e-12)).verdict == "pass"
    assert verdict(zero, largest=2.0**-40 / NEED_ZERO * (1 - 1e-12)).verdict == "inconclusive"
    assert NEED_ZERO == 1e-6


def test_an_array_is_not_zero_if_any_of_its_numbers_or_claims_is_not(comparison):
    def two(claimed, value):
        zero = comparison([0.0, 0.0], 0.0, bar=1e-12)
        return verdict([zero, comparison([0.0, claimed], [0.0, value], bar=1e-12, probe=at(1))], largest=1.0)

    assert two(0.0, 0.0).digits is None
    assert two(1e-3, 1e-3).digits is not None and two(-1e-3, -1e-3).digits is not None


def test_an_array_smaller_than_its_bars_is_as_zero_as_another(comparison):
    """The claim of one entry is just above its own bar, the array's size below the widest."""
    found = [comparison(3e-12, 2.5e-12, bar=1e-12, probe=at(0)), comparison(0.0, 0.0, bar=1e-11, probe=at(1))]
    assert verdict(found, largest=1.0).digits is None and verdict(found, largest=1.0).verdict == "pass"
    assert verdict(found, largest=1e-6).reason.startswith("resolved to 1e-11 only")


@pytest.mark.parametrize(("bits", "verdict_of"), [(19, "pass"), (21, "inconclusive")])
def test_a_claim_that_keeps_its_bits_is_not_zero_where_differences_see_nothing(entries, bits, verdict_of):
    """It is as small as 1e-13 beside others, and as well known as any: what bars of 1e-12 hide may be wrong."""
    g = verdict(entries(1e-13, bar=1e-12, claimed_bar=1e-13 * 2.0**-bits), largest=1.0)
    assert g.verdict == verdict_of and g.reason.startswith("below the noise: ") is (verdict_of == "inconclusive")
    residue = entries(1e-13, bar=1e-12, claimed_bar=0)
    assert verdict(residue, largest=100.0).verdict == "pass", "of a few roundings of the largest change nobody knows"


def test_a_bar_is_told_in_the_gradients_own_units_and_held_against_zero_in_those_of_the_step(comparison):
    found = [comparison(0.0, 0.0, bar=2.0**-30, claimed_bar=0, unit=2.0**-20)]
    assert verdict(found, largest=1.0).bar == 2.0**-10 and verdict(found, largest=1.0).verdict == "pass"


def test_at_a_kink_the_nearest_valid_answer_is_the_numeric_one(comparison):
    inside, outside = (comparison(claimed, 0.5, ends=(0.0, 1.0)) for claimed in (0.3, 1.2))
    assert numeric(inside, True) == 0.3 and numeric(outside, True) == 1.0
    assert verdict([inside]).verdict == "pass" and verdict([inside]).kinks == 1
    g = verdict([outside])
    assert g.verdict == "fail" and g.numeric == 0.5 and g.kinks == 1


def test_the_best_number_is_the_complex_steps_where_it_is_believed(comparison):
    c = comparison(1.0, 2.0, exact=3.0)
    assert numeric(c, True) == 3.0 and numeric(c, False) == 2.0
    assert numeric(comparison(1.0, 2.0), True) == 2.0
    bare = comparison([1.0, 2.0])
    assert np.isnan(numeric(bare, True)).tolist() == [True, True]


def test_where_the_forward_pass_jumps_everywhere_there_is_no_derivative(comparison):
    jump = comparison(0.0, np.nan, bar=np.inf, jump=True)
    why = "the forward pass jumps or moves in steps wherever it was compared: there is no derivative"
    g = verdict([jump, jump])
    assert (g.verdict, g.reason, g.jumps) == ("inconclusive", why, 2)


def test_beside_jumps_the_array_is_judged_by_the_others(comparison):
    jump = comparison([5.0, 5.0], [np.nan, 1.0], bar=[np.inf, 1e-10], jump=[True, False], probe=at(1))
    g = verdict([comparison(1.0, 1.0), jump])
    assert (g.verdict, g.jumps, g.wrong) == ("pass", 1, [])
    g = verdict([comparison(2.0, 1.0), jump])
    assert (g.verdict, g.jumps, g.wrong) == ("fail", 1, [(0,)])


def test_where_all_arrays_move_together_no_one_of_them_is_blamed(comparison):
    joint = comparison(2.0, 1.0, probe=ALL)
    assert verdict([joint, comparison(1.0, 1.0)]).verdict == "pass"


def test_of_a_large_array_the_digits_by_differences_are_those_of_all_arrays_together(comparison):
    joint = comparison(1.0, 1.0, bar=1e-6, claimed_bar=0, probe=ALL, unit=5.0)
    alone = comparison(1.0, None, claimed_bar=0, exact=1.0, exact_bar=1e-12, probe=DENSE, unit=0.5)
    g = verdict([joint, alone], shape=4, believed=True)
    size = 1.0  # 1 / 0.5 / sqrt(4)
    assert g.digits == pytest.approx(-np.log10(1e-12 / 0.5 / size), rel=1e-12, abs=0)
    assert g.real_digits == pytest.approx(-np.log10(1e-6 / 0.5 / size), rel=1e-12, abs=0)


def test_the_size_of_an_array_is_that_of_its_entries(entries):
    assert root_mean_square(entries(3.0, 4.0), 2, False) == pytest.approx(np.sqrt(12.5), rel=1e-12, abs=0)
    assert root_mean_square(entries(6.0, 8.0, unit=2.0), 2, False) == pytest.approx(np.sqrt(12.5), rel=1e-12, abs=0)
    assert root_mean_square(entries(3.0, 4.0), 3, False) == 0, "some entries are not all of them"
    assert root_mean_square([], 2, False) == 0


def test_all_entries_tell_the_size_whatever_directions_stand_beside_them(entries, comparison):
    still = comparison(0.0, 0.0, probe=DENSE)
    assert root_mean_square([*entries(3.0, 4.0), still], 2, False) == pytest.approx(np.sqrt(12.5), rel=1e-12, abs=0)


def test_or_that_of_a_direction_which_adds_up_as_many_as_it_has(comparison):
    dense = comparison([6.0, np.nan], [6.0, np.inf], probe=DENSE, unit=1.5)
    assert root_mean_square([dense], 4, False) == 2.0
    few = [comparison(1.0, 1.0), dense]
    assert root_mean_square(few, 1, False) == 4.0 and root_mean_square(few, 4, False) == 2.0


def test_blocks_of_an_array_count_by_their_entries(comparison):
    """Of three entries that are 1 and one that is 7."""
    blocks = [comparison(np.sqrt(3), np.sqrt(3), probe=Probe(0, seed=1, stop=3)), comparison(7.0, 7.0, probe=at(3))]
    assert root_mean_square(blocks, 4, False) == pytest.approx(np.sqrt(52 / 4), rel=1e-12, abs=0)
    assert root_mean_square(blocks[:1], 4, False) == 0, "what is left out may be of any size"


def test_it_is_that_of_the_claims_where_nothing_contradicts_them(comparison):
    """What the entries add may cancel along a direction."""
    dense = comparison([1e-3, 0.0], [1e-3, 0.0], probe=DENSE, unit=1.5, terms=np.array([6.0, 8.0]))
    assert root_mean_square([dense], 4, False) == pytest.approx(np.sqrt(50) / 1.5 / 2, rel=1e-12, abs=0)
    wrong = comparison([1e-3, 0.0], [3.0, 3.0], probe=DENSE, unit=1.5, terms=np.array([6.0, 8.0]))
    assert root_mean_square([wrong], 4, False) == 1.0


def test_an_array_without_entries_passes():
    g = verdict([], shape=(0, 3))
    assert (g.verdict, g.compared, g.shape) == ("pass", 0, (0, 3))


# Several cotangents: one of them is enough to see something, all are needed to see nothing


def test_one_cotangent_contradicts_for_all(comparison):
    g = verdict([comparison([1.0, 2.0], 1.0, probe=at(0))])
    assert (g.verdict, g.wrong, g.claimed) == ("fail", [(0,)], 2.0)
    seen = comparison([1.0, 1.0 + 1e-12], 1.0, exact=1.0, probe=at(0))
    assert verdict([seen], believed=True).reason.startswith("the complex step sees a difference")


def test_one_cotangent_shows_a_kink_for_all(comparison):
    kink = comparison([0.5, 0.7], 0.5, bar=0.1, kink=[True, False], ends=([0.0, 0.7], [1.0, 0.7]), probe=at(1))
    assert numeric(kink, False).tolist() == [0.5, 0.7]
    g = verdict([comparison([1.0, 1.0], 1.0), kink])
    assert g.verdict == "pass" and g.kinks == 1 and g.digits > 9


def test_the_widest_bar_of_all_cotangents_and_entries_counts(comparison):
    wide = comparison([1.0, 1.0], 1.0, bar=[1e-9, 1e-8], claimed_bar=0, probe=at(1))
    tight = comparison([1.0, 1.0], 1.0)
    for found in ([tight, wide], [wide, tight]):
        g = verdict(found)
        assert g.digits == g.real_digits == pytest.approx(8, rel=1e-12, abs=0) and g.bar == 1e-8
    zero = comparison([0.0, 0.0], 0.0, bar=[1e-12, 1e-5], probe=at(1))
    tight = comparison([0.0, 0.0], 0.0)
    for found in ([tight, zero], [zero, tight]):
        assert verdict(found).reason == "below the noise: nothing smaller than 1.0e-05 is seen"


def test_an_array_is_zero_only_if_it_is_along_every_cotangent(comparison):
    for claimed, value in (([0.0, 1e-3], [0.0, 1e-3]), ([0.9e-12, 0.9e-12], [0.0, 1.8e-12])):
        assert verdict([comparison(claimed, value, bar=1e-12, claimed_bar=0)]).digits is not None
    assert verdict([comparison([1e-12, -1e-12], [1e-12, -1e-12], bar=1e-12, claimed_bar=0)]).digits is None
    assert verdict([comparison([1.5e-12], [1e-12], bar=1e-12, claimed_bar=0)]).digits is None, "as large as its bar"
    at_the_bar = comparison(1e-12, 1e-12, bar=1e-12, claimed_bar=0)
    assert verdict([at_the_bar], largest=1e-9).reason.startswith("below the noise")
    only_claimed = comparison([0.0, 1.9e-12], [0.0, 0.95e-12], bar=1e-12, claimed_bar=0)
    assert verdict([only_claimed], largest=1e-9).reason.startswith("resolved to")


def test_one_cotangent_may_be_too_wide(comparison):
    assert verdict([comparison([1.0, 1.0], 1.0, bar=[1e-9, 1e-3])]).reason.startswith("resolved to 1e-03")
    kink = comparison([1.0, 1.0], 1.0, bar=[1e-9, 1e-3], kink=[True, False], probe=at(1))
    assert verdict([comparison([1.0, 1.0], 1.0), kink]).verdict == "pass"


# At the very limits


def test_a_millionth_of_the_largest_is_zero_and_a_10000th_of_the_gradient_is_not_too_wide(comparison, entries):
    assert verdict(entries(0.0, bar=1e-6, claimed_bar=0)).verdict == "pass"
    assert verdict(entries(1.9e-6, numbers=(0.95e-6,), bar=1e-6, claimed_bar=0)).digits is None
    assert verdict(entries(1.0, bar=1e-4, claimed_bar=0)).verdict == "pass"
    seven, one = (comparison(v, v, bar=1e-4 * 5.0, claimed_bar=0, probe=at(i)) for i, v in enumerate((7.0, 1.0)))
    assert verdict([seven, one]).verdict == "pass", "of the root mean square, 5"
    dear = comparison(7.0, 7.0, bar=1e-4 * 7.0, claimed_bar=0, probe=at(0))
    assert verdict([dear, comparison(1.0, 1.0, probe=at(1))]).verdict == "pass", "of its own size"


def test_an_entry_is_as_large_as_its_claim_or_its_number_in_units_of_the_step(comparison):
    claims = comparison(1e3, 1.0, bar=0.05, claimed_bar=1e3, probe=DENSE)
    assert verdict([claims], shape=10**8).verdict == "inconclusive"
    scaled = comparison(8.0, 8.0, bar=6e-4, claimed_bar=0, unit=8.0, probe=at(0))
    assert verdict([scaled]).verdict == "pass" and verdict([scaled]).bar == pytest.approx(7.5e-5, rel=1e-12, abs=0)
    one = comparison(8.0, 8.0, bar=0.0, claimed_bar=0, unit=8.0, probe=at(0))
    small = comparison(0.08, 0.08, bar=5e-4, claimed_bar=0, unit=8.0, probe=at(1))
    assert verdict([one, small]).verdict == "pass", "5.7e-4 of the array, in units of the step"
    large = comparison(1e6, 0.5e6, bar=60.0, claimed_bar=0, ends=(0.5e6, 1e6), kink=False, probe=at(0))
    assert verdict([large]).verdict == "pass", "6e-5 of the claim"


def test_of_a_few_entries_of_many_the_size_of_the_array_is_not_known(entries):
    g = verdict(entries(1.0), shape=5, largest=1e-9)
    assert (g.verdict, g.digits, g.real_digits) == ("pass", 0.0, 0.0)


def test_a_wrong_entry_is_told_beside_the_differences_even_where_the_complex_step_is_believed(comparison):
    for claimed in (2.0, [2.0, 1.0]):
        g = verdict([comparison(claimed, 1.0, exact=1.5, exact_bar=0.125, bar=0.25, claimed_bar=0)], believed=True)
        assert (g.verdict, g.numeric, g.bar) == ("fail", 1.0, 0.25)
    worst = comparison(2.0, 1.0, bar=0.25, claimed_bar=0, exact=1.99, probe=at(0))
    other = comparison(2.0, 1.0, bar=0.5, claimed_bar=0, exact=1.0, probe=at(1))
    assert verdict([worst, other], believed=True).worst_index == (0,), "by four of its bars, the other by two"
    kink = comparison([0.3, 0.5], 0.5, ends=([0.0, 0.5], [1.0, 0.5]), kink=[True, False], exact=[1.0, 0.5])
    assert verdict([kink], believed=True).numeric == 0.5


def test_of_right_entries_the_worst_is_that_of_most_bars_of_the_complex_step(comparison):
    near = comparison(1.0, 1.0, bar=1e-12, claimed_bar=0, exact=1 + 4 * U, exact_bar=16 * U, probe=at(0))
    far = comparison(1.0, 1.0, bar=1e-9, claimed_bar=0, exact=1 + 8 * U, exact_bar=16 * U, probe=at(1))
    assert verdict([near, far], believed=True).worst_index == (1,)


def test_what_is_exact_has_no_share_in_its_bar(comparison):
    c = comparison([1.0, 1.0], [1.0, 1.25], bar=[0.0, 0.5], claimed_bar=0, probe=at(0))
    assert verdict([c], u=2.0**-8).numeric == 1.25
    assert verdict([comparison(1.0, 1.0, bar=0.0, claimed_bar=0)]).worst_index is None


def test_of_entries_that_are_equally_wrong_the_first_is_told(entries):
    assert verdict(entries(np.nan, np.nan, numbers=(1.0, 1.0))).worst_index == (0,)


def test_the_smallest_unit_turns_a_joint_ladder_into_an_arrays_own(comparison):
    joint = comparison(1.0, 1.0, bar=1e-6, claimed_bar=0, probe=ALL, unit=5.0)
    alone = [
        comparison(unit, None, claimed_bar=0, exact=unit, exact_bar=1e-12, probe=Probe(0, seed=i), unit=unit)
        for i, unit in enumerate((2.0, 0.5))
    ]
    assert verdict([joint, *alone], shape=1, believed=True).real_digits == pytest.approx(
        -np.log10(1e-6 / 0.5), rel=1e-12, abs=0
    )


def test_a_ladder_of_an_arrays_own_is_told_in_its_own_unit(comparison):
    wide = comparison(4.0, 4.0, bar=[4e-9], claimed_bar=0, exact=4.0, exact_bar=1e-15, unit=4.0, probe=at(0))
    tight = comparison(0.5, 0.5, bar=1e-10, claimed_bar=0, exact=0.5, exact_bar=1e-15, unit=0.5, probe=at(1))
    for found in ([wide, tight], [tight, wide]):
        assert verdict(found, believed=True).real_digits == pytest.approx(9, rel=1e-12, abs=0)


def test_digits_by_differences_are_those_of_all_arrays_together_where_its_own_tell_of_zeros_or_single_entries(
    comparison,
):
    """A ladder at a unit that is asleep shows 0 = 0 to any number of digits; one of a single entry not the others."""
    first, second = (comparison(1.0, exact=1.0, probe=at(i)) for i in range(2))
    wide = comparison(3.0, 3.0, bar=1e-6, probe=ALL)

    def digits(*found):
        g = verdict([*found, wide], shape=(2,), believed=True)
        assert g.verdict == "pass"
        return g.real_digits

    asleep = comparison(0.0, 0.0, bar=0.0, exact=0.0, claimed_bar=0.0, probe=DENSE)
    single = comparison(1.0, 1.0, bar=1e-12, exact=1.0, probe=at(1))
    dense = comparison(2.0, 2.0, bar=1e-9, exact=2.0, probe=DENSE)
    assert digits(first, second, asleep) == pytest.approx(6, rel=0, abs=0.5)
    assert digits(first, single) == pytest.approx(6, rel=0, abs=0.5)
    hazy = comparison(0.0, 0.0, bar=1e-5, exact=0.0, claimed_bar=0.0, probe=DENSE)
    assert digits(first, single, hazy) == pytest.approx(6, rel=0, abs=0.5)
    assert digits(first, second, dense) == pytest.approx(9, rel=0, abs=0.5)


def test_a_ladder_that_resolves_nothing_leaves_the_digits_to_the_others(comparison):
    found = [comparison(1.0, exact=1.0, probe=at(i)) for i in range(2)]
    dense, lost = (comparison(2.0, 2.0, bar=bar, exact=2.0, probe=DENSE) for bar in (1e-9, np.inf))
    g = verdict([*found, dense, lost], shape=(2,), believed=True)
    assert g.verdict == "pass" and g.real_digits == pytest.approx(9, rel=0, abs=0.5)
    assert verdict([*found, lost], shape=(2,), believed=True).verdict == "inconclusive"


def test_entries_of_which_the_complex_step_alone_tells_are_wrong_where_differences_confirm_some(comparison):
    confirmed, right = comparison(1.5, 1.0, exact=1.0, probe=at(0)), comparison(1.0, 1.0, exact=1.0, probe=at(3))
    told, fine = (comparison(claim, exact=1.0, exact_bar=1e-15, probe=at(i)) for i, claim in ((1, 9.0), (2, 1.0)))
    g = verdict([confirmed, told, fine, right], shape=4, believed=True)
    assert (g.verdict, g.wrong) == ("fail", [(0,), (1,)])
    one = comparison([1.5, 1.0], 1.0, exact=1.0, probe=at(0))
    two = comparison([1.0, 9.0], exact=1.0, exact_bar=1e-15, probe=at(1))
    assert verdict([one, two, right], shape=4, believed=True).wrong == [(0,), (1,)], "along any cotangent"
    assert (g.worst_index, g.numeric) == ((0,), 1.0), "what is shown rests on differences"
    assert verdict([confirmed, told, fine, right], shape=4).wrong == [(0,)], "where it is not believed it tells nothing"
    g = verdict([told, fine, right], shape=4, believed=True)
    assert (g.verdict, g.wrong) == ("inconclusive", [])


@pytest.mark.parametrize(("u", "expected"), [(U, "inconclusive"), (2.0**-24, "pass"), (2.0**-11, "inconclusive")])
def test_in_float32_a_bar_is_wide_beside_what_a_sum_would_be_with_other_signs(comparison, u, expected):
    """The terms of a sum of 100 entries of 1 may cancel by chance; of few bits a tenth of all terms is no evidence."""
    part = 0.9 * need(u)
    dense = comparison([1e-3, 9.0], [1e-3, 9.0], 10 * part, probe=DENSE, terms=np.array([10.0, 10.0]))
    assert verdict([dense], shape=100, u=u).verdict == expected
    wider = comparison([1e-3, 9.0], [1e-3, 9.0], 10 * part / 0.8, probe=DENSE, terms=np.array([10.0, 10.0]))
    assert verdict([wider], shape=100, u=u).verdict == "inconclusive"


@pytest.mark.parametrize(("is_own", "most"), [(True, 0.25), (False, 0.1)])
def test_a_bar_may_be_a_quarter_where_all_that_is_computed_is_in_bfloat16_and_else_a_tenth(entries, is_own, most):
    for times, expected in ((0.99, "pass"), (1.01, "inconclusive")):
        assert verdict(entries(1.0, bar=times * most), u=2.0**-8, is_own=is_own).verdict == expected


def test_what_the_roundings_of_a_claim_hide_is_no_zero(entries):
    hidden = {"numbers": (0.0, 0.0), "claimed_bar": 1e-7}
    assert verdict(entries(1e-8, 1e-8, **hidden)).verdict == "pass"
    g = verdict(entries(1e-8, 1e-8, **hidden, doubt="for a reason"))
    assert (g.verdict, g.reason) == ("inconclusive", "for a reason")


def test_of_a_claim_in_doubt_the_complex_step_alone_is_no_evidence(entries):
    def of(bar, **more):
        return verdict(entries(1.0, 1.0, bar=bar, exact=1.0, **more), believed=True, largest=1.0)

    assert of(0.5).verdict == "pass" and of(1e-3, doubt="for a reason").verdict == "pass"
    g = of(0.5, doubt="for a reason")
    assert (g.verdict, g.reason) == ("inconclusive", "for a reason")


@pytest.mark.parametrize(("bar", "digits"), [(1e-3, 3.0), (0.5, np.log10(2)), (1.0, 0.0), (2.0, 0.0)])
def test_a_bar_that_is_wider_than_a_gradient_leaves_no_digit_of_it(bar, digits):
    assert _digits(bar, 1.0) == pytest.approx(digits, rel=1e-12, abs=0)
