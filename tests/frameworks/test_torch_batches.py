"""Batches in PyTorch: a Function's rule for `torch.vmap`, and batched cotangents."""

import pytest
import torch

import gradcheck
from gradcheck.adapters import torch_function

Function = torch.autograd.Function
POINTS = "2 points at once (torch.vmap) give another {} than one after the other"
PULLBACK = "2 cotangents at once (torch.vmap of torch.func.vjp) give another {} than one after the other"
GRAPH = "2 cotangents at once (is_grads_batched) give another {} than one after the other"


class Sine(Function):
    """y = sin x, whose rule for batches PyTorch makes."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.sin()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, dy):
        return dy * ctx.saved_tensors[0].cos()


class Plain(Sine):
    """The same without a rule."""

    generate_vmap_rule = False


class Ruled(Plain):
    """The same with a rule of its own."""

    @staticmethod
    def vmap(info, in_dims, x):
        return Plain.apply(x), in_dims[0]


class Scaled(Plain):
    @staticmethod
    def vmap(info, in_dims, x):
        return 1.5 * Plain.apply(x), in_dims[0]


class Exchanging(Plain):
    @staticmethod
    def vmap(info, in_dims, x):
        return Plain.apply(x.flip(in_dims[0])), in_dims[0]


class Cut(Plain):
    @staticmethod
    def vmap(info, in_dims, x):
        return Plain.apply(x.detach()), in_dims[0]


class Same(Function):
    """dy as it comes, but in a batch each gets another one's."""

    @staticmethod
    def forward(x):
        return 1 * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def vmap(info, in_dims, x):
        return 1 * x.flip(in_dims[0]), in_dims[0]

    @staticmethod
    def backward(ctx, dy):
        return 1 * dy


class Exchanged(Plain):
    @staticmethod
    def backward(ctx, dy):
        return Same.apply(dy) * ctx.saved_tensors[0].cos()


class Old(Function):
    """The same in the older style, which has no batches of points."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, dy):
        return dy * ctx.saved_tensors[0].cos()


class Peeking(Old):
    """A backward pass that does otherwise in a batch, as a kernel may that is chosen by the kind of tensor."""

    @staticmethod
    def backward(ctx, dy):
        factor = 2.0 if "Batched" in str(torch._C._dispatch_keys(dy)) else 1.0
        return factor * dy * ctx.saved_tensors[0].cos()


class Numpys(Old):
    @staticmethod
    def backward(ctx, dy):
        return torch.from_numpy(dy.numpy() * ctx.saved_tensors[0].cos().numpy())


def told(report):
    return [(f.severity, f.array, f.message) for f in report.findings if f.kind == "batch"]


@pytest.fixture
def x(rng):
    return torch.from_numpy(rng.normal(size=(4, 5)))


@pytest.mark.parametrize("function", [Sine, Plain, Ruled, Old])
def test_a_right_rule_or_none_is_proved_without_a_word(prove, x, function):
    assert told(prove(torch_function(function), x)) == []


@pytest.mark.parametrize(
    ("function", "messages"),
    [
        (Scaled, [POINTS.format("output")]),
        (Exchanging, [POINTS.format("output")]),
        (Cut, [POINTS.format("gradient of x")]),
        (Exchanged, [PULLBACK.format("gradient of x")]),
        (Peeking, [GRAPH.format("gradient of x")]),
    ],
)
def test_a_wrong_batch_fails_and_the_gradient_is_proved(x, function, messages):
    report = gradcheck.check(torch_function(function), x)
    assert report.verdict == "fail"
    assert [g.verdict for g in report.gradients] == ["pass"]
    assert told(report) == [("fail", None, message) for message in messages]


def test_one_within_a_module_is_found(x):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(5, dtype=torch.float64))

        def forward(self, x):
            return Cut.apply(x * self.weight)

    messages = [POINTS.format("gradient of weight"), POINTS.format("gradient of x")]
    assert [message for _, _, message in told(gradcheck.check(torch_function(Net()), x))] == messages


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.nn.functional.dropout(x, 0.3),
        lambda x: x.sin() if x.sum() > 100 else x.cos(),
        Numpys,
        lambda x: torch.fft.fft(x.to(torch.complex128)).real,
        lambda x: (x.sin(), x.detach(), torch.arange(3)),
        lambda x: torch.nn.functional.batch_norm(x, x.new_zeros(5), x.new_ones(5), training=True),
    ],
)
def test_what_cannot_be_batched_or_draws_numbers_passes_without_a_word(x, function):
    report = gradcheck.check(torch_function(function), x)
    assert report.verdict == "pass", str(report)
    assert told(report) == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.complex128])
def test_other_formats_are_batched_too(rng, dtype):
    x = torch.from_numpy(rng.normal(size=(4, 5))).to(dtype)
    for function, messages in ((Sine, []), (Scaled, [POINTS.format("output")])):
        assert [message for _, _, message in told(gradcheck.check(torch_function(function), x))] == messages


def test_an_output_that_nothing_depends_on_and_an_array_that_nothing_uses_are_no_difference(prove, x):
    report = prove(torch_function(lambda x, unused: (Sine.apply(x), x.new_ones(3))), x, x.new_ones(2))
    assert told(report) == []
