"""The steps of a forward pass at one point, what flows back through them, and what the claims have too much."""

from collections.abc import Mapping

import numpy as np

from gradcheck.diagnosis.graph import Edge, Graph, forth, pulled
from gradcheck.numeric.points import cotangents
from gradcheck.subjects.problem import Arrays, Problem

ROWS = 4  # cotangents
FIT = 1e-7  # of the largest error of an array: what a change that explains it may leave over
RIGHT = 1e-8  # of the largest gradient of an array, below which its claims are right
LEAST = 1e-3  # of the largest error that is explained: what that may make of an array that is right
TRUE = 1e-6  # of the largest slope along a direction: what the steps' own may be off
STENCIL = ((1, 2 / 3), (-1, -2 / 3), (2, -1 / 12), (-2, 1 / 12))
SMALL = 1e-5


class Flows:
    """`g` (R, m) are cotangents, `back` what flows to each step from them, `error` (R, N) claims less gradients.

    `wrong` says for each array whether its claims are wrong.
    """

    def __init__(self, problem: Problem, point: Arrays, rng: np.random.Generator):
        self.graph = Graph(problem, point)
        size = sum(self.graph.steps[v].value.size for v in self.graph.outputs)
        self.g = cotangents(rng, size, min(ROWS, size))
        self.back = self.graph.back(self.g)
        self.right = self.graph.gradients(self.g)
        with np.errstate(all="ignore"):
            found = problem.gradients(point, self.g)
        self.error = np.concatenate([d.reshape(len(self.g), -1) for d in found], axis=1) - self.right
        sizes = [np.abs(v).max(initial=0) for v in self.leaves(self.error)]
        scales = [np.abs(v).max(initial=0) for v in self.leaves(self.right)]
        self.wrong = [bool(size > RIGHT * scale) for size, scale in zip(sizes, scales, strict=True)]
        pairs = list(zip(sizes, scales, self.wrong, strict=True))
        largest = max((size / scale for size, scale, bad in pairs if bad and scale), default=0.0)
        least = min(10 * RIGHT, LEAST * largest)  # what explains small errors must not make others
        slack = [FIT * size if bad else max(2 * size, least * scale) for size, scale, bad in pairs]
        slack = [a + 1e-10 * scale for a, scale in zip(slack, scales, strict=True)]
        self.slack = np.repeat(slack, self.graph.sizes)

    def leaves(self, rows: np.ndarray) -> list[np.ndarray]:
        return np.split(rows, np.cumsum(self.graph.sizes)[:-1], axis=1)

    def changed(self, changes: Mapping[Edge, np.ndarray]) -> np.ndarray:
        """Return what other derivatives add to the gradients (R, N)."""
        if len(changes) > 1:
            return self.graph.gradients(self.g, changes) - self.right
        (((v, k), d),) = changes.items()
        more = pulled(self.back[v], d) - pulled(self.back[v], self.graph.edges[v, k])
        return self.down(more, self.graph.steps[v].operands[k])

    def down(self, flow: np.ndarray, u: int) -> np.ndarray:
        """Return what a flow to a step adds to the gradients (R, N)."""
        return np.asarray(flow @ self.graph.down[u])

    def between(self, u: int, v: int) -> np.ndarray:
        """Return the derivative of step v by step u (m, n)."""
        steps, edges = self.graph.steps, self.graph.edges
        found = {u: np.eye(steps[u].value.size)}
        for w in (w for w in self.graph.moving if u < w <= v):
            parts = [forth(edges[w, k], found[o]) for k, o in enumerate(steps[w].operands) if o in found]
            if parts:
                found[w] = sum(parts[1:], parts[0])
        return found[v]

    def explained(self, effect: np.ndarray) -> list[bool]:
        """Return for each array whether an effect is what is wrong with it, or nothing where it is right."""
        off = (np.abs(self.error - effect) > self.slack).any(axis=0)
        return [not part.any() for part in np.split(off, np.cumsum(self.graph.sizes)[:-1])]

    def times(self, effect: np.ndarray, leaf: int | None) -> float | None:
        """Return which multiple of an effect is nearest to what is wrong, with one array or with all."""
        e, d = (v if leaf is None else self.leaves(v)[leaf] for v in (self.error, effect))
        size = float(np.square(d).sum())
        return float((e * d).sum()) / size if size > 0 else None

    def are_true(self, problem: Problem, point: Arrays, rng: np.random.Generator) -> bool:
        """Whether the steps tell how the outputs change along a random direction."""
        d = [rng.normal(size=x.shape) for x in point]
        along, m = np.concatenate([v.ravel() for v in d]), self.g.shape[1]
        change = np.zeros(m)
        for s, weight in STENCIL:
            change += weight / SMALL * problem.attempt([x + s * SMALL * v for x, v in zip(point, d, strict=True)], m)
        slopes = self.graph.gradients(np.eye(m)) @ along
        return bool((np.abs(change - slopes) <= TRUE * np.abs(slopes).max(initial=0)).all())
