"""The same layer with shorter axes, where the whole derivative of a layer that is large can be looked at.

Axes of one length are cut alike, those of different lengths to different ones, as far as the layer takes it.
"""

import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck.claims.claim import Claim
from gradcheck.numeric.points import cotangents
from gradcheck.numeric.reading import Place
from gradcheck.subjects import trees
from gradcheck.subjects.adapted import leaf_list
from gradcheck.subjects.problem import Arrays, Problem
from gradcheck.verdict.comparisons import Comparisons

SHORT = (3, 4, 5, 6, 7)  # what axes are cut to, each length another one
PARTS = (4, 2)  # of a length, where code cuts an axis into equal parts: half of it, or a fourth
KINDS = "fiub"  # arrays that have axes to cut, those of integers and masks too


def smaller(compared: Comparisons) -> Comparisons | None:
    """Return what a diagnosis looks at of the layer with shorter axes; None where it takes no others."""
    problem, point = compared.near.problem, compared.near.place.point
    cut, taken = dict[int, int](), None
    for length in sorted({n for x in _arrays(problem) for n in x.shape if n > SHORT[0]}, reverse=True):
        for short in _lengths(length, {n for x in _arrays(problem) for n in x.shape}, cut):
            found = _taken(problem, point, {**cut, length: short})
            if found is not None:
                cut[length], taken = short, found
                break
    return None if taken is None else _compared(compared, taken, cut)


def _lengths(length: int, all_lengths: set[int], cut: dict[int, int]) -> Iterator[int]:
    """Yield what to try for an axis."""
    kept = {cut.get(n, n) for n in all_lengths - {length}}
    yield from [n for n in SHORT if n < length and n not in kept][:1]
    yield from (length // k for k in PARTS if length % k == 0 and length // k > 1)


def _arrays(problem: Problem) -> list[np.ndarray]:
    return [x for _, x in trees.leaves(_trees(problem), kinds=KINDS)]


def _trees(problem: Problem) -> tuple[Any, tuple, dict]:
    return problem.subject.parameters, problem.inputs, problem.constants


def _shorter(x: np.ndarray, cut: dict[int, int]) -> np.ndarray:
    return np.array(x[tuple(slice(cut.get(n, n)) for n in x.shape)])


def _taken(problem: Problem, point: Arrays, cut: dict[int, int]) -> Problem | None:
    """Return the problem with shorter axes, if its passes take them and the gradients have the arrays' shapes."""
    try:
        found = _cut(problem, cut)
        short = [_shorter(x, cut) for x in point]
        y = found.forward(short)
        claims = found.gradients(short, np.ones((1, y.size)))
    except Exception:  # whatever the user's code raises at lengths that it was not called with
        return None
    fits = [d.shape[1:] for d in claims] == [x.shape for x in short]
    return found if fits and y.size and np.isfinite(y).all() else None


def _cut(problem: Problem, cut: dict[int, int]) -> Problem:
    short = iter([_shorter(x, cut) for x in _arrays(problem)])
    parameters, inputs, constants = (trees.rebuild(tree, short, KINDS) for tree in _trees(problem))
    subject = problem.subject
    if parameters is not None:
        subject = copy.copy(subject)
        subject.parameters = parameters
    leaves = [x for i, x in enumerate(leaf_list(subject, inputs)) if i not in problem.held]
    held = {i: _shorter(x, cut) for i, x in problem.held.items()}
    return problem.changed(subject=subject, inputs=inputs, constants=constants, leaves=leaves, held=held)


def _compared(compared: Comparisons, problem: Problem, cut: dict[int, int]) -> Comparisons | None:
    """Return where the smaller layer is looked at, with nothing compared yet."""
    points = [[_shorter(x, cut) for x in place.point] for place in (compared.near.place, compared.own)]
    near, own = (problem.forward(point) for point in points)
    if near.shape != own.shape or not np.isfinite([near, own]).all():
        return None
    g = cotangents(np.random.default_rng(7), near.size)
    claim = Claim(problem.gradients(points[0], g), [], compared.near.claim.u)
    ground = dataclasses.replace(compared.near, problem=problem, place=Place(points[0], near, g), claim=claim)
    none: list[list] = [[] for _ in points[0]]
    return dataclasses.replace(compared, near=ground, own=Place(points[1], own, g), of=none, along=none)
