"""How much rounding a function carries, measured with a difference table.

More and Wild 2011, "Estimating computational noise", sec. 5.
"""

from math import factorial

import numpy as np

from gradcheck.numeric.constants import (
    ALONE,
    COARSE_SPACINGS,
    COARSEST,
    HIDDEN,
    LAST,
    NOISE_POINTS,
    QUIET,
    SCATTER,
    SPACINGS,
    STEP_BITS,
    STILL,
    UNIT,
    WIDE_BITS,
    WIDE_SPACING,
    U,
)
from gradcheck.numeric.function import Function
from gradcheck.numeric.hidden import has_jumps
from gradcheck.numeric.ladder import Sweep, few_bits
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.tabulate import Line, Table
from gradcheck.subjects.problem import Arrays


def measured(
    problem: Function, point: Arrays, probe: Probe, g: np.ndarray | None, size: int = 0, coarser: bool = False
) -> np.ndarray:
    """Return the noise (standard deviation) of <g, f> (G,) along a direction, in units of its rounding.

    0 where there is no more of it than one rounding of the outputs would make.  Without `g` (G, m) every one of the
    `size` outputs stands for itself.  If it may be `coarser` than float32's it is looked for in wider tables as well.
    """
    line = Line(problem, point, probe.direction(point), g, size if g is None else g.shape[1])
    wide = line.table(float(few_bits(np.array(WIDE_SPACING), WIDE_BITS)))
    coarse, known = read(wide)
    done = known & (coarse <= QUIET)  # of a narrow format inside there would be more
    if done.all() and not coarser:
        return coarse
    level, tables = np.where(done, coarse, 0.0), []
    for power in SPACINGS:
        tables.append(line.table(spacing(power)))
        level, done = _read(tables[-1], level, done)
        if done.all():
            break
    level = np.where(hidden(line, wide, tables[0], coarse, known, level), coarse, level)
    for power in COARSE_SPACINGS if coarser else ():
        wide = line.table(spacing(power))
        coarse, known = read(wide)
        known &= coarse <= ALONE * COARSEST
        level = np.where(hidden(line, wide, tables[0], coarse, known, level), coarse, level)
    return np.where(coarser & (level <= ALONE * COARSEST), np.minimum(level, COARSEST), level)


def has_fine_shape(line: Line) -> bool:
    """Whether f is no line over a wide table, without jumps, and is one over much finer ones."""
    wide, fine = line.table(float(few_bits(np.array(WIDE_SPACING), WIDE_BITS))), line.table(spacing(SPACINGS[0]))
    (coarse, is_known), (level, _) = (
        _read(table, np.zeros(table.size.shape), np.zeros(table.size.shape, bool)) for table in (wide, fine)
    )
    shaped = is_known & (coarse > HIDDEN * np.maximum(level, U)) & fine.is_finite
    return bool(shaped.any()) and not has_jumps(line, wide, fine, shaped)


def spacing(power: int, bits: int = STEP_BITS) -> float:
    """Return a distance of few bits, near a power of two."""
    return float(few_bits(np.array(1.3 * 2.0**power), bits))


def hidden(
    line: Line, wide: Table, fine: Table, coarse: np.ndarray, known: np.ndarray, level: np.ndarray
) -> np.ndarray:
    """Return where the noise of a wide table is that of jumps, which a finer one does not show."""
    above = known & (coarse > HIDDEN * np.maximum(level, U))
    jumps = above.any() and fine.is_finite and has_jumps(line, wide, fine, above)
    return above & jumps


def read(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Return the levels of noise that a table shows by itself, and which of them are known."""
    return _read(table, np.zeros(table.size.shape), np.zeros(table.size.shape, bool))


def _read(table: Table, level: np.ndarray, done: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the levels and which of them are known, with what a table adds; nothing where it leaves the domain."""
    if not table.is_finite or not table.values.any():
        return level, done
    unit = float(np.abs(table.values).max())  # numbers near 1e200 have no squares
    _read_table(table.values / unit, level, done, table.size / unit)
    return level, done


def _read_table(table: np.ndarray, level: np.ndarray, done: np.ndarray, size: np.ndarray) -> None:
    """Set `level` where three successive orders of differences agree: a plateau is noise, a decay is f.

    A decay to below the rounding of the outputs says that there is no further noise to look for.
    """
    grain = np.count_nonzero(np.diff(table, axis=0) == 0, axis=0) >= STILL
    orders = []
    for k in range(1, NOISE_POINTS - 1):
        table = np.diff(table, axis=0)
        orders.append(np.sqrt(factorial(k) ** 2 / factorial(2 * k) * np.square(table).mean(axis=0)))
    for k in range(len(orders) - 2):
        window = np.array(orders[k : k + 3])
        plateau = (window.max(axis=0) <= 4 * window.min(axis=0)) & ~grain & ~done
        np.divide(window.max(axis=0), size, out=level, where=plateau)
        done |= plateau | ((window.max(axis=0) <= UNIT[np.dtype(np.float64)] * size) & ~grain)


def bound(sweep: Sweep, level: np.ndarray, u: float) -> np.ndarray:
    """Return a bound (L, G) for the error of one value of <g, f>: its rounding, or as measured (G,).

    The steps of a staircase are no noise, on one of which f is constant.
    """
    still = ~(sweep.right[-LAST:].any(axis=0) | sweep.left[-LAST:].any(axis=0))
    level = np.where(still & (level > COARSEST), 0.0, level)
    return np.maximum(4 * np.maximum(u, SCATTER * level) * sweep.weight, 4 * u * sweep.coarse)
