"""gradcheck.diagnosis.depends, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import depends

rng = np.random.default_rng(5)
A, B = rng.normal(size=(2, 5, 3))
X = rng.normal(size=(3, 4))
WEIGHTS = rng.uniform(0.5, 1.5, (5, 3))
SQUARE = rng.normal(size=(4, 4))
SIX, NARROW = rng.normal(size=(6, 2)), rng.normal(size=(4, 2))


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "other weights of a sum": (
        "value",
        "the weights of a sum, the same for each index of axis 1",
        lambda x: WEIGHTS @ x,
        lambda x, dy: np.exp(WEIGHTS).T * np.sin(1 + np.arange(5)) @ dy,
        X,
    ),
    "an array is left out": (
        "left out",
        "changes with b, the claim does not",
        lambda a, b: np.array(np.sinh((a * np.cos(b)).sum())),
        lambda a, b, dy: (dy * np.sin(3 * a), -dy * a * np.sin(b) * np.cosh((a * np.cos(b)).sum())),
        A,
        B,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "both change with both": (
        depends.left_out,
        lambda a, b: np.sinh(a.T @ b),
        lambda a, b, dy: (np.sin(b) @ (dy * np.exp(a.T @ b)).T, a @ (dy * np.cosh(a.T @ b))),
        A,
        B,
    ),
    "neither changes with b": (
        depends.made_up,
        lambda a, b: a.T @ a + b.T @ b,
        lambda a, b, dy: (np.sin(a) @ dy, b @ (dy + dy.T)),
        A,
        B,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
