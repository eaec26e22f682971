"""gradcheck.diagnosis.mixing, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import mixing

rng = np.random.default_rng(5)
X = rng.normal(size=(5, 4))
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
    "over one axis too many": (
        "axis",
        "mixes entries along axis 0 and 1, the layer along axis 1",
        lambda x: np.exp(x - x.mean(1, keepdims=True)),
        lambda x, dy: (lambda d: d - d.mean())(dy * np.exp(x - x.mean(1, keepdims=True))),
        X,
    ),
    "weights over the other axis": (
        "axis",
        "mixes entries along axis 0, the layer does not",
        lambda x: np.log(np.exp(x).sum(1)),
        lambda x, dy: (dy.mean() + dy[:, None]) * np.exp(x) / np.exp(x).sum(1, keepdims=True),
        X,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "the right axis, a wrong number": (
        mixing.mixed,
        lambda x: np.exp(x - x.mean(1, keepdims=True)),
        lambda x, dy: (lambda d: d - 2 * d.mean(1, keepdims=True))(dy * np.exp(x - x.mean(1, keepdims=True))),
        X,
    ),
    "nothing is mixed": (mixing.mixed, np.sinh, lambda x, dy: dy * np.exp(x), X),
    "a row that is right": (mixing.crossed, lambda x: np.sinh(x).sum(1), lambda x, dy: dy[:, None] * np.exp(x), X),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
