"""float32 and float16: the mathematics is asked in float64, the implementation beside it, and neither is excused."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear

rng = np.random.default_rng(1)
X = rng.normal(size=(4, 6)).astype(np.float32)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(x, dy):
    p = softmax(x)
    return p * (dy - (p * dy).sum(axis=-1, keepdims=True))


RIGHT = {
    "layer norm": LayerNorm(*rng.normal(size=(2, 6)).astype(np.float32)),
    "linear": Linear(rng.normal(size=(6, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)),
    "softmax": pair(lambda x: softmax(x), softmax_backward),
}


@pytest.mark.parametrize("name", RIGHT)
def test_float32_layers_pass_with_the_digits_of_float64(name):
    report = gradcheck.check(RIGHT[name], X)
    assert report.verdict == "pass", str(report)
    assert min(g.digits for g in report.gradients) > 11


def test_float16_layers_pass():
    report = gradcheck.check(RIGHT["softmax"], X.astype(np.float16))
    assert report.verdict == "pass", str(report)


def test_a_bug_of_the_mathematics_fails_in_float32():
    subject = pair(np.sin, lambda x, dy: np.cos(x) * dy * x.dtype.type(1.001))
    report = gradcheck.check(subject, X)
    assert report.verdict == "fail"
    assert "gradient" in {f.kind for f in report.findings}


def test_a_bug_of_the_narrow_implementation_fails_although_it_is_right_in_float64():
    def backward(x, dy):
        c = np.cos(x)
        return dy * (c.astype(np.float16).astype(x.dtype) if x.dtype == np.float32 else c)

    report = gradcheck.check(pair(lambda x: np.sin(x), backward), X)
    assert report.verdict == "fail"
    (finding,) = [f for f in report.findings if f.severity == "fail"]
    assert (finding.kind, finding.array) == ("precision", "x")
    assert finding.message.startswith("x[") and "in float32 the pullback gives" in finding.message
    assert "in float64" in finding.message and "rounding explains" in finding.message
    assert report.gradients[0].verdict == "fail" and report.gradients[0].reason == "broken: precision"
    assert report.gradients[0].digits > 11, "the mathematics is right"


def test_a_narrow_gradient_that_is_no_number_fails():
    def backward(x, dy):
        dx = dy * np.cos(x)
        return np.where(x > 1, np.nan, dx).astype(x.dtype) if x.dtype == np.float32 else dx

    report = gradcheck.check(pair(np.sin, backward), X)
    assert {f.kind for f in report.findings if f.severity == "fail"} == {"finite", "precision"}


def test_rounding_is_no_bug_where_terms_cancel():
    offset = X + np.float32(1000)
    report = gradcheck.check(RIGHT["layer norm"], offset)
    assert report.verdict == "pass", str(report)


def tanh_in_float32(factor=1.0):
    def forward(x):
        return np.tanh(x.astype(np.float32)).astype(x.dtype)

    def backward(x, dy):
        return factor * dy * (1 - np.tanh(x.astype(np.float32)).astype(x.dtype) ** 2)

    return pair(forward, backward)


def test_a_layer_that_computes_in_float32_passes_with_the_digits_that_float32_leaves():
    report = gradcheck.check(tanh_in_float32(), X.astype(np.float64))
    assert report.verdict == "pass", str(report)
    assert 1.5 < report.gradients[0].digits < 7  # the root of 6e-8 is what differences leave


@pytest.mark.parametrize("factor", [1.02, 0.5, -1.0])
def test_a_layer_that_computes_in_float32_is_not_excused_by_it(factor):
    assert gradcheck.check(tanh_in_float32(factor), X.astype(np.float64)).verdict == "fail"


def test_an_empty_array_beside_a_narrow_one_is_no_obstacle():
    def vjp(x, none):
        return x * x + none.sum(), lambda dy: (2 * x * dy, np.full_like(none, dy.sum()))

    report = gradcheck.check(vjp, X, np.zeros((0, 3), np.float32))
    assert report.verdict == "pass", str(report)
