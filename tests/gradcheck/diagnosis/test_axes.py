"""gradcheck.diagnosis.axes, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import axes

rng = np.random.default_rng(5)
WIDE, EIGHT = rng.normal(size=(3, 5, 4)), rng.normal(size=(8, 3))
X = rng.normal(size=(3, 4))
SQUARE = rng.normal(size=(4, 4))
GATES = np.array([[1.0], [0.7], [0.4], [0.3], [0.1]])
LINKS = np.zeros((5, 5))
LINKS[[1, 1, 3, 0, 2, 4, 3], [0, 2, 1, 4, 3, 2, 0]] = rng.uniform(0.5, 2, 7)

# cause, words of the sentence, forward, backward, inputs
CASES = {
    "Jacobian not transposed": ("transposed", "J dy instead of", lambda x: x @ SQUARE, lambda x, dy: dy @ SQUARE, X),
    "axes of the array": (
        "transposed",
        "exchanged",
        lambda w: np.sin(SQUARE) @ w,
        lambda w, dy: (np.sin(SQUARE).T @ dy).T,
        SQUARE,
    ),
    "mirror image": ("transposed", "symmetric that is not", lambda a: 3 * a @ a.T, lambda a, dy: 6 * dy @ a, X),
    "one of two uses": (
        "path",
        "used twice",
        lambda a: np.array(np.trace(a @ a @ a.T @ np.eye(3)) * 0) + (a @ a),
        lambda a, dy: dy @ a.T,
        rng.normal(size=(3, 3)),
    ),
    "the order for its inverse": (
        "permuted",
        "where its inverse belongs",
        lambda x: np.take_along_axis(x, x.real.argsort(0), 0),
        lambda x, dy: np.take_along_axis(dy, x.argsort(0), 0),
        EIGHT,
    ),
    "a matrix before a slope": (
        "transposed",
        "but for what each output is multiplied with",
        lambda x: np.sinh(x @ SQUARE),
        lambda x, dy: (dy * np.cosh(x @ SQUARE)) @ SQUARE,
        X,
    ),
    "a sparse matrix after a slope": (
        "transposed",
        "a factor is not transposed",
        lambda x: LINKS @ np.tanh(x),
        lambda x, dy: (LINKS @ dy) * (1 - np.tanh(x) ** 2),
        EIGHT[:5],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "a symmetric matrix with a factor": (
        axes.transposed,
        lambda x: x @ (SQUARE + SQUARE.T),
        lambda x, dy: 2 * dy @ (SQUARE + SQUARE.T),
        X,
    ),
    "a matrix and its slope": (
        axes.scaled,
        lambda x: np.sinh(x @ SQUARE),
        lambda x, dy: (dy * np.exp(x @ SQUARE)) @ SQUARE.T,
        X,
    ),
    "a scan without its gates": (
        axes.scaled,
        lambda x: GATES * np.cumsum(x / GATES, 0),
        lambda x, dy: np.cumsum(dy[::-1], 0)[::-1],
        EIGHT[:5],
    ),
    "a sparse matrix of other numbers": (
        axes.scaled,
        lambda x: LINKS @ np.tanh(x),
        lambda x, dy: (np.sin(3 * LINKS) @ dy) * (1 - np.tanh(x) ** 2),
        EIGHT[:5],
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
