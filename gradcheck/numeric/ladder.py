"""Differences of <g, f> along a direction, on a ladder of steps."""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

from gradcheck.numeric.constants import (
    EXACT,
    FIRST,
    LEVELS,
    LEVELS_TOGETHER,
    RATIO,
    SECOND_FIRST,
    SECOND_LEVELS,
    SECOND_RATIO,
    STEP_BITS,
    TINY,
)
from gradcheck.numeric.function import Function
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
    with np.errstate(all="ignore"):
        reached = _reached(problem, point, probe, y)
        levels = _levels(problem, point, direction, steps, y.size, outputs)
        together = max(1, LEVELS_TOGETHER // max(1, count * y.size))
        blocks, first = [], None
        while block := list(itertools.islice(levels, together)):
            found, changed = _quotients(block, g, y, reached, grain)
            first, reached = changed[0] if first is None else first, changed[-1]
            blocks.append(found)
    if first is None:
        return Sweep(*np.zeros((6, 0, count)))
    swept = Sweep(*(np.concatenate(column) for column in zip(*blocks, strict=True)))
    if grain is not None and (reached != first).any():  # what is grain alone may be the same at both ends by chance
        swept = dataclasses.replace(swept, coarse=np.maximum.accumulate(swept.coarse[::-1])[::-1])
    return swept


Level = tuple[float, float, np.ndarray, np.ndarray]  # the steps to both sides as realised, and the outputs there


def _levels(
    problem: Function, point: Arrays, direction: dict[int, np.ndarray], steps: np.ndarray, size: int, outputs: Outputs
) -> Iterator[Level]:
    entry = _only(direction)
    for h in steps.tolist():
        forth, back = moved(point, direction, h), moved(point, direction, -h)
        up, down = (h, h) if entry is None else _lengths(point, forth, back, *entry)
        if not up or not down:
            break  # this step and all smaller ones are lost in the rounding of x
        if h not in outputs:
            outputs[h] = problem.attempt(forth, size), problem.attempt(back, size)
        yield up, down, *outputs[h]


def _quotients(
    levels: list[Level], g: np.ndarray | None, y: np.ndarray, reached: np.ndarray, grain: np.ndarray | None
) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Return the columns of a sweep (L, G), and which outputs have changed at each of these levels or before (L, m)."""
    up, down, ahead, behind = (np.array(column) for column in zip(*levels, strict=True))
    changed = np.logical_or.accumulate([reached, *((ahead != y) | (behind != y))])
    up, down = up[:, None], down[:, None]
    changes = ((ahead - behind, up + down), (ahead - y, up), (y - behind, down))
    quotients = [_projected(g, change) / length for change, length in changes]
    top = np.maximum(np.abs(y), np.maximum(np.abs(ahead), np.abs(behind)))
    weight = rounded(g, np.where(changed[1:], np.maximum(top, TINY), 0))
    coarse = np.zeros_like(weight) if grain is None else rounded(g, np.where(changed[1:], grain, 0))
    steps = np.broadcast_to((up + down) / 2, weight.shape)
    return (steps, *quotients, weight, coarse), changed[1:]


def _projected(g: np.ndarray | None, changes: np.ndarray) -> np.ndarray:
    """Return what `project` does of each row (L, m), to the same bits."""
    return changes if g is None else np.matmul(g, changes[..., None])[..., 0]


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
    """Return the size (..., G) of the rounding of <g, y>, of outputs (..., m), in units of the rounding of one product.

    At most the sum of |g| |f|; for many outputs, whose roundings are mostly independent, eight
    times their root sum of squares.
    """
    if g is None:
        return np.abs(y)
    size = np.abs(g) * np.abs(y)[..., None, :]
    return np.minimum(size.sum(axis=-1), 8 * root_sum_square(size, axis=-1))


def _only(direction: dict[int, np.ndarray]) -> tuple[int, int, float] | None:
    """Return array, place and length of the single entry that moves, or None."""
    if len(direction) != 1:
        return None
    ((i, d),) = direction.items()
    moving = np.flatnonzero(d)
    return (i, int(moving[0]), float(d.flat[moving[0]])) if len(moving) == 1 else None


def _lengths(
    point: Arrays, forth: list[np.ndarray], back: list[np.ndarray], i: int, k: int, unit: float
) -> tuple[float, float]:
    """Return the steps of a single entry as realised: what the sums were rounded to."""
    return (forth[i].flat[k] - point[i].flat[k]) / unit, (point[i].flat[k] - back[i].flat[k]) / unit


def part(sweep: Sweep, columns: np.ndarray, first: int = 0) -> Sweep:
    """Return some columns of a sweep, from a level on."""
    return Sweep(*(getattr(sweep, f.name)[first:, columns] for f in dataclasses.fields(Sweep)))
