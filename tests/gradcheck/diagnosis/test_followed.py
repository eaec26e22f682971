"""gradcheck.diagnosis.followed: a traced call gives NumPy's value, and its steps have the call's derivative."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.diagnosis import followed  # noqa: F401
from gradcheck.diagnosis.graph import Graph
from gradcheck.diagnosis.traced import NotTracedError, Tape
from gradcheck.subjects.problem import Problem

SAME = 1e-8  # of the largest slope: differences of the fourth order lose half of the digits


def assigned(x, y):
    found = np.zeros_like(x)
    found[1:] = x[:-1] * y[1:]
    found += y
    return found


def added(x, y):
    found = np.zeros_like(x)
    np.add.at(found, np.array([0, 2, 0]), y)
    np.copyto(found[1], x[1])
    return found


def filled(x, y):
    found = np.full_like(x, 2.0)
    np.put_along_axis(found, x.argmax(1)[:, None], y[:, :1], 1)
    return found * x


CALLS = {
    "arithmetic": lambda x, y: (x - y) / (1 + x * x) ** 1.5 - (-y) ** 2,
    "functions": lambda x, y: np.exp(np.sin(x)) + np.log1p(y * y) + np.sqrt(x * x + 1) * np.arctan(y),
    "pieces": lambda x, y: np.maximum(x, y) + np.abs(x) + np.clip(y, -0.5, 0.5) + np.where(x > y, x * y, y),
    "products": lambda x, y: (x @ y.T) @ np.einsum("ij,kj->ik", x, y) + np.outer(x[0], y[0])[:3, :3],
    "one array twice": lambda x, y: np.einsum("ij,jk,kl->il", x @ y.T, x @ y.T, x @ y.T),
    "sums": lambda x, y: x.sum(0) * y.mean(0, keepdims=True) + np.cumsum(x, 1) + y.var(1)[:, None] + x.max(1)[:, None],
    "moves": lambda x, y: np.concatenate([x.T.reshape(3, 4), np.roll(y, 1, 0), np.flip(x, 1)]) * np.tile(y, (3, 1)),
    "stacks": lambda x, y: np.stack([row * 2 for row in x] + [y[0]]) + np.pad(x, ((0, 1), (0, 0))),
    "gathers": lambda x, y: x[np.array([0, 2, 2, 1])] * y[..., [1, 1, 3, 0]][0] + np.take(x, [1, 1, 0, 2], 0),
    "parts": lambda x, y: np.split(x, 2, axis=1)[0] * np.split(y, 2, axis=1)[1],
    "matrices": lambda x, y: np.linalg.solve(x @ x.T + np.eye(3), y) * np.linalg.slogdet(np.eye(3) + x @ x.T)[1],
    "writes": assigned,
    "fills": filled,
    "sorts": lambda x, y: np.sort(x, 1) * np.linalg.norm(y, axis=1, keepdims=True),
    "reductions": lambda x, y: np.multiply.reduce(x, axis=1) + np.maximum.reduce(y, axis=1),
    "pairs": lambda x, y: np.subtract.outer(x, y)[:, 0, 0, 0] * np.multiply.outer(x[0], y[0])[0, :3],
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_the_steps_of_a_call_have_its_value_and_its_derivative(name):
    rng = np.random.default_rng(7)
    point, along = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4))
    forward = CALLS[name]
    graph = Graph(Problem(pair(forward, lambda x, y, dy: (x, y)), tuple(point), {}), list(point))
    (out,) = graph.outputs
    assert np.array_equal(graph.steps[out].value, forward(*point))

    def at(h):
        return forward(*(point + h * along)).ravel()

    h = 2.0**-10
    slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    assert np.abs(graph.down[out] @ along.ravel() - slope).max() <= SAME * np.abs(slope).max()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.add(x, 1, out=np.zeros((3, 4))),
        lambda x: np.add.at(np.zeros((3, 4)), 0, x[0]),
        lambda x: np.copyto(np.zeros((3, 4)), x),
        np.modf,
        np.linalg.eig,
        lambda x: np.add(x, 1, where=x > 0),
    ],
)
def test_what_is_not_followed_is_refused(call):
    x = Tape().leaf(np.random.default_rng(1).normal(size=(3, 4)))
    with pytest.raises((NotTracedError, np.linalg.LinAlgError)):
        call(x)


def test_places_and_conditions_are_plain():
    x = Tape().leaf(np.random.default_rng(1).normal(size=(3, 4)))
    for found in (np.argsort(x, axis=1), x > 0, np.isfinite(x), np.nonzero(x > 0)[0], np.ones_like(x, dtype=bool)):
        assert isinstance(found, np.ndarray)
    assert np.shape(x) == (3, 4)
