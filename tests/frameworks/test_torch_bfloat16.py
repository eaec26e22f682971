"""bfloat16, which NumPy lacks: the mathematics is checked in float64, the numbers to what bfloat16 resolves."""

import numpy as np
import pytest
import torch

import gradcheck
from gradcheck.adapters import torch_function


@pytest.fixture
def x(rng):
    return torch.from_numpy(rng.normal(size=(3, 4))).bfloat16()


def test_bfloat16_goes_in_and_the_function_gets_it(x):
    seen = set()

    def watched(x):
        seen.add(x.dtype)
        return torch.tanh(x)

    report = gradcheck.check(torch_function(watched), x)
    assert report.verdict == "pass", str(report)
    assert seen == {torch.bfloat16, torch.float64, torch.complex128}


def test_a_module_of_bfloat16_is_proved(rng):
    torch.manual_seed(3)
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.GELU()).bfloat16()
    report = gradcheck.check(torch_function(module), rng.normal(size=(5, 4)))
    assert report.verdict == "pass", str(report)
    note = "inputs of float64 were cast to bfloat16, as the module's parameters are"
    assert [f.message for f in report.findings if f.kind == "dtype"] == [note]


def test_outputs_of_bfloat16_are_read(rng):
    report = gradcheck.check(torch_function(lambda x: x.bfloat16()), rng.normal(size=3))
    assert report.verdict != "fail", str(report)


def test_an_error_that_bfloat16_alone_has_is_caught(x):
    class Tanh(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.tanh()

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return dy * (1 - x.tanh() ** 2) * (2 if x.dtype == torch.bfloat16 else 1)

    report = gradcheck.check(torch_function(Tanh), x)
    assert [f.kind for f in report.findings if f.severity == "fail"] == ["precision"]


def mixed(x, w):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        h = torch.nn.functional.linear(torch.nn.functional.layer_norm(x, x.shape[-1:]), w)
        return x + torch.nn.functional.gelu(h)


class Scaled(torch.autograd.Function):
    """The gradient of `mixed`, with w's times 1.5 where it is float32."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return mixed(x, w)

    @staticmethod
    def backward(ctx, dy):
        x, w = (t.detach().requires_grad_() for t in ctx.saved_tensors)
        with torch.enable_grad():
            dx, dw = torch.autograd.grad(mixed(x, w), (x, w), dy)
        return dx, dw * 1.5 if w.dtype == torch.float32 else dw


def test_mixed_precision_is_judged_by_the_format_in_which_its_forward_pass_computes(rng):
    x, w = (torch.from_numpy(rng.normal(size=shape)).float() for shape in ((3, 8), (8, 8)))
    assert gradcheck.check(torch_function(mixed), x, w).verdict == "pass"
    report = gradcheck.check(torch_function(lambda x, w: Scaled.apply(x, w)), x, w)
    assert [(f.kind, f.array) for f in report.findings if f.severity == "fail"] == [("precision", "w")]


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_a_cast_that_forgets_its_gradient_fails_and_the_right_one_does_not(rng, shape):
    class Cast(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.bfloat16()

        @staticmethod
        def backward(ctx, dy):
            return kept * dy.double()

    x = 3 * rng.normal(size=shape)
    for kept in (1, 0):
        assert (gradcheck.check(torch_function(Cast), x).verdict == "fail") is (kept == 0)


def gated(factor):
    class Gated(torch.autograd.Function):
        """silu(a) b, whose backward pass computes in float32: the idiom of kernels for bfloat16."""

        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return torch.nn.functional.silu(a) * b

        @staticmethod
        def backward(ctx, dy):
            a, b = ctx.saved_tensors
            x, d = a.float(), dy.float()
            s = torch.sigmoid(x)
            return (factor * d * b.float() * s * (1 + x * (1 - s))).to(a.dtype), (d * x * s).to(b.dtype)

    return Gated


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_a_kernel_that_computes_in_float32_passes_where_no_more_was_handed_over(rng, dtype):
    a, b = (torch.from_numpy(rng.normal(size=(3, 5))).to(dtype) for _ in "ab")
    right, wrong = (gradcheck.check(torch_function(gated(factor)), a, b).verdict for factor in (1.0, 1.01))
    assert (right, wrong) == ("fail" if dtype == torch.float64 else "pass", "fail")


def kernel(name, factor):
    """A kernel that takes bfloat16 alone and computes in float32; its gradient is `factor` times as large."""

    def f(x, w):
        if name == "product":
            return x @ w
        if name == "log of a sum of exponentials":
            return torch.logsumexp(x * w, -1)
        return torch.nn.functional.layer_norm(x, x.shape[-1:]) * w

    class Kernel(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            assert x.dtype == w.dtype == torch.bfloat16
            ctx.save_for_backward(x, w)
            return f(x.float(), w.float()).bfloat16()

        @staticmethod
        def backward(ctx, dy):
            x, w = (t.detach().float().requires_grad_() for t in ctx.saved_tensors)
            with torch.enable_grad():
                dx, dw = torch.autograd.grad(f(x, w), (x, w), dy.float())
            return (factor * dx).bfloat16(), dw.bfloat16()

    return torch_function(Kernel, dtype=torch.bfloat16)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ["product", "log of a sum of exponentials", "layer norm"])
def test_a_kernel_that_has_bfloat16_alone_passes_with_what_that_leaves_and_fails_if_it_is_wrong(name, seed):
    rng = np.random.default_rng(seed)
    shapes = (6, 12), (12, 12) if name == "product" else (12,)
    x, w = (torch.from_numpy(rng.normal(size=shape)).bfloat16() for shape in shapes)
    report = gradcheck.Checker(seed=seed)(kernel(name, 1.0), x, w)
    assert report.verdict == "pass", str(report)
    assert [g.digits > 0.3 for g in report.gradients] == [True, True]
    assert any(f.message.endswith("all that bfloat16 leaves here") for f in report.findings)
    for factor in (0.8, 1.15):
        assert gradcheck.Checker(seed=seed)(kernel(name, factor), x, w).verdict == "fail"
