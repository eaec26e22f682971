"""Functions of PyTorch tensors: what autograd returns for them is proved, and what is wrong in it is named."""

import dataclasses
from collections import namedtuple

import numpy as np
import pytest
import torch
from handwritten import Swish

import gradcheck
from gradcheck.adapters import torch_function

Function = torch.autograd.Function


def altered(change):
    """Swish with another backward: `change(dy, dx, dbeta)` says what it returns."""

    class Wrong(Swish):
        @staticmethod
        def backward(ctx, dy):
            return change(dy, *Swish.backward(ctx, dy))

    return Wrong


def test_a_function_with_a_backward_of_its_own_is_proved(prove, inputs):
    report = prove(torch_function(Swish), *inputs)
    assert report.subject == "Swish"
    assert [g.name for g in report.gradients] == ["x", "beta"]


def test_float32_is_checked_in_float64_and_as_it_is(prove, inputs):
    report = prove(torch_function(Swish), *(x.astype(np.float32) for x in inputs))
    assert report.verdict == "pass"


def test_tensors_are_taken_for_arrays_and_stay_what_they_were(prove, inputs):
    x, beta = (torch.tensor(x, dtype=torch.float32) for x in inputs)
    beta.requires_grad_()
    before = x.clone(), beta.detach().clone()
    prove(torch_function(Swish), x, beta)
    assert torch.equal(x, before[0])
    assert torch.equal(beta, before[1])
    assert beta.grad is None


@pytest.mark.parametrize("error", [1e-2, 1e-6])
def test_a_wrong_input_is_named(error, caught, inputs):
    wrong = altered(lambda dy, dx, dbeta: (dx, dbeta * (1 + error)))
    caught({"beta"}, torch_function(wrong), *inputs)


@pytest.mark.parametrize("factor", [1, 5])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_batch_of_none_is_no_proof(inputs, dtype, factor):
    x, beta = (x.astype(dtype) for x in inputs)
    scaled = altered(lambda dy, dx, dbeta: (factor * dx, factor * dbeta))
    report = gradcheck.check(torch_function(scaled), x[:0], beta)
    assert report.verdict == "inconclusive", str(report)
    assert {g.verdict for g in report.gradients} == {"inconclusive"}
    claims = altered(lambda dy, dx, dbeta: (dx, dbeta + 1))
    assert gradcheck.check(torch_function(claims), x[:0], beta).verdict == "fail"


def test_an_error_in_float32_alone_is_caught(inputs, failures):
    wrong = altered(lambda dy, dx, dbeta: (dx, dbeta * (1.001 if dbeta.dtype == torch.float32 else 1)))
    found = failures(torch_function(wrong), *(x.astype(np.float32) for x in inputs))
    assert {(kind, array) for kind, array, _ in found} == {("precision", "beta")}


@pytest.mark.parametrize(
    ("change", "kind", "array", "message"),
    [
        (lambda dy, dx, db: dx, "count", None, "returned an incorrect number of gradients (expected 2, got 1)"),
        (lambda dy, dx, db: (dx, db, db), "count", None, "an incorrect number of gradients (expected 2, got 3)"),
        (lambda dy, dx, db: (dx, None), "gradient", "beta", "the pullback gives 0, differences give"),
        (lambda dy, dx, db: (dx, db[:2]), "shape", "beta", "returned an invalid gradient at index 1 - got [2]"),
        (
            lambda dy, dx, db: (dx, db.numpy()),
            "dtype",
            None,
            "a backward must return tensors: expected Variable or None",
        ),
        (lambda dy, dx, db: (dy.mul_(2), db), "mutation", None, "the pullback writes to the cotangent dy"),
        (lambda dy, dx, db: (dx, dy.sum(0) ** 2), "homogeneous", "beta", "is not linear in dy"),
    ],
)
def test_a_backward_that_breaks_its_contract_is_a_finding(change, kind, array, message, inputs, failures):
    found = failures(torch_function(altered(change)), *inputs)
    assert (kind, array) in [(k, a) for k, a, _ in found]
    assert any(message in text for _, _, text in found)


@pytest.mark.parametrize("error", [KeyError("inside"), RuntimeError("inside")])
def test_an_error_of_the_backward_comes_through_with_a_note(error, inputs):
    def raises(*arguments):
        raise error

    with pytest.raises(type(error), match="inside") as raised:
        gradcheck.check(torch_function(altered(raises)), *inputs)
    assert raised.value.__notes__ == ["gradcheck: raised by the pullback of the subject under check"]


def test_constants_of_a_function_are_put_where_its_forward_has_them(prove, inputs):
    class Power(Function):
        @staticmethod
        def forward(ctx, x, shift=0.5, exponent=2, mask=None):
            ctx.save_for_backward(x)
            ctx.options = shift, exponent, mask
            return torch.where(mask, (x + shift) ** exponent, 0 * x)

        @staticmethod
        def backward(ctx, dy):
            shift, exponent, mask = ctx.options
            dx = dy * exponent * (ctx.saved_tensors[0] + shift) ** (exponent - 1)
            return torch.where(mask, dx, 0 * dx), None, None, None

    report = prove(torch_function(Power), inputs[0], exponent=3, mask=inputs[0] > 0)
    assert [g.name for g in report.gradients] == ["x"]


def test_a_function_with_its_context_set_up_apart_is_proved(prove, inputs):
    class Cube(Function):
        @staticmethod
        def forward(x):
            return x * x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return 3 * x * x * dy

    assert [g.name for g in prove(torch_function(Cube), inputs[0]).gradients] == ["x"]


def test_several_outputs_some_of_them_whole_numbers_have_one_cotangent_each(prove, inputs):
    class Sorted(Function):
        @staticmethod
        def forward(ctx, x):
            values, where = x.sort(dim=1)
            ctx.save_for_backward(where)
            ctx.mark_non_differentiable(where)
            return values, where

        @staticmethod
        def backward(ctx, dvalues, _):
            (where,) = ctx.saved_tensors
            return torch.zeros_like(dvalues).scatter(1, where, dvalues)

    report = gradcheck.check(torch_function(Sorted), inputs[0])
    assert report.verdict == "pass", str(report)


Both = namedtuple("Both", "sum product")


@dataclasses.dataclass
class Weights:
    w: object
    steps: int


def test_inputs_and_outputs_of_any_nesting_are_checked(prove, rng):
    def nested(x, options):
        a, b = x["parts"]
        total = torch.tanh(a * options.w) + b[options.steps]
        return {"both": Both(total, a * b), "count": len(a)}

    x = {"parts": [rng.normal(size=4), rng.normal(size=4)], "ids": np.arange(2)}
    report = prove(torch_function(nested), x, Weights(rng.normal(size=4), 2))
    assert [g.name for g in report.gradients] == ["x.parts[0]", "x.parts[1]", "options.w"]


def test_only_floating_arrays_require_a_gradient(prove, inputs):
    seen = []

    def picked(x, ids, mask):
        seen.append((ids.dtype, ids.requires_grad, mask.dtype, mask.requires_grad, x.requires_grad))
        return torch.where(mask, x[ids] * x[ids], x[ids])

    ids = np.array([2, 0, 2])
    prove(torch_function(picked), inputs[0], ids, np.array([True, False, True]))
    assert {flags[:4] for flags in seen} == {(torch.int64, False, torch.bool, False)}
    assert {flags[4] for flags in seen} == {True, False}


def test_what_nothing_depends_on_has_a_gradient_of_zero(inputs):
    for function in (lambda x, beta: x * x, lambda x, beta: x * x + 0 * beta.detach()):
        report = gradcheck.check(torch_function(function), *inputs)
        assert [(g.verdict, g.digits is None) for g in report.gradients] == [("pass", False), ("pass", True)], str(
            report
        )


def test_a_graph_that_was_cut_is_caught(caught, inputs):
    caught({"x"}, torch_function(lambda x: x.detach() ** 2), inputs[0])


def test_a_sparse_gradient_is_checked_as_a_dense_one(prove, inputs):
    def embedded(table, ids):
        return torch.nn.functional.embedding(ids, table, sparse=True)

    prove(torch_function(embedded), inputs[0], np.array([1, 3, 1]))


@pytest.mark.parametrize(
    ("subject", "got"),
    [(3, "int"), (torch.nn.Linear, "the class Linear"), (torch.zeros(3), "Tensor"), (None, "NoneType")],
)
def test_what_is_no_function_of_tensors_is_refused(subject, got):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        torch_function(subject)
    want = "torch_function must get a function of tensors, an autograd.Function or an instance of nn.Module"
    assert str(error.value) == f"gradcheck: {want}, got {got}"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((np.arange(3),), "square must have a floating array to differentiate, got int64[3]"),
        ((torch.arange(3),), "square must have a floating array to differentiate, got int64[3]"),
        ((np.array([1.0, None]),), "x must be a NumPy array of real numbers, got dtype object"),
    ],
)
def test_inputs_without_real_numbers_are_refused(inputs, message):
    def square(x):
        return x * x

    with pytest.raises(TypeError, match="gradcheck: ") as error:
        gradcheck.check(torch_function(square), *inputs)
    assert str(error.value) == f"gradcheck: {message}"


def test_a_tensor_for_a_function_of_arrays_is_refused():
    with pytest.raises(
        TypeError, match=r"x must be a NumPy array of real numbers, got torch\.Tensor; for PyTorch use"
    ):
        gradcheck.check(gradcheck.adapters.pair(lambda x: x * x, lambda x, dy: 2 * x * dy), torch.ones(3))


def test_an_output_that_is_no_tensor_is_refused(inputs):
    with pytest.raises(TypeError, match="the forward pass must return a floating array, got str"):
        gradcheck.check(torch_function(lambda x: "text"), inputs[0])
