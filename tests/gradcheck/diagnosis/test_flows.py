"""gradcheck.diagnosis.flows: what flows back at one point, and what explains that claims are wrong."""

import numpy as np

from gradcheck.adapters import pair
from gradcheck.diagnosis import followed  # noqa: F401
from gradcheck.diagnosis.flows import Flows
from gradcheck.subjects.problem import Problem

X, W = np.random.default_rng(5).normal(size=(3, 4)), np.random.default_rng(6).normal(size=(4, 2))


def layer(x, w):
    return np.tanh(x @ w)


def half(x, w, dy):
    dz = dy * (1 - np.tanh(x @ w) ** 2)
    return dz @ w.T / 2, x.T @ dz


def flows(forward=layer, backward=half):
    problem = Problem(pair(forward, backward), (X, W), {})
    return problem, Flows(problem, (X, W), np.random.default_rng(6))


def test_wrong_arrays_are_known():
    _, found = flows()
    assert found.wrong == [True, False]


def test_an_effect_explains_what_it_makes_right():
    _, found = flows()
    assert found.explained(found.error) == [True, True]
    assert found.explained(0 * found.error) == [False, True]
    assert found.explained(found.error * (1 + 1e-5)) == [False, True]


def test_a_dropped_edge_is_off_by_a_multiple():
    _, found = flows()
    (edge,) = [(v, k) for v, k in found.graph.edges if found.graph.steps[v].name == "matmul" and k == 0]
    effect = found.changed({edge: np.zeros_like(found.graph.edges[edge])})
    assert abs(found.times(effect, 0) - 0.5) < 1e-12  # half of it is there
    assert found.explained(0.5 * effect) == [True, True]


def test_what_several_steps_do_is_their_product():
    _, found = flows()
    u, v = found.graph.leaves[0], found.graph.outputs[0]
    assert np.allclose(found.between(u, v), found.graph.down[v][:, :12], rtol=1e-12, atol=1e-12)


def test_steps_that_do_not_tell_the_outputs_are_not_true():
    rng = np.random.default_rng(7)
    problem, found = flows()
    assert found.are_true(problem, (X, W), rng)
    d = found.graph.edges[next(iter(found.graph.edges))]
    d *= 2
    assert not found.are_true(problem, (X, W), rng)
