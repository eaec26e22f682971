"""gradcheck.diagnosis.spans, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import spans

rng = np.random.default_rng(21)
X, Y = rng.normal(size=(3, 8)), rng.normal(size=(3, 8))
IMAGE = rng.normal(size=(2, 4, 3, 2))


def centred(x):
    return x - x.mean(-1, keepdims=True)


def groups(x):
    return x.reshape(2, 2, -1)


def covariance(x, y):
    return np.tanh((centred(x) * centred(y)).mean(1)) + np.sin(x).sum(1)


def covariance_backward(x, y, dy):
    g = (dy * (1 - np.tanh((centred(x) * centred(y)).mean(1)) ** 2) / 8)[:, None]
    return g * centred(x) + dy[:, None] * np.cos(x), g * centred(x)


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "the mean of a group of channels": (
        "mean term",
        "the same number",
        lambda x: np.sinh(centred(groups(x))).reshape(x.shape),
        lambda x, dy: dy * np.cosh(centred(groups(x))).reshape(x.shape),
        IMAGE,
    ),
    "another array's lines": (
        "product term",
        "a sum of x, y and 1",
        covariance,
        covariance_backward,
        X,
        Y,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


def test_a_factor_of_each_line_is_no_term_of_a_mean(evidence):
    """Where the gradient itself is the same all along a line, so is the error, whatever is wrong."""
    weights = np.array([1.0, 2.0, 4.0])
    e = evidence(lambda x: weights * x.sum(1), lambda x, dy: (dy * weights**2)[:, None] + 0 * x, X)
    assert not spans.along_lines(e)


def test_bars_of_uneven_width_hide_no_term(evidence):
    """A variance by absolute values is no complex-differentiable function: real differences leave wide bars."""

    def standard(x):
        return centred(x) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)

    def backward(x, dy):
        xhat = standard(x)
        return (dy - xhat * (dy * xhat).mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)

    found = spans.along_lines(evidence(standard, backward, X))
    assert found.name == "mean term", found
