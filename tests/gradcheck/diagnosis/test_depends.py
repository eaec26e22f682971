"""gradcheck.diagnosis.depends, on layers with one planted bug."""

import numpy as np
import pytest

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 4))
SQUARE = rng.normal(size=(4, 4))
OTHER, SIX, NARROW = rng.normal(size=(3, 4)), rng.normal(size=(6, 2)), rng.normal(size=(4, 2))


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "right where equal": (
        "value",
        "wrong numbers beside it",
        lambda x: np.cumsum(x @ SQUARE, 0),
        lambda x, dy: dy @ SQUARE.T + (np.cumsum(dy[::-1], 0)[::-1] - dy) @ (OTHER.T @ OTHER),
        X,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])
