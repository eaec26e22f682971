"""Quantisers and ranks: between two steps they have a derivative, and a pullback that gives it does not fail.

The slope of what is quantised, passed straight through without saying so, does not pass.
"""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair

SEEDS = range(3)
X = np.random.default_rng(0).normal(size=(2, 30))
A, W = (np.random.default_rng(4).normal(size=shape) for shape in ((8, 6), (6, 5)))


def largest(w, levels):
    """Return w on a grid whose scale is that of its largest entry, and the steps of the grid, as whole numbers."""
    scale = np.abs(w).max() / levels
    return np.round(w / scale) * scale, np.round(w / scale)


def of_grid(w, steps, levels, dq):
    """Return the true gradient: only the largest entry moves the grid."""
    dw, worst = np.zeros_like(w), np.unravel_index(np.abs(w).argmax(), w.shape)
    dw[worst] = (dq * steps).sum() / levels * np.sign(w[worst])
    return dw


def weights(levels, is_straight=False):
    def backward(a, w, dy):
        quantised, steps = largest(w, levels)
        return dy @ quantised.T, a.T @ dy if is_straight else of_grid(w, steps, levels, a.T @ dy)

    return pair(lambda a, w: a @ largest(w, levels)[0], backward)


def activations(levels):
    def backward(a, w, dy):
        bent = np.tanh(a)
        quantised, steps = largest(bent, levels)
        return of_grid(bent, steps, levels, dy @ w.T) * (1 - bent * bent), quantised.T @ dy

    return pair(lambda a, w: largest(np.tanh(a), levels)[0] @ w, backward)


def ranks(x):
    return 1.0 + np.argsort(np.argsort(x))


def fixed(k):
    return lambda x: np.round(np.sin(x) * k) / k


def product(k):
    def forward(x, w):
        return np.round(x * k) / k * w + np.sin(x)

    return pair(forward, lambda x, w, dy: (dy * np.cos(x), dy * np.round(x * k) / k))


RIGHT = {
    **{f"weights on a grid of {k}": (weights(k), (A, W)) for k in (7, 127, 32767)},
    "activations on a grid": (activations(127), (A, W)),
    **{f"a product with steps of 1/{k}": (product(k), tuple(X)) for k in (127, 1023, 32767)},
    "a weight by rank": (
        pair(lambda x: ranks(x) * np.tanh(x), lambda x, dy: dy * ranks(x) * (1 - np.tanh(x) ** 2)),
        (X[0],),
    ),
    "numbers of fixed point": (pair(fixed(2**20), lambda x, dy: 0 * dy), (X[0],)),
    "numbers of fixed point beside others": (
        pair(lambda x: x * x + fixed(2**20)(x), lambda x, dy: 2 * x * dy),
        (X[0],),
    ),
}
WRONG = {
    **{f"weights on a grid of {k}": (weights(k, is_straight=True), (A, W)) for k in (7, 127, 32767)},
    **{
        f"numbers of fixed point with {bits} bits": (pair(fixed(2**bits), lambda x, dy: np.cos(x) * dy), (X[0],))
        for bits in (8, 12, 16, 20)
    },
    "a rank": (pair(ranks, lambda x, dy: dy), (X[0],)),
    "a weight by rank": (
        pair(lambda x: ranks(x) * np.tanh(x), lambda x, dy: 1.01 * dy * ranks(x) * (1 - np.tanh(x) ** 2)),
        (X[0],),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_slope_between_two_steps_does_not_fail(name, seed):
    subject, inputs = RIGHT[name]
    report = gradcheck.Checker(seed=seed)(subject, *inputs)
    assert report.verdict != "fail", report


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_slope_that_it_has_nowhere_does_not_pass(name, seed):
    subject, inputs = WRONG[name]
    report = gradcheck.Checker(seed=seed)(subject, *inputs)
    assert report.verdict != "pass", report
