"""gradcheck.diagnosis.suspects: each hypothesis has the effect that it says."""

import numpy as np

from gradcheck.diagnosis import suspects


def test_edges_of_one_place_are_taken_together_and_alone(flows, arrays):
    X, _, _ = arrays
    found = flows(lambda x: sum(np.exp(row) for row in x), (X,))
    sizes = [len(g) for g in suspects.groups(found.graph) if found.graph.steps[g[0][0]].name == "exp"]
    assert sorted(sizes) == [1, 1, 1, 3]


def test_a_dropped_edge_is_a_path_or_the_term_of_a_statistic(flows):
    found = flows()
    names = {
        (found.graph.steps[g[0][0]].name, g[0][1]): suspects.dropped(found.graph, g).name
        for g in suspects.groups(found.graph)
    }
    assert names["subtract", 1] == "mean term"
    assert names["divide", 1] == "normalisation"
    assert names["add", 1] == "path"


def test_what_flows_back_to_another_step_may_be_handed_on(flows, arrays):
    X, W, B = arrays
    found = flows(lambda x, w, b: np.tanh(x @ w + b), (X, W, B))
    (edge,) = [(v, k) for v, k in found.graph.edges if found.graph.steps[v].name == "broadcast 1"]
    (suspect,) = [s for s in suspects.elsewhere(found.graph, edge) if " tanh in " in s.text]
    assert suspect.name == "slope"
    want = found.g.reshape(-1, 3, 4).sum(1)
    assert np.allclose((found.right + suspect.effect(found))[:, -4:], want, rtol=1e-12, atol=1e-12)


def test_an_alternative_changes_all_edges_of_its_place(flows, arrays):
    X, _, _ = arrays
    found = flows(lambda x: sum(np.exp(row) for row in x), (X,))
    (together,) = [g for g in suspects.groups(found.graph) if len(g) == 3 and found.graph.steps[g[0][0]].name == "exp"]
    (suspect,) = [s for s in suspects.others(found.graph, together) if "is left out" in s.text and s.name == "slope"]
    want = np.repeat(found.g[:, None], 3, axis=1).reshape(len(found.g), -1)
    assert np.allclose(found.right + suspect.effect(found), want, rtol=1e-12, atol=1e-12)


def test_a_mask_that_is_passed_by_is_named(flows, arrays):
    X, W, _ = arrays
    mask = X > 0
    found = flows(lambda x, w: mask * (np.tanh(x) - np.exp(w[:3])), (X, W))
    (edge,) = [(v, k) for v, k in found.graph.edges if found.graph.steps[v].name == "subtract" and k == 1]
    assert "mask" in {s.name for s in suspects.elsewhere(found.graph, edge) if "multiply" in s.text}
