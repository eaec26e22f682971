"""The steps of a forward pass with their derivatives: what flows down from the inputs and back from the outputs."""

from collections.abc import Mapping

import numpy as np

from gradcheck.diagnosis.local import derivative
from gradcheck.diagnosis.traced import NotTracedError, Step, Tape, Traced
from gradcheck.subjects import trees
from gradcheck.subjects.outputs import pieces
from gradcheck.subjects.problem import Arrays, Problem

NUMBERS = 6_000_000  # in all derivatives together, at most
Edge = tuple[int, int]  # a step, and which of its operands


class Graph:
    """`steps`, the numbers of those that are `leaves` and `outputs`; `edges` has each derivative that is not nothing.

    Raises:
        NotTracedError: the subject's forward pass cannot be followed, or is too large.
    """

    def __init__(self, problem: Problem, point: Arrays):
        tape = Tape()
        leaves = [tape.leaf(np.array(x)) for x in point]
        self.leaves = [x.step for x in leaves]
        parameters, inputs = problem.around(leaves, problem.held)
        with problem.draws.replayed(), np.errstate(all="ignore"):
            y = problem.subject.forward(parameters, inputs, trees.rebuild(problem.constants))
        out, _ = problem.vjp(point)
        parts = pieces(out, y)
        if not all(isinstance(part, Traced) or np.asarray(part).dtype == object for part in parts):
            raise NotTracedError("an output")
        self.outputs = [tape.number(part) for part in parts]
        self.steps: list[Step] = tape.steps
        self.moving = self._moving()
        self.edges: dict[Edge, np.ndarray] = {}
        room = NUMBERS
        for v in self.moving:
            step = self.steps[v]
            for k, u in enumerate(step.operands):
                if u in self.moving:
                    size = step.value.size * (1 if step.kind == "each" else self.steps[u].value.size)
                    room -= size
                    if room < 0:
                        raise NotTracedError("too large a subject")
                    self.edges[v, k] = self.local(v, k)
        self.sizes = [self.steps[v].value.size for v in self.leaves]
        self.down = self._down()

    def local(self, v: int, k: int, replaced: Mapping[int, np.ndarray] | None = None) -> np.ndarray:
        """Return a derivative, where some operands have other values."""
        operands = [self.steps[u].value for u in self.steps[v].operands]
        with np.errstate(all="ignore"):
            return derivative(self.steps[v], k, [(replaced or {}).get(i, x) for i, x in enumerate(operands)])

    def _moving(self) -> list[int]:
        """Return the steps on the way from an input to an output, in their order."""
        after = set(self.leaves)
        for v, step in enumerate(self.steps):
            if any(u in after for u in step.operands):
                after.add(v)
        before = set(self.outputs)
        for v in range(len(self.steps) - 1, -1, -1):
            if v in before:
                before.update(self.steps[v].operands)
        return sorted(after & before)

    def _down(self) -> dict[int, np.ndarray]:
        """Return for each step its derivative by all inputs (size, N)."""
        total, found = sum(self.sizes), {}
        starts = np.cumsum([0, *self.sizes])
        if total * sum(self.steps[v].value.size for v in self.moving) > NUMBERS:
            raise NotTracedError("too large a subject")
        for v in self.moving:
            found[v] = np.zeros((self.steps[v].value.size, total))
            if v in self.leaves:
                start = starts[self.leaves.index(v)]
                found[v][:, start : start + self.steps[v].value.size] = np.eye(self.steps[v].value.size)
            for k, u in enumerate(self.steps[v].operands):
                if (v, k) in self.edges:
                    found[v] += forth(self.edges[v, k], found[u])
        return found

    def back(self, g: np.ndarray, changed: Mapping[Edge, np.ndarray] | None = None) -> dict[int, np.ndarray]:
        """Return what flows back to each step (R, size) from cotangents (R, m), where some derivatives are others."""
        changed = changed or {}
        found = {v: np.zeros((len(g), self.steps[v].value.size)) for v in self.moving}
        start = 0
        for v in self.outputs:
            size = self.steps[v].value.size
            if v in found:
                found[v] += g[:, start : start + size]
            start += size
        for v in reversed(self.moving):
            for k, u in enumerate(self.steps[v].operands):
                if (v, k) in self.edges:
                    found[u] += pulled(found[v], changed.get((v, k), self.edges[v, k]))
        return found

    def gradients(self, g: np.ndarray, changed: Mapping[Edge, np.ndarray] | None = None) -> np.ndarray:
        """Return the gradients by all inputs (R, N)."""
        found, zero = self.back(g, changed), [np.zeros((len(g), n)) for n in self.sizes]
        return np.concatenate([found.get(v, z) for v, z in zip(self.leaves, zero, strict=True)], axis=1)


def forth(d: np.ndarray, x: np.ndarray) -> np.ndarray:
    return d[:, None] * x if d.ndim == 1 else d @ x


def pulled(g: np.ndarray, d: np.ndarray) -> np.ndarray:
    return g * d if d.ndim == 1 else g @ d
