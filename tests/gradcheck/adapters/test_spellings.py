"""Gradients are found where people put them."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import module

W = np.random.default_rng(5).normal(size=(3, 3))


class Parameter:
    def __init__(self, value, **fields):
        self.__dict__.update(value=value, **fields)


class Slotted:
    __slots__ = ("__weakref__", "grad", "value")

    def __init__(self, value):
        self.value = value


class Derived(Slotted):
    __slots__ = "note"


class Layer:
    """y = x W; `keep` says where W and its gradient are."""

    def __init__(self, parameter, gradient, **fields):
        self.parameter, self.gradient = parameter, gradient
        self.__dict__.update(fields)

    def forward(self, x):
        self.x = x
        return x @ self.parameter(self)

    def backward(self, dy):
        self.gradient(self, self.x.T @ dy)
        return dy @ self.parameter(self).T


def attribute(name):
    return lambda self, g: setattr(self, name, g)


SPELLINGS = {
    name: Layer(lambda self: self.W, attribute(name), W=W)
    for name in ("dW", "d_W", "dw", "W_grad", "Wgrad", "grad_W", "gradW", "W_gradient", "dL_dW", "nabla_W", "delta_W")
}
SPELLINGS |= {
    "weight_grad": Layer(lambda self: self.weight, attribute("weight_grad"), weight=W),
    "dweights": Layer(lambda self: self.weights, attribute("dweights"), weights=W),
    "params, grads": Layer(
        lambda self: self.params["W1"], lambda self, g: self.grads.update(W1=g), params={"W1": W}, grads={}
    ),
    "params, dparams with dW": Layer(
        lambda self: self.params["W1"], lambda self, g: setattr(self, "d_params", {"dW1": g}), params={"W1": W}
    ),
    "one dictionary": Layer(lambda self: self.p["W"], lambda self, g: self.p.update(dW=g), p={"W": W}),
    "nested": Layer(
        lambda self: self.parameters["head"]["W"],
        lambda self, g: setattr(self, "gradients", {"head": {"W": g}}),
        parameters={"head": {"W": W}},
    ),
    "lists": Layer(lambda self: self.params[0], lambda self, g: setattr(self, "grads", [g]), params=[W]),
    "pairs of a list": Layer(
        lambda self: self.params[0][0],
        lambda self, g: self.params[0].__setitem__(1, g),
        params=[[W, np.zeros_like(W)]],
    ),
    "pairs of tuples": Layer(
        lambda self: self.params[0][0], lambda self, g: self.params[0][1].__iadd__(g), params=[(W, np.zeros_like(W))]
    ),
    "value and grad": Layer(
        lambda self: self.w.value, lambda self, g: setattr(self.w, "grad", g), w=Parameter(W, grad=None)
    ),
    "slots": Layer(lambda self: self.w.value, lambda self, g: setattr(self.w, "grad", g), w=Slotted(W)),
    "slots of a base": Layer(lambda self: self.w.value, lambda self, g: setattr(self.w, "grad", g), w=Derived(W)),
    "data and gradient": Layer(
        lambda self: self.w.data, lambda self, g: setattr(self.w, "gradient", g), w=Parameter(None, data=W)
    ),
}
SPELLINGS |= {
    "adding up in a dictionary": Layer(
        lambda self: self.params["W"],
        lambda self, g: self.grads.update(W=self.grads["W"] + g),
        params={"W": W},
        grads={"W": np.zeros_like(W)},
    )
}
ADDING = ("pairs of tuples", "adding up in a dictionary")


@pytest.mark.parametrize("layer", SPELLINGS.values(), ids=SPELLINGS)
def test_a_usual_spelling_is_found(layer, rng):
    report = gradcheck.check(module(layer), rng.normal(size=(4, 3)))
    assert len(report.gradients) == 2, str(report)
    adding = any(layer is SPELLINGS[name] for name in ADDING)
    assert [f.kind for f in report.findings if f.severity == "fail"] == ["accumulation"] * adding
    assert all(g.digits > 11 for g in report.gradients)


@pytest.mark.parametrize("layer", SPELLINGS.values(), ids=SPELLINGS)
def test_a_wrong_gradient_is_caught_whatever_its_spelling(layer, rng):
    wrong = Layer(layer.parameter, lambda self, g: layer.gradient(self, 1.001 * g))
    vars(wrong).update({key: value for key, value in vars(layer).items() if key not in ("parameter", "gradient")})
    report = gradcheck.check(module(wrong), rng.normal(size=(4, 3)))
    assert {f.array for f in report.findings if f.kind == "gradient"} == {report.gradients[0].name}


def test_an_unusual_spelling_is_named_by_its_path(prove, caught, rng):
    def unusual(factor):
        return Layer(
            lambda self: self.blocks[1]["kernel"],
            lambda self, g: setattr(self, "store", {"k": factor * g}),
            blocks=[None, {"kernel": W}],
        )

    x = rng.normal(size=(4, 3))
    named = {"blocks[1].kernel": "store.k"}
    report = prove(module(unusual(1), parameters=named), x)
    assert [g.name for g in report.gradients] == ["blocks[1].kernel", "x"]
    caught({"blocks[1].kernel"}, module(unusual(1.001), parameters=named), x)


def test_a_residual_with_a_gradient_of_its_own_is_no_parameter(prove, rng):
    class Square:
        def forward(self, x):
            self.x = x
            return x * x

        def backward(self, dy):
            self.dx = 2 * self.x * dy
            return self.dx

    layer = Square()
    layer.backward(layer.forward(np.ones(3)))
    report = prove(module(layer), rng.normal(size=3))
    assert [g.name for g in report.gradients] == ["x"]


def test_two_weights_of_one_shape_in_a_pair_are_no_parameter_and_gradient(prove, rng):
    class Two(Layer):
        def forward(self, x):
            self.x = x
            return x @ self.cells[0][0] @ self.cells[0][1]

        def backward(self, dy):
            a, b = self.cells[0]
            self.grads = [(self.x.T @ dy @ b.T, (self.x @ a).T @ dy)]
            return dy @ b.T @ a.T

    layer = Two(None, None, cells=[(W, W[::-1].copy())])
    named = {"cells[0][0]": "grads[0][0]", "cells[0][1]": "grads[0][1]"}
    x = rng.normal(size=(4, 3))
    report = gradcheck.check(module(layer), x)
    assert (report.verdict, [g.name for g in report.gradients]) == ("inconclusive", ["x"])
    assert [g.name for g in prove(module(layer, parameters=named), x).gradients] == [*named, "x"]


def test_an_object_that_refers_to_itself_is_looked_at_once(prove, rng):
    layer = Layer(lambda self: self.W, attribute("dW"), W=W)
    layer.me, layer.children = layer, [layer]
    report = prove(module(layer), rng.normal(size=(4, 3)))
    assert [g.name for g in report.gradients] == ["W", "x"]


def test_two_parameters_that_differ_in_case_have_gradients_that_do(prove, caught, rng):
    class Both(Layer):
        factor = 1.0

        def forward(self, x):
            self.x = x
            return x @ self.W + self.w

        def backward(self, dy):
            self.dW, self.dw = self.x.T @ dy, self.factor * dy.sum(0)
            return dy @ self.W.T

    x, both = rng.normal(size=(4, 3)), Both(None, None, W=W, w=W[0].copy())
    assert [g.name for g in prove(module(both), x).gradients] == ["W", "w", "x"]
    both.factor = 1.001
    caught({"w"}, module(both), x)
