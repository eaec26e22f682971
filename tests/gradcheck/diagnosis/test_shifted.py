"""gradcheck.diagnosis.shifted, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import shifted

rng = np.random.default_rng(22)
LINKS = (rng.random((5, 5)) < 0.4) * rng.uniform(0.5, 1.5, (5, 5)) + np.eye(5)
DENSE = rng.uniform(0.5, 1.5, (5, 5))
X, W = rng.normal(size=(5, 3)), rng.normal(size=(3, 4))
LONG = rng.normal(size=(9, 2))


def sent(matrix):
    return lambda x, w: np.tanh(matrix @ x @ w)


def returned(matrix, there):
    def backward(x, w, dy):
        g = dy * (1 - np.tanh(matrix @ x @ w) ** 2)
        return there @ g @ w.T, (matrix @ x).T @ g

    return backward


def causal(x):
    padded = np.concatenate([0 * x[:2], x])
    return np.sin(padded[2:]) + 3 * np.sin(padded[1:-1]) + 5 * np.sin(padded[:-2])


def springs(x):
    return np.cosh(x[1:] - x[:-1]).sum()


def causal_cut_off(x, dy):
    padded, dpadded = np.concatenate([0 * x[:2], x]), np.zeros((11, 2))
    for start, weight in ((2, 1), (1, 3), (0, 5)):
        dpadded[start : start + 9] += weight * dy * np.cos(padded[start : start + 9])
    return dpadded[1:-1]


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "messages along their links": ("transposed", "not transposed", sent(LINKS), returned(LINKS, LINKS), X, W),
    "a full matrix": ("transposed", "not transposed", sent(DENSE), returned(DENSE, DENSE), X, W),
    "one end of a spring": (
        "path",
        "the claim 1 further along axis 0",
        springs,
        lambda x, dy: dy * np.concatenate([0 * x[:1], np.sinh(x[1:] - x[:-1])]),
        LONG,
    ),
    "one end of a spring, in a ring": (
        "path",
        "the claim 2 further along axis 0",
        lambda x: np.cosh(x - np.roll(x, -2, 0)).sum(),
        lambda x, dy: dy * np.sinh(x - np.roll(x, -2, 0)),
        LONG,
    ),
    "padding cut off one step early": ("shift", "off by 1", causal, causal_cut_off, LONG),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "the places of a transpose, but not its numbers": (
        shifted.mirrored,
        lambda x: np.tril(DENSE) @ x,
        lambda x, dy: np.triu(DENSE).T @ dy,
        X[:, 0],
    ),
    "the right matrix, another slope": (
        shifted.mirrored,
        sent(LINKS),
        lambda x, w, dy: (LINKS.T @ dy @ w.T, 0 * w),
        X,
        W,
    ),
    "signs of a matrix that is its own transpose": (
        shifted.mirrored,
        np.abs,
        lambda x, dy: dy * np.where(np.arange(5) > 2, -1, 1) * np.sign(x),
        X[:, 0],
    ),
    "both ends, of which one counts half": (
        shifted.other_end,
        springs,
        lambda x, dy: dy
        * (
            np.concatenate([0 * x[:1], np.sinh(x[1:] - x[:-1])])
            - np.concatenate([np.sinh(x[1:] - x[:-1]), 0 * x[:1]]) / 2
        ),
        LONG,
    ),
    "other numbers in the right places": (shifted.stepped, np.cumsum, lambda x, dy: np.cumsum(dy) * 2, X[:, 0]),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
