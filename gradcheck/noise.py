"""How much rounding a function carries: measured with a difference table, and read off its number format.

More and Wild 2011, "Estimating computational noise", sec. 5.
"""

from math import factorial

import numpy as np

from gradcheck.ladder import few_bits, moved, rounded
from gradcheck.points import Probe
from gradcheck.problem import Arrays, Problem

POINTS = 8
GRAINS = 6  # values of each output; that all of them end in three zeros by chance: once in 260,000
COARSER = 8  # than the output's own rounding
LARGER = 2.0**30  # than every number in sight: steps that wide were meant, as those of a quantised layer
SPACINGS = (-36, -30, -25, -21, -17, -13)  # powers of two times the array's scale; the smallest that shows it wins
UNIT = {np.dtype(np.float16): 2.0**-11, np.dtype(np.float32): 2.0**-24, np.dtype(np.float64): 2.0**-53}
FORMATS = ((2.0**-8, np.float32), (2.0**-11, np.float16), (2.0**-24, np.float32))  # bfloat16 has the range of float32
SPARE = 8  # of 24 bits, which may be zero in all numbers
FULL = 0.25  # of the numbers at the least need more bits than that; of random ones three quarters do


def measured(problem: Problem, point: Arrays, probe: Probe, g: np.ndarray) -> np.ndarray:
    """Return the noise (standard deviation) of <g, f> (G,) along a direction, in units of its rounding.

    0 where there is no more of it than one rounding of the outputs would make.
    """
    direction = probe.direction(point)
    level, done = np.zeros(len(g)), np.zeros(len(g), bool)
    for power in SPACINGS:
        d = float(few_bits(np.array(1.3 * 2.0**power)))
        with np.errstate(all="ignore"):
            points = [moved(point, direction, (k - POINTS // 2) * d) for k in range(POINTS)]
            values = np.array([problem.attempt(p, g.shape[1]) for p in points])
            base = values[POINTS // 2]
            table = (values - base) @ g.T  # (P, G)
        if not np.isfinite(table).all():
            continue
        size = rounded(g, np.where((values != base).any(axis=0), np.abs(values).max(axis=0), 0))
        unit = float(np.abs(table).max(initial=0)) or 1.0  # numbers near 1e200 have no squares
        _read_table(table / unit, level, done, size / unit)
        if done.all():
            break
    return level


def _read_table(table: np.ndarray, level: np.ndarray, done: np.ndarray, size: np.ndarray) -> None:
    """Set `level` where three successive orders of differences agree: a plateau is noise, a decay is f.

    A decay to below the rounding of the outputs says that there is no further noise to look for.
    """
    grain = (np.diff(table, axis=0) == 0).mean(axis=0) > 0.4  # the spacing is below the function's own grain
    orders = []
    for k in range(1, POINTS - 1):
        table = np.diff(table, axis=0)
        orders.append(np.sqrt(factorial(k) ** 2 / factorial(2 * k) * np.square(table).mean(axis=0)))
    for k in range(len(orders) - 2):
        window = np.array(orders[k : k + 3])
        plateau = (window.min(axis=0) > 0) & (window.max(axis=0) <= 4 * window.min(axis=0)) & ~grain & ~done
        level[plateau] = (window.max(axis=0) / np.where(size > 0, size, 1))[plateau]
        done |= plateau | ((window.max(axis=0) <= UNIT[np.dtype(np.float64)] * size) & ~grain)


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


def unit_roundoff(outputs: list[np.ndarray]) -> float:
    """Return the unit roundoff of the narrowest format that holds every value of some outputs exactly, and fully.

    A layer that casts to float32 inside returns float64 numbers that are all float32 numbers, and need most of its
    bits; numbers of few bits, such as whole ones or the residues of a rounding, fit anywhere and say nothing.
    """
    y = np.concatenate([np.zeros(0), *(np.asarray(x, np.float64).ravel() for x in outputs)])
    y = np.unique(y[np.isfinite(y) & (y != 0)])
    with np.errstate(all="ignore"):
        for u, dtype in FORMATS:
            bits = -int(np.log2(u))
            fits = np.array_equal(y, _to_bits(y, bits)) and np.array_equal(y, y.astype(dtype))
            full = y != _to_bits(y, bits - SPARE * bits // 24)
            if fits and full.any() and full.mean() >= FULL and not _is_grid(y, bits):
                return u
    return UNIT[np.dtype(np.float64)]


def _is_grid(y: np.ndarray, bits: int) -> bool:
    """Whether small numbers are no finer than large ones, as those of a quantised layer; in a format they are."""
    exponent = np.frexp(y)[1]
    step = 2.0 ** float(exponent.max() - bits)
    return bool(exponent.min() < exponent.max() - 1 and np.array_equal(y, np.round(y / step) * step))


def _to_bits(y: np.ndarray, bits: int) -> np.ndarray:
    mantissa, exponent = np.frexp(y)
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)
