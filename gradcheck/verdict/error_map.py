"""Where in an array the error sits, to show it; drawn only for an array that failed.  It decides nothing."""

import dataclasses
import math

import numpy as np

from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import entry_scales
from gradcheck.subjects.problem import Arrays
from gradcheck.verdict.compare import glance
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.conclude import numeric
from gradcheck.verdict.facts import ErrorMap, Gradient, Grid, Span
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.resting import contradicting_rest

CELLS = (16, 64)  # rows and columns of a map, at most
BLOCKS = {True: 128, False: 32}  # cells that are differenced: by the complex step, by ladders of real differences

Units = dict[int, Comparison]  # by their entries


def error_map(
    near: Ground,
    known: Known,
    gradient: Gradient,
    leaf: int,
    found: list[Comparison],
    exact: bool,
    complete: bool,
    seed: int,
    rng: np.random.Generator,
) -> ErrorMap:
    """Return where a failing array is wrong: from what was compared already, or by a survey of its blocks.

    `complete` says that all wrong entries of an array too large to compare each one are known.
    """
    size = math.prod(gradient.shape)
    units = {c.probe.coordinate: c for c in found if c.probe.coordinate is not None}
    if len(units) == size:
        return _of_entries(gradient.shape, [units[i] for i in range(size)], exact)
    rows, columns = spans(gradient.shape, *CELLS, BLOCKS[exact])
    as_a_whole = any(c.outside().any() for c in found if c.probe.coordinate is None)
    if complete or not as_a_whole:
        drawn = _of_known(gradient, rows, columns, near.claim.values[leaf][0], units, exact)
        return dataclasses.replace(drawn, sampled=not as_a_whole)
    blocks: list[Probe] = [Block(leaf, seed=seed, rows=r, columns=c) for r in rows for c in columns]
    compared, _ = glance(near, known, blocks, [not exact] * len(blocks), rng)
    units_of = [float(np.sum(b.direction(near.place.point)[leaf])) for b in blocks]
    return _drawn(gradient.shape, rows, columns, contradicting_rest(near, compared), units_of, exact)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block(Probe):
    """A rectangle of an array as a matrix, whose entries all move the same way: the slope is a weighted sum."""

    rows: Span
    columns: Span

    def direction(self, point: Arrays) -> dict[int, np.ndarray]:
        x = point[self.array]
        rng = np.random.default_rng([self.seed, self.array])
        size = rng.integers(32, 97, x.size) / 64 * entry_scales(x.ravel())
        d = np.zeros((x.size // x.shape[-1], x.shape[-1]) if x.ndim else (1, 1))
        where = slice(*self.rows), slice(*self.columns)
        d[where] = size.reshape(d.shape)[where]
        return {self.array: d.reshape(x.shape)}


def spans(shape: tuple[int, ...], most_rows: int, most_columns: int, cells: int) -> tuple[list[Span], list[Span]]:
    """Return the rows and columns of a map: along the axes where they are few, else of about equal size."""
    leading, last = shape[:-1], shape[-1] if shape else 1
    total, rows = math.prod(leading), 1
    for length in leading:
        if rows * length > most_rows:
            break
        rows *= length
    if rows < min(total, most_rows // 4):
        rows = min(total, most_rows)
    return _cut(total, rows), _cut(last, min(last, most_columns, cells // rows))


def _cut(total: int, count: int) -> list[Span]:
    return [(total * k // count, total * (k + 1) // count) for k in range(count)]


def _of_entries(shape: tuple[int, ...], compared: list[Comparison], exact: bool) -> ErrorMap:
    last = shape[-1] if shape else 1
    rows, columns = _cut(len(compared) // last, len(compared) // last), _cut(last, last)
    return _drawn(shape, rows, columns, compared, [c.unit for c in compared], exact)


def _drawn(
    shape: tuple[int, ...],
    rows: list[Span],
    columns: list[Span],
    compared: list[Comparison],
    units: list[float],
    exact: bool,
) -> ErrorMap:
    cells = np.array([_cell(c, unit, exact) for c, unit in zip(compared, units, strict=True)])
    claimed, best, bars = (_grid(part.reshape(len(rows), len(columns))) for part in cells.T)
    return ErrorMap(shape, tuple(rows), tuple(columns), claimed, best, bars)


def _cell(c: Comparison, unit: float, exact: bool) -> tuple[float, float, float]:
    """Return claim and numeric value for the first cotangent, and the larger error in bars."""
    best = numeric(c, exact)
    with np.errstate(all="ignore"):
        bars = np.abs(c.claimed - best) / np.maximum(c.best_tolerance(exact), np.finfo(float).tiny)
    bars = np.where(np.isfinite(c.claimed), np.nan_to_num(bars, posinf=np.inf), np.inf)
    return float(c.claimed[0] / unit), float(best[0] / unit), float(bars.max())


def _of_known(
    gradient: Gradient, rows: list[Span], columns: list[Span], claimed: np.ndarray, units: Units, exact: bool
) -> ErrorMap:
    """Average the claim over each cell, and set the few wrong entries right."""
    claim = np.atleast_1d(claimed)
    claim = claim.reshape(-1, claim.shape[-1])
    right, bars = claim.copy(), np.zeros(claim.shape)
    for entry, c in units.items():
        place = np.unravel_index(entry, claim.shape)
        at_entry, best, off = _cell(c, c.unit, exact)
        right[place], bars[place] = claim[place] + best - at_entry, off
    cells = [[(slice(*r), slice(*c)) for c in columns] for r in rows]
    means = [np.array([[x[cell].mean() for cell in line] for line in cells]) for x in (claim, right)]
    most = np.array([[bars[cell].max() for cell in line] for line in cells])
    return ErrorMap(gradient.shape, tuple(rows), tuple(columns), _grid(means[0]), _grid(means[1]), _grid(most))


def _grid(values: np.ndarray) -> Grid:
    return tuple(tuple(row) for row in values.tolist())
