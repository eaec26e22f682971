"""Outputs that are coarser than their own size: sums of larger numbers that cancel."""

import numpy as np

from gradcheck.numeric import noise
from gradcheck.numeric.constants import (
    ACROSS,
    COARSE_SPACINGS,
    COARSER,
    FIRST,
    GOLDEN,
    GRAINS,
    LARGER,
    SCATTER,
    SEVERAL_ROUNDINGS,
    SPACINGS,
    WIDE_BITS,
)
from gradcheck.numeric.function import Function
from gradcheck.numeric.ladder import few_bits, moved
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.tabulate import Line
from gradcheck.subjects.problem import Arrays


def grain(problem: Function, point: Arrays, y: np.ndarray, u: float, rng: np.random.Generator) -> np.ndarray:
    """Return for each output (m,) the size of the numbers whose last bit it ends in, 0 where that is its own.

    1 + tanh x near x = -8 is 2e-7 and moves in steps of 1e-16, the roundings of 1.  A few roundings
    away it stays on its step, so a difference table shows no noise, and its own size promises far
    less.  But all its values are whole multiples of that step: the last bits of each are zero.
    """
    near_by = [[x * (1 + 2.0**-20 * rng.uniform(-1, 1, x.shape)) for x in point] for _ in range(GRAINS)]
    last, _ = _steps(problem, near_by, y)
    step, size = last.min(axis=0), np.abs(y)
    nothing = np.isinf(step)  # 0 everywhere near by: farther away it may be one step, or two
    if nothing.any():
        along = [Probe(None, seed=seed).direction(point) for seed in range(GRAINS)]
        last, values = _steps(problem, [moved(point, direction, 2 * FIRST) for direction in along], y)
        enough = np.isfinite(last).sum(axis=0) >= GRAINS // 2
        step = np.where(nothing & enough, last.min(axis=0), step)
        size = np.where(nothing, np.abs(values).max(axis=0), size)
    most = LARGER * in_sight(y, point)
    return np.where((step > COARSER * 2 * u * size) & (step <= 2.0**-52 * most), step / (2 * u), 0)


def _steps(problem: Function, points: list[list[np.ndarray]], y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the value of the last bit of outputs (P, m) at some points, and these numbers; 0 for what is none."""
    with np.errstate(all="ignore"):
        values = np.array([problem.attempt(x, y.size) for x in points])
    values = np.where(np.isfinite(values), values, 0)
    return _last_bits(values), values


def hidden_grain(problem: Function, point: Arrays, y: np.ndarray, u: float) -> np.ndarray:
    """Return the same of outputs whose last bits are not zero, since something finer was added to what is coarse.

    exp x - 1 - x near x = 1e-12 has the slope -1 on each step of exp x, and no slope over many.  Wide tables show its
    noise: jumps, of a few roundings of the largest number in sight and not more.
    """
    most = in_sight(y, point)
    line = Line(problem, point, _across(point, ACROSS * most), None, y.size)
    fine, found = line.table(noise.spacing(SPACINGS[0])), np.zeros(y.size)
    for power in COARSE_SPACINGS:
        wide = line.table(float(few_bits(np.array((1 + GOLDEN) * 2.0**power), WIDE_BITS)))
        level, known = noise.read(wide)
        size = level * wide.size
        known &= (size > COARSER * u * np.abs(y)) & (size <= SEVERAL_ROUNDINGS * u * most)
        known &= noise.hidden(line, wide, fine, level, known, np.zeros(y.size))
        found = np.where(known, np.maximum(found, SCATTER * size / u), found)
    return found


def _across(point: Arrays, least: float) -> dict[int, np.ndarray]:
    """Return a direction along which no array moves by less: of smaller numbers all may lie on one step."""
    direction = Probe(None).direction(point)
    return {i: d * max(1.0, least / (float(np.abs(d).max(initial=0)) or np.inf)) for i, d in direction.items()}


def in_sight(y: np.ndarray, point: Arrays) -> float:
    """Return the largest number of which roundings may be met: of the inputs and outputs, or 1."""
    return max(1.0, *(float(np.abs(x).max(initial=0)) for x in (y, *point)))


def may_be_coarse(y: np.ndarray, u: float) -> bool:
    """Whether any output ends in zeros enough that it may be coarser than its own size."""
    return bool((_last_bits(y) > COARSER * 2 * u * np.abs(y)).any())


def _last_bits(y: np.ndarray) -> np.ndarray:
    """Return the value of the last bit of each number that is not zero; inf for 0."""
    mantissa, exponent = np.frexp(y)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    return np.where(whole == 0, np.inf, np.ldexp((whole & -whole).astype(np.float64), exponent - 53))
