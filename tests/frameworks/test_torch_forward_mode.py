"""Forward mode of PyTorch functions, where they have it."""

import pytest
import torch

import gradcheck
from gradcheck.adapters import torch_function


class Tanh(torch.autograd.Function):
    """y = tanh(x), with both ways of differentiating it."""

    @staticmethod
    def forward(x):
        return torch.tanh(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return dy * (1 - y * y)

    @staticmethod
    def jvp(ctx, dx):
        (y,) = ctx.saved_tensors
        return dx * (1 - y * y)


class Wrong(Tanh):
    @staticmethod
    def jvp(ctx, dx):
        (y,) = ctx.saved_tensors
        return dx * (1 - y)


class Raising(Tanh):
    @staticmethod
    def jvp(ctx, dx):
        raise RuntimeError("not today")


class Reverse(Tanh):
    jvp = torch.autograd.Function.jvp


@pytest.fixture
def x(rng):
    return rng.normal(size=(4, 3))


def told(report):
    return [(f.severity, f.message.partition(":")[0]) for f in report.findings if f.kind == "jvp"]


AGREES = ("note", "forward mode agrees with real differences and with the pullback")


def test_a_right_forward_mode_is_proved(prove, x):
    assert told(prove(torch_function(Tanh), x)) == [AGREES]


def test_a_wrong_forward_mode_is_caught_and_the_backward_proved(x):
    report = gradcheck.check(torch_function(Wrong), x)
    assert report.verdict == "fail"
    assert [g.verdict for g in report.gradients] == ["pass"]
    assert told(report) == [("fail", "x")]


def test_an_error_in_a_forward_mode_of_its_own_is_a_finding(x):
    report = gradcheck.check(torch_function(Raising), x)
    assert report.verdict == "fail"
    assert [f.message for f in report.findings if f.kind == "jvp"] == ["forward mode raises RuntimeError: not today"]


def test_a_composite_without_one_is_proved_by_its_backward(prove, x):
    for inner in (Reverse, Raising):
        assert told(prove(torch_function(lambda x, f=inner: 2 * f.apply(x)), x)) == []


def test_a_function_without_one_is_proved_by_its_backward(prove, x):
    assert told(prove(torch_function(Reverse), x)) == []


def test_an_output_without_a_tangent_moves_nowhere(prove, x):
    report = prove(torch_function(lambda x: (torch.tanh(x), torch.ones(3, dtype=x.dtype))), x)
    assert told(report) == [AGREES]


def test_a_module_has_it_through_its_layers(x):
    report = gradcheck.check(torch_function(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.GELU())), x)
    assert report.verdict == "pass", str(report)
    assert told(report) == [AGREES]
