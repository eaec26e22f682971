"""What PyTorch takes for a constant, in and out, is one here too; and what it does with a graph."""

import numpy as np
import pytest
import torch

import gradcheck
from gradcheck.adapters import torch_function

Function = torch.autograd.Function


@pytest.fixture
def x(rng):
    return torch.from_numpy(rng.normal(size=(3, 4)))


def told(report, kind):
    return [(f.severity, f.array, f.message) for f in report.findings if f.kind == kind]


class Statistics(Function):
    """y = sin x, with a sum that depends on x but is declared to have no gradient."""

    @staticmethod
    def forward(ctx, x):
        total = x.exp().sum(-1)
        ctx.save_for_backward(x)
        ctx.mark_non_differentiable(total)
        return total, x.sin()

    @staticmethod
    def backward(ctx, _, dy):
        return dy * ctx.saved_tensors[0].cos()


def test_an_output_marked_non_differentiable_is_not_judged_and_a_note_says_so(prove, x):
    report = prove(torch_function(Statistics), x)
    assert told(report, "constant") == [("note", None, "y[0] requires no gradient, so was not judged")]


def test_an_output_beside_it_is_judged(caught, x):
    class Wrong(Statistics):
        @staticmethod
        def backward(ctx, _, dy):
            return dy * ctx.saved_tensors[0].sin()

    caught({"x"}, torch_function(Wrong), x)


def test_outputs_that_were_detached_are_not_judged_beside_one_that_was_not(prove, x):
    def several(x):
        return {"loss": x.sin(), "kept": x.detach() ** 2, "more": [x.detach().exp(), torch.arange(3)]}

    report = prove(torch_function(several), x)
    assert told(report, "constant") == [("note", None, "y.kept, y.more[0] require no gradient, so was not judged")]


def test_a_function_all_of_whose_outputs_are_marked_is_refused(x):
    class Sign(Function):
        @staticmethod
        def forward(ctx, x):
            y = x.sign()
            ctx.mark_non_differentiable(y)
            return y

        @staticmethod
        def backward(ctx, dy):
            return None

    with pytest.raises(TypeError, match="Sign must have an output with a gradient, got 1, all of them marked"):
        gradcheck.check(torch_function(Sign), x)


class Filter(Function):
    """A convolution whose filter is not trained."""

    @staticmethod
    def forward(ctx, x, taps):
        ctx.save_for_backward(taps)
        return torch.nn.functional.conv1d(x, taps)

    @staticmethod
    def backward(ctx, dy):
        return torch.nn.functional.conv_transpose1d(dy, ctx.saved_tensors[0]), None


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_tensor_without_a_gradient_beside_one_with_it_is_a_constant(prove, rng, dtype):
    x = torch.tensor(rng.normal(size=(1, 1, 9)), dtype=dtype, requires_grad=True)
    taps = torch.tensor(rng.normal(size=(2, 1, 3)), dtype=dtype)
    assert [g.name for g in prove(torch_function(Filter), x, taps).gradients] == ["x"]


def test_where_no_tensor_requires_a_gradient_all_are_differentiated(rng):
    x, taps = torch.from_numpy(rng.normal(size=(1, 1, 9))), torch.from_numpy(rng.normal(size=(2, 1, 3)))
    report = gradcheck.check(torch_function(Filter), x, taps)
    assert [(g.name, g.verdict) for g in report.gradients] == [("x", "pass"), ("taps", "fail")], str(report)
    message = "the backward returns None for taps, taken as zero: right if nothing depends on it"
    assert told(report, "none") == [("note", "taps", message)]


def test_none_is_right_for_what_nothing_depends_on(prove, x):
    class Like(Function):
        @staticmethod
        def forward(ctx, x, like):
            ctx.save_for_backward(x)
            return x.sin().to(like.dtype)

        @staticmethod
        def backward(ctx, dy):
            return dy * ctx.saved_tensors[0].cos(), None

    report = prove(torch_function(Like), x, x[0])
    assert [(g.name, g.digits is None) for g in report.gradients] == [("x", False), ("like", True)]


def test_a_number_of_python_is_a_constant(prove, x):
    class Scaled(Function):
        @staticmethod
        def forward(ctx, x, factor, options):
            assert type(factor) is type(options["shift"]) is float
            ctx.factor = factor
            return factor * x + options["shift"]

        @staticmethod
        def backward(ctx, dy):
            return ctx.factor * dy, None, None

    report = prove(torch_function(Scaled), x, 0.5, {"shift": 2.0})
    assert [g.name for g in report.gradients] == ["x"]
    assert not told(report, "none")


def test_a_number_of_python_alone_is_refused():
    with pytest.raises(TypeError, match="gradcheck: a number of Python's is a constant to PyTorch, hand"):
        gradcheck.check(torch_function(torch.sin), 0.5)


def test_a_sparse_tensor_is_a_constant_or_refused(prove, x):
    table = torch.tensor([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]], dtype=torch.float64).to_sparse()
    report = prove(torch_function(lambda table, x: torch.sparse.mm(table, torch.tanh(x))), table, x)
    assert [g.name for g in report.gradients] == ["x"]
    with pytest.raises(TypeError, match=r"a tensor with a gradient must be strided, got torch\.sparse_coo"):
        gradcheck.check(torch_function(torch.sparse.sum), table.requires_grad_())


def test_a_tangent_without_memory_is_zero(prove, x):
    report = prove(torch_function(torch.linalg.slogdet), 1 + x[:1, :1].abs())
    assert [f.message for f in report.findings if f.kind == "jvp"] == [
        "forward mode agrees with real differences and with the pullback"
    ]


@pytest.mark.parametrize("right", [True, False])
def test_a_derivative_that_the_function_takes_itself_is_checked(right, x):
    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.square = x * x  # outside the graph: as a factor below it is a constant
            return x**3

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return 3 * dy * (x * x if right else ctx.square)

    def slope(x):
        return torch.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)[0]

    assert gradcheck.check(torch_function(slope), x).verdict == ("pass" if right else "fail")


def test_numbers_that_numpy_and_python_draw_are_replayed(prove, x):
    import random

    def noisy(x):
        mask = np.random.rand(*x.shape) > 0.4  # noqa: NPY002
        return torch.tanh(x) * torch.from_numpy(mask) * random.random()

    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    expected = np.random.rand(), random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    prove(torch_function(noisy), x)
    assert (np.random.rand(), random.random()) == expected  # noqa: NPY002


SIZE = 7
MATRIX = torch.from_numpy(1 / (1.0 + np.add.outer(range(SIZE), range(SIZE))))


class Solve(Function):
    @staticmethod
    def forward(ctx, b):
        return torch.linalg.solve(MATRIX, b)

    @staticmethod
    def backward(ctx, dy):
        return torch.linalg.solve(MATRIX.T, dy)


def test_an_ill_conditioned_matrix_that_is_held_makes_no_right_solve_fail(rng, caught):
    class Wrong(Solve):
        @staticmethod
        def backward(ctx, dy):
            return torch.linalg.solve(MATRIX.T, dy) * 1.0001

    before, b = MATRIX.clone(), torch.from_numpy(rng.normal(size=SIZE))
    assert gradcheck.check(torch_function(Solve), b).verdict == "pass"
    caught({"b"}, torch_function(Wrong), b)
    assert torch.equal(MATRIX, before)
