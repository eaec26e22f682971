"""A Function of several outputs is tried with one in use, and with all but one: what the others get is undefined."""

import pytest
import torch

import gradcheck
from gradcheck.adapters import torch_function
from gradcheck.adapters.torch_unused import MOST, cases

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


class Three(Function):
    """(sin x, cos x, x^2), with None for the cotangents of those that are not used."""

    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x)
        return x.sin(), x.cos(), x * x

    @staticmethod
    def backward(ctx, *cotangents):
        (x,) = ctx.saved_tensors
        slopes = (x.cos(), -x.sin(), 2 * x)
        return sum(d * slope for d, slope in zip(cotangents, slopes, strict=True) if d is not None)


def with_one_missing(missing, change):
    class Altered(Three):
        @staticmethod
        def backward(ctx, *cotangents):
            if [k for k, d in enumerate(cotangents) if d is None] == [missing]:
                return change(ctx.saved_tensors[0], *(d for d in cotangents if d is not None))
            return Three.backward(ctx, *cotangents)

    return Altered


def test_three_outputs_of_which_any_may_be_missing_are_proved(prove, x):
    assert undefined(prove(torch_function(Three), x)) == []


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_what_is_wrong_only_where_one_of_three_is_missing_fails(x, missing):
    report = gradcheck.check(torch_function(with_one_missing(missing, lambda x, a, b: a * x)), x)
    assert report.verdict == "fail"
    case = f"with all outputs in use but output {missing}, its cotangent undefined,"
    assert undefined(report) == [("fail", "x", f"{case} the gradient of x is another than with zeros for it")]


def test_cotangents_that_change_places_where_the_third_is_missing_are_found(x):
    swapped = with_one_missing(2, lambda x, a, b: b * x.cos() - a * x.sin())
    assert [severity for severity, *_ in undefined(gradcheck.check(torch_function(swapped), x))] == ["fail"]


def test_of_many_outputs_a_bounded_number_is_left_out():
    found = list(cases(list(range(40)), 40))
    assert len(found) == 2 * MOST
    assert [weights.count(0.0) for _, _, weights in found] == [39] * MOST + [1] * MOST


def test_what_requires_no_gradient_is_left_as_it_is():
    assert [case.split(",")[0] for case, *_ in cases([0, 2], 3)] == [f"with output {k} alone in use" for k in (0, 2)]
