"""The numbers behind the pictures: orders of Taylor remainders, shares of errors."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from gradcheck.verdict.facts import RESOLVED, ErrorMap, Facts, Gradient, Ladder, Symmetry

H = 0.5 ** np.arange(20)


def ladder(phi, slope, claimed, noise=1e-16):
    """A ladder for phi at 0."""
    central, right = (phi(H) - phi(-H)) / (2 * H), (phi(H) - phi(0.0)) / H
    columns = (tuple(x.tolist()) for x in (H, central, right, np.full(H.shape, noise)))
    return Ladder(None, "x", *columns, claimed, slope, 0.0)


@pytest.mark.parametrize(("claimed", "order"), [(1.0, 2), (1.1, 1), (0.0, 1), (-1.0, 1), (1.001, 1)])
def test_the_remainder_of_a_right_claim_has_order_two_and_of_a_wrong_one_order_one(claimed, order):
    # the last remainders are t^2 / 2 (1 + t / 3) and (claimed - 1) t, at t of 1e-4 or less
    assert ladder(np.exp, 1.0, claimed).order == pytest.approx(order, rel=0, abs=0.02)


def test_a_remainder_of_higher_order_is_told_as_such():
    assert ladder(np.sin, 1.0, 1.0).order == pytest.approx(3, rel=0, abs=0.01)  # sin t - t = t^3 / 6, cut off by noise


def test_nothing_but_rounding_has_no_order():
    assert ladder(lambda t: 3 * t, 3.0, 3.0).order is None
    assert ladder(np.exp, 1.0, 1.0, noise=1.0).order is None


def test_values_that_are_no_numbers_have_no_order():
    assert ladder(np.exp, 1.0, np.nan).order is None


def test_a_wrong_claim_leaves_a_plateau_and_the_value_found_does_not():
    found = ladder(np.exp, 1.0, 1.1)
    np.testing.assert_allclose(found.off[-5:], 0.1, rtol=1e-6, atol=0)
    assert found.error[-5:].max() < 1e-9


def test_the_share_is_the_error_beside_the_size_of_the_gradient():
    cells = (0, 1), (1, 2)
    found = ErrorMap((2, 2), cells, cells, ((1, 2), (3, np.nan)), ((1, 1), (1, 1)), ((0, 9), (9, 9)))
    np.testing.assert_array_equal(found.share, [[0, 1], [2, np.inf]])
    np.testing.assert_array_equal(found.wrong, [[False, True], [True, True]])


def test_the_share_of_a_zero_gradient_is_the_error_itself():
    found = ErrorMap((2,), ((0, 1),), ((0, 1), (1, 2)), ((0.0, 3.0),), ((0.0, 0.0),), ((0.0, 9.0),))
    np.testing.assert_array_equal(found.share, [[0, 3]])
    nothing = ErrorMap((1,), ((0, 1),), ((0, 1),), ((np.nan,),), ((np.nan,),), ((np.nan,),))
    assert nothing.share[0, 0] == np.inf and nothing.wrong.all()


def powers(*remainders, claimed=1.0, noise=0.0):
    """A ladder of halved steps whose remainders are given."""
    steps = tuple(0.5**k for k in range(len(remainders)))
    right = tuple(claimed + r / t for r, t in zip(remainders, steps, strict=True))
    return Ladder(None, "x", steps, right, right, (noise,) * len(steps), claimed, claimed, 0.0)


def test_the_remainder_is_the_step_times_what_the_quotient_is_off():
    assert powers(4.0, -1.0, 0.25).remainder.tolist() == [4.0, 1.0, 0.25]


def test_a_remainder_is_clear_above_twenty_roundings():
    assert powers(21.0, 20.0, -21.0, 0.0, np.inf, np.nan, noise=1.0).clear.tolist() == [True, False, True] + [False] * 3
    assert powers(0.0, 1.0).clear.tolist() == [False, True], "nothing is no remainder, however little rounds"


def test_the_order_is_read_off_the_four_smallest_steps_and_needs_three():
    bent = powers(1e6, 1e5, 1.0, 0.25, 0.0625, 0.015625)
    assert bent.order == pytest.approx(2, rel=1e-9, abs=0)
    assert powers(1.0, 0.5).order is None and powers(1.0, 0.5, 0.25).order == pytest.approx(1, rel=1e-9, abs=0)
    assert powers(1e3, 1.0, 0.25, 0.0625).order > 2.5, "the fourth counts"


def test_a_claim_disagrees_beyond_its_bar_and_where_it_is_no_number():
    def found(claimed, bar):
        return Ladder(None, "x", (), (), (), (), claimed, 1.0, bar).disagrees

    assert not found(1.25, 0.25) and found(1.5, 0.25) and found(0.5, 0.25) and found(np.nan, np.inf)


def test_a_cell_is_wrong_beyond_one_bar_or_without_a_number():
    one = ((1.0, 1.0, 1.0),)
    found = ErrorMap((3,), ((0, 1),), ((0, 1), (1, 2), (2, 3)), one, one, ((1.0, 1.1, np.nan),))
    assert found.wrong.tolist() == [[False, True, True]] and not found.sampled and not found.merged


def test_the_share_is_beside_the_root_mean_square_of_the_known_numbers():
    claimed, numeric = ((8.0, -4.0, 0.0),), ((3.0, -4.0, np.inf),)
    found = ErrorMap((1, 3), ((0, 1),), ((0, 1), (1, 2), (2, 3)), claimed, numeric, ((9.0,) * 3,))
    np.testing.assert_allclose(found.share, [[5 / np.sqrt(12.5), 0, np.inf]], rtol=1e-12, atol=0)


def test_a_map_is_whole_where_each_cell_is_an_entry_or_stands_for_some():
    one, two = (0, 1), (1, 3)
    cells = ((1.0, 1.0),) * 2
    assert ErrorMap((2, 2), (one, (1, 2)), (one, (1, 2)), cells, cells, cells).whole
    for rows, columns in (((one, two), (one, (1, 2))), ((one, (1, 2)), (one, two))):
        found = ErrorMap((3, 3), rows, columns, cells, cells, cells)
        assert not found.whole and dataclasses.replace(found, merged=True).whole


def test_a_pullback_counts_two_forward_passes_and_a_complex_one_four():
    calls = Counter({"forward": 3, "pullback": 2, "complex forward": 1})
    assert Facts("f", "pass", [], [], calls, 0).evaluations == 3 + 2 * 2 + 4


@pytest.mark.parametrize("kind", [Ladder, ErrorMap, Gradient, Symmetry, Facts])
def test_what_is_known_is_filled_in_once(kind):
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(kind).index = None


@pytest.mark.parametrize(
    ("forth", "back", "bar", "size", "apart", "resolved", "digits"),
    [
        (2.0, 1.5, 0.5, 1e3, False, True, 3.3010299956639813),
        (2.0, 1.25, 0.5, 1e3, True, True, 3.3010299956639813),
        (1.25, 2.0, 0.5, 1e3, True, True, 3.3010299956639813),
        (np.nan, 2.0, 0.5, 1e3, True, True, 3.3010299956639813),
        (2.0, 9.0, np.inf, 1e3, False, False, None),
        (0.0, 0.0, 0.5, 0.5, False, True, None),
        (0.0, 0.0, 0.5, 0.25, False, True, None),
        (0.0, 0.0, 0.5, 0.75, False, False, 0.17609125905568124),
        (1.0, 1.0, 0.0, 1.0, False, True, 17.0),
    ],
)
def test_both_products_are_apart_beyond_their_bar_which_may_be_too_wide_to_mean_something(
    forth, back, bar, size, apart, resolved, digits
):
    found = Symmetry(forth, back, bar, size)
    assert found.is_apart is apart and found.is_resolved is resolved
    assert found.digits == (None if digits is None else pytest.approx(digits, rel=1e-12, abs=0))


def test_a_bar_means_something_up_to_a_part_of_the_size():
    assert Symmetry(0, 0, RESOLVED * 4.0, 4.0).is_resolved and RESOLVED == 0.001
    assert not Symmetry(0, 0, 1.01 * RESOLVED * 4.0, 4.0).is_resolved


def test_of_what_is_not_said_a_gradient_has_nothing():
    found = Gradient("x", (), "pass")
    assert (found.compared, found.kinks, found.jumps, found.order) == (0, 0, 0, 1)
    assert (found.digits, found.wrong, found.reason, found.ladder, found.map) == (None, (), "", None, None)


def test_the_share_of_a_map_of_zeros_or_of_nothing_known_is_that_of_one():
    def share(numeric):
        return ErrorMap((1, 1), ((0, 1),), ((0, 1),), ((0.5,),), ((numeric,),), ((9.0,),)).share.tolist()

    assert share(0.0) == [[0.5]] and share(np.nan) == [[np.inf]]


def test_the_share_of_huge_numbers_is_a_share_and_no_warning():
    for claimed, share in ((3e200, 2.0), (-1e308, 1e108), (np.inf, np.inf)):
        found = ErrorMap((1, 1), ((0, 1),), ((0, 1),), ((claimed,),), ((1e200,),), ((9.0,),)).share
        np.testing.assert_allclose(found, [[share]], rtol=1e-12, atol=0)
    assert np.isinf(ErrorMap((1, 1), ((0, 1),), ((0, 1),), ((1e308,),), ((-1e308,),), ((9.0,),)).share)
