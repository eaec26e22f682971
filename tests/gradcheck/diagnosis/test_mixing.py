"""gradcheck.diagnosis.mixing, on layers with one planted bug."""

import numpy as np
import pytest

rng = np.random.default_rng(5)
SQUARE = rng.normal(size=(4, 4))


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "two axes of dy": (
        "axis",
        "axes 0 and 1 of dy",
        lambda c: SQUARE * c,
        lambda c, dy: (dy * SQUARE).sum(0)[:, None],
        SQUARE[:, :1],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])
