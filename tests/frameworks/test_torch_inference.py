"""A check within `torch.inference_mode()`, or of tensors that were made there, is the one that it is elsewhere."""

import pytest
import torch
from scale import Scale

import gradcheck
from gradcheck.adapters import forward_mode, torch_function
from gradcheck.adapters.torch_inference import outside_inference


class Net(torch.nn.Module):
    def __init__(self, error):
        super().__init__()
        self.first, self.norm, self.drop = torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.3)
        self.scale, self.error = torch.nn.Parameter(torch.randn(3)), error
        self.shift = torch.randn(3)  # neither a parameter nor a buffer

    def forward(self, x, *, gain):
        return gain * self.drop(Scale.apply(torch.tanh(self.norm(self.first(x))), self.scale, self.error)) * self.shift


def made(error):
    torch.manual_seed(7)
    return Net(error), torch.randn(5, 4), torch.randn(5, 3)


def report_of(error, **options):
    net, x, gain = made(error)
    return gradcheck.Checker(**options)(torch_function(net), x, gain=gain)


@pytest.mark.parametrize(("error", "wrong"), [(0.0, set()), (1e-3, {"scale"})])
def test_a_module_that_was_made_there_is_judged_as_elsewhere(error, wrong):
    elsewhere = report_of(error)
    with torch.inference_mode():
        report = report_of(error)
        assert torch.is_inference_mode_enabled()
    assert {g.name for g in report.gradients if g.verdict == "fail"} == wrong
    assert str(report) == str(elsewhere)
    assert report.verdict == ("fail" if wrong else "pass")


@pytest.mark.parametrize(("error", "verdict"), [(0.0, "pass"), (1e-3, "fail")])
def test_tensors_that_were_made_there_are_copied(error, verdict):
    with torch.inference_mode():
        x, a, bias = (torch.randn(*shape, dtype=torch.float64) for shape in ((4, 3), (3,), (3,)))
    kept = x.clone(), a.clone()
    subject = torch_function(lambda x, a, *, bias: (Scale.apply(x, a, error) + bias).sin())
    report = gradcheck.check(subject, x, a, bias=bias)
    assert report.verdict == verdict, str(report)
    assert torch.equal(x, kept[0]) and torch.equal(a, kept[1])


@pytest.mark.parametrize(("error", "verdict"), [(0, "pass"), (1, "fail")])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_function_of_autograd_is_judged_there(error, verdict, dtype):
    with torch.inference_mode():
        x, a = torch.randn(4, 3).to(dtype), torch.randn(3).to(dtype)
        report = gradcheck.check(torch_function(Scale), x, a, error=error)
    assert report.verdict == verdict, str(report)


def test_second_derivatives_and_forward_mode_are_followed_there():
    with torch.inference_mode():
        x = torch.linspace(-1, 1, 5, dtype=torch.float64)
        second = gradcheck.check(torch_function(lambda x: x.sin() * x), x, order=2)
        tangents = gradcheck.check(forward_mode(torch_function(lambda x: x.sin() * x)), x)
    assert (second.verdict, tangents.verdict) == ("pass", "pass"), f"{second}\n{tangents}"


def test_what_a_function_names_that_was_made_there_is_told_in_one_line():
    with torch.inference_mode():
        w = torch.randn(5, dtype=torch.float64)
        with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward") as error:
            gradcheck.check(torch_function(lambda x: w * x.sin()), torch.randn(5, dtype=torch.float64))
    assert error.value.__notes__ == ["gradcheck: raised by the forward pass of the subject under check"]


def test_a_pullback_runs_outside_as_well():
    modes = []

    def note(value):
        modes.append(torch.is_inference_mode_enabled())
        return value

    with torch.inference_mode():
        _, pull = outside_inference(lambda: (note(1), note))()
        assert pull(2) == 2
        assert outside_inference(lambda: (1, 2, note))()[2] is note
    assert modes == [False, False]
    assert outside_inference(lambda: (1, note))()[1] is note
