"""How much rounding a function carries, measured with a difference table.

More and Wild 2011, "Estimating computational noise", sec. 5.
"""

from math import factorial

import numpy as np

from gradcheck.numeric.constants import COARSEST, LAST, NOISE_POINTS, SCATTER, SPACINGS, UNIT
from gradcheck.numeric.function import Function, project
from gradcheck.numeric.ladder import Sweep, few_bits, moved, rounded
from gradcheck.numeric.probe import Probe
from gradcheck.subjects.problem import Arrays


def measured(problem: Function, point: Arrays, probe: Probe, g: np.ndarray | None, size: int = 0) -> np.ndarray:
    """Return the noise (standard deviation) of <g, f> (G,) along a direction, in units of its rounding.

    0 where there is no more of it than one rounding of the outputs would make.  Without `g` (G, m) every one of the
    `size` outputs stands for itself.
    """
    direction = probe.direction(point)
    count, outputs = (size, size) if g is None else g.shape
    level, done = np.zeros(count), np.zeros(count, bool)
    for power in SPACINGS:
        d = float(few_bits(np.array(1.3 * 2.0**power)))
        with np.errstate(all="ignore"):
            points = [moved(point, direction, (k - NOISE_POINTS // 2) * d) for k in range(NOISE_POINTS)]
            values = np.array([problem.attempt(p, outputs) for p in points])
            base = values[NOISE_POINTS // 2]
            table = project(g, values - base)  # (P, G)
        if not np.isfinite(table).all():
            continue
        scale = rounded(g, np.where((values != base).any(axis=0), np.abs(values).max(axis=0), 0))
        unit = float(np.abs(table).max(initial=0)) or 1.0  # numbers near 1e200 have no squares
        _read_table(table / unit, level, done, scale / unit)
        if done.all():
            break
    return level


def _read_table(table: np.ndarray, level: np.ndarray, done: np.ndarray, size: np.ndarray) -> None:
    """Set `level` where three successive orders of differences agree: a plateau is noise, a decay is f.

    A decay to below the rounding of the outputs says that there is no further noise to look for.
    """
    grain = (np.diff(table, axis=0) == 0).mean(axis=0) > 0.4  # the spacing is below the function's own grain
    orders = []
    for k in range(1, NOISE_POINTS - 1):
        table = np.diff(table, axis=0)
        orders.append(np.sqrt(factorial(k) ** 2 / factorial(2 * k) * np.square(table).mean(axis=0)))
    for k in range(len(orders) - 2):
        window = np.array(orders[k : k + 3])
        plateau = (window.min(axis=0) > 0) & (window.max(axis=0) <= 4 * window.min(axis=0)) & ~grain & ~done
        level[plateau] = (window.max(axis=0) / np.where(size > 0, size, 1))[plateau]
        done |= plateau | ((window.max(axis=0) <= UNIT[np.dtype(np.float64)] * size) & ~grain)


def bound(sweep: Sweep, level: np.ndarray, u: float) -> np.ndarray:
    """Return a bound (L, G) for the error of one value of <g, f>: its rounding, or as measured (G,).

    The steps of a staircase are no noise, on one of which f is constant.
    """
    still = ~(sweep.right[-LAST:].any(axis=0) | sweep.left[-LAST:].any(axis=0))
    level = np.where(still & (level > COARSEST), 0.0, level)
    return np.maximum(4 * np.maximum(u, SCATTER * level) * sweep.weight, 4 * u * sweep.coarse)
