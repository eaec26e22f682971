"""Differences of a function of few digits, averaged over lines beside one another.

Of float16 and bfloat16 one difference tells little: its ends are off by roundings.  On lines that lie aside, where all
other numbers are a little different, these are different too; and whatever lies on a line, f changes along it by the
integral of its derivative.  That is of four claims, in pairs about the middles of two halves, as far from these as a
number that is drawn: whatever kinks there are, they are as often too large as too small, where a rule with places of
its own is always too large over some.  So what f changes more than claims promise is noise about zero if the claims are
right, and its scatter tells how much of that is left in the mean.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from gradcheck.numeric.ladder import STEPS, moved
from gradcheck.numeric.probe import Probe
from gradcheck.precision.segments import Line
from gradcheck.subjects.problem import Arrays, Problem

LENGTHS = (0, 1, 2, 4)  # levels of the ladder, half as long as lines are: the first that does not leave the domain
LINES = 48
MIDDLES = np.array([-0.5, 0.5])  # of the halves of a line from -1 to 1
ASIDE = 1 / 2  # of half a line, by which all numbers move at the most
SURE = 6  # standard deviations


@dataclasses.dataclass(frozen=True)
class Lines:
    """What f changes more than claims promise (LINES, G), by the length of a line, and which outputs changed (m,)."""

    h: float
    excess: np.ndarray
    changed: np.ndarray


def averaged(line: Line, u: float, rng: np.random.Generator, stretch: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much the derivative is more than claims (G,) beside a line, and the bar of that.

    `u` is the roundoff of f, and lines are `stretch` times as long as steps of the ladder.
    """
    for level in LENGTHS:
        with np.errstate(all="ignore"):
            found = _measured(line, stretch * float(STEPS[level]), rng)
        if np.isfinite(found.excess).all():
            return found.excess.mean(axis=0), _bar(line, found, u)
    count = len(line.claimed)
    return np.full(count, np.nan), np.full(count, np.inf)


def _bar(line: Line, found: Lines, u: float) -> np.ndarray:
    """Return what the scatter leaves of a mean, and a rounding of each output that may have been met on one line more.

    Where no output changes on any line, it may be any of them.
    """
    scatter = found.excess.std(axis=0, ddof=1) / np.sqrt(LINES)
    rounding = u * line.size(found.changed) / (found.h * LINES)
    return SURE * np.hypot(scatter, rounding)


def _measured(line: Line, h: float, rng: np.random.Generator) -> Lines:
    rows, changed = [], np.zeros(line.place.y.size, bool)
    for aside in _aside(line, h, rng):
        points = [_held(aside.problem, moved(aside.place.point, line.direction, s * h)) for s in (1, -1)]
        ends = [aside.problem.attempt(point, changed.size) for point in points]
        moving = {i: (points[0][i] - points[1][i]) / (2 * h) for i in line.direction}
        aside = dataclasses.replace(aside, direction=moving)
        if not np.isfinite(ends).all():
            rows.append(np.full(len(line.claimed), np.nan))
            break
        apart = rng.uniform(0, 0.5, MIDDLES.size)
        claims = np.array([aside.claim(h * t) for t in (*(MIDDLES - apart), *(MIDDLES + apart))])
        rows.append(aside.projected(ends[0] - ends[1]) / (2 * h) - claims.mean(axis=0))
        changed |= ends[0] != ends[1]
    return Lines(h, np.array(rows), changed)


def _held(problem: Problem, point: Arrays) -> list[np.ndarray]:
    """Return a point as arrays of the user's dtypes hold it: a step to it is longer or shorter by a rounding."""
    pairs = zip(point, problem.leaves, strict=True)
    return [x.astype(np.result_type(leaf.value.dtype, np.float16)).astype(np.float64) for x, leaf in pairs]


def _aside(line: Line, h: float, rng: np.random.Generator) -> Iterator[Line]:
    """Yield lines that lie beside a line."""
    for seed, part in zip(rng.integers(2**32, size=LINES).tolist(), rng.uniform(-1, 1, LINES), strict=True):
        point = moved(line.place.point, Probe(None, seed=seed).direction(line.place.point), ASIDE * h * float(part))
        yield dataclasses.replace(line, place=dataclasses.replace(line.place, point=point))
