"""Second derivatives of PyTorch's functions: right, wrong, dropped, and not there."""

import numpy as np
import pytest
import torch
from torch.autograd.function import once_differentiable

import gradcheck
from gradcheck.adapters import torch_function


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return dy * (s + x * s * (1 - s))


class Detached(Swish):
    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x.detach())
        return dy * (s + x * s * (1 - s))


class Cut(Swish):
    @staticmethod
    def backward(ctx, dy):
        return Swish.backward(ctx, dy).detach()


class Once(Swish):
    @staticmethod
    @once_differentiable
    def backward(ctx, dy):
        return Swish.backward(ctx, dy)


class CubeBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, dy):
        ctx.save_for_backward(x, dy)
        return 3 * x * x * dy

    @staticmethod
    def backward(ctx, c):
        x, dy = ctx.saved_tensors
        return 3 * x * dy * c, 3 * x * x * c  # half of 6 x dy c


class Cube(torch.autograd.Function):
    """x^3 with a backward that has a wrong double backward."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return CubeBackward.apply(x, dy)


class Turned(torch.autograd.Function):
    """sum x^2 with a gradient that has a rotation beside."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x * x).sum()

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return dy * (2 * x + 1e-3 * torch.stack([x[1], -x[0], x[2]]))


class Penalty(torch.nn.Module):
    """The gradient penalty of a critic; with `detached` it is not differentiated through the gradient's size."""

    def __init__(self, detached=False):
        super().__init__()
        self.first, self.last = torch.nn.Linear(3, 4).double(), torch.nn.Linear(4, 1).double()
        self.detached = detached

    def forward(self, x):
        (d,) = torch.autograd.grad(self.last(torch.tanh(self.first(x))).sum(), x, create_graph=True)
        size = (d * d).sum(1).sqrt()
        return ((size - 1) * ((size.detach() if self.detached else size) - 1)).mean()


@pytest.fixture
def tensor(rng):
    return lambda *shape: torch.from_numpy(rng.normal(size=shape))


def second(report):
    return {g.name.removeprefix("second order, "): g.verdict for g in report.gradients if g.order == 2}


def notes(report):
    return [f.message for f in report.findings if f.kind == "second"]


def test_a_right_double_backward_passes(tensor):
    report = gradcheck.check(torch_function(Swish), tensor(2, 3), order=2)
    assert report.verdict == "pass", str(report)
    assert second(report) == {"x": "pass", "dy": "pass"}
    assert report.symmetry.digits > 8 and not notes(report)


@pytest.mark.parametrize(
    ("function", "wrong"), [(Cube, {"x"}), (Detached, {"x"}), (Cut, {"x", "dy"})], ids=["factor", "detach", "cut"]
)
def test_a_wrong_double_backward_fails_and_the_first_order_passes(function, wrong, tensor):
    report = gradcheck.check(torch_function(function), tensor(2, 2), order=2)
    assert report.verdict == "fail"
    assert {name for name, verdict in second(report).items() if verdict == "fail"} == wrong
    assert all(g.verdict == "pass" for g in report.gradients if g.order == 1)


@pytest.mark.parametrize(
    ("function", "shape", "why"),
    [
        (Once, (2, 3), "a backward is marked as once_differentiable"),
        (lambda x: Once.apply(x.sin()) * x, (2, 3), "a backward is marked as once_differentiable"),
        (
            lambda x: torch.nn.functional.ctc_loss(
                x.log_softmax(-1), torch.tensor([[1, 2]]), torch.tensor([5]), torch.tensor([2])
            ),
            (5, 1, 4),
            "derivative for aten::_ctc_loss_backward is not implemented",
        ),
    ],
    ids=["once", "once within", "native"],
)
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_without_a_second_derivative_the_report_says_so(function, shape, why, tensor):
    report = gradcheck.check(torch_function(function), tensor(*shape), order=2)
    assert report.verdict == "pass", str(report)
    assert second(report) == {} and report.symmetry.digits > 8
    assert notes(report) == [f"second order: no second derivative: {why}; the pullback was checked for symmetry alone"]


def test_an_error_of_a_double_backward_is_a_finding(tensor):
    class Raising(Swish):
        @staticmethod
        def backward(ctx, dy):
            d = Swish.backward(ctx, dy)
            d.requires_grad and d.register_hook(lambda c: c.reshape(-1, 7))
            return d

    report = gradcheck.check(torch_function(Raising), tensor(2, 3), order=2)
    (message,) = [f.message for f in report.findings if f.kind == "raises"]
    assert message.startswith("second order: the second pullback raises RuntimeError: ")


def test_a_pullback_that_is_no_gradient_fails_by_its_symmetry(tensor):
    report = gradcheck.check(torch_function(Turned), tensor(3), order=2)
    assert report.symmetry.is_apart
    assert "fail" not in second(report).values()  # autograd differentiates right what is wrong


def test_parameters_several_inputs_and_masks_have_second_derivatives(tensor):
    mask = torch.tensor([[True, False, True], [True, True, False]])

    def masked(x, w, *, mask):
        return torch.tanh(x @ w).masked_fill(~mask, 0.0), (x * x).sum()

    report = gradcheck.check(torch_function(masked), tensor(2, 4), tensor(4, 3), mask=mask, order=2)
    assert report.verdict == "pass", str(report)
    assert set(second(report)) == {"x", "w", "dy[0]", "dy[1]"}
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Sigmoid()).double()
    report = gradcheck.check(torch_function(module), tensor(2, 3), order=2)
    assert report.verdict == "pass", str(report)
    assert set(second(report)) == {"0.weight", "0.bias", "input", "dy"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_narrow_tensors_are_proved_in_float64_and_judged_in_their_own_dtype(dtype, tensor):
    report = gradcheck.check(torch_function(Swish), tensor(2, 3).to(dtype), order=2)
    assert report.verdict == "pass", str(report)
    assert all(g.digits > 8 for g in report.gradients)


def test_complex_tensors_are_checked_in_their_parts(tensor):
    z = torch.complex(tensor(2), tensor(2))
    report = gradcheck.check(torch_function(lambda z: z * z * z.conj()), z, order=2)
    assert report.verdict == "pass", str(report)
    assert set(second(report)) == {"z.real", "z.imag", "dy.real", "dy.imag"}


def test_a_sparse_gradient_has_a_second_derivative(tensor):
    ids = torch.tensor([0, 2, 2])

    def embedded(ids, w):
        return torch.nn.functional.embedding(ids, w, sparse=True).tanh()

    with np.errstate(all="ignore"):
        report = gradcheck.check(torch_function(embedded), ids, tensor(4, 2), order=2)
    assert report.verdict == "pass", str(report)
    assert second(report) == {"w": "pass", "dy": "pass"}


def test_a_kink_of_the_backward_is_told(tensor):
    report = gradcheck.check(torch_function(lambda x: x * x.abs()), torch.tensor([1.0, 0.0, -2.0]).double(), order=2)
    assert report.verdict == "pass", str(report)
    assert (report.symmetry.smoothness, report.symmetry.where) == ("kink", ("x[1]",))


def test_a_gradient_penalty_is_a_module_like_any_other(tensor):
    torch.manual_seed(0)
    assert gradcheck.check(torch_function(Penalty()), tensor(4, 3)).verdict == "pass"
    report = gradcheck.check(torch_function(Penalty(detached=True)), tensor(4, 3))
    assert "fail" in {g.verdict for g in report.gradients}
    report = gradcheck.check(torch_function(Penalty()), tensor(2, 3), order=2)
    assert report.verdict == "pass", str(report)
    assert set(second(report)) == {"first.weight", "first.bias", "last.weight", "last.bias", "x", "dy"}


def test_random_numbers_are_replayed_in_the_second_backward(tensor):
    def dropped(x):
        return torch.nn.functional.dropout(x * x * x, 0.5)

    torch.manual_seed(1)
    report = gradcheck.check(torch_function(dropped), tensor(3, 4), order=2)
    assert report.verdict == "pass", str(report)
