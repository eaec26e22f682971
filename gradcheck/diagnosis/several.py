"""Hypotheses about several edges at once: which of them count, and in what order they go back."""

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np

from gradcheck.diagnosis.flows import Flows
from gradcheck.diagnosis.graph import Edge, Graph
from gradcheck.diagnosis.stages import STATISTICS, called, kind, of, operand
from gradcheck.diagnosis.suspects import Suspect, by

TURNS = 6  # of the uses of a step, those from either end that are suspected to count alone


def held(graph: Graph) -> Iterator[Suspect]:
    """Suspect that several sums, means and norms are taken for constants."""
    edges = [e for e in graph.edges if kind(graph, *e) in STATISTICS]
    found = {tuple(edges)} | {tuple(e for e in edges if _code(graph, e) is c) for c in {_code(graph, e) for e in edges}}
    for some in (some for some in found if len(some) > 1):
        names = {kind(graph, *e) for e in some}
        text = f"nothing flows back through what {len(some)} sums, means or norms are used for"
        name = names.pop() if len(names) == 1 else "statistic"
        yield Suspect(name, text, some[0][0], by(some, lambda g, e: np.zeros_like(g.edges[e])))


def _code(graph: Graph, edge: Edge) -> object:
    place = graph.steps[edge[0]].place
    return place[0][0] if place else None


def _from(graph: Graph) -> dict[int, list[Edge]]:
    """Return the edges at which each step is used."""
    found: dict[int, list[Edge]] = defaultdict(list)
    for v, k in graph.edges:
        found[graph.steps[v].operands[k]].append((v, k))
    return found


def uses(graph: Graph) -> Iterator[Suspect]:
    """Yield suspects in which one of several uses of a step counts: what comes from the others is not added."""
    for edges in (edges for edges in _from(graph).values() if len(edges) > 2):
        v, k = edges[0]
        name = "repeated" if len({graph.steps[w].place for w, _ in edges}) == 1 else "path"
        for i in range(min(len(edges), TURNS)):
            for at, which in ((i, f"number {i}"), (len(edges) - 1 - i, f"number {i} from the last")):
                rest = tuple(edges[:at] + edges[at + 1 :])
                text = f"of {len(edges)} uses, as by {called(graph, v)}{operand(graph, v, k)}, {which} alone counts"
                yield Suspect(name, text, v, by(rest, lambda g, e: np.zeros_like(g.edges[e])))


def assigned(graph: Graph) -> Iterator[Suspect]:
    """Yield suspects in which an entry that several uses take gets what comes back from the first, or the last."""
    found = [tuple(e for e in edges if graph.edges[e].ndim == 2) for edges in _from(graph).values()]
    for edges in (edges for edges in found if len(edges) > 1):
        for order, which in ((edges, "first"), (edges[::-1], "last")):
            text = f"an entry that {called(graph, edges[0][0])} takes several times gets the gradient of the {which}"

            def change(g: Graph, e: Edge, order: tuple[Edge, ...] = order) -> np.ndarray:
                taken = [g.edges[other].any(axis=0) for other in order[: order.index(e)]]
                return g.edges[e] * ~np.any([np.zeros(g.edges[e].shape[1], dtype=bool), *taken], axis=0)

            yield Suspect("repeated", text, edges[0][0], by(edges, change))


def commuted(graph: Graph) -> Iterator[Suspect]:
    """Yield suspects in which two steps, one of them entry by entry, go back in the wrong order."""
    to = _from(graph)
    for edge, d in graph.edges.items():
        if d.ndim == 1 or d.shape[0] != d.shape[1]:
            continue
        w = edge[0]
        while len(to[w]) == 1 and graph.edges[to[w][0]].ndim == 1:
            w = to[w][0][0]
            text = f"{called(graph, edge[0])} goes back before {of(graph, w)}, where the order is the other one"
            yield Suspect("permuted", text, edge[0], _before(edge, w))


def _before(edge: Edge, last: int) -> Callable[[Flows], np.ndarray | None]:
    def effect(flows: Flows) -> np.ndarray | None:
        graph, weight, w = flows.graph, np.ones(flows.graph.steps[edge[0]].value.size), edge[0]
        while w != last:
            ((v, k),) = [(v, k) for v, k in graph.edges if graph.steps[v].operands[k] == w]
            weight, w = weight * graph.edges[v, k], v
        d, flow = graph.edges[edge], flows.back[last]
        return flows.down((flow @ d) * weight - (flow * weight) @ d, graph.steps[edge[0]].operands[edge[1]])

    return effect
