"""Hypotheses about a backward pass: one derivative of a step, or of one line of code, is another one."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np

from gradcheck.diagnosis import alternatives
from gradcheck.diagnosis.flows import Flows
from gradcheck.diagnosis.graph import Edge, Graph
from gradcheck.diagnosis.stages import above, called, kind, of, operand

LARGEST = 250_000  # entries of a derivative that is rearranged


@dataclasses.dataclass(frozen=True)
class Suspect:
    """`effect` is what it adds to the gradients; `at` is the step that is meant, and multiples may be meant too."""

    name: str
    text: str
    at: int
    effect: Callable[[Flows], np.ndarray | None]
    any_multiple: bool = False


def groups(graph: Graph) -> Iterator[tuple[Edge, ...]]:
    """Yield the edges of one place in the code together, and then each of them alone, from the outputs on."""
    seen = set()
    for depth in (None, 1):
        found: dict[tuple, list[Edge]] = defaultdict(list)
        for v, k in reversed(graph.edges):
            step = graph.steps[v]
            found[tuple(frame[:2] for frame in step.place[:depth]), step.name, k].append((v, k))
        for edges in found.values():
            if tuple(edges) not in seen:
                seen.add(tuple(edges))
                yield tuple(edges)
    yield from ((edge,) for edge in reversed(graph.edges) if (edge,) not in seen)


def dropped(graph: Graph, edges: tuple[Edge, ...]) -> Suspect:
    """Suspect that nothing flows back there, or a multiple of what should."""
    v, k = edges[0]
    text = f"nothing flows back through {called(graph, v)}{operand(graph, v, k)}"
    return Suspect(kind(graph, v, k), text, v, by(edges, lambda g, e: np.zeros_like(g.edges[e])), any_multiple=True)


def others(graph: Graph, edges: tuple[Edge, ...]) -> Iterator[Suspect]:
    """Yield a suspect for each alternative of the derivatives at one place in the code."""
    for name, text, d in _alternatives(graph, edges[0]):

        def change(g: Graph, e: Edge, text: str = text, d: np.ndarray = d) -> np.ndarray | None:
            if g is graph and e == edges[0]:
                return d
            return next((d for _, said, d in _alternatives(g, e) if said == text), None)

        yield Suspect(name, text, edges[0][0], by(edges, change))


def _alternatives(graph: Graph, edge: Edge) -> Iterator[alternatives.Said]:
    v, k = edge
    step, d = graph.steps[v], graph.edges[edge]
    u, name = graph.steps[step.operands[k]], called(graph, v)
    if d.ndim == 1:
        with np.errstate(all="ignore"):
            yield from alternatives.slopes(d, u.value.ravel(), step.value.ravel(), name, len(step.operands) == 1)
        d = np.diag(d)
    if d.size <= LARGEST:
        yield from alternatives.moves(d, step.value.shape, u.value.shape, name)
        yield from alternatives.parts(d, step.value.shape, u.value.shape, name)


def elsewhere(graph: Graph, edge: Edge) -> Iterator[Suspect]:
    """Yield suspects in which what flows back there is what flows back to another step."""
    v, k = edge
    u = graph.steps[v].operands[k]
    for w in graph.moving:
        if w <= u or w == v or graph.steps[w].value.shape != graph.steps[v].value.shape:
            continue
        name = "value" if v not in above(graph, w) else "mask" if _masks(graph, v, w) else "slope"
        text = f"{called(graph, v)}{operand(graph, v, k)} hands back what flows back to {of(graph, w)}"

        def effect(flows: Flows, w: int = w) -> np.ndarray | None:
            graph = flows.graph
            if graph.steps[w].value.shape != graph.steps[v].value.shape:
                return None
            d, more = graph.edges[v, k], flows.back[w] - flows.back[v]
            return flows.down(more * d if d.ndim == 1 else more @ d, u)

        yield Suspect(name, text, v, effect)


def _masks(graph: Graph, v: int, w: int) -> bool:
    """Whether step w is made of step v and of zeros and ones."""
    found = [d for (x, k), d in graph.edges.items() if x == w and graph.steps[x].operands[k] == v]
    weights = [d if d.ndim == 1 else np.diag(d) for d in found]
    alone = all(d.ndim == 1 or np.array_equal(d, np.diag(w)) for d, w in zip(found, weights, strict=True))
    return bool(found) and alone and all(((w == 0) | (w == 1)).all() and not w.all() for w in weights)


def by(edges: tuple[Edge, ...], change: Callable[[Graph, Edge], np.ndarray | None]) -> Callable:
    """Return the effect of other derivatives on these edges."""

    def effect(flows: Flows) -> np.ndarray | None:
        found = {}
        for e in edges:
            d = change(flows.graph, e) if e in flows.graph.edges else None
            if d is None:
                return None
            found[e] = d
        return flows.changed(found)

    return effect
