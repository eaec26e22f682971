"""gradcheck.diagnosis.experiments, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import experiments

rng = np.random.default_rng(11)
X, M = rng.normal(size=(3, 4)), rng.normal(size=(4, 4))
A, B = rng.normal(size=(2, 4, 3))


def scored(x, m):
    return np.sin(np.sinh(x @ np.tanh(m)) @ np.tanh(m))


def scored_backward(x, m, dy, first, second):
    """The gradients, with `first` and `second` in the place of m for x."""
    t = np.tanh(m)
    h = x @ t
    d = dy * np.cos(np.sinh(h) @ t)
    inner = (d @ t.T) * np.cosh(h)
    dm = (np.sinh(h).T @ d + x.T @ inner) * (1 - t * t)
    return ((d @ np.tanh(second).T) * np.cosh(h)) @ np.tanh(first).T, dm

# cause, words of the sentence, forward, backward, inputs
CASES = {
    "one of two matrices is not transposed": (
        "transposed",
        "m is symmetric|m were transposed",
        scored,
        lambda x, m, dy: scored_backward(x, m, dy, m, m.T),
        X,
        M,
    ),
    "one array for another": (
        "swapped",
        "a and b are equal",
        lambda a, b: np.sinh(a.T @ b),
        lambda a, b, dy: (
            (a + b) / 2 @ (dy * np.cosh(a.T @ b)).T,
            a @ (dy * np.cosh(a.T @ b)),
        ),
        A,
        B,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "right where a product of two arrays is symmetric": (
        experiments.mended,
        lambda a, b: np.sin(np.sinh(a @ b.T).sum(1)),
        lambda a, b, dy: (
            (dy * np.cos(np.sinh(a @ b.T).sum(1)))[:, None] * np.cosh(b @ a.T) @ b,
            ((dy * np.cos(np.sinh(a @ b.T).sum(1)))[:, None] * np.cosh(a @ b.T)).T @ a,
        ),
        A,
        B,
    ),
    "wrong for symmetric matrices too": (
        experiments.mended,
        scored,
        lambda x, m, dy: scored_backward(x, m, dy, m, np.sin(m.T)),
        X,
        M,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
