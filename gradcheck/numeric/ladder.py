"""Differences of <g, f> along a direction, on a ladder of steps."""

import dataclasses

import numpy as np

from gradcheck.numeric.constants import (
    EXACT,
    FIRST,
    LEVELS,
    RATIO,
    SECOND_FIRST,
    SECOND_LEVELS,
    SECOND_RATIO,
    STEP_BITS,
    TINY,
)
from gradcheck.numeric.function import Function, project
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import root_sum_square
from gradcheck.subjects.problem import Arrays

Outputs = dict[float, tuple[np.ndarray, np.ndarray]]  # f (m,) at point + h d and at point - h d, for each step h


def few_bits(h: np.ndarray, bits: int = STEP_BITS) -> np.ndarray:
    mantissa, exponent = np.frexp(h)
    return np.ldexp(np.round(mantissa * 2.0**bits), exponent - bits)


STEPS = few_bits(FIRST * RATIO ** -np.arange(LEVELS))
SECOND_STEPS = few_bits(SECOND_FIRST * SECOND_RATIO ** -np.arange(SECOND_LEVELS))


@dataclasses.dataclass
class Sweep:
    """Central, right and left difference quotients (L, G) for L steps and G cotangents."""

    steps: np.ndarray  # (L, G)
    central: np.ndarray  # (L, G)
    right: np.ndarray  # (L, G)
    left: np.ndarray  # (L, G)
    weight: np.ndarray  # (L, G)  size of what is rounded, from sum |g| |f|
    coarse: np.ndarray  # (L, G)  the same of outputs that are coarser than their own size


def moved(point: Arrays, direction: dict[int, np.ndarray], h: float) -> list[np.ndarray]:
    return [x + h * direction[i] if i in direction else x for i, x in enumerate(point)]


def sweep(
    problem: Function,
    point: Arrays,
    probe: Probe,
    g: np.ndarray | None,
    steps: np.ndarray,
    y: np.ndarray,
    grain: np.ndarray | None = None,
    outputs: Outputs | None = None,
) -> Sweep:
    """Evaluate f at point +- h d for every step; the outputs are subtracted first and projected afterwards.

    Without `g` (G, m) every output stands for itself: G is m.  At steps whose `outputs` are known f is not evaluated,
    and those of the others are added to them.
    """
    outputs = {} if outputs is None else outputs
    direction, count = probe.direction(point), y.size if g is None else len(g)
    steps = steps[steps >= min(smallest_exact(point, direction), float(STEPS[EXACT]))]
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    weights, grains, realised = [], [], []
    with np.errstate(all="ignore"):
        changed = _reached(problem, point, probe, y)
        for h in steps:
            forth, back = moved(point, direction, h), moved(point, direction, -h)
            up, down = _lengths(point, forth, back, direction, float(h))
            if not up or not down:
                break  # this step and all smaller ones are lost in the rounding of x
            if float(h) not in outputs:
                outputs[float(h)] = problem.attempt(forth, y.size), problem.attempt(back, y.size)
            ahead, behind = outputs[float(h)]
            both, forth_only, back_only = (project(g, change) for change in (ahead - behind, ahead - y, y - behind))
            rows.append((both / (up + down), forth_only / up, back_only / down))
            changed |= (ahead != y) | (behind != y)
            top = np.maximum(np.abs(y), np.maximum(np.abs(ahead), np.abs(behind)))
            weights.append(rounded(g, np.where(changed, np.maximum(top, TINY), 0)))
            grains.append(rounded(g, np.where(changed, 0 if grain is None else grain, 0)))
            realised.append((up + down) / 2)
    central, right, left, weight, coarse = (
        np.reshape(column, (-1, count)) for column in (*([row[k] for row in rows] for k in range(3)), weights, grains)
    )
    steps = np.repeat(np.array(realised, float)[:, None], count, axis=1)
    return Sweep(steps, central, right, left, weight, coarse)


def _reached(problem: Function, point: Arrays, probe: Probe, y: np.ndarray) -> np.ndarray:
    """Return which outputs depend on an entry that moves by its own small size; elsewhere steps will tell.

    An output that no step changes has no rounding that could show, unless the steps are lost in it.
    """
    if not probe.own_scale:
        return np.zeros(y.shape, bool)
    wide = dataclasses.replace(probe, own_scale=False).direction(point)
    return ~(problem.attempt(moved(point, wide, float(STEPS[0])), y.size) == y)


def joined(sweeps: list[Sweep]) -> Sweep:
    """Return sweeps of equally many levels side by side, as one of more columns."""
    return Sweep(*(np.concatenate([getattr(s, f.name) for s in sweeps], 1) for f in dataclasses.fields(Sweep)))


def smallest_exact(point: Arrays, direction: dict[int, np.ndarray]) -> float:
    """Return the step below which x + h d is rounded in some entry; 0 for a single one, whose step is read off."""
    if len(direction) == 1 and sum(np.count_nonzero(d) for d in direction.values()) == 1:
        return 0.0
    smallest = 0.0
    for i, d in direction.items():
        moving = d != 0
        if moving.any():
            smallest = max(smallest, 2.0**-37 * float((np.abs(point[i][moving]) / np.abs(d[moving])).max()))
    return smallest


def rounded(g: np.ndarray | None, y: np.ndarray) -> np.ndarray:
    """Return the size of a projection's rounding, in units of the rounding of one product.

    At most the sum of |g| |f|; for many outputs, whose roundings are mostly independent, eight
    times their root sum of squares.
    """
    if g is None:
        return np.abs(y)
    size = np.abs(g) * np.abs(y)
    return np.minimum(size.sum(axis=1), 8 * root_sum_square(size, axis=1))


def _lengths(
    point: Arrays, forth: list[np.ndarray], back: list[np.ndarray], direction: dict[int, np.ndarray], h: float
) -> tuple[float, float]:
    """Return the steps as realised: for a single coordinate it is what the sum was rounded to."""
    (i, d), *others = direction.items()
    moving = np.flatnonzero(d)
    if others or len(moving) != 1:
        return h, h
    k = moving[0]
    unit = d.flat[k]
    return (forth[i].flat[k] - point[i].flat[k]) / unit, (point[i].flat[k] - back[i].flat[k]) / unit


def part(sweep: Sweep, columns: np.ndarray, first: int = 0) -> Sweep:
    """Return some columns of a sweep, from a level on."""
    return Sweep(*(getattr(sweep, f.name)[first:, columns] for f in dataclasses.fields(Sweep)))
