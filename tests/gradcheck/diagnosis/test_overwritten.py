"""gradcheck.diagnosis.overwritten, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import overwritten

rng = np.random.default_rng(12)
KEYS, SHARED, LINE = rng.normal(size=(4, 3, 5)), rng.normal(size=(2, 5, 6)), rng.normal(size=7)
TAPS = np.array([0.7, -1.3, 0.4])


def heads(a, w):
    return np.tanh(a @ np.repeat(w, 2, axis=0))


def heads_backward(a, w, dy, order, add):
    d = dy * (1 - heads(a, w) ** 2)
    dw = np.zeros_like(w)
    for h in order:
        share = a[h].T @ d[h]
        dw[h // 2] = dw[h // 2] + share if add(h) else share
    return d @ np.repeat(w, 2, axis=0).swapaxes(1, 2), dw


def windows(x):
    return np.tanh(np.stack([x[i : i + 3] @ TAPS for i in range(0, 5, 2)]))


def windows_assigned(x, dy):
    dx = np.zeros_like(x)
    for i, d in zip(range(0, 5, 2), dy * (1 - windows(x) ** 2), strict=True):
        dx[i : i + 3] = d * TAPS
    return dx


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "heads that share a key": (
        "repeated",
        "the last index of axis 0 of the output",
        heads,
        lambda a, w, dy: heads_backward(a, w, dy, range(4), lambda h: False),
        KEYS,
        SHARED,
    ),
    "the same from the last head on": (
        "repeated",
        "the first index of axis 0 of the output",
        heads,
        lambda a, w, dy: heads_backward(a, w, dy, range(3, -1, -1), lambda h: False),
        KEYS,
        SHARED,
    ),
    "windows that overlap": ("repeated", "added, not assigned", windows, windows_assigned, LINE),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "one head of one group is lost": (
        overwritten.overwritten,
        heads,
        lambda a, w, dy: heads_backward(a, w, dy, range(4), lambda h: h != 1),
        KEYS,
        SHARED,
    ),
    "what the last head sends is off, too": (
        overwritten.overwritten,
        heads,
        lambda a, w, dy: (lambda d: (d[0], 1.5 * d[1]))(heads_backward(a, w, dy, range(4), lambda h: False)),
        KEYS,
        SHARED,
    ),
    "of a running sum each step keeps its own": (
        overwritten.overwritten,
        lambda x: np.tanh(np.cumsum(np.sin(x))),
        lambda x, dy: dy * (1 - np.tanh(np.cumsum(np.sin(x))) ** 2) * np.cos(x),
        LINE,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
