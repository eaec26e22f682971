"""What whole numbers are, and which claims are gradients of them."""

import numpy as np
import pytest

from gradcheck.subjects.whole import described, is_gradient, is_number, is_whole, unchecked

WHOLE = {
    "an int": 3,
    "a bool": True,
    "int64": np.int64(3),
    "bool": np.array([True]),
    "uint8": np.zeros((2, 3), np.uint8),
}


@pytest.mark.parametrize(("what", "value"), WHOLE.items(), ids=WHOLE)
def test_numbers_without_a_fraction_are_whole(what, value):
    assert is_whole(value) and described(value) == what
    assert is_number(value) == (type(value) in (int, bool))


@pytest.mark.parametrize("value", [0.5, np.float64(1), np.ones(2), 1j, "3", None, [1, 2], 2**63, -(2**63) - 1])
def test_other_things_are_not(value):
    assert not is_whole(value) and not is_number(value)


@pytest.mark.parametrize("value", [3, np.int64(3), np.array(3)])
def test_a_claim_for_a_single_number_is_an_array_or_a_number(value):
    assert all(is_gradient(claim, value) for claim in (0.5, 0.0, np.float32(0.5), np.array(0.5), np.ones(3)))
    assert not any(is_gradient(claim, value) for claim in (None, 2, np.array(2), "0.5", [0.5]))


def test_a_claim_for_an_array_is_an_array():
    value = np.zeros(2, int)
    assert is_gradient(np.ones(2), value)
    assert not any(is_gradient(claim, value) for claim in (None, 0.5, np.float64(0.5), np.zeros(2, int), [0.5, 0.5]))


def test_what_is_not_checked_is_undecided():
    found = unchecked("k", described(3))
    assert (found.kind, found.severity, found.array) == ("integer", "inconclusive", "k")
    assert found.message == "k is an int: the gradient that is returned for it was not checked"
