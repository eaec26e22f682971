"""Each of several arrays is also the only one that requires a gradient: that must be what it is where all do."""

import numpy as np
import pytest
import torch
from torch.utils.checkpoint import checkpoint

import gradcheck
from gradcheck.adapters import torch_function
from gradcheck.adapters.torch_alone import Subject, required_alone
from gradcheck.adapters.torch_tensors import Tensors

Function = torch.autograd.Function


class Product(Function):
    """y = x w, with the gradients that are needed."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        of_x, of_w = ctx.needs_input_grad
        return dy @ w.t() if of_x else None, x.t() @ dy if of_w else None


def altered(change):
    class Altered(Product):
        @staticmethod
        def backward(ctx, dy):
            return change(*ctx.saved_tensors, dy, *ctx.needs_input_grad)

    return Altered


def of_x_for_both(x, w, dy, of_x, of_w):
    return (dy @ w.t(), x.t() @ dy) if of_x else (None, None)


def swapped(x, w, dy, of_x, of_w):
    return dy @ w.t() if of_w else None, x.t() @ dy if of_x else None


def zeros(x, w, dy, of_x, of_w):
    return dy @ w.t(), x.t() @ dy if of_x else torch.zeros_like(w)


def endless(x, w, dy, of_x, of_w):
    return dy @ w.t(), x.t() @ dy if of_x else torch.full_like(w, torch.nan)


def raising(x, w, dy, of_x, of_w):
    return 2 * (dy / 2 @ w.t() if of_x else None), x.t() @ dy


WRONG = {
    of_x_for_both: {"w": "it has none"},
    swapped: {"x": "it has none", "w": "it has none"},
    zeros: {"w": "its gradient is another than where all do"},
    endless: {"w": "its gradient is another than where all do"},
    raising: {"w": "the backward raises TypeError: unsupported operand type(s) for *: 'int' and 'NoneType'"},
}


@pytest.fixture
def x(rng):
    return torch.from_numpy(rng.normal(size=(4, 5)))


@pytest.fixture
def w(rng):
    return torch.from_numpy(rng.normal(size=(5, 3)))


def found(report):
    assert all(f.severity == "fail" for f in report.findings if f.kind == "alone")
    return {f.array: f.message for f in report.findings if f.kind == "alone"}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("change", WRONG)
def test_what_is_wrong_only_where_one_array_requires_a_gradient_fails(x, w, change, dtype):
    report = gradcheck.check(torch_function(altered(change)), x.to(dtype), w.to(dtype))
    assert report.verdict == "fail"
    want = {name: f"where {name} alone requires a gradient, {text}" for name, text in WRONG[change].items()}
    assert found(report) == want


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_what_asks_of_the_right_array_passes(x, w, dtype):
    report = gradcheck.check(torch_function(Product), x.to(dtype), w.to(dtype))
    assert report.verdict == "pass", str(report)


def test_one_within_a_function_is_found(x, w):
    wrong = altered(of_x_for_both)
    report = gradcheck.check(torch_function(lambda x, w, b: (wrong.apply(x, w.sin()) + b).tanh()), x, w, w[0])
    assert list(found(report)) == ["w"]


def test_one_within_a_module_is_found(x):
    class Layer(torch.nn.Linear):
        def forward(self, x):
            return altered(of_x_for_both).apply(x, self.weight.t()) + self.bias

    report = gradcheck.check(torch_function(Layer(5, 3)), x)
    assert list(found(report)) == ["weight"]


def test_a_part_that_is_missing_is_found(x, w):
    report = gradcheck.check(torch_function(lambda x, w: altered(of_x_for_both).apply(x, w) + 3 * w.sum(0)), x, w)
    assert found(report) == {"w": "where w alone requires a gradient, its gradient is another than where all do"}


RIGHT = {
    "an output of each": lambda x, w: (x.sin(), w.cos()),
    "an array without effect": lambda x, w: x.sin() + 0 * w.detach().sum(),
    "dropout": lambda x, w: torch.nn.functional.dropout(x, 0.4) @ w,
    "a mask of NumPy's": lambda x, w: (x * torch.from_numpy(np.random.random(x.shape) > 0.4)) @ w,  # noqa: NPY002
    "a derivative on the way": lambda x, w: torch.autograd.grad((x @ w).tanh().sum(), x, create_graph=True)[0],
    "a checkpoint": lambda x, w: checkpoint(lambda x: (x @ w).tanh(), x, use_reentrant=False),
    "complex numbers": lambda x, w: torch.complex(x @ w, x.sin() @ w),
}


@pytest.mark.parametrize("case", RIGHT)
def test_right_functions_of_two_arrays_have_no_finding(x, w, case):
    report = gradcheck.check(torch_function(RIGHT[case]), x, w)
    assert report.verdict == "pass", str(report)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")  # where only its output is asked for
def test_a_reentrant_checkpoint_whose_input_requires_no_gradient_is_no_finding(x, w):
    report = gradcheck.check(torch_function(lambda x, w: checkpoint(Product.apply, x, w, use_reentrant=True)), x, w)
    assert report.verdict == "pass", str(report)
    module = Reentrant().double()
    assert found(gradcheck.check(torch_function(module), x)) == {}


class Reentrant(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(5, 5)

    def forward(self, x):
        return x + checkpoint(self.inner, x, use_reentrant=True)


def test_what_a_hook_refuses_of_a_constant_is_no_finding(x, w):
    def hooked(x, w):
        x.register_hook(lambda d: d)
        return x @ w

    report = gradcheck.check(torch_function(hooked), x, w)
    assert report.verdict == "pass", str(report)


def test_generators_that_were_handed_over_draw_the_same(x, w):
    def noisy(x, w, rng, generator):
        mask = torch.from_numpy(rng.random(x.shape)) + torch.rand(x.shape, generator=generator) > 0.4
        return (x * mask) @ w

    generators = {"rng": np.random.default_rng(0), "generator": torch.Generator()}
    report = gradcheck.check(torch_function(noisy), x, w, **generators)
    assert report.verdict == "pass", str(report)


def test_one_tensor_in_two_places_is_two_arrays(x):
    report = gradcheck.check(torch_function(lambda a, b: a * b.sin()), x, x)
    assert report.verdict == "pass", str(report)


def test_whole_numbers_beside_arrays_are_handed_over_as_they_are(x, w):
    ids = torch.tensor([1, 2, 1, 0])
    report = gradcheck.check(torch_function(lambda ids, w, x: w[ids].sum() * x), ids, w, x)
    assert report.verdict == "pass", str(report)


def test_gradients_that_scatter_from_call_to_call_are_no_finding(x, w, rng):
    class Scattering(Product):
        @staticmethod
        def backward(ctx, dy):
            return tuple(d if d is None else d * (1 + 0.1 * rng.normal()) for d in Product.backward(ctx, dy))

    assert found(gradcheck.Checker(nondeterministic=True)(torch_function(Scattering), x, w)) == {}


@pytest.mark.parametrize(("shift", "guilty"), [(0.0, ["w"]), (1.0, [])])
def test_a_function_that_returns_something_else_for_what_is_required_is_not_judged(x, w, shift, guilty):
    def outputs(x, w, *, stage):
        y = x @ w
        return [y + y.detach() + shift if x.requires_grad else 2 * y]

    subject = Subject(Tensors(None, None), torch_copies, outputs)
    assert [f.array for f in required_alone(subject, [x.numpy(), w.numpy()], ["x", "w"])] == guilty


def torch_copies(arrays):
    return [torch.tensor(x) for x in arrays]


@pytest.mark.parametrize(("count", "calls"), [(1, 0), (2, 3), (40, 41)])
def test_a_forward_pass_is_made_for_each_array_of_several(count, calls):
    made = []

    def outputs(*tensors, stage):
        made.append([tensor.requires_grad for tensor in tensors])
        return [sum(tensors)]

    arrays = [np.ones(2) for _ in range(count)]
    assert required_alone(Subject(Tensors(None, None), torch_copies, outputs), arrays, [*map(str, range(count))]) == []
    assert [sum(row) for row in made] == [count, *[1] * count][:calls]


def test_nothing_is_compiled_for_it(x, w):
    compiled = []

    def backend(graph, inputs):
        compiled.append(tuple(graph.graph.find_nodes(op="placeholder")))
        return graph

    arrays = [x[0] + k for k in range(10)]
    subject = torch.compile(lambda *arrays: sum((k + 1) * x.sin() for k, x in enumerate(arrays)), backend=backend)
    report = gradcheck.check(torch_function(subject), *arrays)
    assert report.verdict == "pass", str(report)
    assert 0 < len(compiled) < 8
