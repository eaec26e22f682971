"""Whole numbers among the inputs: always told, and undecided where a gradient is claimed."""

import numpy as np
import pytest

from gradcheck.contract.integers import whole_numbers
from gradcheck.subjects.kinds import adapt

SUBJECT = adapt(lambda x, ids: None)
X, IDS = np.ones(3), np.array([0, 2], np.int32)


def told(inputs, d_inputs):
    return [(f.kind, f.severity, f.array, f.message) for f in whole_numbers(SUBJECT, inputs, d_inputs)]


NOTE = "was not differentiated: if it should be, hand over floating numbers"


def test_a_whole_array_that_gets_no_cotangent_is_noted():
    assert told((X, IDS), (X, None)) == [("integer", "note", "ids", f"ids is int32 and {NOTE}")]


def test_a_gradient_that_is_returned_for_whole_numbers_leaves_the_check_undecided():
    message = "ids is int32: the gradient that is returned for it was not checked"
    assert told((X, IDS), (X, np.ones(2))) == [("integer", "inconclusive", "ids", message)]


@pytest.mark.parametrize("dx", [np.zeros(2, np.int32), 0.5, [0.5, 0.5]])
def test_what_is_no_floating_array_is_no_gradient(dx):
    assert [severity for _, severity, *_ in told((X, IDS), (X, dx))] == ["note"]


def test_floating_arrays_and_truth_values_are_no_whole_numbers():
    assert told((X, np.array([True])), (X, X)) == []


def test_unsigned_numbers_are_whole():
    assert told((X, np.array([1], np.uint8)), (X, None))[0][3] == f"ids is uint8 and {NOTE}"


def test_whole_arrays_in_a_tree_are_named_by_their_paths():
    inputs, cotangents = (X, {"a": IDS, "b": X, "c": IDS}), (X, {"a": np.ones(2), "b": X})
    found = [(array, severity) for _, severity, array, _ in told(inputs, cotangents)]
    assert found == [("ids.a", "inconclusive"), ("ids.c", "note")]


def test_an_input_without_a_cotangent_of_its_own_is_refused():
    with pytest.raises(ValueError, match="shorter"):
        told((X, IDS), (X,))
