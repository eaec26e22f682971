"""Outputs that are coarser than their own size: sums of larger numbers that cancel."""

import numpy as np

from gradcheck.numeric.constants import COARSER, GRAINS, LARGER
from gradcheck.numeric.function import Function
from gradcheck.subjects.problem import Arrays


def grain(problem: Function, point: Arrays, y: np.ndarray, u: float, rng: np.random.Generator) -> np.ndarray:
    """Return for each output (m,) the size of the numbers whose last bit it ends in, 0 where that is its own.

    1 + tanh x near x = -8 is 2e-7 and moves in steps of 1e-16, the roundings of 1.  A few roundings
    away it stays on its step, so a difference table shows no noise, and its own size promises far
    less.  But all its values are whole multiples of that step: the last bits of each are zero.
    """
    near_by = [[x * (1 + 2.0**-20 * rng.uniform(-1, 1, x.shape)) for x in point] for _ in range(GRAINS)]
    with np.errstate(all="ignore"):
        values = np.array([problem.attempt(moved, y.size) for moved in near_by])
    last = _last_bits(np.where(np.isfinite(values), values, 0))
    step = last.min(axis=0)
    most = LARGER * max(1.0, float(np.abs(y).max(initial=0)), *(float(np.abs(x).max(initial=0)) for x in point))
    return np.where((step > COARSER * 2 * u * np.abs(y)) & (step <= 2.0**-52 * most), step / (2 * u), 0)


def may_be_coarse(y: np.ndarray, u: float) -> bool:
    """Whether any output ends in zeros enough that it may be coarser than its own size."""
    return bool((_last_bits(y) > COARSER * 2 * u * np.abs(y)).any())


def _last_bits(y: np.ndarray) -> np.ndarray:
    """Return the value of the last bit of each number that is not zero; inf for 0."""
    mantissa, exponent = np.frexp(y)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    return np.where(whole == 0, np.inf, np.ldexp((whole & -whole).astype(np.float64), exponent - 53))
