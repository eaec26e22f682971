"""Values are made of numbers, and read: `.data`, `.grad`, `.numpy()`."""

import numpy as np
import pytest
from engines import OfValues, Seeded, Tensor, Value

from gradcheck.adapters.values import Values, numbers, takes_cotangent

X = np.array([[0.5, -1.0], [2.0, 3.0]])


@pytest.mark.parametrize(("value", "scalar"), [(Value, True), (Tensor, False), (Seeded, False)])
def test_a_value_with_a_shape_holds_an_array_and_one_without_a_number(value, scalar):
    assert Values(value).scalar is scalar


@pytest.mark.parametrize("name", ["shape", "sum", "__matmul__", "__getitem__"])
def test_each_mark_of_an_array_is_enough(name):
    marked = type("Marked", (Value,), {name: lambda self: None})
    assert not Values(marked).scalar


def test_gradients_that_are_values_are_told_from_numbers():
    assert [Values(value).of_values for value in (Value, Tensor, Seeded, OfValues)] == [False, False, False, True]


def test_an_array_is_made_into_values():
    found = Values(Value).made(X)
    assert found.shape == (2, 2) and [type(v.data) for v in found.ravel()] == [float] * 4
    assert [v.data for v in found.ravel()] == [0.5, -1.0, 2.0, 3.0]
    assert type(Values(Value).made(np.array(2.0))) is Value
    tensor = Values(Tensor).made(X)
    np.testing.assert_array_equal(tensor.data, X)
    assert not np.shares_memory(tensor.data, X)


def test_an_output_is_shown_with_numbers_and_its_parts_are_in_order():
    values = Values(Value)
    array = values.made(X)
    tree = {"a": array, "b": [Value(7.0), 3, "text"], "c": np.ones(2), "d": np.array(["no", None], object)}
    shown = values.shown(tree)
    np.testing.assert_array_equal(shown["a"], X)
    assert shown["b"][0] == 7.0 and shown["b"][0].shape == () and shown["b"][1:] == [3, "text"]
    assert shown["c"] is tree["c"] and shown["d"] is tree["d"]
    parts = values.parts(tree)
    assert len(parts) == 2 and parts[0] is array and parts[1] is tree["b"][0]


def test_each_value_has_its_entry_of_the_cotangent():
    values = Values(Value)
    mixed = np.array([Value(1.0), 2.0, Value(3.0)], object)
    pairs = list(values.each(mixed, np.array([5.0, 6.0, 7.0])))
    assert [(v.data, d) for v, d in pairs] == [(1.0, 5.0), (3.0, 7.0)]
    ((value, dy),) = values.each(Value(1.0), np.array(4.0))
    assert (value.data, dy, type(dy)) == (1.0, 4.0, float)
    ((_, dy),) = Values(Tensor).each(Tensor(X), X)
    assert dy is X


def test_a_gradient_is_a_copy_and_zeros_where_nothing_arrived():
    values = Values(Value)
    held = values.made(X)
    held[0, 1].grad = 4.0
    np.testing.assert_array_equal(values.gradient(held), [[0, 4], [0, 0]])
    tensor = Tensor(X)
    np.testing.assert_array_equal(Values(Tensor).gradient(tensor), np.zeros((2, 2)))
    tensor.grad = X
    found = Values(Tensor).gradient(tensor)
    assert found is not X and np.array_equal(found, X)
    tensor.grad = Tensor(X)
    np.testing.assert_array_equal(Values(Tensor).gradient(tensor), X)


def test_numbers_are_read_by_numpy_before_data():
    class Lazy:
        data = "a buffer"

        def numpy(self):
            return X

    assert numbers(Lazy()) is X
    assert numbers(Value(2.0)) == 2.0
    assert numbers(X) is X and numbers(3) == 3


@pytest.mark.parametrize(
    ("parameters", "answer"),
    [("self", False), ("self, grad=None", True), ("self, gradient", True), ("self, dy", True), ("self, fill=1", False)],
)
def test_a_backward_takes_a_cotangent_if_its_first_argument_is_named_so(parameters, answer):
    named = type("Named", (), {"backward": eval(f"lambda {parameters}: None")})
    assert takes_cotangent(named()) is answer
