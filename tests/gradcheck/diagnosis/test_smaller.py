"""A large layer is told of where its axes are shorter."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import module, pair
from gradcheck.diagnosis import diagnose as diagnosing
from gradcheck.diagnosis.smaller import smaller

rng = np.random.default_rng(5)
X, GAIN = rng.normal(size=(8, 16, 32)), rng.normal(size=32)


def normalised(x, gain):
    d = x - x.mean(-1, keepdims=True)
    return gain * d / np.sqrt((d * d).mean(-1, keepdims=True) + 1e-5)


def backward(x, gain, dy, forgets="", length=None):
    d, n = x - x.mean(-1, keepdims=True), length or x.shape[-1]
    s = np.sqrt((d * d).mean(-1, keepdims=True) + 1e-5)
    u = d / s
    du = gain * dy
    mean = 0 if forgets == "mean" else du.sum(-1, keepdims=True) / n
    product = 0 if forgets == "product" else u * (du * u).sum(-1, keepdims=True) / n
    return (du - mean - product) / s, (dy[0] * u[0]).sum(0) if forgets == "batch" else (dy * u).sum((0, 1))


@pytest.mark.parametrize(
    ("forgets", "name", "cause"),
    [("mean", "x", "mean term"), ("product", "x", "product term"), ("batch", "gain", "sum")],
)
def test_a_term_that_a_large_layer_forgets_is_named(forgets, name, cause):
    report = gradcheck.check(pair(normalised, lambda *args: backward(*args, forgets)), X, GAIN)
    (failing,) = [g for g in report.gradients if g.verdict == "fail"]
    assert (failing.name, failing.cause) == (name, cause)
    assert failing.diagnosis.endswith("(at x [5, 4, 3], gain [3])"), failing.diagnosis


def test_an_array_that_is_right_in_the_large_layer_alone_is_no_witness():
    """With a length that is written out the small layer is wrong in x too: nothing is said of gain by it."""
    subject = pair(normalised, lambda *args: backward(*args, "batch", 32))
    report = gradcheck.check(subject, X, GAIN)
    assert [(g.verdict, g.cause) for g in report.gradients] == [("pass", ""), ("fail", "unknown")]


@pytest.fixture
def cut(monkeypatch):
    """cut(subject, inputs, constants): the shapes of the arrays in the smaller layer, or None."""
    seen = []

    def keep(compared, gradients, findings):
        seen.append(smaller(compared))
        return gradients

    monkeypatch.setattr("gradcheck.checker.explained", keep)

    def cut(subject, *inputs, **constants):
        gradcheck.check(subject, *inputs, **constants)
        found = seen.pop()
        return None if found is None else [leaf.value.shape for leaf in found.near.problem.leaves]

    return cut


def test_axes_of_one_length_are_cut_alike_and_those_of_constants_too(cut):
    rng = np.random.default_rng(5)
    x, w, mask = rng.normal(size=(9, 12)), rng.normal(size=(12, 20)), rng.random(20) < 0.5

    def back(x, w, dy, mask):
        return (mask * dy) @ w.T, x.T @ (mask * dy)

    assert cut(pair(lambda x, w, mask: np.where(mask, x @ w, 0), back), x, w, mask=mask) == [(5, 4), (4, 3)]


def test_what_a_layer_does_not_take_shorter_stays(cut):
    rng = np.random.default_rng(5)
    table = rng.normal(size=(12, 12))
    assert cut(pair(lambda x: table @ x, lambda x, dy: table.T @ dy), rng.normal(size=(12, 10))) == [(12, 3)]
    assert cut(pair(lambda x: table @ x, lambda x, dy: table.T @ dy), rng.normal(size=12)) is None


def test_axes_that_are_cut_into_parts_are_made_a_part_as_long(cut):
    rng = np.random.default_rng(5)
    def joined(x):
        return x.reshape(len(x), 3, -1).sum(1)

    def back(x, dy):
        return np.concatenate([dy, dy, dy], axis=1)

    assert cut(pair(joined, back), rng.normal(size=(3, 24))) == [(3, 6)]


def test_parameters_of_an_object_are_cut_too(cut):
    rng = np.random.default_rng(5)
    class Linear:
        def __init__(self):
            self.W, self.dW = rng.normal(size=(20, 30)), np.zeros((20, 30))

        def forward(self, x):
            self.x = x
            return x @ self.W

        def backward(self, dy):
            self.dW = self.x.T @ dy
            return dy @ self.W.T

    assert cut(module(Linear()), rng.normal(size=(40, 20))) == [(5, 4), (3, 5)]


def test_small_layers_are_looked_at_as_they_are(monkeypatch):
    rng = np.random.default_rng(5)
    monkeypatch.setattr(diagnosing, "smaller", lambda compared: pytest.fail("a small layer was cut"))
    x = rng.normal(size=(5, 6))
    gradcheck.check(pair(np.sinh, lambda x, dy: dy * np.exp(np.sin(3 * x))), x)
