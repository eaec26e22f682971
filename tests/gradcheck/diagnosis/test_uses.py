"""gradcheck.diagnosis.uses, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import uses

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 4))
IDS = np.array([4, 1, 4, 0, 1, 4])
OTHER, SIX, NARROW = rng.normal(size=(3, 4)), rng.normal(size=(6, 2)), rng.normal(size=(4, 2))


def softmax(x):
    p = np.exp(x - x.real.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def scattered(dy, ids, rows):
    out = np.zeros((rows, *dy.shape[1:]))
    out[ids] = dy
    return out


def added(dy, ids, rows):
    out = np.zeros((rows, *dy.shape[1:]))
    np.add.at(out, ids, dy)
    return out


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "a border that is assigned": (
        "repeated",
        "serve more outputs than others",
        lambda x: np.pad(x, ((0, 0), (0, 2)), mode="edge"),
        lambda x, dy: np.concatenate([dy[:, :-3], dy[:, -2:].sum(1, keepdims=True)], 1),
        X,
    ),
    "rows left out": ("sum", "only index 2 of axis 0", lambda b: X * b, lambda b, dy: (dy * X)[-1], X[0]),
    "one number": (
        "sum",
        "only one entry of dy",
        lambda s: X * s,
        lambda s, dy: np.array(dy[0, 1] * X[0, 1]),
        np.array(0.4),
    ),
    "a path to some of the outputs": (
        "path",
        r"from the outputs at \[1\], from where the claim for w takes",
        lambda s, w: X @ s + w,
        lambda s, w, dy: (X.T @ (dy * [1, 0, 1]), dy),
        X[0],
        X[:, 0],
    ),
    "part of dy": ("dy", r"at \[1\]; for the rest", lambda s: X @ s, lambda s, dy: X.T @ (dy * [1, 0, 1]), X[0]),
    "first row for all": (
        "selection",
        "not used at index 1, 2",
        np.sinh,
        lambda x, dy: (dy[:1] + 0 * dy) * np.cosh(x),
        X,
    ),
    "sum of dy": (
        "sum",
        "only by its sum along axis 1",
        np.sinh,
        lambda x, dy: dy.sum(1, keepdims=True) * np.cosh(x),
        X,
    ),
    "evenly": (
        "spread",
        "axis 1 get one number",
        lambda x: softmax(3 * x)[:, 0] * 1.0,
        lambda x, dy: np.repeat(dy[:, None], 4, 1) / 4,
        X,
    ),
    "last write": (
        "repeated",
        "last write",
        lambda t: 2 * t[IDS],
        lambda t, dy: 2 * scattered(dy, IDS, 5),
        rng.normal(size=(5, 2)),
    ),
    "first write": (
        "repeated",
        "only one",
        lambda t: 2 * t[IDS],
        lambda t, dy: 2 * scattered(dy[::-1], IDS[::-1], 5),
        rng.normal(size=(5, 2)),
    ),
    "mean of uses": (
        "repeated",
        "mean over the uses",
        lambda t: t[IDS],
        lambda t, dy: np.stack([dy[i == IDS].mean(0) if (i == IDS).any() else 0 * dy[0] for i in range(5)]),
        rng.normal(size=(5, 2)),
    ),
    "wrong weights": (
        "slope",
        "multiplied with x",
        lambda w, x: np.sin(x) * w,
        lambda w, x, dy: ((dy * x).sum(0), dy * np.cos(x) * w),
        X[0],
        X,
    ),
    "no weights": (
        "slope",
        "not multiplied at all",
        lambda t: t[IDS] * SIX,
        lambda t, dy: added(dy, IDS, 5),
        rng.normal(size=(5, 2)),
    ),
    "a number in a line": (
        "slope",
        "wrong weight",
        lambda x: np.sinh(x * X[0]) + np.tanh(2 * X[1] * x),
        lambda x, dy: np.array(dy @ np.exp(x * X[2])),
        np.array(0.3),
    ),
    "a maximum shared out": (
        "spread",
        "is shared out among",
        lambda x: x.reshape(4, 3)[np.arange(4), x.real.reshape(4, 3).argmax(1)],
        lambda x, dy: np.repeat(dy, 3) / 3,
        X.ravel(),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "every use": (
        uses.repeated_mean,
        lambda t: t[IDS],
        lambda t, dy: 2 * added(dy, IDS, 5),
        rng.normal(size=(5, 2)),
    ),
    "all of dy, wrong": (uses.rows_left_out, lambda s: X @ s, lambda s, dy: np.sin(X).T @ dy, X[0]),
    "no level claim": (uses.summed, np.sinh, lambda x, dy: dy * np.exp(x), X),
    "one of one": (uses.shared_out, np.sinh, lambda x, dy: dy * np.exp(x), X),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
