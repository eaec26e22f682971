"""gradcheck.diagnosis.graph: gradients from the steps of a forward pass."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.diagnosis import followed, graph  # noqa: F401
from gradcheck.diagnosis.graph import Graph
from gradcheck.diagnosis.traced import NotTracedError
from gradcheck.subjects.problem import Problem

X, W = np.random.default_rng(3).normal(size=(3, 4)), np.random.default_rng(4).normal(size=(4, 2))


def made(forward, *inputs):
    return Graph(Problem(pair(forward, lambda *_: inputs), inputs, {}), list(inputs))


def test_gradients_are_those_of_the_layer():
    layer = made(lambda x, w: (np.tanh(x @ w), x.sum(1)), X, W)
    g = np.random.default_rng(5).normal(size=(1, 9))
    dz = g[0, :6].reshape(3, 2) * (1 - np.tanh(X @ W) ** 2)
    want = np.concatenate([(dz @ W.T + g[0, 6:, None]).ravel(), (X.T @ dz).ravel()])
    assert np.allclose(layer.gradients(g)[0], want, rtol=1e-12, atol=1e-12)


def test_a_changed_derivative_changes_what_flows_back():
    layer = made(lambda x, w: np.tanh(x @ w), X, W)
    g = np.random.default_rng(5).normal(size=(1, 6))
    (edge,) = [e for e in layer.edges if layer.steps[e[0]].name == "tanh"]
    want = np.concatenate([(g.reshape(3, 2) @ W.T).ravel(), (X.T @ g.reshape(3, 2)).ravel()])
    assert np.allclose(layer.gradients(g, {edge: np.ones(6)})[0], want, rtol=1e-12, atol=1e-12)


def test_an_input_that_nothing_depends_on_gets_nothing():
    assert not made(lambda x, w: np.exp(w), X, W).gradients(np.ones((1, 8)))[0, :12].any()


def test_what_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(graph, "NUMBERS", 50)
    with pytest.raises(NotTracedError, match="too large"):
        made(lambda x, w: np.tanh(x @ w), X, W)


def test_an_output_that_is_no_step_is_refused():
    with pytest.raises(NotTracedError):
        made(lambda x, w: [np.zeros(3)], X, W)
