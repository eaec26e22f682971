"""The points of a check: the user's own, from which steps are exact, and a generic one near it."""

import numpy as np

from gradcheck.numeric.points import cotangents, generic, is_constant, spread
from gradcheck.numeric.reading import Place
from gradcheck.numeric.scales import quantise
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import Problem
from gradcheck.verdict.plan import LARGE


def own_point(problem: Problem, rng: np.random.Generator) -> tuple[list[np.ndarray], list[Finding]]:
    """Return the user's arrays in float64, each entry rounded to a few bits less, and what there is to say of them.

    Parameters that are all ones or zeros, as they are before training, hide what they multiply:
    they are moved to generic values.
    """
    point, notes = [], []
    for leaf in problem.leaves:
        x = quantise(leaf.value)
        if leaf.is_parameter and is_constant(x):
            which = "ones" if x.any() else "zeros"
            message = f"{leaf.name} is all {which}: it was checked at a generic value"
            notes.append(Finding("moved", message, "note", leaf.name))
            x = spread(x, rng)
        if 1 in leaf.value.shape:
            message = f"{leaf.name} has a dimension of 1, which can hide a wrong sum or axis"
            notes.append(Finding("dimension", message, "note", leaf.name))
        point.append(x)
    return point, notes


def places(
    problem: Problem, own: list[np.ndarray], outputs: int, rng: np.random.Generator
) -> tuple[Place, Place, list[Finding]]:
    """Return the own place, the generic one, and a note if there is none because the domain ends too near."""
    large = sum(x.size for x in own) > LARGE
    g = cotangents(rng, outputs, 1 if large or outputs == 1 else 2)
    near, notes = [generic(x, rng) for x in own], []
    with np.errstate(all="ignore"):
        y_near = problem.attempt(near, outputs)
        y_own = y_near if large and np.isfinite(y_near).all() else problem.forward(own).astype(np.float64)
    if not np.isfinite(y_near).all():
        message = "a point 5 % away leaves the domain: it was checked at the given point only"
        notes.append(Finding("domain", message, "note"))
        near, y_near = own, y_own
    return Place(own, y_own, g), Place(near, y_near, g), notes
