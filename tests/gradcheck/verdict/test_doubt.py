"""Which comparisons a longer look is worth, and of how many failures."""

import numpy as np
import pytest

from gradcheck.numeric.probe import Probe
from gradcheck.verdict.doubt import CONFIRMED, doubtful, limited


@pytest.fixture
def c(comparison):
    """A comparison of one array whose claim has no bar of its own: only the differences' counts."""

    def c(leaf, claimed, value, bar=1e-10, claimed_bar=np.inf, **more):
        return comparison(claimed, value, bar, claimed_bar=claimed_bar, probe=Probe(leaf), **more)

    return c


def test_the_size_of_an_array_is_that_of_claims_and_of_numbers_and_nan_is_none_of_it(c):
    assert doubtful([c(0, 1.0, np.nan, np.inf), c(0, 0.0, 0.0, 9e-8)]) == [0], "1e-7 of the claim, and no number"
    assert doubtful([c(0, 1.0, np.nan, np.inf), c(0, 0.0, 0.0, 2e-7)]) == [0, 1]
    assert doubtful([c(0, 1.0, 1.0, 1e-9), c(1, 1e-9, 1e-9, 1e-9)]) == [1], "1e-7 of a thousandth of the largest"
    assert doubtful([c(0, 0.0, -1.0, 1e-8)]) == [] and doubtful([c(0, 0.0, -1.0, 1e-6)]) == [0]


def test_the_size_is_that_of_the_largest_probe_of_the_array_whichever_comes_first(c):
    small, large = c(0, 1e-3, 1e-3, 5e-8), c(0, 1.0, 1.0, 1e-9)
    assert doubtful([small, large]) == doubtful([large, small]) == []
    assert doubtful([small, c(1, 1.0, 1.0, 1e-9)]) == [0]


def test_no_array_needs_a_bar_below_1e_10_of_the_largest(c):
    assert doubtful([c(0, 1.0, 1.0, 1e-9), c(1, 0.0, 0.0, 9.995e-11)]) == []
    assert doubtful([c(0, 1.0, 1.0, 1e-9), c(1, 0.0, 0.0, 1.1e-10)]) == [1]


def test_what_the_complex_step_alone_contradicts_is_doubtful_where_one_array_moves(c):
    assert doubtful([c(0, 1.1, None, claimed_bar=0, exact=1.0)]) == [0]
    assert doubtful([c(None, 1.1, None, claimed_bar=0, exact=1.0)]) == []
    assert doubtful([c(0, [1.0, 1.1], None, claimed_bar=0, exact=1.0)]) == [0]
    assert doubtful([c(0, 1.0, None, claimed_bar=0, exact=1.0)]) == []
    assert doubtful([]) == []


def test_of_an_arrays_plain_failures_the_first_few_are_kept(c):
    wrong = [c(leaf, [2.0, 1.0], 1.0, claimed_bar=0) for leaf in (0,) * 9 + (1,) * 7]
    assert CONFIRMED == 6 and limited(wrong, list(range(16))) == [*range(6), *range(9, 15)]
    assert limited(wrong, [8, 3, 7]) == [8, 3, 7]


def test_what_is_merely_open_or_kinked_is_always_kept(c):
    open_, right = c(0, np.nan, np.nan, np.inf), c(0, 1.0, 1.0)
    wrong = c(0, 2.0, 1.0, claimed_bar=0)
    found = [wrong] * 6 + [open_] * 8 + [right] * 8 + [wrong]
    assert limited(found, list(range(23))) == list(range(22))
