"""The derivative of a gradient is symmetric: <u, Dg v> = <v, Dg u> for g(x) = B_x(dy), or g is the gradient of nothing.

Measured by differences of the pullback; it needs no second pullback.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from gradcheck.numeric.constants import BESIDE, UNIT, U
from gradcheck.numeric.grain import grain, may_be_coarse
from gradcheck.numeric.ladder import moved
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
RESIDUE = 2.0**-40  # of the largest output: what is smaller may be roundings of larger terms
SHOWN = 4  # entries without a derivative that are named


class Weighted:
    """The outputs of a problem, each times a weight, of which many are added up to sums; and at the end the whole sum.

    An output that is zero but for roundings has no slope that could be resolved; it counts for nothing in the whole.
    """

    complex_safe = False

    def __init__(self, problem: Problem, weights: np.ndarray):
        self._problem, self._weights = problem, weights
        self.starts = np.linspace(0, weights.size, min(weights.size, MOST), endpoint=False).astype(int)

    def forward(self, arrays: Arrays) -> np.ndarray:
        return self._sums(self._problem.forward(arrays))

    def attempt(self, arrays: Arrays, size: int) -> np.ndarray:
        return self._sums(self._problem.attempt(arrays, self._weights.size))

    def _sums(self, y: np.ndarray) -> np.ndarray:
        terms = self._weights * y
        return np.append(np.add.reduceat(terms, self.starts), terms.sum())


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
    function, at_own = _slopes(problem, own, v, u)
    seen = _seen(function, own, v)
    odd = next((kind for kind in ("jump", "kink") if (getattr(at_own, kind) & seen)[:-1].any()), None)
    if odd is None:
        return dataclasses.replace(found, smoothness="smooth" if at_own.resolved[-1] else "not resolved")
    entries = function.starts[(getattr(at_own, odd) & seen)[:-1]][:SHOWN]
    where = tuple(_entry(names, problem.leaves, sizes, int(i)) for i in entries)
    return dataclasses.replace(found, smoothness=odd, where=where)


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
    sides = [_slopes(problem, point, *pair)[1] for pair in ((v, u), (u, v))]
    forth, back = (float(side.value[-1]) for side in sides)
    terms = [side.value[:-1][side.resolved[:-1]] for side in sides]
    bar = sum(max(float(side.bar[-1]), _length(side.bar[side.resolved])) for side in sides)
    return Symmetry(forth, back, bar, max(_length(term) for term in terms))


def _length(x: np.ndarray) -> float:
    return float(root_sum_square(x))


def _direction(point: Arrays, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    dense = Probe(None, seed=int(rng.integers(2**32))).direction(point[:count])
    return [dense[i] for i in range(count)]


def _slopes(
    problem: Problem, point: Arrays, along: list[np.ndarray], weights: list[np.ndarray]
) -> tuple[Weighted, Slopes]:
    """Return the weighted gradients, and their slopes along a direction."""
    function = Weighted(problem, np.concatenate([w.ravel() for w in weights]))
    narrow = UNIT.get(problem.forward(point).dtype, U)
    y = function.forward(point).astype(np.float64)
    roundoff, coarse = np.full(y.size, max(narrow, problem.declared.noise)), np.zeros(y.size)
    if may_be_coarse(y, U) and narrow == U:
        coarse = grain(function, point, y, U, np.random.default_rng(0))
    coarse[-1] = _length(y[:-1])  # of the terms, which may cancel
    spot = Spot(list(point), y, roundoff, coarse, exact=False)
    vectors = (*along, *[None] * (len(point) - len(along)))
    return function, look(function, spot, glance(function, spot, vectors))[0]


def _seen(function: Weighted, point: Arrays, along: list[np.ndarray]) -> np.ndarray:
    """Return which outputs are more than roundings at the point or beside it: what cancels leaves jumps."""
    sides = [moved(point, dict(enumerate(along)), step) for step in (0.0, BESIDE, -BESIDE)]
    sizes = np.max([np.abs(np.nan_to_num(function.attempt(side, function.starts.size + 1))) for side in sides], axis=0)
    return sizes > RESIDUE * sizes.max()


def _entry(names: list[str], leaves: Sequence, sizes: list[int], start: int) -> str:
    """Return which entry of which gradient an output belongs to."""
    which = int(np.searchsorted(np.cumsum(sizes), start, side="right"))
    index = np.unravel_index(start - sum(sizes[:which]), leaves[which].value.shape)
    return names[which] + (f"[{', '.join(str(int(k)) for k in index)}]" if index else "")
