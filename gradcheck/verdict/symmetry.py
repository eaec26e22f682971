"""The derivative of a gradient is symmetric: <u, Dg v> = <v, Dg u> for g(x) = B_x(dy), or g is the gradient of nothing.

Measured by differences of the pullback; it needs no second pullback.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from gradcheck.numeric.constants import UNIT, U
from gradcheck.numeric.grain import grain, may_be_coarse
from gradcheck.numeric.look import glance, look
from gradcheck.numeric.points import generic
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import root_sum_square
from gradcheck.numeric.slopes import Slopes, Spot
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import Arrays, Problem
from gradcheck.verdict.facts import Symmetry
from gradcheck.verdict.numbers import apart
from gradcheck.verdict.places import own_point

MOST = 4096  # sums of outputs that are differenced one by one
SHOWN = 4  # entries without a derivative that are named


class Weighted:
    """The outputs of a problem, each times a weight; many of them are added up to sums."""

    complex_safe = False

    def __init__(self, problem: Problem, weights: np.ndarray):
        self._problem, self._weights = problem, weights
        self.starts = np.linspace(0, weights.size, min(weights.size, MOST), endpoint=False).astype(int)

    def forward(self, arrays: Arrays) -> np.ndarray:
        return np.add.reduceat(self._weights * self._problem.forward(arrays), self.starts)

    def attempt(self, arrays: Arrays, size: int) -> np.ndarray:
        return np.add.reduceat(self._weights * self._problem.attempt(arrays, self._weights.size), self.starts)


def symmetry(problem: Problem, count: int, rng: np.random.Generator) -> Symmetry | None:
    """Return what differences say of the first `count` arrays of a problem of second order; None: they have no entry.

    The two products are of a generic point near the given one, or where its outputs are not finite of that itself;
    smoothness is that at the given one.
    """
    names, sizes = [leaf.name for leaf in problem.leaves[:count]], [leaf.value.size for leaf in problem.leaves[:count]]
    if not sum(sizes):
        return None
    own, _ = own_point(problem, rng)
    near = [generic(x, rng) for x in own[:count]] + own[count:]
    if not np.isfinite(problem.attempt(near, sum(sizes))).all():
        near = own
    found = _products(problem, near, count, rng)
    if found.is_apart:  # a bar may be missed by chance, but not twice
        found = _products(problem, near, count, rng)
    u, v = (_direction(own, count, rng) for _ in range(2))
    at_own, starts = _slopes(problem, own, v, u)
    kinds = (("jump", at_own.jump), ("kink", at_own.kink), ("not resolved", ~at_own.resolved))
    smoothness, odd = next(((kind, where) for kind, where in kinds if where.any()), ("smooth", at_own.kink))
    where = tuple(_entry(names, problem.leaves, sizes, int(i)) for i in starts[odd][:SHOWN])
    return dataclasses.replace(found, smoothness=smoothness, where=where)


def told(found: Symmetry) -> list[Finding]:
    """Return what a report says of it."""
    findings = []
    if found.is_apart:
        a, b = apart(found.forth, found.back)
        sides = f"along random directions u, v <u, Dg v> is {a} and <v, Dg u> is {b} +- {found.bar:.1e}"
        message = f"the derivative of the pullback is not symmetric, it is the gradient of nothing: {sides}"
        findings.append(Finding("symmetry", message))
    elif not found.is_resolved:
        message = "whether the derivative of the pullback is symmetric was not resolved"
        findings.append(Finding("symmetry", message, "note"))
    else:
        to = "zero" if found.digits is None else f"symmetric to {found.digits:.1f} digits"
        findings.append(Finding("symmetry", f"the derivative of the pullback is {to}", "note"))
    if found.smoothness in ("kink", "jump"):
        message = f"the pullback has no derivative here: a {found.smoothness} in the cotangent of"
        findings.append(Finding("smoothness", f"{message} {', '.join(found.where)}", "note"))
    return findings


def _products(problem: Problem, point: Arrays, count: int, rng: np.random.Generator) -> Symmetry:
    u, v = (_direction(point, count, rng) for _ in range(2))
    forth, back = (_slopes(problem, point, *pair)[0] for pair in ((v, u), (u, v)))
    bar = float(forth.bar.sum() + back.bar.sum())
    size = max(float(root_sum_square(side.value)) for side in (forth, back))
    return Symmetry(float(forth.value.sum()), float(back.value.sum()), bar, size)


def _direction(point: Arrays, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    dense = Probe(None, seed=int(rng.integers(2**32))).direction(point[:count])
    return [dense[i] for i in range(count)]


def _slopes(
    problem: Problem, point: Arrays, along: list[np.ndarray], weights: list[np.ndarray]
) -> tuple[Slopes, np.ndarray]:
    """Return the slopes of the weighted gradients along a direction, and the first entry in each of them."""
    function = Weighted(problem, np.concatenate([w.ravel() for w in weights]))
    narrow = UNIT.get(problem.forward(point).dtype, U)
    y = function.forward(point).astype(np.float64)
    roundoff, coarse = np.full(y.size, max(narrow, problem.declared.noise)), np.zeros(y.size)
    if may_be_coarse(y, U) and narrow == U:
        coarse = grain(function, point, y, U, np.random.default_rng(0))
    spot = Spot(list(point), y, roundoff, coarse, exact=False)
    vectors = (*along, *[None] * (len(point) - len(along)))
    return look(function, spot, glance(function, spot, vectors))[0], function.starts


def _entry(names: list[str], leaves: Sequence, sizes: list[int], start: int) -> str:
    """Return which entry of which gradient an output belongs to."""
    which = int(np.searchsorted(np.cumsum(sizes), start, side="right"))
    index = np.unravel_index(start - sum(sizes[:which]), leaves[which].value.shape)
    return names[which] + (f"[{', '.join(str(int(k)) for k in index)}]" if index else "")
