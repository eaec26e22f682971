"""Two numbers that differ are not printed alike."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.verdict.numbers import apart, contradiction


@pytest.mark.parametrize("error", [1e-3, 1e-11, 1e-13, 2.0**-52])
def test_as_many_digits_are_printed_as_show_the_difference(error, normal):
    for a in normal(50):
        one, two = apart(a, a * (1 + error))
        assert (one != two) == (a != a * (1 + error))
        assert len(one) <= len("-0.00012345678901234567")


def test_no_more_digits_than_needed():
    assert apart(1 / 3, 2 / 3) == ("0.333333333333", "0.666666666667")
    assert apart(1 / 3, 1 / 3 + 1e-14) == ("0.33333333333333", "0.33333333333334")
    assert apart(1 / 3, 2 / 3, 3) == ("0.333", "0.667")


def test_numbers_that_are_equal_or_none_are_printed_in_full():
    assert apart(0.1, 0.1) == ("0.10000000000000001", "0.10000000000000001")
    assert apart(np.nan, 1.0) == ("nan", "1")


def test_zero_has_no_sign():
    assert apart(-0.0, 2.0) == ("0", "2") and apart(2.0, -0.0, 3) == ("2", "0")


@pytest.mark.parametrize(
    ("claimed", "numeric", "bar", "text"),
    [
        (2.0, 1.0, 1e-3, "gives 2, differences give 1 +- 1.0e-03"),
        (2.0, 1.0, np.inf, "gives 2, differences give 1"),
        (2.0, 1.0, None, "gives 2, differences give 1"),
        (np.nan, np.nan, np.inf, "gives nan, where differences give no number"),
    ],
)
def test_what_is_claimed_stands_beside_what_differences_give_if_that_is_a_number(claimed, numeric, bar, text):
    assert contradiction(claimed, numeric, bar) == text


@pytest.mark.parametrize("x", [[0.0, 0.0], [0.0, 1.0, 2.0]])
def test_an_infinite_claim_has_no_digits_and_beside_it_no_difference_is_called_nan(x):
    with np.errstate(divide="ignore"):
        report = gradcheck.check(pair(np.sqrt, lambda x, dy: dy / (2 * np.sqrt(x))), np.array(x))
    assert report.verdict == "fail" and report.gradients[0].digits is None
    assert "digits" not in str(report) and "give nan" not in str(report)
