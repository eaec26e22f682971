"""The numbers behind the pictures: orders of Taylor remainders, shares of errors."""

import numpy as np
import pytest

from gradcheck.verdict.facts import ErrorMap, Ladder

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
