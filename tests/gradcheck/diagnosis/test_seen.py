"""gradcheck.diagnosis.seen, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import seen

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 4))
SQUARE = rng.normal(size=(4, 4))


def softmax(x):
    p = np.exp(x - x.real.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def centred(x):
    return x - x.mean(-1, keepdims=True)


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "sum of zero": (
        "unknown",
        "numeric gradients sum to 0 along axis 1",
        lambda x: np.sin(2 * softmax(2 * x)),
        lambda x, dy: dy @ SQUARE * softmax(2 * x),
        X,
    ),
    "sums to zero wrongly": (
        "unknown",
        "the claims sum to 0",
        lambda x: np.array((np.exp(x) / 3).sum() + np.sin(x[0] @ x[1] + x[2] @ x[0])),
        lambda x, dy: dy * centred(np.exp(x)),
        X,
    ),
    "hidden among errors": (
        "unknown",
        "without a dependence get one",
        lambda x: np.tril(SQUARE) @ np.sinh(x),
        lambda x, dy: (SQUARE * 2 + 1).T @ dy * np.cosh(x) ** 2,
        X[0],
    ),
    "lost among errors": (
        "unknown",
        "get no derivative",
        lambda x: SQUARE @ np.sinh(x),
        lambda x, dy: np.tril(SQUARE * 2 + 1).T @ dy * np.cosh(x) ** 2,
        X[0],
    ),
    "both among errors": (
        "unknown",
        "get no derivative, 6 pairs",
        lambda x: np.tril(SQUARE) @ np.sinh(x),
        lambda x, dy: np.triu(SQUARE * 2 + 1).T @ dy * np.cosh(x) ** 2,
        X[0],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


def test_wrong_derivatives_are_placed_by_their_indices(evidence):
    part = np.tril(np.ones((4, 4)), -1) + np.eye(4)
    e = evidence(lambda x: np.tril(SQUARE) @ x, lambda x, dy: (np.tril(SQUARE) * (2 * part - np.eye(4))).T @ dy, X[0])
    assert "the index of axis 0 of the output differs from that of axis 0 of x" in seen.seen(e)


def test_where_only_some_entries_are_known_their_number_is_said(evidence):
    e = evidence(lambda x: np.array(np.sin(x) @ np.cos(x)), lambda x, dy: dy * np.exp(x), np.linspace(-1, 1, 5000))
    assert not e.whole and seen.seen(e).startswith("x is wrong at 16 of 16 entries tried, by ")
