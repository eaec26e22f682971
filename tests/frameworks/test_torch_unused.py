"""A Function with several outputs is tried with one of them in use: what the others get then is undefined."""

import pytest
import torch

import gradcheck
from gradcheck.adapters import torch_function

Function = torch.autograd.Function


@pytest.fixture
def x(rng):
    return torch.from_numpy(rng.normal(size=(3, 4)))


class Both(Function):
    """(sin x, cos x), with None for the cotangent of the one that is not used."""

    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x)
        return x.sin(), x.cos()

    @staticmethod
    def backward(ctx, da, db):
        (x,) = ctx.saved_tensors
        dx = torch.zeros_like(x)
        if da is not None:
            dx = dx + da * x.cos()
        if db is not None:
            dx = dx - db * x.sin()
        return dx


def altered(change):
    class Altered(Both):
        @staticmethod
        def backward(ctx, da, db):
            return change(ctx.saved_tensors[0], da, db)

    return Altered


def raising(x, da, db):
    return da * x.cos() - db * x.sin()


def forgetful(x, da, db):
    return None if da is None or db is None else da * x.cos() - db * x.sin()


def wrong(x, da, db):
    return -2 * db * x.sin() if da is None else da * x.cos() - (0 if db is None else db * x.sin())


def undefined(report):
    return [(f.severity, f.array, f.message) for f in report.findings if f.kind == "undefined"]


def test_a_backward_that_expects_none_is_proved(prove, x):
    assert undefined(prove(torch_function(Both), x)) == []


def test_a_backward_that_raises_for_none_fails(x):
    report = gradcheck.check(torch_function(altered(raising)), x)
    assert report.verdict == "fail"
    assert [g.verdict for g in report.gradients] == ["pass"]
    case = "with output 0 alone in use, the cotangents of the others undefined,"
    ((severity, array, message),) = undefined(report)
    assert (severity, array) == ("fail", None)
    assert message.startswith(f"{case} the backward raises TypeError: ")


@pytest.mark.parametrize(("change", "output"), [(forgetful, 0), (wrong, 1)])
def test_another_gradient_for_none_than_for_zeros_fails(x, change, output):
    report = gradcheck.check(torch_function(altered(change)), x)
    assert report.verdict == "fail"
    case = f"with output {output} alone in use, the cotangents of the others undefined,"
    assert undefined(report) == [("fail", "x", f"{case} the gradient of x is another than with zeros for them")]


def test_one_within_a_function_of_several_outputs_is_found(x):
    report = gradcheck.check(torch_function(lambda x: altered(raising).apply(2 * x)), x)
    assert [severity for severity, _, _ in undefined(report)] == ["fail"]


def test_an_infinite_slope_of_the_other_output_is_no_finding(x):
    x = x.abs()
    x[0, 0] = 0.0
    report = gradcheck.check(torch_function(lambda x: (x.sin(), x.sqrt())), x)
    assert undefined(report) == []
