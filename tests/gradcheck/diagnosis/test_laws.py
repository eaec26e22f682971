"""gradcheck.diagnosis.laws, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import laws

rng = np.random.default_rng(7)
X = rng.normal(size=(4, 5))
SQUARE = rng.normal(size=(5, 5))


def softmax(x, axis=-1):
    p = np.exp(x - x.real.max(axis, keepdims=True))
    return p / p.sum(axis, keepdims=True)


def logsumexp(x):
    return np.log(np.exp(x).sum(-1))


def of_weighted(x, dy, axis):
    """The gradient of softmax(x) @ SQUARE, its sum taken along an axis."""
    p, dp = softmax(x), dy @ SQUARE.T
    return p * (dp - (p * dp).sum(axis, keepdims=True))

# cause, words of the sentence, forward, backward, inputs
CASES = {
    "softmax of a loss along the other axis": (
        "axis",
        "along axis 1, the claims along axis 0",
        logsumexp,
        lambda x, dy: dy[:, None] * softmax(x, 0),
        X,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "both obey the law": (laws.law, logsumexp, lambda x, dy: 2 * dy[:, None] * softmax(x), X),
    "none obeys a law": (laws.law, np.sinh, lambda x, dy: dy * np.exp(x), X),
    "shares that are wrong along the right axis": (
        laws.shares,
        logsumexp,
        lambda x, dy: dy[:, None] * softmax(2 * x),
        X,
    ),
    "shares of nothing": (laws.shares, lambda x: np.sinh(x).sum(1), lambda x, dy: dy[:, None] * np.exp(x), X),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
