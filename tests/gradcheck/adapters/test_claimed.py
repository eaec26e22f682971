"""Whole numbers that an object holds are told where its backward has a gradient of them, and only there."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import cached, claimed, module, pair, value_and_grad

W = np.random.default_rng(5).normal(size=(4, 3))
X = np.random.default_rng(6).normal(size=(5, 4))
B = np.arange(3)
NOT_CHECKED = "the gradient that is returned for it was not checked"


class Linear:
    """y = k x W + b, where b and k are whole numbers; the gradient of b has the factor 5."""

    def __init__(self, W=W, b=B, k=2, sizes=(4, 3)):
        self.W, self.b, self.k, self.sizes, self.ids, self.training = W, b, k, sizes, np.arange(4), True

    def forward(self, x):
        self.x = x
        return self.k * (x @ self.W) + self.b

    def gradients(self, x, dy):
        return {"W": self.k * x.T @ dy, "b": 5.0 * dy.sum(axis=0), "k": 5.0 * (dy * (x @ self.W)).sum()}

    def cotangent(self, dy):
        return self.k * dy @ self.W.T


def storing(*wanted):
    class Storing(Linear):
        def backward(self, dy):
            for name in wanted:
                setattr(self, "d" + name, self.gradients(self.x, dy)[name])
            return self.cotangent(dy)

    return Storing


def returning(form):
    class Returning(Linear):
        def plain_backward(self, x, dy):
            return form(self.cotangent(dy), self.gradients(x, dy))

        def backward(self, dy):
            return self.plain_backward(self.x, dy)

        def with_cache(self, x):
            return self.forward(x), x

        def of_cache(self, dy, x):
            return self.plain_backward(x, dy)

    return Returning


def by_name(*wanted):
    return lambda dx, found: (dx, {name: found[name] for name in wanted})


ADAPTERS = {
    "module": module,
    "pair": lambda layer: pair(layer.forward, layer.plain_backward),
    "cached": lambda layer: cached(layer.with_cache, layer.of_cache),
}


def told(report):
    return [(f.severity, f.message) for f in report.findings if f.kind == "integer"]


UNDECIDED = {"b": ("inconclusive", f"b is int64: {NOT_CHECKED}"), "k": ("inconclusive", f"k is an int: {NOT_CHECKED}")}


@pytest.mark.parametrize("wanted", ["b", "k", "bk"])
def test_a_gradient_that_a_backward_pass_stores_is_told(wanted):
    report = gradcheck.check(module(storing("W", *wanted)()), X)
    assert (report.verdict, told(report)) == ("inconclusive", [UNDECIDED[name] for name in wanted])
    assert {g.name: g.verdict for g in report.gradients} == {"W": "pass", "x": "pass"}


@pytest.mark.parametrize("wanted", ["b", "k", "bk"])
@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
def test_a_gradient_that_is_returned_by_name_is_told(adapter, wanted):
    report = gradcheck.check(adapter(returning(by_name("W", *wanted))()), X)
    assert (report.verdict, told(report)) == ("inconclusive", [UNDECIDED[name] for name in wanted])
    assert {g.name: g.verdict for g in report.gradients} == {"W": "pass", "x": "pass"}


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
@pytest.mark.parametrize("form", [by_name("W"), by_name("W", "b")], ids=["by name", "and of another"])
def test_where_all_that_have_gradients_are_whole_a_floating_one_is_still_forgotten(adapter, form):
    report = gradcheck.check(adapter(returning(form)(W=np.arange(12).reshape(4, 3), b=np.ones(3) / 3)), X)
    assert told(report) == [("inconclusive", f"W is int64: {NOT_CHECKED}")]
    assert report.verdict == "fail"


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
def test_a_gradient_that_is_returned_in_order_is_told(adapter):
    layer = returning(lambda dx, found: (dx, [found["W"]]))(W=np.arange(12).reshape(4, 3), b=0.5)
    del layer.ids
    report = gradcheck.check(adapter(layer), X)
    assert (report.verdict, told(report)) == ("inconclusive", [("inconclusive", f"W is int64: {NOT_CHECKED}")])


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
def test_whole_numbers_without_a_gradient_are_constants_and_not_told(adapter, prove):
    assert told(prove(adapter(returning(by_name("W"))()), X)) == []
    report = prove(module(storing("W")()), X)
    assert told(report) == []


def test_of_a_loss_they_are_told_too(prove):
    class Loss(Linear):
        def loss(self, x, wanted):
            e = self.forward(x)
            return (e * e).sum() / 2, {name: d for name, d in self.gradients(x, e).items() if name in wanted}

        def with_an_input(self, k, x):
            e = x @ self.W * k
            return (e * e).sum() / 2, {"k": e * (x @ self.W), "W": x.T @ (e * k)}

    report = gradcheck.check(value_and_grad(Loss().loss), x=X, wanted=("W", "b"))
    assert (report.verdict, told(report)) == ("inconclusive", [UNDECIDED["b"]])
    assert told(prove(value_and_grad(Loss().loss), x=X, wanted="W")) == []
    assert told(prove(value_and_grad(Loss().with_an_input), np.linspace(0.3, 2.0, 15).reshape(5, 3), x=X)) == []


def test_parameters_that_are_named_are_all_there_are(prove):
    assert told(prove(module(storing("W", "b")(), parameters={"W": "dW"}), X)) == []


ONE = np.ones(3)


def test_what_is_left_is_a_gradient_where_the_passes_changed_it():
    held, after = {("b",): B, ("n",): 3, ("y",): B}, {("db",): ONE, ("dn",): 0.5, ("dy",): ONE}
    assert claimed.left(held, after, set(after)) == {("b",): ("db",), ("n",): ("dn",)}
    assert claimed.left(held, after, {("dn",)}) == {("n",): ("dn",)}
    assert claimed.left(held, {("dn",): ONE}, {("dn",)}) == {}, "an array is no gradient of a size"


def test_what_is_returned_in_order_is_of_arrays():
    held = {("W",): W, ("b",): B, ("n",): 3}
    assert claimed.returned(held, {(0,): W, (1,): ONE}) == {("b",): (1,)}
    assert claimed.returned(held, {(0,): ONE}) == {}
    assert claimed.returned(held, {("dW",): W, ("n",): 0.5}) == {("n",): ("n",)}
    assert claimed.returned(held, {}) == {}


def test_what_an_object_changes_or_lets_go_is_not_unchanged():
    layer = Linear()
    before = claimed.numbers(layer)
    assert {path[0] for path in before} == {"W", "b", "k", "sizes", "ids", "training"}
    layer.b[...] += 0
    layer.k, layer.sizes, layer.ids = "two", None, np.arange(5)
    assert list(claimed.unchanged(layer, before)) == [("W",), ("b",), ("training",)]


def test_whole_numbers_are_told_only_of_a_floating_gradient():
    held, pairs = {("b",): B}, {("b",): ("db",)}
    assert [f.message for f in claimed.unchecked_of(held, pairs, {("db",): ONE})] == [f"b is int64: {NOT_CHECKED}"]
    assert claimed.unchecked_of(held, pairs, {("db",): B}) == claimed.unchecked_of(held, pairs, {("db",): None}) == []
