"""A forward and a backward function that belong together."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair

X = np.random.default_rng(1).normal(size=(3, 4))


def scaled(x, table, gain=1.0):
    return gain * x * table["w"][0]


def scaled_backward(x, table, dy, gain=1.0):
    w = table["w"][0]
    return gain * dy * w, {"w": [(gain * dy * x).sum(axis=0)]}


def test_inputs_in_any_nesting_are_differentiated_and_named(prove, rng):
    report = prove(pair(scaled, scaled_backward), X, {"w": [rng.normal(size=4)], "steps": 3}, gain=0.7)
    assert [g.name for g in report.gradients] == ["x", "table.w[0]"]


def test_a_wrong_entry_of_a_nested_input_is_caught(caught, rng):
    def wrong(x, table, dy):
        dx, d_table = scaled_backward(x, table, dy)
        return dx, {"w": [d_table["w"][0] * 1.001]}

    caught({"table.w[0]"}, pair(scaled, wrong), X, {"w": [rng.normal(size=4)]})


def test_containers_that_the_forward_pass_writes_to_are_its_own(prove):
    def forward(x, seen):
        seen["mean"] = x.mean()
        return x * x

    seen = {"calls": 0}
    prove(pair(forward, lambda x, seen, dy: 2 * x * dy), X, seen)
    assert seen == {"calls": 0}


def test_only_the_differentiable_one_of_several_inputs_needs_a_cotangent(prove):
    ids = np.array([2, 0, 2])
    prove(pair(lambda x, ids: np.sin(x)[ids], picked_backward), X, ids)


def picked_backward(x, ids, dy):
    dx = np.zeros_like(x)
    np.add.at(dx, ids, dy)
    return dx * np.cos(x)


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ((3, scaled_backward), "gradcheck: forward must be callable, got int"),
        ((scaled, X), "gradcheck: backward must be callable, got ndarray"),
    ],
)
def test_what_cannot_be_called_is_refused(functions, message):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        pair(*functions)
    assert str(error.value) == message


def test_an_array_of_another_library_is_refused_by_its_name():
    class Tensor:
        def __array__(self):
            raise AssertionError("not to be converted behind the user's back")

    Tensor.__module__, Tensor.__qualname__ = "torch.nn.parameter", "Parameter"
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        gradcheck.check(pair(scaled, scaled_backward), X, {"w": [Tensor()]})
    want = "table.w[0] must be a NumPy array of real numbers, got torch.Parameter: for torch and JAX there is"
    assert str(error.value) == f"gradcheck: {want} gradcheck.adapters"
