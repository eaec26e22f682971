"""gradcheck.diagnosis.products, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import products

rng = np.random.default_rng(9)
X, A, V = rng.normal(size=(5, 4)), rng.normal(size=(4, 4)), rng.normal(size=(4, 3))
B = rng.normal(size=(4, 4))
H, W = rng.normal(size=(5, 3)), rng.normal(size=(7, 4))


def form(x, a):
    return ((x @ a) * x).sum(-1)


def form_backward(x, a, dy, first, second):
    return dy[:, None] * (first * x @ a.T + second * x @ a), np.einsum("b,bi,bj->ij", dy, x, x)


def scores(x, a, b):
    return (x @ a) @ (x @ b).T


def scores_backward(x, a, b, dy, times):
    dq, dk = dy @ x @ b, dy.T @ x @ a
    return dq @ a.T + times * dk @ b.T, x.T @ dq, x.T @ dk


def joined(x, h, w):
    return np.sin(h @ A[:3, :3]) + np.tanh(np.concatenate([x, h], axis=1) @ w) @ A[:, :3]


def gated(x, h, w):
    return joined(x, h, w) - np.sin(h @ A[:3, :3]) + np.sin(h)


def joined_backward(x, h, w, dy, times):
    both = np.concatenate([x, h], axis=1)
    d = (dy @ A[:, :3].T) * (1 - np.tanh(both @ w) ** 2)
    return d @ w[:4].T, (dy * np.cos(h @ A[:3, :3])) @ A[:3, :3].T + times * d @ w[4:].T, both.T @ d


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "one of two ways": (
        "path",
        "through a is left out",
        form,
        lambda x, a, dy: form_backward(x, a, dy, 1, 0),
        X,
        A,
    ),
    "one of them twice": ("term", "counted twice", form, lambda x, a, dy: form_backward(x, a, dy, 1, 2), X, A),
    "one of them negated": (
        "factor",
        "wrong sign",
        lambda x, a: form(x, a) + x @ V[:, 0],
        lambda x, a, dy: (form_backward(x, a, dy, 1, -1)[0] + np.outer(dy, V[:, 0]), form_backward(x, a, dy, 1, 1)[1]),
        X,
        A,
    ),
    "a part of a joined array": (
        "path",
        "through w at 4 to 6 of axis 0 is left out",
        joined,
        lambda x, h, w, dy: joined_backward(x, h, w, dy, 0),
        X,
        H,
        W,
    ),
    "all that mixes entries": (
        "path",
        "through w at 4 to 6 of axis 0 is left out",
        gated,
        lambda x, h, w, dy: (joined_backward(x, h, w, dy, 0)[0], dy * np.cos(h), joined_backward(x, h, w, dy, 0)[2]),
        X,
        H,
        W,
    ),
    "one of them a quarter": ("factor", "1/4", form, lambda x, a, dy: form_backward(x, a, dy, 1, 0.25), X, A),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


@pytest.mark.parametrize(("gets", "words"), [(1, "or through b is"), (0, "or through b, which gets nothing, is")])
def test_of_two_factors_through_which_as_much_flows_both_are_named(evidence, gets, words):
    def backward(x, a, b, dy):
        dx, da, db = scores_backward(x, a, b, dy, 0)
        return dx, da, gets * db

    said = products.through(evidence(scores, backward, X, A, B))
    assert said.name == "path" and words in said.sentence


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "two errors": (products.through, form, lambda x, a, dy: form_backward(x, np.sin(a), dy, 1, 0), X, A),
    "a number that is made of nothing": (
        products.through,
        form,
        lambda x, a, dy: form_backward(x, a, dy, 1, 0.5612345),
        X,
        A,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
