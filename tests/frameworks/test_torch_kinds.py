"""Modules of PyTorch: their parameters are checked by name, and nothing of theirs is changed."""

import copy

import numpy as np
import pytest
import torch
from scale import Scale

import gradcheck
from gradcheck.adapters import torch_function


class Net(torch.nn.Module):
    def __init__(self, error=0.0):
        super().__init__()
        self.first, self.second = torch.nn.Linear(4, 3), torch.nn.Linear(3, 2)
        self.scale, self.error = torch.nn.Parameter(torch.randn(3)), error

    def forward(self, x, *, gain=1.0):
        return gain * self.second(Scale.apply(torch.tanh(self.first(x)), self.scale, self.error))


@pytest.fixture
def x(rng):
    return rng.normal(size=(5, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(7)


def test_a_module_is_proved_under_the_names_of_its_parameters(prove, x):
    report = prove(torch_function(Net()), x, gain=0.5)
    assert report.subject == "Net"
    names = ["scale", "first.weight", "first.bias", "second.weight", "second.bias", "x"]
    assert [g.name for g in report.gradients] == names


def test_a_wrong_gradient_within_is_named(caught, x):
    caught({"scale"}, torch_function(Net(error=1e-3)), x)


def test_the_module_stays_as_it_was(x):
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.3))
    before = copy.deepcopy(net.state_dict())
    report = gradcheck.check(torch_function(net), x)
    assert report.verdict == "pass", str(report)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


def test_parameters_that_are_not_trained_are_constants(prove, x):
    net = Net()
    net.first.requires_grad_(False)
    assert [g.name for g in prove(torch_function(net), x).gradients] == ["scale", "second.weight", "second.bias", "x"]


def test_a_module_without_parameters_is_checked_for_its_inputs(prove, x):
    norm = torch.nn.BatchNorm1d(4, affine=False)
    report = gradcheck.check(torch_function(norm), x)
    assert report.verdict == "pass", str(report)
    assert [g.name for g in report.gradients] == ["input"]


def test_a_parameter_that_two_layers_share_gets_the_sum_of_both(prove, rng):
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh(), torch.nn.Linear(3, 3))
    net[2].weight = net[0].weight
    report = prove(torch_function(net), rng.normal(size=(4, 3)))
    assert [g.name for g in report.gradients] == ["0.weight", "0.bias", "2.bias", "input"]


HOOKS = {
    "the same": (torch.clone, "pass", ""),
    "nothing": (lambda d: None, "pass", ""),
    "twice as much": (lambda d: 2 * d, "fail", "factor"),
    "a row less": (lambda d: d * (torch.arange(3)[:, None] > 0), "fail", "missing"),
    "clipped far away": (lambda d: d.clamp(-1e3, 1e3), "fail", "nonlinear"),
}


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("dtype", [None, torch.float32])
def test_gradients_go_through_the_hooks_of_parameters(x, hook, dtype):
    function, verdict, cause = HOOKS[hook]
    net = Net()
    net.first.weight.register_hook(function)
    report = gradcheck.check(torch_function(net, dtype=dtype), x)
    assert report.verdict == verdict, str(report)
    if dtype is None:
        assert [(g.name, g.cause) for g in report.gradients if g.verdict == "fail"] == (
            [("first.weight", cause)] if cause else []
        )
        assert not any(f.kind == "batch" for f in report.findings), "of batches PyTorch asks no hook"
    assert len(net.first.weight._backward_hooks) == 1 and net.first.weight.grad is None


def test_hooks_of_complex_parameters_run_once_and_those_of_what_is_frozen_never(x):
    class Turned(torch.nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.w, self.b = (torch.nn.Parameter(torch.randn(4, dtype=torch.complex128)) for _ in range(2))
            self.w.register_hook(lambda d: factor * d)
            self.b.register_hook(lambda d: 3 * d)
            self.b.requires_grad_(False)

        def forward(self, x):
            return (self.w * x + self.b).abs()

    verdicts = [gradcheck.check(torch_function(Turned(factor)), x).verdict for factor in (1, -1)]
    assert verdicts == ["pass", "fail"]


def test_a_module_that_writes_to_its_input_is_caught(x):
    report = gradcheck.check(torch_function(torch.nn.ReLU(inplace=True)), x)
    found = [(f.kind, f.message) for f in report.findings if f.severity == "fail"]
    assert found == [("mutation", "the forward pass writes to input")]


def test_inputs_take_the_dtype_of_the_parameters_and_a_note_says_so(prove, rng):
    x = rng.normal(size=(4, 3))
    report = prove(torch_function(torch.nn.Linear(3, 2)), x)
    note = "inputs of float64 were cast to float32, as the module's parameters are"
    assert [f.message for f in report.findings if f.kind == "dtype"] == [note]
    assert not [f for f in prove(torch_function(torch.nn.Linear(3, 2).double()), x).findings if f.kind == "dtype"]


class Checkpointed(torch.nn.Module):
    """A residual feed-forward whose activations are made again in the backward pass."""

    def __init__(self, part, reentrant):
        super().__init__()
        self.part, self.reentrant = part, reentrant
        self.up, self.down = torch.nn.Linear(5, 9), torch.nn.Linear(9, 5)

    def forward(self, x):
        return x + torch.utils.checkpoint.checkpoint(self.inner, x, use_reentrant=self.reentrant)

    def inner(self, x):
        h = torch.nn.functional.gelu(self.up(x))
        return self.down(self.part * h + (1 - self.part) * h.detach())


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")  # where only its output is asked for
@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("part", "verdict"), [(1.0, "pass"), (0.7, "fail")])
def test_what_is_checkpointed_is_made_again_with_the_parameters_of_its_evaluation(dtype, part, verdict, reentrant):
    torch.manual_seed(0)
    module = Checkpointed(part, reentrant).to(dtype)
    report = gradcheck.check(gradcheck.adapters.torch_function(module), torch.randn(3, 5, dtype=dtype))
    assert report.verdict == verdict, str(report)


@pytest.mark.filterwarnings("error:None of the inputs have requires_grad")
def test_a_warning_that_is_an_error_does_not_keep_a_reentrant_checkpoint_from_being_judged():
    torch.manual_seed(0)
    module = Checkpointed(1.0, reentrant=True).double()
    report = gradcheck.check(gradcheck.adapters.torch_function(module), torch.randn(3, 5, dtype=torch.float64))
    assert report.verdict == "pass", str(report)


class Within(torch.autograd.Function):
    """What runs a function again in its backward pass, and a backward pass of its own, as a checkpoint does."""

    @staticmethod
    def forward(ctx, x, run):
        ctx.save_for_backward(x)
        ctx.run = run
        return run(x)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            y = ctx.run(x)
        torch.autograd.backward(y, dy)
        return x.grad, None


@pytest.mark.parametrize(("kept", "verdict"), [(1.0, "pass"), (0.9, "fail")])
def test_what_a_backward_pass_within_another_adds_to_parameters_is_their_gradient(kept, verdict):
    class Layer(torch.nn.Linear):
        def forward(self, x):
            return x + Within.apply(x, self.inner)

        def inner(self, x):
            y = torch.nn.functional.linear(x, self.weight, self.bias)
            return torch.tanh(kept * y + (1 - kept) * y.detach())

    torch.manual_seed(0)
    module, x = Layer(5, 5).double(), torch.randn(3, 5, dtype=torch.float64)
    report = gradcheck.check(gradcheck.adapters.torch_function(module), x, order=2)
    assert report.verdict == verdict, str(report)
    second = [f.message for f in report.findings if "another one within" in f.message]
    assert verdict == "fail" or (len(second) == 1 and "no second derivative" in second[0])


def test_gradients_of_tensors_that_a_function_names_are_left_as_they_were():
    w = torch.ones(5, dtype=torch.float64, requires_grad=True)
    w.grad = before = torch.full((5,), 7.0, dtype=torch.float64)
    b = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    subject = gradcheck.adapters.torch_function(lambda x: Within.apply(x, lambda x: (w * x + b).sin()))
    report = gradcheck.check(subject, x)
    assert report.verdict == "pass", str(report)
    assert w.grad is before and w.grad.tolist() == 5 * [7.0] and b.grad is None
