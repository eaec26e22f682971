"""gradcheck.diagnosis.compounds: softmaxes and norms that go back wrongly as a whole."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.diagnosis import retraced
from gradcheck.subjects.problem import Problem

rng = np.random.default_rng(11)
X, V = rng.normal(size=(4, 5)), rng.normal(size=(4, 5))


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def norm(x):
    c = x - x.mean(1, keepdims=True)
    return c / np.sqrt((c * c).mean(1, keepdims=True) + 1e-5)


def of_softmax(p, dp, bug):
    if bug == "diagonal":
        return p * (1 - p) * dp
    axis = 0 if bug == "axis" else 1
    return p * (dp - (dp * p).sum(axis, keepdims=True)) if bug != "p" else dp - (dp * p).sum(1, keepdims=True)


def of_norm(x, y, dy, bug):
    s = np.sqrt(x.var(1, keepdims=True) + 1e-5)
    axis = 0 if bug == "norm axis" else 1
    mean, part = dy.mean(axis, keepdims=True), (dy * y).mean(axis, keepdims=True)
    return (dy - (0 if bug == "spread alone" else mean) - (0 if bug == "mean alone" else y * part)) / s


def gradient(forward, back, bug):
    def backward(x, dy):
        y = forward(x)
        dp = 2 * dy * V * (y * V).sum()
        return back(y, dp, bug) if back is of_softmax else back(x, y, dp, bug)

    problem = Problem(pair(lambda x: (forward(x) * V).sum() ** 2, backward), (X,), {})
    return retraced.found(problem, (X,))


CASES = {
    "diagonal": (softmax, of_softmax, "elementwise"),
    "axis": (softmax, of_softmax, "axis"),
    "p": (softmax, of_softmax, "slope"),
    "norm axis": (norm, of_norm, "axis"),
    "mean alone": (norm, of_norm, "normalisation"),
    "spread alone": (norm, of_norm, "mean term"),
}


@pytest.mark.parametrize("bug", CASES)
def test_what_a_softmax_or_a_norm_does_wrongly_is_told(bug):
    forward, back, cause = CASES[bug]
    (said,) = gradient(forward, back, bug).of.values()
    assert said.name == cause, said
    assert "axis 0" in said.sentence or "axis" not in bug, said


def test_a_right_one_is_told_nothing_of():
    assert not gradient(softmax, of_softmax, "").of
    assert not gradient(norm, of_norm, "").of
