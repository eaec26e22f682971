"""What several steps do together between two arrays of one shape: a softmax, a norm, whatever it is."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck.diagnosis import words
from gradcheck.diagnosis.alternatives import Said
from gradcheck.diagnosis.flows import Flows
from gradcheck.diagnosis.graph import Graph
from gradcheck.diagnosis.stages import above, of
from gradcheck.diagnosis.suspects import Suspect

MOST = 60  # pairs of steps
LARGEST = 90_000  # entries of a derivative


def compounds(flows: Flows) -> Iterator[Suspect]:
    graph = flows.graph
    for u, v in itertools.islice(_pairs(graph), MOST):
        name = f"all steps from {of(graph, u)} to {of(graph, v)}"
        right = flows.between(u, v)
        for cause, text, d in _alternatives(flows, u, v):
            change = d - right

            def effect(here: Flows, u: int = u, v: int = v, text: str = text, d: np.ndarray = change) -> Any:
                if here is not flows:
                    other = next((d for _, said, d in _alternatives(here, u, v) if said == text), None)
                    if other is None:
                        return None
                    d = other - here.between(u, v)
                return here.down(here.back[v] @ d, u)

            yield Suspect(cause, f"{text}, of {name}", v, effect)


def _pairs(graph: Graph) -> Iterator[tuple[int, int]]:
    """Yield steps of one shape of which one reaches the outputs through the other only, by several steps."""
    uses: dict[int, list[int]] = {u: [] for u in graph.moving}
    for v, k in graph.edges:
        uses[graph.steps[v].operands[k]].append(v)
    for u in reversed(graph.moving):
        shape = graph.steps[u].value.shape
        if graph.steps[u].value.size ** 2 > LARGEST or graph.steps[u].value.size < 2:
            continue
        for v in (v for v in graph.moving if v > u and graph.steps[v].value.shape == shape):
            if v not in uses[u] and u in above(graph, v) and _all_through(graph, uses, u, v):
                yield u, v
        if len(uses[u]) > 1:  # which no single edge stands for
            for v in (v for v in uses[u] if graph.steps[v].value.shape == shape and _all_through(graph, uses, u, v)):
                yield u, v


def _all_through(graph: Graph, uses: dict[int, list[int]], u: int, v: int) -> bool:
    waiting, seen = [u], set()
    while waiting:
        w = waiting.pop()
        if w in graph.outputs:
            return False
        for x in uses[w]:
            if x != v and x not in seen:
                seen.add(x)
                waiting.append(x)
    return True


def _alternatives(flows: Flows, u: int, v: int) -> Iterator[Said]:
    graph = flows.graph
    x, y, d = graph.steps[u].value, graph.steps[v].value, flows.between(u, v)
    straight = np.diag(np.diag(d))
    if not np.array_equal(straight, d):
        yield "elementwise", "the diagonal of the derivative alone counts", straight
        if not np.array_equal(d, d.T):
            yield "transposed", "the derivative is not transposed", d.T
    yield "slope", "the derivative is left out", np.eye(len(d))
    axes = [a for count in (1, *range(2, x.ndim + 1)) for a in itertools.combinations(range(x.ndim), count)]
    with np.errstate(all="ignore"):
        for own in axes:
            if np.allclose(y, _softmax(x, own), rtol=1e-9, atol=1e-12):
                yield from _of_softmax(y.ravel(), x.shape, own, axes)
            elif (inverse := _normed(x, y, own)) is not None:
                yield from _of_norm(d, y.ravel(), inverse, x.shape, own, axes)


def _softmax(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    e = np.exp(x - x.max(axis=axes, keepdims=True))
    return e / e.sum(axis=axes, keepdims=True)


def _of_softmax(p: np.ndarray, shape: tuple[int, ...], own: tuple[int, ...], axes: list) -> Iterator[Said]:
    alike, one = _alike(shape, own), np.eye(p.size)
    for other in (a for a in axes if a != own):
        text = f"the sum of a softmax runs along {words.axes(other)}"
        yield "axis", text, one * p - np.outer(p, p) * _alike(shape, other)
    yield "normalisation", "a softmax has p in the place of what is summed with dy", one * p - alike * p[:, None]
    yield "normalisation", "a softmax is not multiplied with p where dy is summed", one * p - alike * p
    yield "slope", "the slope of a softmax is p (1 - p) with the sum beside it", one * (p * (1 - p))
    yield "slope", "the last factor of a softmax, p, is left out", one - alike * p[:, None]
    yield "normalisation", "the sum of a softmax is a mean", one * p - np.outer(p, p) * alike / alike.sum(axis=1)
    yield "term", "the sum of a softmax has the wrong sign", one * p + np.outer(p, p) * alike
    yield "normalisation", "the sum of a softmax is left out", one * p
    yield "normalisation", "a softmax leaves p p^T alone", -np.outer(p, p) * alike


def _normed(x: np.ndarray, y: np.ndarray, own: tuple[int, ...]) -> np.ndarray | None:
    """Return one over the length or spread (n,) if y is x over that, perhaps less the mean."""
    for centred in (x - x.mean(axis=own, keepdims=True), x):
        factor = y / centred
        n = math.prod(x.shape[a] for a in own)
        if n > 2 and np.isfinite(factor).all() and (np.ptp(factor, axis=own) <= 1e-9 * np.abs(factor).max()).all():
            return np.asarray(factor.ravel())
    return None


def _of_norm(
    d: np.ndarray, y: np.ndarray, inverse: np.ndarray, shape: tuple[int, ...], own: tuple[int, ...], axes: list
) -> Iterator[Said]:
    alike, one = _alike(shape, own), np.eye(y.size)
    n = alike.sum(axis=1)
    centred = np.abs(d.sum(axis=1)).max() <= 1e-9 * np.abs(d).max()
    yield "statistic", "mean and spread of a norm are taken for constants", one * inverse
    mean, rest = (alike / n if centred else 0 * one), one - d / inverse[:, None]
    spread = rest - mean  # the term of the length or spread
    if not np.abs(spread).max() > 1e-9:
        return
    yield "normalisation", "the spread of a norm is taken for a constant", (one - mean) * inverse[:, None]
    yield "mean term", "the mean of a norm is taken for a constant", (one - spread) * inverse[:, None]
    yield "product term", "a norm's term of the spread has the wrong sign", (one - mean + spread) * inverse[:, None]
    yield "product term", "a norm's term of the spread is summed, not averaged", (one - mean - n * spread) * inverse
    yield "mean term", "a norm's term of the mean is summed, not averaged", (one - n * mean - spread) * inverse
    yield "statistic", "a norm's terms are summed, not averaged", (one - n * mean - n * spread) * inverse
    yield "slope", "a norm is not divided by its spread", d / inverse[:, None]
    yield "slope", "a norm is divided twice by its spread", d * inverse[:, None]
    for other in (a for a in axes if a != own):
        away = _alike(shape, other)
        count, c = away.sum(axis=1), float(np.mean(np.diag(spread) / np.maximum(y * y / n, 1e-300)))
        means = away / count if centred else 0 * one
        square = c * np.outer(y, y) * away / count
        yield "axis", f"sums of a norm run along {words.axes(other)}", (one - means - square) * inverse
        yield "axis", f"the mean of a norm runs along {words.axes(other)}", (one - means - spread) * inverse
        yield "axis", f"the product of a norm runs along {words.axes(other)}", (one - mean - square) * inverse


def _alike(shape: tuple[int, ...], axes: tuple[int, ...]) -> np.ndarray:
    """Return which entries (n, n) lie in one line along axes."""
    index = np.arange(math.prod(shape)).reshape(shape)
    line = np.broadcast_to(index.min(axis=axes, keepdims=True), shape).ravel()
    return (line[:, None] == line).astype(float)
