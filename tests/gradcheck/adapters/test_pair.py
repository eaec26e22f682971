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
    want = "table.w[0] must be a NumPy array of real numbers, got torch.Parameter; for PyTorch use "
    home = "gradcheck.adapters"
    ending = f"{home}.torch_function(function), or {home}.dlpack(subject) where the backward pass stands beside"
    assert str(error.value) == f"gradcheck: {want}{ending} the function"


LOSS = "gradcheck.adapters.value_and_grad(lambda *inputs: (forward(*inputs), backward(*inputs)))"


@pytest.mark.parametrize(
    ("backward", "constants", "want"),
    [
        (lambda x, w: x, {}, f"(x, w, dy), got <lambda>(x, w); for a gradient without dy use {LOSS}"),
        (lambda dy: dy, {}, "(x, w, dy), got <lambda>(dy)"),
        (lambda dy, x, w: dy, {}, "(x, w, dy), got <lambda>(dy, x, w)"),
        (lambda x, w, dy: dy, {"rate": 2}, "(x, w, dy, rate), got <lambda>(x, w, dy)"),
    ],
)
def test_a_backward_that_takes_something_else_is_refused_before_any_work(backward, constants, want):
    def forward(x, w, rate=1):
        raise NotImplementedError

    with pytest.raises(TypeError, match="gradcheck: ") as error:
        gradcheck.check(pair(forward, backward), X, X, **constants)
    assert str(error.value) == f"gradcheck: backward must take {want}"


def test_a_backward_without_a_signature_and_an_input_called_dy_are_taken():
    assert gradcheck.check(pair(lambda x: 3.0 * x, max), np.array(2.0)).verdict == "fail"
    assert gradcheck.check(pair(lambda x: x * x, np.multiply), X).verdict == "fail"
    assert gradcheck.check(pair(lambda dy, x: dy * x, lambda dy, x, g: (g * x, g * dy)), X, X + 1).verdict == "pass"


CACHE = "for (out, cache) use gradcheck.adapters.cached(forward, backward)"
WANT = "gradcheck: the backward of <lambda> must take dy as a tuple of 2, which the forward returns"


@pytest.mark.parametrize("kept", [lambda x: (x, x + 1), lambda x: x, lambda x: {"x": x}])
def test_where_the_forward_returns_a_cache_the_adapter_for_that_is_named(kept):
    with pytest.raises(TypeError, match="for ") as error:
        gradcheck.check(pair(lambda x: (x[0] * x[0], kept(x)), lambda x, dy: {}[dy]), X)
    assert str(error.value) == f"{WANT}, got TypeError: unhashable type: 'numpy.ndarray'; {CACHE}" or (
        str(error.value).startswith(f"{WANT}, got TypeError: ") and str(error.value).endswith(f"; {CACHE}")
    )


def test_where_it_may_be_a_second_output_the_error_comes_through_with_a_note():
    def backward(x, dy):
        raise KeyError("dy")

    with pytest.raises(KeyError) as error:
        gradcheck.check(pair(lambda x: (x * x, np.tanh(x)), backward), X)
    assert error.value.__notes__[0] == f"{WANT}; {CACHE}"
    with pytest.raises(KeyError) as error:
        gradcheck.check(pair(lambda x: x * x, backward), X)
    assert error.value.__notes__ == ["gradcheck: raised by the pullback of the subject under check"]
