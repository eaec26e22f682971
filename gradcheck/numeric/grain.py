"""Outputs that are coarser than their own size: sums of larger numbers that cancel."""

import numpy as np

from gradcheck.numeric.constants import COARSER, GRAINS, LARGER
from gradcheck.subjects.problem import Arrays, Problem


def grain(problem: Problem, point: Arrays, y: np.ndarray, u: float, rng: np.random.Generator) -> np.ndarray:
    """Return for each output (m,) the size of the numbers whose last bit it ends in, 0 where that is its own.

    1 + tanh x near x = -8 is 2e-7 and moves in steps of 1e-16, the roundings of 1.  A few roundings
    away it stays on its step, so a difference table shows no noise, and its own size promises far
    less.  But all its values are whole multiples of that step: the last bits of each are zero.
    """
    near_by = [[x * (1 + 2.0**-20 * rng.uniform(-1, 1, x.shape)) for x in point] for _ in range(GRAINS)]
    with np.errstate(all="ignore"):
        values = np.array([problem.attempt(moved, y.size) for moved in near_by])
    mantissa, exponent = np.frexp(np.where(np.isfinite(values), values, 0))
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    last = np.ldexp((whole & -whole).astype(np.float64), exponent - 53)  # the value of the last bit that is not zero
    step = np.where(whole == 0, np.inf, last).min(axis=0)
    most = LARGER * max(1.0, float(np.abs(y).max(initial=0)), *(float(np.abs(x).max(initial=0)) for x in point))
    return np.where((step > COARSER * 2 * u * np.abs(y)) & (step <= 2.0**-52 * most), step / (2 * u), 0)
