"""gradcheck.diagnosis.scales, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import scales

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 4))
FIRST, FACTORS, LINE = rng.normal(size=(6, 5)), rng.uniform(1, 2, 5), rng.normal(size=9)
SQUARE = rng.normal(size=(4, 4))


def true_lines(x):
    """The gradient of the weighted sum of sin(x x^T x)."""
    d = np.array([1.0, 3.0, 7.0, 2.0]) * np.cos(x @ x.T @ x)
    return d @ x.T @ x + x @ d.T @ x + x @ x.T @ d


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "factors of the step before": (
        "permuted",
        "all factors together make 1",
        lambda x: FIRST @ (np.roll(FACTORS, 1) * np.sinh(x)),
        lambda x, dy: FIRST.T @ dy * FACTORS * np.cosh(x),
        FACTORS / 2,
    ),
    "one of several summands twice": (
        "term",
        "are 2 times what they are",
        lambda x: x * x / 2 + np.roll(np.sinh(x), 1) + np.roll(np.exp(x), 2),
        lambda x, dy: dy * x + np.roll(dy, -1) * np.cosh(x) + 2 * np.roll(dy, -2) * np.exp(x),
        LINE,
    ),
    "by row, made of another array": (
        "slope",
        "axis 0 only and on c: what is made of c there",
        lambda w, c: np.sinh(c)[:, None] * np.tanh(FIRST[:, :3] @ w),
        lambda w, c, dy: (
            FIRST[:, :3].T @ (dy * np.cosh(c)[:, None] / np.cosh(FIRST[:, :3] @ w) ** 2),
            (dy * np.tanh(FIRST[:, :3] @ w)).sum(1) * np.cosh(c),
        ),
        X,
        FIRST[:, 0],
    ),
    "some outputs twice": (
        "factor",
        "output at index 0, 1 of axis 1 counts 2 times; the rest is right",
        lambda x: np.sinh(x @ SQUARE),
        lambda x, dy: (dy * np.cosh(x @ SQUARE) * [2.0, 2.0, 1.0, 1.0]) @ SQUARE.T,
        X,
    ),
    "factor by row": (
        "scale",
        "axis 0 only",
        lambda x: np.sinh(x @ SQUARE) * [[2.0], [3.0], [5.0]],
        lambda x, dy: (dy * np.cosh(x @ SQUARE)) @ SQUARE.T,
        X,
    ),
    "output slope": (
        "slope",
        "multiplied with first",
        lambda x: np.sinh(x @ SQUARE),
        lambda x, dy: (dy * np.exp(x @ SQUARE)) @ SQUARE.T,
        X,
    ),
    "input slope": (
        "slope",
        "factor x too much.*multiplied with last",
        lambda x: np.sinh(x) @ SQUARE,
        lambda x, dy: dy @ SQUARE.T * np.cosh(x) * x,
        X,
    ),
    "an input is missing": (
        "slope",
        "a factor g is missing",
        lambda x, g: (x @ SQUARE) * g,
        lambda x, g, dy: (dy @ SQUARE.T, dy * (x @ SQUARE)),
        X,
        X + 3,
    ),
    "an input too much": (
        "slope",
        "a factor g too much",
        lambda x, g: (x @ SQUARE) + g,
        lambda x, g, dy: ((dy * g) @ SQUARE.T, dy.copy()),
        X,
        X + 3,
    ),
    "output slope of a line": (
        "slope",
        "multiplied with first",
        lambda x: np.sinh(SQUARE @ x),
        lambda x, dy: SQUARE.T @ (dy * np.exp(SQUARE @ x)),
        X[0],
    ),
    "lines of a loss": (
        "slope",
        "each line along axis 0 is off by a factor of its own",
        lambda x: np.array((np.array([1.0, 3.0, 7.0, 2.0]) * np.sin(x @ x.T @ x)).sum()),
        lambda x, dy: dy * true_lines(x) * [2, 3, 5, 7],
        X,
    ),
    "a count of each row": (
        "scale",
        "depends on the index of axis 0 only",
        lambda x: np.sinh(x) / [[1.0], [2.0], [3.0]],
        lambda x, dy: dy * np.cosh(x) * 5,
        X,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "one factor": (scales.by_row, np.sinh, lambda x, dy: 2 * dy * np.cosh(x), X),
    "off in places": (
        scales.by_line,
        lambda x: np.array(np.sin(x).sum()),
        lambda x, dy: dy * np.exp(x),
        X,
    ),
    "nothing goes straight": (scales.beside_direct, np.sinh, lambda x, dy: dy * np.exp(x), X),
    "a factor of each entry": (scales.by_axis, np.sinh, lambda x, dy: dy * np.exp(x), X),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
