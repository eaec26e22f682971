"""gradcheck.diagnosis.permuted, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import permuted

rng = np.random.default_rng(5)
WIDE = rng.normal(size=(3, 5, 4))
X = rng.normal(size=(3, 4))

# cause, words of the sentence, forward, backward, inputs
CASES = {
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
    "one half not turned back": (
        "permuted",
        "right for some outputs; for the others.*reversed along axis 1",
        lambda x: np.concatenate([np.tanh(x), np.cumsum(x[:, ::-1], 1)], -1),
        lambda x, dy: dy[..., :4] * (1 - np.tanh(x) ** 2) + np.cumsum(dy[:, ::-1, 4:], 1)[:, ::-1],
        WIDE,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "the right places, wrong numbers": (permuted.permuted, np.sinh, lambda x, dy: dy * np.exp(x), X),
    "some outputs with another slope": (
        permuted.reversed_in_part,
        lambda x: np.concatenate([np.tanh(x), np.cumsum(x[:, ::-1], 1)], -1),
        lambda x, dy: dy[..., :4] * (1 - np.tanh(x) ** 2) + 2 * np.cumsum(dy[:, ::-1, 4:], 1),
        WIDE,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
