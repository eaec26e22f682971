"""Losses that return their value and its gradient at once."""

import copy

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import value_and_grad

KEYWORD = "an input without a gradient, such as the data, is handed over by keyword"

W = np.random.default_rng(7).normal(size=(4, 3))
LABELS = np.array([2, 0, 1, 2, 1])


def softmax_loss(x, labels):
    e = np.exp(x - x.real.max(axis=1, keepdims=True))
    p, rows = e / e.sum(axis=1, keepdims=True), np.arange(len(x))
    loss, dx = -np.log(p[rows, labels]).mean(), p.copy()
    dx[rows, labels] -= 1
    return loss, dx / len(x)


def linear_loss(x, w, labels, scale=1.0):
    loss, dz = softmax_loss(x @ w, labels)
    return loss, dz @ w.T, scale * x.T @ dz


def test_one_input_has_the_bare_gradient(prove, caught, x):
    assert prove(value_and_grad(softmax_loss), x, LABELS[:5]).subject == "softmax_loss"
    caught({"x"}, value_and_grad(lambda x: (softmax_loss(x, LABELS)[0], 5 * softmax_loss(x, LABELS)[1])), x)


FORMS = {
    "tuple": lambda loss, dx, dw: (loss, (dx, dw)),
    "one by one": lambda loss, dx, dw: (loss, dx, dw),
    "by name": lambda loss, dx, dw: (loss, {"x": dx, "w": dw}),
    "spelled": lambda loss, dx, dw: (loss, {"dW": dw, "grad_x": dx}),
    "a number of Python's": lambda loss, dx, dw: (loss.item(), (dx, dw)),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_gradients_of_several_inputs_come_in_any_of_the_usual_forms(form, prove, caught, x):
    prove(value_and_grad(lambda x, w: form(*linear_loss(x, w, LABELS))), x, W)
    caught({"w"}, value_and_grad(lambda x, w: form(*linear_loss(x, w, LABELS, 1.001))), x, W)


def test_what_has_no_gradient_is_handed_over_by_keyword(prove, x):
    def weights_only(w, *, x, labels):
        loss, _, dw = linear_loss(x, w, labels)
        return loss, dw

    prove(value_and_grad(weights_only), W, x=x, labels=LABELS)


class Model:
    """Two layers as in a course: parameters in a dictionary, and a loss that returns their gradients."""

    def __init__(self, forget=(), factor=1.0):
        rng = np.random.default_rng(3)
        self.params = {"W1": rng.normal(size=(4, 6)), "b1": np.zeros(6)}
        self.params |= {"W2": rng.normal(size=(6, 3)), "b2": np.zeros(3)}
        self.forget, self.factor, self.reg, self.history = forget, factor, 0.1, np.zeros(3)

    def loss(self, x, labels):
        p = self.params
        h = np.tanh(x @ p["W1"] + p["b1"])
        value, dz = softmax_loss(h @ p["W2"] + p["b2"], labels)
        value = value + 0.5 * self.reg * ((p["W1"] ** 2).sum() + (p["W2"] ** 2).sum())
        dh = dz @ p["W2"].T * (1 - h * h)
        grads = {"W2": h.T @ dz + self.reg * p["W2"], "b2": dz.sum(0), "b1": dh.sum(0)}
        grads["W1"] = self.factor * (x.T @ dh + self.reg * p["W1"])
        return value, {name: g for name, g in grads.items() if name not in self.forget}


def test_a_method_is_checked_in_the_parameters_of_its_object(prove, caught, x):
    model = Model()
    before = copy.deepcopy(vars(model))
    report = prove(value_and_grad(model.loss), x=x, labels=LABELS)
    assert [g.name for g in report.gradients] == ["params.W1", "params.b1", "params.W2", "params.b2"]
    assert repr(vars(model)) == repr(before)
    caught({"params.W1"}, value_and_grad(Model(factor=1.001).loss), x=x, labels=LABELS)


def test_an_object_that_cannot_be_copied_is_refused_in_one_line(x):
    model = Model()
    model.log = (line for line in "ab")
    message = r"^gradcheck: loss with its inputs must allow copy\.deepcopy, got TypeError: cannot pickle [^\n]*$"
    with pytest.raises(TypeError, match=message):
        gradcheck.check(value_and_grad(model.loss), x=x, labels=LABELS)


def test_a_parameter_whose_gradient_is_not_returned_is_a_failure(x):
    report = gradcheck.check(value_and_grad(Model(forget=("b2",)).loss), x=x, labels=LABELS)
    assert report.verdict == "fail"
    message = "no gradient for params.b2, on which the value depends: it is not among those that are returned"
    assert [f.message for f in report.findings if f.severity == "fail"] == [message]


def test_a_method_without_parameters_is_a_function(prove, x):
    class Criterion:
        weight = 2.0

        def loss(self, x, labels):
            value, dx = softmax_loss(x, labels)
            return self.weight * value, self.weight * dx

    prove(value_and_grad(Criterion().loss), x, LABELS)


def test_an_input_without_a_gradient_is_missing_one(x):
    report = gradcheck.check(value_and_grad(Model().loss), x, LABELS)
    assert [f.message for f in report.findings if f.severity == "fail"] == [f"no gradient of x is returned; {KEYWORD}"]


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (lambda x: x.sum(), "float64"),
        (lambda x: (x, x), "a tuple of 2"),
        (lambda x: (x.sum(), lambda dy: dy), "a tuple of 2"),
        (lambda x: (x.sum(),), "a tuple of 1"),
    ],
)
def test_another_form_is_refused(function, got, x):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        gradcheck.check(value_and_grad(function), x)
    assert str(error.value) == (
        f"gradcheck: <lambda> must return (value, grads) with one number as its value, got {got}"
    )


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match=r"^gradcheck: function must be callable, got int$"):
        value_and_grad(3)


@pytest.mark.parametrize(
    ("grads", "kind", "message"),
    [
        (lambda x: 2 * x, "count", f"the backward must return 2 cotangents, got ndarray; {KEYWORD}"),
        (lambda x: {"x": 2 * x}, "missing", f"no gradient of data is returned; {KEYWORD}"),
        (lambda x: (2 * x, None), "missing", f"no gradient of data is returned; {KEYWORD}"),
    ],
)
def test_data_without_a_gradient_is_asked_for_by_keyword(grads, kind, message, rng):
    def loss(x, data):
        return (x * x).sum() + data.sum(), grads(x)

    report = gradcheck.check(value_and_grad(loss), rng.normal(size=3), rng.normal(size=2))
    assert [(f.kind, f.message) for f in report.findings if f.severity == "fail"] == [(kind, message)]


def test_data_that_is_handed_over_by_keyword_needs_no_gradient(prove, rng):
    prove(value_and_grad(lambda x, *, data: ((x * data).sum(), data)), rng.normal(size=3), data=rng.normal(size=3))


def test_whole_numbers_need_no_gradient(prove, rng):
    def loss(x, ids):
        return (x[ids] ** 2).sum(), (2 * x * np.bincount(ids, minlength=4), None)

    prove(value_and_grad(loss), rng.normal(size=4), np.array([0, 2, 2]))
