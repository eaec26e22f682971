"""gradcheck.diagnosis.residuals: derivatives that are made of another array than the right one."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.diagnosis import retraced
from gradcheck.subjects.problem import Problem

rng = np.random.default_rng(10)
X, U = rng.normal(size=(5, 3)), 0.5 * rng.normal(size=(3, 3))


def steps(x, u):
    h = [np.zeros(3)]
    for row in x:
        h.append(np.tanh(row + h[-1] @ u))
    return h


def forward(x, u):
    return (steps(x, u)[-1] ** 2).sum()


def backward(x, u, dy, bug):
    h, dx, du = steps(x, u), np.zeros_like(x), np.zeros_like(u)
    dh = 2 * dy * h[-1]
    for t in range(4, -1, -1):
        dx[t] = dh * (1 - h[t if bug == "slope" else t + 1] ** 2)
        du += np.outer(h[t + 1 if bug == "state" else t], dx[t])
        dh = dx[t] @ (u if bug == "transposed" else u.T)
    return dx, du


WORDS = {
    "slope": ("value", "those of the turn before"),
    "state": ("value", "the first operand has other values in the derivative of matmul"),
    "transposed": ("transposed", "transpose"),
}


@pytest.mark.parametrize("bug", WORDS)
def test_what_is_of_another_turn_of_a_loop_is_told(bug):
    problem = Problem(pair(forward, lambda *args: backward(*args, bug)), (X, U), {})
    found = retraced.found(problem, (X, U)).of.values()
    cause, words = WORDS[bug]
    assert {said.name for said in found} == {cause}
    assert any(words in said.sentence for said in found), found


@pytest.mark.parametrize(
    ("words", "turn"),
    [
        ("reversed along axis 0", lambda w: w[::-1]),
        ("shifted by +1 along axis 1", lambda w: np.roll(w, 1, 1)),
        ("that of index 0 of axis 0 everywhere", lambda w: np.broadcast_to(w[:1], w.shape)),
    ],
)
def test_an_operand_that_is_turned_is_told(words, turn):
    w = np.random.default_rng(12).normal(size=(5, 3))
    problem = Problem(
        pair(lambda x: np.exp(x * w).sum(), lambda x, dy: dy * np.exp(x * w) * turn(w)), (X,), {}
    )
    (said,) = retraced.found(problem, (X,)).of.values()
    assert said.name == "value"
    assert f"the second operand is {words} in the derivative of multiply" in said.sentence
