"""gradcheck.diagnosis.pairs, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import pairs

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 4))
SQUARE = rng.normal(size=(4, 4))
LINE = np.array([-2.1, -1.2, -0.6, -0.3, 0.2, 0.7, 1.1, 1.6, 2.4])
IDS = np.array([4, 1, 4, 0, 1, 4])
EIGHT = rng.normal(size=8)
WIDE, FIVE, MANY = rng.normal(size=(2, 5)), rng.normal(size=(5, 5)), rng.normal(size=60)


def added(dy, ids, rows):
    out = np.zeros((rows, *dy.shape[1:]))
    np.add.at(out, ids, dy)
    return out


def two_paths(x):
    return np.sin(x) + np.cumsum(x * x, axis=0)


def shift(dy):
    """dy[k + 1] at k, and nothing at the end."""
    return np.append(dy[1:], 0.0)


def smoothed(x, weights=(0.25, 0.5, 0.25)):
    wide = np.concatenate([0 * x[:1], x, 0 * x[:1]])
    return sum(w * wide[k : k + len(x)] for k, w in enumerate(weights))


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "mask ignored": (
        "mask",
        "does not depend on it",
        lambda x: np.where(SQUARE > 0, np.sinh(x), 0),
        lambda x, dy: dy * np.cosh(x),
        rng.normal(size=(4, 4)),
    ),
    "pairs made up": (
        "mask",
        "pairs of output and entry",
        lambda x: np.tril(SQUARE) @ x,
        lambda x, dy: SQUARE.T @ dy,
        X[0],
    ),
    "upper for lower": (
        "mask",
        "zero at places|zero wherever",
        lambda x: np.tril(SQUARE) @ x,
        lambda x, dy: np.triu(SQUARE).T @ dy,
        X[0],
    ),
    "another entry": (
        "selection",
        "another entry",
        lambda x: np.array([2 * x[0], 3 * x[1], 5 * x[2], x[2]]),
        lambda x, dy: np.array([0.0, 2 * dy[0], 3 * dy[1] + 5 * dy[2] + dy[3]]),
        X[0, :3],
    ),
    "on the border": (
        "border",
        "border only",
        lambda x: smoothed(np.sinh(x)),
        lambda x, dy: (smoothed(dy) + 0.3 * dy * np.isin(np.arange(8), [0, 7])) * np.cosh(x),
        EIGHT,
    ),
    "unreached rows": ("missing", "index 1 of axis 0", np.sinh, lambda x, dy: dy * np.cosh(x) * [[1], [0], [1]], X),
    "unreached rows of a sum": (
        "missing",
        "index 1 of axis 0",
        lambda x: np.array(np.sinh(x).sum()),
        lambda x, dy: dy * np.cosh(x) * [[1], [0], [1]],
        X,
    ),
    "reached too many": (
        "mask",
        "does not depend",
        lambda x: np.array(np.sinh(x[1]).sum()),
        lambda x, dy: dy * np.cosh(x),
        X,
    ),
    "past forgotten": ("path", "takes each by itself", two_paths, lambda x, dy: dy * (np.cos(x) + 2 * x), X),
    "one step of the past": (
        "path",
        "a path from x",
        lambda x: np.cumsum(x * x),
        lambda x, dy: 2 * x * (dy + shift(dy)),
        X[0],
    ),
    "a factor in part": (
        "part",
        "index 0 of axis 0.*2 times",
        np.sinh,
        lambda x, dy: dy * np.cosh(x) * [[2], [1], [1]],
        X,
    ),
    "extremes held": (
        "extremes",
        "largest and its smallest",
        lambda x: np.array(
            np.sin(x).sum() * 1.0 + (x.flat[x.real.argmax()] - x.flat[x.real.argmin()]) * np.sin(x).sum()
        ),
        lambda x, dy: dy * np.cos(x) * (1 + np.ptp(x)),
        X,
    ),
    "wrong side": (
        "branch",
        "the wrong side where x > 0",
        lambda x: np.where(x.real > 0, np.sinh(x), 0),
        lambda x, dy: dy * np.where(x < 0, np.cosh(x), 0),
        LINE,
    ),
    "padding row": (
        "missing",
        "index 1 of axis 0",
        lambda t: 2 * t[IDS],
        lambda t, dy: 2 * added(dy, IDS, 5) * (np.arange(5) != 1)[:, None],
        rng.normal(size=(5, 2)),
    ),
    "many outputs, unreached": (
        "missing",
        "no gradient reaches x",
        lambda x: np.sinh(x)[:, None] * MANY,
        lambda x, dy: np.cosh(x) * (dy @ MANY) * (np.arange(9) % 3 > 0),
        LINE,
    ),
    "many outputs, reached": (
        "mask",
        "does not depend",
        lambda x: np.sinh(x)[:, None] * MANY * (np.arange(9) % 3 > 0)[:, None],
        lambda x, dy: np.cosh(x) * (dy @ MANY),
        LINE,
    ),
    "many outputs, a branch": (
        "branch",
        "wrong where x < 0 only",
        lambda x: np.sinh(x)[:, None] * MANY,
        lambda x, dy: np.where(x > 0, np.cosh(x), np.exp(x)) * (dy @ MANY),
        LINE,
    ),
    "carried through a matrix": (
        "path",
        "along axis 0, the claim takes each by itself",
        lambda x: np.stack([np.sinh(x[0]), np.sinh(x[1] + x[0] @ SQUARE), np.sinh(x[2] + x[1] @ SQUARE)]),
        lambda x, dy: dy * np.cosh(np.stack([x[0], x[1] + x[0] @ SQUARE, x[2] + x[1] @ SQUARE])),
        X,
    ),
    "let through here and there": (
        "mask",
        "no gradient reaches x at .* a mask or a condition",
        lambda x: np.sinh(x),
        lambda x, dy: dy * np.cosh(x) * np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1]]),
        X,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "a mean is not carried": (
        lambda e: pairs._carried(e) is not None,
        lambda x: x - x.mean(0),
        lambda x, dy: dy.copy(),
        X,
    ),
    "all pairs wrong": (
        pairs.pairs_left_out,
        lambda x: np.tril(SQUARE) @ np.sinh(x),
        lambda x, dy: np.tril(SQUARE * 2).T @ dy * np.cosh(x),
        X[0],
    ),
    "a factor in every entry": (pairs.by_part, np.sinh, lambda x, dy: dy * np.exp(x), X),
    "wrong inside too": (
        pairs.border,
        lambda x: smoothed(np.sinh(x)),
        lambda x, dy: smoothed(dy) * np.exp(x),
        EIGHT,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
