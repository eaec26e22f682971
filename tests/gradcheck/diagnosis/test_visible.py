"""gradcheck.diagnosis.visible, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import visible

rng = np.random.default_rng(14)
Q, K, V = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 4, 5))
FAINT = np.ones((4, 4))
FAINT[0, 3] = 1e-9


def t(x):
    return x.swapaxes(-1, -2)


def causal(q, k, v):
    return np.tril(q @ t(k)) @ v


def backward(seen):
    def causal_backward(q, k, v, dy):
        ds = np.tril(dy @ t(v))
        return seen(dy @ t(v)) @ k, t(ds) @ q, t(np.tril(q @ t(k))) @ dy

    return causal_backward


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "keys to come": ("mask", "with later indices of axis 1 of k", causal, backward(lambda s: s), Q, K, V),
    "keys of the past": (
        "mask",
        "with earlier indices of axis 1 of k",
        lambda q, k, v: np.triu(q @ t(k)) @ v,
        lambda q, k, v, dy: (dy @ t(v) @ k, t(np.triu(dy @ t(v))) @ q, t(np.triu(q @ t(k))) @ dy),
        Q,
        K,
        V,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# forward, backward, inputs: neighbours of what it names
BESIDE = {
    "the keys that are seen count otherwise": (causal, backward(lambda s: np.tril(np.sinh(s))), Q, K, V),
    "keys to come in place of those that are seen": (causal, backward(lambda s: np.triu(s, 1)), Q, K, V),
    "one pair alone, which hardly counts": (
        lambda q, k, v: (FAINT * (q @ t(k))) @ v,
        lambda q, k, v, dy: ((dy @ t(v)) @ k, t(FAINT * (dy @ t(v))) @ q, t(FAINT * (q @ t(k))) @ dy),
        Q,
        K,
        V,
    ),
    "keys that are seen are left out": (causal, backward(lambda s: np.tril(s, -1)), Q, K, V),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    assert not visible.masked(evidence(*BESIDE[name]))
