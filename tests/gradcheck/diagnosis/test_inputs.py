"""gradcheck.diagnosis.inputs, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import inputs

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 4))
SQUARE = rng.normal(size=(4, 4))
OTHER, SIX, NARROW = rng.normal(size=(3, 4)), rng.normal(size=(6, 2)), rng.normal(size=(4, 2))


def through(x, m, dy):
    """Of x tanh(m) N, with tanh(m) not transposed for x."""
    ds = dy @ NARROW.T
    return ds @ np.tanh(m), x.T @ ds / np.cosh(m) ** 2


def windows(x, k):
    return np.stack([smoothed(row, k[0]) for row in x])


def kernel_gradient(x, dy):
    wide = np.pad(x, ((0, 0), (1, 1)))
    return np.array([[(wide[:, j : j + 4] * dy).sum() for j in range(3)]])


def smoothed(x, weights=(0.25, 0.5, 0.25)):
    wide = np.concatenate([0 * x[:1], x, 0 * x[:1]])
    return sum(w * wide[k : k + len(x)] for k, w in enumerate(weights))


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "input to be transposed": (
        "transposed",
        "if m were transposed",
        lambda x, m: x @ np.tanh(m) @ NARROW,
        lambda x, m, dy: through(x, m, dy),
        X,
        SQUARE,
    ),
    "kernel reversed": (
        "transposed",
        "if k were reversed along axis 1",
        lambda x, k: windows(x, k) @ SQUARE,
        lambda x, k, dy: (windows(dy @ SQUARE.T, k), kernel_gradient(x, dy @ SQUARE.T)),
        X,
        np.array([[0.3, 0.8, -0.4]]),
    ),
    "symmetric by mistake": (
        "transposed",
        "taken for symmetric",
        lambda u, a: np.array(np.sinh(u) @ a @ np.sinh(u)),
        lambda u, a, dy: (2 * dy * (a @ np.sinh(u)) * np.cosh(u), dy * np.outer(np.sinh(u), np.sinh(u))),
        X[0],
        SQUARE,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "no way is right": (
        inputs.rearranged,
        lambda x, m: x @ np.tanh(m) @ NARROW,
        lambda x, m, dy: (dy @ NARROW.T @ np.sin(m), through(x, m, dy)[1]),
        X,
        SQUARE,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
