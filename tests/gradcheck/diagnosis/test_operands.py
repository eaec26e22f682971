"""gradcheck.diagnosis.operands, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import operands

rng = np.random.default_rng(8)
X, W, V = rng.normal(size=(6, 4)), rng.normal(size=(4, 3)), rng.normal(size=(5, 4))


def hidden(x, w):
    return np.sin(np.tanh(x) @ w)


def hidden_backward(x, w, dy, beside):
    d = dy * np.cos(np.tanh(x) @ w)
    return (d @ w.T) * (1 - np.tanh(x) ** 2), beside.T @ d


def distances(x, v):
    return ((x[:, None] - v[None]) ** 2).sum(-1)


def distances_backward(x, v, dy, times):
    dx = 2 * dy.sum(1)[:, None] * x - times * dy @ v
    return dx, 2 * dy.sum(0)[:, None] * v - 2 * dy.T @ x

# cause, words of the sentence, forward, backward, inputs
CASES = {
    "the input for what was made of it": (
        "value",
        "x stands where another array",
        hidden,
        lambda x, w, dy: hidden_backward(x, w, dy, x),
        X,
        W,
    ),
    "a term of another array": (
        "term",
        "1 times a line of v",
        distances,
        lambda x, v, dy: distances_backward(x, v, dy, 1),
        X,
        V,
    ),
    "the square of the input": (
        "value",
        "a square of x stands",
        hidden,
        lambda x, w, dy: hidden_backward(x, w, dy, x * x),
        X,
        W,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "no slice of an array": (
        operands.outer,
        hidden,
        lambda x, w, dy: hidden_backward(x, w, dy, np.exp(np.sin(3 * x))),
        X,
        W,
    ),
    "right vectors with a factor": (
        operands.outer,
        hidden,
        lambda x, w, dy: hidden_backward(x, w, dy, 2 * np.tanh(x)),
        X,
        W,
    ),
    "off by no array": (
        operands.added,
        distances,
        lambda x, v, dy: (distances_backward(x, np.sin(v), dy, 2)[0], distances_backward(x, v, dy, 2)[1]),
        X,
        V,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
