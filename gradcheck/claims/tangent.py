"""What a subject's forward mode says of a directional derivative, and how that rounds."""

from collections.abc import Sequence

import numpy as np

from gradcheck.claims.claim import without_jumps
from gradcheck.numeric.points import jittered
from gradcheck.numeric.reading import Place
from gradcheck.numeric.scales import inner, root_sum_square
from gradcheck.subjects.problem import Arrays, Problem

JITTERS = 3


def slope_along(
    problem: Problem, place: Place, moving: dict[int, np.ndarray], u: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return <g, J d> for every cotangent (G,) and a bar for its rounding (G,); None without forward mode."""
    directions = [moving.get(i, np.zeros_like(x)) for i, x in enumerate(place.point)]
    tangent = _tangent(problem, place.point, directions, place.g.shape[1])
    if tangent is None:
        return None
    spread = np.zeros(len(place.g))
    for _ in range(JITTERS):
        near = _tangent(problem, jittered(place.point, rng, u), jittered(directions, rng, u), place.g.shape[1])
        spread = np.maximum(spread, np.abs(inner(place.g, near - tangent)))
    size = root_sum_square(place.g * tangent, axis=1)
    largest = float(np.max(size, initial=0))
    return inner(place.g, tangent), 16 * u * size + 4 * without_jumps(spread, largest, largest, u)


def _tangent(problem: Problem, point: Arrays, directions: Sequence[np.ndarray], outputs: int) -> np.ndarray | None:
    with np.errstate(all="ignore"):
        tangent = problem.jvp(point, directions)
    if tangent is not None and tangent.size != outputs:
        raise ValueError(f"tangents must have as many entries as the output, {outputs}, got {tangent.size}")
    return tangent
