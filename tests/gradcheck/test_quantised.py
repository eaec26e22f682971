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


def by_shifted_rank():
    """Return entries times ranks that are not the same at all multiples of x."""

    def shifted(x):
        return ranks(np.tanh(x) + np.linspace(0, 1, x.size))

    return pair(lambda x: shifted(x) * x, lambda x, dy: dy * shifted(x))


def single(levels, is_straight=False):
    """Return tanh x on a grid whose scale is that of its largest entry."""

    def backward(x, dy):
        bent = np.tanh(x)
        dq = dy if is_straight else of_grid(bent, largest(bent, levels)[1], levels, dy)
        return dq * (1 - bent * bent)

    return pair(lambda x: largest(np.tanh(x), levels)[0], backward)


def inside(bits, factor=0.0, square=0.0):
    """Return sin of x on a fixed grid, beside x^2, and a part of its slope: 0 is true, 1 straight through."""

    def forward(x):
        return square * x * x + np.sin(np.round(x * 2**bits) / 2**bits)

    return pair(forward, lambda x, dy: (square * 2 * x + factor * np.cos(x)) * dy)


Z = np.random.default_rng(0).normal(size=30)
WIDE = np.random.default_rng(0).normal(size=300)

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
    "an entry on a grid of 1/15 times itself": (
        pair(lambda x: x * np.round(15 * x) / 15, lambda x, dy: dy * np.round(15 * x) / 15),
        (Z,),
    ),
    "a grid of 1/31 beside a sine": (
        pair(lambda x: np.round(31 * x) / 31 + np.sin(x), lambda x, dy: dy * np.cos(x)),
        (Z,),
    ),
    **{f"{x.size} entries by shifted rank": (by_shifted_rank(), (x,)) for x in (Z, WIDE)},
    "tanh on a grid of 16 bits": (single(32767), (Z,)),
    **{
        f"{x.size} sines of numbers with {bits} bits{' beside squares' * square}": (inside(bits, square=square), (x,))
        for bits in (20, 24, 30)
        for x, square in ((Z, 0), (Z, 1), (WIDE, 0))
    },
    **{f"a sine straight through a fixed grid of {bits} bits": (inside(bits, 1.0), (Z,)) for bits in (20, 22, 24)},
}
WRONG = {
    **{f"weights on a grid of {k}": (weights(k, is_straight=True), (A, W)) for k in (7, 127, 32767)},
    **{
        f"numbers of fixed point with {bits} bits": (pair(fixed(2**bits), lambda x, dy: np.cos(x) * dy), (X[0],))
        for bits in (8, 12, 16, 20)
    },
    "a rank": (pair(ranks, lambda x, dy: dy), (X[0],)),
    **{f"tanh on a grid of {k}": (single(k, is_straight=True), (Z,)) for k in (127, 2047, 32767)},
    "a part of the slope of a sine on a fixed grid": (inside(24, 1.01), (Z,)),
    "a weight by rank": (
        pair(lambda x: ranks(x) * np.tanh(x), lambda x, dy: 1.01 * dy * ranks(x) * (1 - np.tanh(x) ** 2)),
        (X[0],),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_slope_between_two_steps_does_not_fail_nor_that_over_fine_ones(name, seed):
    subject, inputs = RIGHT[name]
    report = gradcheck.Checker(seed=seed)(subject, *inputs)
    assert report.verdict != "fail", report


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_slope_that_it_has_nowhere_does_not_pass(name, seed):
    subject, inputs = WRONG[name]
    report = gradcheck.Checker(seed=seed)(subject, *inputs)
    assert report.verdict != "pass", report
