"""gradcheck.diagnosis.steps, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import steps

rng = np.random.default_rng(10)
X, A, U = rng.normal(size=(6, 3)), rng.uniform(0.3, 0.8, 3), rng.normal(size=(3, 3)) / 2
IMAGES, W, MATRICES = rng.normal(size=(2, 5, 6)), rng.normal(size=(6, 3)), rng.normal(size=(6, 3, 4))


def later(h):
    return np.concatenate([0 * h[:1], h[:-1]])


def recurrent(x, u):
    h = [0 * x[0]]
    for step in x:
        h.append(np.tanh(step + h[-1] @ u))
    return np.array(h[1:])


def recurrent_backward(x, u, dy, before):
    """The gradients, with before(h) for the states that u is multiplied with."""
    h, dx, dh = recurrent(x, u), np.zeros_like(x), 0 * x[0]
    for t in reversed(range(len(x))):
        dx[t] = (dh + dy[t]) * (1 - h[t] ** 2)
        dh = dx[t] @ u.T
    return dx, before(h).T @ dx


def sums(x):
    return np.cumsum(np.sin(x), axis=0)


def suffixes(dy):
    return np.cumsum(dy[::-1], axis=0)[::-1]

# cause, words of the sentence, forward, backward, inputs
CASES = {
    "the state of the same step": (
        "value",
        "step before or after",
        lambda x, u: recurrent(x, u),
        lambda x, u, dy: recurrent_backward(x, u, dy, lambda h: h),
        X,
        U,
    ),
    "a scan forwards": (
        "order",
        "runs the wrong way",
        sums,
        lambda x, dy: np.cumsum(dy, axis=0) * np.cos(x),
        X,
    ),
    "a scan without its own step": (
        "shift",
        "one step off",
        sums,
        lambda x, dy: (suffixes(dy) - dy) * np.cos(x),
        X,
    ),
    "the matrix of the next step": (
        "permuted",
        "shifted by one",
        lambda x: np.einsum("ti,tij->tj", x, MATRICES),
        lambda x, dy: np.einsum("tj,tij->ti", dy, np.roll(MATRICES, -1, 0)),
        X,
    ),
    "of the last step alone": (
        "sum",
        "index 4 of axis 1 of x only",
        lambda x, w: np.einsum("bti,ij->bj", x, w),
        lambda x, w, dy: (np.broadcast_to((dy @ w.T)[:, None], x.shape).copy(), x[:, -1].T @ dy),
        IMAGES,
        W,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "a scan that is right but for a slope": (
        steps.backwards,
        sums,
        lambda x, dy: suffixes(dy) * np.cosh(x),
        X,
    ),
    "every step of its own": (steps.neighbour, np.sinh, lambda x, dy: dy * np.exp(x), X),
    "the state before, wrong by a slope": (
        steps.neighbour,
        lambda x, u: recurrent(x, u),
        lambda x, u, dy: recurrent_backward(x, u, dy, lambda h: later(np.sinh(h))),
        X,
        U,
    ),
    "all steps, wrong by a factor": (
        steps.alone,
        lambda x, w: np.einsum("bti,ij->bj", x, w),
        lambda x, w, dy: (np.broadcast_to((dy @ w.T)[:, None], x.shape).copy(), 2 * x.sum(1).T @ dy),
        IMAGES,
        W,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
