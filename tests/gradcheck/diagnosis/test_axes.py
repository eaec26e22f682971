"""gradcheck.diagnosis.axes, on layers with one planted bug."""

import numpy as np
import pytest

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 4))
SQUARE = rng.normal(size=(4, 4))


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
    "reversed": (
        "permuted",
        "reversed along axis 0",
        lambda x: np.sinh(x)[::-1],
        lambda x, dy: dy * np.cosh(x)[::-1],
        X,
    ),
    "reversed wholly": (
        "permuted",
        "wrong order: reversed|places: reversed",
        np.sinh,
        lambda x, dy: dy[::-1, ::-1] * np.cosh(x),
        X,
    ),
    "shifted": (
        "permuted",
        "shifted by 1 along axis 1",
        lambda x: np.sinh(x),
        lambda x, dy: np.roll(dy * np.cosh(x), 1, 1),
        X,
    ),
    "cut one too early": (
        "permuted",
        "dy is used in the wrong order",
        lambda b: np.append(X[0], b),
        lambda b, dy: dy[3:6].copy(),
        X[1, :3],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])
