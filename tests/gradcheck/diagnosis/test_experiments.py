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



def huber(d):
    size = np.where(d.real < 0, -d, d)
    return np.where(size.real < 0.8, d * d / 2, 0.8 * (size - 0.4))


def varied(x, slope):
    dx, down, across = np.zeros_like(x), slope(x[1:] - x[:-1]), slope(x[:, 1:] - x[:, :-1])
    dx[1:] += down
    dx[:-1] -= down
    dx[:, 1:] += across
    dx[:, :-1] -= across
    return dx


def one_side(a, b, dy):
    root = np.sqrt(1 + huber(a - b).sum(-1))
    return (dy / (2 * root))[..., None] * np.where(np.abs(a - b) < 0.8, a - b, np.sign(a - b))


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
    "steps beyond a threshold": (
        "branch",
        "right where x is small",
        lambda x: huber(x[1:] - x[:-1]).sum() + huber(x[:, 1:] - x[:, :-1]).sum(),
        lambda x, dy: dy * varied(x, lambda d: np.where(np.abs(d) < 0.8, d, np.sign(d))),
        X,
    ),
    "distances beyond a threshold": (
        "branch",
        "right where [ab] - [ab] is small",
        lambda a, b: np.sqrt(1 + huber(a - b).sum(-1)),
        lambda a, b, dy: (one_side(a, b, dy), -one_side(a, b, dy)),
        A,
        B,
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
    "a smooth formula whose error fades as the array does": (
        experiments.within,
        lambda x: np.tanh(np.sinh(x) ** 3 + x).sum(1),
        lambda x, dy: dy[:, None] / np.cosh(x**3 + x) ** 2 * (1 + 3 * x**2),
        X,
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
