"""Whole numbers among the inputs: always told, and undecided where a gradient is claimed."""

import dataclasses
from typing import Any

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.contract.integers import whole_numbers
from gradcheck.subjects.kinds import adapt

SUBJECT = adapt(lambda x, ids: None)
X, IDS = np.ones(3), np.array([0, 2], np.int32)


def told(inputs, d_inputs):
    return [(f.kind, f.severity, f.array, f.message) for f in whole_numbers(SUBJECT, inputs, None, d_inputs)]


NOTE = "was not differentiated: if it should be, hand over floating numbers"


def test_a_whole_array_that_gets_no_cotangent_is_noted():
    assert told((X, IDS), (X, None)) == [("integer", "note", "ids", f"ids is int32 and {NOTE}")]


def test_a_gradient_that_is_returned_for_whole_numbers_leaves_the_check_undecided():
    message = "ids is int32: the gradient that is returned for it was not checked"
    assert told((X, IDS), (X, np.ones(2))) == [("integer", "inconclusive", "ids", message)]


@pytest.mark.parametrize("dx", [np.zeros(2, np.int32), 0.5, [0.5, 0.5]])
def test_what_is_no_floating_array_is_no_gradient(dx):
    assert [severity for _, severity, *_ in told((X, IDS), (X, dx))] == ["note"]


def test_floating_numbers_are_no_whole_ones():
    assert told((X, [0.5, 1]), (X, X)) == told((X, 0.5), (X, X)) == told((X, None), (X, None)) == []


def test_truth_values_are_told_as_whole_numbers_are():
    mask = np.array([True, False])
    assert told((X, mask), (X, None)) == [("integer", "note", "ids", f"ids is bool and {NOTE}")]
    assert told((X, mask), (X, np.ones(2)))[0][1] == "inconclusive"


LISTS = {
    "a list of int": [1, 2],
    "a tuple of int": (1, 2),
    "a list of bool": [True, False],
}


@pytest.mark.parametrize("what", LISTS)
def test_a_list_of_whole_numbers_is_one_array(what):
    assert told((X, LISTS[what]), (X, None)) == [("integer", "note", "ids", f"ids is {what} and {NOTE}")]
    message = f"ids is {what}: the gradient that is returned for it was not checked"
    for claim in (np.ones(2), [0.5, 0.5], (0.5, np.float64(1))):
        assert told((X, LISTS[what]), (X, claim)) == [("integer", "inconclusive", "ids", message)]
    assert told((X, LISTS[what]), (X, [None, None]))[0][1] == "note"


def test_rows_of_one_length_are_one_array_and_others_are_named_apart():
    assert [array for _, _, array, _ in told((X, [[1, 2], [3, 4]]), (X, None))] == ["ids"]
    assert [array for _, _, array, _ in told((X, [[1, 2], [3]]), (X, None))] == ["ids[0]", "ids[1]"]
    assert [array for _, _, array, _ in told((X, {"a": (1, 2), "b": [X, [3]]}), (X, None))] == ["ids.a", "ids.b[1]"]
    assert told((X, []), (X, None)) == told((X, 3), (X, None)) == told((X, [2**70]), (X, None)) == []


def test_unsigned_numbers_are_whole():
    assert told((X, np.array([1], np.uint8)), (X, None))[0][3] == f"ids is uint8 and {NOTE}"


def test_whole_arrays_in_a_tree_are_named_by_their_paths():
    inputs, cotangents = (X, {"a": IDS, "b": X, "c": IDS}), (X, {"a": np.ones(2), "b": X})
    found = [(array, severity) for _, severity, array, _ in told(inputs, cotangents)]
    assert found == [("ids.a", "inconclusive"), ("ids.c", "note")]


def test_an_input_without_a_cotangent_of_its_own_is_refused():
    with pytest.raises(ValueError, match="shorter"):
        told((X, IDS), (X,))


@pytest.mark.parametrize("number", [np.int64(3), np.array(3), np.bool_(True), np.uint8(3)])
def test_a_single_whole_number_of_numpy_is_told_as_an_array_is(number):
    assert told((X, number), (X, None)) == [("integer", "note", "ids", f"ids is {number.dtype} and {NOTE}")]
    message = f"ids is {number.dtype}: the gradient that is returned for it was not checked"
    for claim in (0.5, np.float64(0.5), np.float32(0.5), np.array(0.5), np.ones(3)):
        assert told((X, number), (X, claim)) == [("integer", "inconclusive", "ids", message)]
    assert [severity for _, severity, *_ in told((X, number), (X, 2))] == ["note"]


@pytest.mark.parametrize(("number", "what"), [(3, "an int"), (True, "a bool")])
def test_a_number_of_python_is_told_only_where_a_gradient_of_it_is_claimed(number, what):
    assert told((X, number), (X, None)) == told((X, number), (X, 2)) == []
    message = f"ids is {what}: the gradient that is returned for it was not checked"
    for claim in (0.5, np.float64(0.5), np.array(0.5)):
        assert told((X, number), (X, claim)) == [("integer", "inconclusive", "ids", message)]


def test_numbers_of_python_in_a_tree_are_named_by_their_paths():
    inputs, cotangents = (X, {"a": 3, "b": [X, 2], "c": 4, "d": 2**70}), (X, {"a": 0.5, "b": [X, 0.5], "d": 0.5})
    found = [(array, severity) for _, severity, array, _ in told(inputs, cotangents)]
    assert found == [("ids.a", "inconclusive"), ("ids.b[1]", "inconclusive")]


def test_what_holds_itself_is_entered_once():
    loop = {"a": IDS}
    loop["self"] = loop
    assert [array for _, _, array, _ in told((X, loop), (X, None))] == ["ids.a"]


@dataclasses.dataclass
class Layer:
    """y = k x W + b, of which any may be whole numbers."""

    W: Any
    b: Any
    k: Any

    def vjp(self, x):
        return self.k * (x @ self.W) + self.b, lambda dy: (self.claim(x, dy), self.k * dy @ self.W.T)

    def claim(self, x, dy):
        return dataclasses.replace(self, W=self.k * x.T @ dy, b=dy.sum(axis=0))


def layer(**fields):
    rng = np.random.default_rng(2)
    return Layer(**{"W": rng.normal(size=(3, 2)), "b": rng.normal(size=2), "k": 3, **fields})


@pytest.mark.parametrize(
    ("fields", "array", "what"),
    [
        ({"b": np.zeros(2, int)}, "b", "int64"),
        ({"W": np.arange(6).reshape(3, 2)}, "W", "int64"),
        ({"b": 1}, "b", "an int"),
        ({"b": [1, 2]}, "b", "a list of int"),
    ],
)
def test_a_claim_for_whole_numbers_that_a_layer_holds_is_undecided(fields, array, what):
    x = np.random.default_rng(1).normal(size=(4, 3))
    report = gradcheck.check(layer(**fields), x)
    message = f"{array} is {what}: the gradient that is returned for it was not checked"
    assert (report.verdict, [f.message for f in report.findings]) == ("inconclusive", [message])


def test_whole_numbers_that_a_layer_holds_for_itself_are_not_told(prove):
    assert not prove(layer(k=np.array(2)), np.random.default_rng(1).normal(size=(4, 3))).findings


@pytest.mark.parametrize("k", [3, np.int64(3), np.array(3)], ids=["int", "int64", "array"])
def test_a_wrong_gradient_of_a_whole_number_does_not_pass(k):
    subject = pair(lambda x, k: x * k, lambda x, k, dy: (dy * k, 7 * (dy * x).sum()))
    assert gradcheck.check(subject, np.random.default_rng(1).normal(size=(3, 4)), k).verdict == "inconclusive"
