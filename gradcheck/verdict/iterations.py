"""Contradictions that are the open end of a loop: a solver stops within a tolerance, and what it leaves has a slope.

A claim by the implicit function theorem, or by an adjoint equation, is that of the solution.  Differences show where
the loop ends, to all digits.  Where it goes round once more f jumps, by about what it leaves, and the slope of that is
a few times as much for each step of the size of the numbers; or, as where an integrator chooses its steps, the slope
alone is another.  So a claim that is off by little is held against what f does at the nearest place where a loop
goes round another number of times.  Branches within a loop are none.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import root_sum_square
from gradcheck.subjects.loops import Run, TooMany, run
from gradcheck.verdict.below import unseen
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.worst_entry import line_at

LITTLE = 2.0**-6  # of a derivative: what a loop leaves is less
SMALL = 2.0**-6  # of f: a larger jump is one of f's own
SLOPE, BEND = 256, 128  # times the jump, or times what the slope jumps by: the slope of what a loop leaves
NEAR = tuple(tuple(side * 2.0**k for k in (-6, -4, -2, 0)) for side in (1, -1))  # of the scale, to either side
OWN = (1.0, 3.0), (-1 / 2, -3 / 4)  # of the numbers themselves: what is positive stays so
HALVINGS = 44
STEP = 2.0**-11  # of the scale, to one side
SLOPES = np.array([-11, 18, -9, 2]) / 6  # of a slope through four values to one side
DOUBT = "a loop of f goes round until a tolerance is met, and the claim is off by no more than that leaves open"


class Open(NamedTuple):
    """What a loop leaves open, by what f does where it goes round once more."""

    jump: float  # of the largest output
    bend: float  # the same of its slope along a direction of the size of the numbers


def allowing_for_iterations(
    ground: Ground, known: Known, comparisons: list[Comparison]
) -> tuple[list[Comparison], Known]:
    """Return the comparisons without contradictions that are no more than what a loop of f leaves open.

    Whether there is such a loop is asked once, where something is contradicted by little.
    """
    found = list(comparisons)
    for i, c in enumerate(comparisons):
        off = _off(ground, c)
        if c.real is None or off is None:
            continue
        slope = _slope(left_open(ground)) if known.left_open is None else known.left_open
        known = dataclasses.replace(known, left_open=slope)
        excused = off <= slope * root_sum_square(ground.place.g, axis=1)
        if (excused | ~c.contradicted()).all():
            found[i] = dataclasses.replace(unseen(c, c.real, excused, DOUBT), exact=None, exact_bar=None)
    return found, known


def _slope(left: Open) -> float:
    return max(SLOPE * left.jump, BEND * left.bend)


def _off(ground: Ground, c: Comparison) -> np.ndarray | None:
    """Return by how much a contradicted claim is off (G,), or None where nothing is, or by more than a little.

    That is a part of its largest entry.
    """
    if c.real is None or not np.isfinite(c.claimed).all() or not c.is_contradicted():
        return None
    apart = [np.abs(c.claimed - x) for x in (c.real.value if c.resolved else None, c.exact) if x is not None]
    if not apart:
        return None
    off, size = np.max(apart, axis=0), np.abs(c.claimed).max()
    if c.probe.leaf is not None:
        size = max(size, c.unit * np.abs(ground.claim.values[c.probe.leaf]).max())
    return off if off.max() <= LITTLE * size else None


def left_open(ground: Ground) -> Open:
    """Return what was met where a loop of f goes round another number of times: the most of each, or nothing."""
    place = ground.place
    for direction, reach in ((Probe(None, seed=1).direction(place.point), NEAR), (dict(enumerate(place.point)), OWN)):
        line = Line(ground, direction)
        if not line.here.rounds:
            break
        met = [found for steps in reach if (found := line.first(steps)) is not None]
        if met:
            jump, bend = (max(each) for each in zip(*met, strict=True))
            return Open(jump, bend) if jump <= SMALL * np.abs(place.y).max() else Open(0.0, 0.0)
    return Open(0.0, 0.0)


class Line:
    """Points along a direction, as seen by the loops of f there."""

    def __init__(self, ground: Ground, direction: dict[int, np.ndarray]) -> None:
        self.line = line_at(ground, direction)
        self.here = self._run(0.0)
        self.again = self._run(0.0, self.here) if self.here.rounds else self.here

    def first(self, steps: Sequence[float]) -> Open | None:
        """Return by how much outputs, and slopes, jump where a loop first goes round more or less often, or None."""
        for h in steps:
            try:
                if self._is_other(h):
                    return self._between(0.0, h)
            except TooMany:
                return None
        return None

    def _run(self, h: float, beside: Run | None = None) -> Run:
        return run(lambda: self.line.at(h), beside)

    def _is_other(self, h: float) -> bool:
        there = self._run(h, self.here)
        return bool(np.isfinite(there.value).all()) and self.here.is_other(there, self.again)

    def _between(self, near: float, far: float) -> Open:
        for _ in range(HALVINGS):
            middle = (near + far) / 2
            near, far = (near, middle) if self._is_other(middle) else (middle, far)
        step = np.copysign(STEP, far)
        sides = (near, -step), (far, step)
        before, after = ([self._run(x + k * s, self.here).value for k in range(4)] for x, s in sides)
        slopes = [np.tensordot(SLOPES, values, 1) / STEP for values in (before, after)]
        return Open(float(np.abs(after[0] - before[0]).max()), float(np.abs(slopes[0] + slopes[1]).max()))
