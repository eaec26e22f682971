"""gradcheck.diagnosis.scales, on layers with one planted bug."""

import numpy as np
import pytest

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 4))
SQUARE = rng.normal(size=(4, 4))


# cause, words of the sentence, forward, backward, inputs
CASES = {
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
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])
