"""gradcheck.diagnosis.ranges, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import ranges

rng = np.random.default_rng(13)
TALL, RIGHT, WIDE = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), rng.normal(size=(2, 5))


def solved(a, b):
    return np.linalg.pinv(a) @ b


def solved_backward(a, b, dy, inside, outside):
    p = np.linalg.pinv(a)
    g = dy @ b.T
    return outside * (np.eye(len(a)) - a @ p) @ g.T @ p @ p.T - inside * p.T @ g @ p.T, p.T @ dy


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "outside the columns": (
        "term",
        "orthogonal to the columns of a",
        solved,
        lambda a, b, dy: solved_backward(a, b, dy, 1, 0),
        TALL,
        RIGHT,
    ),
    "outside the rows": (
        "term",
        "orthogonal to the rows of a",
        lambda a: np.linalg.pinv(a.T) @ RIGHT[:5],
        lambda a, dy: solved_backward(a.T, RIGHT[:5], dy, 1, 3)[0].T,
        WIDE,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "both terms are off": (
        ranges.outside,
        solved,
        lambda a, b, dy: solved_backward(a, b, dy, 1.5, 0),
        TALL,
        RIGHT,
    ),
    "nothing but what lies outside is there": (
        ranges.outside,
        lambda a, z: a - z @ np.linalg.pinv(z) @ a,
        lambda a, z, dy: (1.5 * (dy - z @ np.linalg.pinv(z) @ dy), 0 * z),
        RIGHT,
        TALL,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
