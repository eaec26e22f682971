"""gradcheck.diagnosis.stages: names of steps, and which of them are statistics of others."""

import numpy as np

from gradcheck.adapters import pair
from gradcheck.diagnosis import followed, stages  # noqa: F401
from gradcheck.diagnosis.graph import Graph
from gradcheck.subjects.problem import Problem

X = np.random.default_rng(1).normal(size=(3, 4))


def made(forward, *inputs):
    return Graph(Problem(pair(forward, lambda *_: inputs), inputs, {}), list(inputs))


def named(graph, name):
    return next(v for v, step in enumerate(graph.steps) if step.name == name)


def test_a_mean_of_the_same_array_is_a_statistic_and_another_array_is_none():
    graph = made(lambda x, b: (x - x.mean(1, keepdims=True)) / np.exp(b), X, X)
    assert stages.kind(graph, named(graph, "subtract"), 1) == "mean term"
    assert stages.kind(graph, named(graph, "subtract"), 0) == "path"
    assert stages.kind(graph, named(graph, "divide"), 1) == "path"


def test_terms_of_one_entry_are_a_slope_and_what_is_chosen_a_branch():
    graph = made(lambda x: x * np.tanh(x) + np.where(x > 0, x @ np.eye(4), 0), X)
    assert stages.kind(graph, named(graph, "multiply"), 1) == "slope"
    assert stages.kind(graph, named(graph, "where"), 0) == "branch"
    assert stages.kind(graph, named(graph, "add"), 1) == "path"


def test_a_step_is_said_with_its_line():
    graph = made(lambda x: np.tanh(x[0]) * 2, X)
    assert stages.of(graph, named(graph, "tanh")) == "tanh in `graph = made(lambda x: np.tanh(x[0]) * 2, X)`"
    assert stages.called(graph, named(graph, "getitem")) == "indexing"
    assert stages.of(graph, 0) == "an input"
    assert stages.operand(graph, named(graph, "multiply"), 1) == " to its second operand"
    assert stages.operand(graph, named(graph, "tanh"), 0) == ""


def test_a_step_is_made_of_all_that_leads_to_it():
    graph = made(lambda x, w: np.tanh(x) + np.exp(w), X, X)
    assert {graph.steps[u].name for u in stages.above(graph, named(graph, "tanh"))} == {"", "tanh"}
    assert len(stages.above(graph, named(graph, "add"))) == 5
