"""A batch of none compares nothing: no subject passes by it, however it is handed over; what claims something fails.

At a batch of two the same layers pass where they are right, and fail where they are wrong.
"""

import numpy as np
import pytest

import gradcheck
from gradcheck import GradientError
from gradcheck.adapters import cached, dlpack, forward_mode, module, pair

W = np.random.default_rng(1).normal(size=(3, 4))


class Layer:
    def __init__(self, w, factor=1, more=0.0):
        self.w, self.factor, self.more = w, factor, more

    def vjp(self, x):
        y = np.tanh(x @ self.w)

        def pullback(dy):
            ds = self.factor * dy * (1 - y * y)
            return {"w": x.T @ ds + self.more * self.w}, ds @ self.w.T

        return y, pullback


class Module:
    """Parameters, their gradients and what is kept of the forward pass are attributes."""

    def __init__(self, factor, more):
        self.layer, self.w = Layer(W, factor, more), W.copy()

    def forward(self, x):
        self.layer.w = self.w
        y, self.pullback = self.layer.vjp(x)
        return y

    def backward(self, dy):
        d_layer, dx = self.pullback(dy)
        self.dw = d_layer["w"]
        return dx


def by_function(factor, more):
    def function(x, w):
        y, pullback = Layer(w, factor, more).vjp(x)

        def pull(dy):
            d_layer, dx = pullback(dy)
            return dx, d_layer["w"]

        return y, pull

    return function


def as_pair(factor, more):
    function = by_function(factor, more)
    return pair(lambda x, w: np.tanh(x @ w), lambda x, w, dy: function(x, w)[1](dy))


def as_cached(factor, more):
    return cached(by_function(factor, more), lambda dy, pullback: pullback(dy))


ADAPTERS = {
    "layer": (lambda factor, more: Layer(W, factor, more), ()),
    "function": (by_function, (W,)),
    "pair": (as_pair, (W,)),
    "cached": (as_cached, (W,)),
    "module": (lambda factor, more: module(Module(factor, more)), ()),
    "dlpack": (lambda factor, more: dlpack(by_function(factor, more), from_dlpack=np.from_dlpack), (W,)),
}


@pytest.fixture(params=ADAPTERS)
def check(request):
    """check(count, factor, more): the report on a layer at a batch of so many."""
    made, arrays = ADAPTERS[request.param]

    def check(count, factor=1, more=0.0, **options):
        x = np.random.default_rng(2).normal(size=(count, 3))
        return gradcheck.check(made(factor, more), x, *arrays, **options)

    return check


@pytest.mark.parametrize("factor", [1, 5])
def test_a_batch_of_none_leaves_it_open(check, factor):
    assert check(2, factor).verdict == ("pass" if factor == 1 else "fail")
    report = check(0, factor)
    assert report.verdict == "inconclusive", str(report)
    assert {g.verdict for g in report.gradients} == {"inconclusive"}
    assert not any(g.compared for g in report.gradients)


def test_what_is_claimed_for_a_batch_of_none_fails(check):
    report = check(0, more=0.1)
    assert report.verdict == "fail"
    assert {g.name.rpartition(".")[2]: g.verdict for g in report.gradients} == {"x": "inconclusive", "w": "fail"}


def test_in_forward_mode_too():
    def layer(factor):
        def function(x, w):
            y = np.tanh(x @ w)
            return y, lambda dx, dw: factor * (1 - y * y) * (dx @ w + x @ dw)

        return forward_mode(function)

    for factor in (1, 5):
        report = gradcheck.check(layer(factor), np.zeros((0, 3)), W)
        assert report.verdict == "inconclusive", str(report)
        assert {g.verdict for g in report.gradients} == {"inconclusive"}


@pytest.mark.parametrize("options", [{"order": 2}, {"exact": True}])
def test_nor_does_a_longer_check_pass(options):
    report = gradcheck.check(by_function(1, 0.0), np.zeros((0, 3)), W, **options)
    assert report.verdict == "inconclusive", str(report)


def test_an_assertion_of_nothing_is_raised():
    with pytest.raises(GradientError, match="nothing was compared: the output has no entry"):
        gradcheck.assert_gradients(by_function(1, 0.0), np.zeros((0, 3)), W)
