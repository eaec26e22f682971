"""Contradictions that are the open end of a loop: a solver stops within a tolerance, and what it leaves has a slope.

A claim by the implicit function theorem is that of the solution.  Differences show the iterate at which the loop ends,
to all its digits.  Where the loop goes round once more f jumps, by about what it leaves; the slope of that is a few
times as much, for each step of the size of the numbers.  So a claim that is off by little is held against the jump at
the nearest place where some line of Python is run another number of times.  A branch at which f does not jump excuses
nothing.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from gradcheck.numeric.ladder import moved
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import root_sum_square
from gradcheck.subjects.lines import Lines, TooMany, lines
from gradcheck.verdict.below import unseen
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground, Known

LITTLE = 2.0**-6  # of a derivative: what a loop leaves is less
SMALL = 2.0**-6  # of f: a larger jump is that of a branch
SLOPE = 256  # times the jump: the slope of what a loop leaves
NEAR = tuple(tuple(side * 2.0**k for k in (-6, -4, -2)) for side in (1, -1))  # of the scale, to either side
OWN = (1.0, 3.0), (-1 / 2, -3 / 4)  # of the numbers themselves: what is positive stays so
HALVINGS = 44
LINES, ROUNDS = 10_000, 16  # at most, and times those at the point: farther away a loop may not end
DOUBT = "a loop of f goes round until a tolerance is met, and the claim is off by no more than that leaves open"


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
        jump = left_open(ground) if known.left_open is None else known.left_open
        known = dataclasses.replace(known, left_open=jump)
        excused = off <= SLOPE * jump * root_sum_square(ground.place.g, axis=1)
        if (excused | ~_outside(c)).all():
            found[i] = dataclasses.replace(unseen(c, c.real, excused, DOUBT), exact=None, exact_bar=None)
    return found, known


def _outside(c: Comparison) -> np.ndarray:
    return c.outside() | (c.exact_outside() & ~c.exact_contradicts_real())


def _off(ground: Ground, c: Comparison) -> np.ndarray | None:
    """Return by how much a contradicted claim is off (G,), or None where nothing is, or by more than a little.

    That is a part of its largest entry.
    """
    if c.real is None or not np.isfinite(c.claimed).all() or not _outside(c).any():
        return None
    apart = [np.abs(c.claimed - x) for x in (c.real.value if c.resolved else None, c.exact) if x is not None]
    if not apart:
        return None
    off, size = np.max(apart, axis=0), np.abs(c.claimed).max()
    if c.probe.leaf is not None:
        size = max(size, c.unit * np.abs(ground.claim.values[c.probe.leaf]).max())
    return off if off.max() <= LITTLE * size else None


def left_open(ground: Ground) -> float:
    """Return the largest jump of an output that was met where a line of f is run another number of times, or 0."""
    place = ground.place
    for direction, reach in ((Probe(None, seed=1).direction(place.point), NEAR), (dict(enumerate(place.point)), OWN)):
        line = Line(ground, direction)
        jumps = [jump for steps in reach if (jump := line.jump(steps)) is not None]
        if jumps:
            return max(jumps) if max(jumps) <= SMALL * np.abs(place.y).max() else 0.0
    return 0.0


class Line:
    """Points along a direction, as seen by the lines that f runs there."""

    def __init__(self, ground: Ground, direction: dict[int, np.ndarray]) -> None:
        self.ground, self.direction, self.most = ground, direction, np.inf
        self.here, again = self._run(0.0)[1], self._run(0.0)[1]
        self.stable = {line for line, count in self.here.items() if again[line] == count}
        self.most = LINES + ROUNDS * sum(self.here.values())

    def jump(self, steps: Sequence[float]) -> float | None:
        """Return by how much an output jumps where the counts of these lines change first, or None."""
        for h in steps:
            try:
                if self._is_other(h):
                    return self._between(0.0, h)
            except TooMany:
                return None
        return None

    def _run(self, h: float) -> tuple[np.ndarray, Lines]:
        problem, place = self.ground.problem, self.ground.place
        point = moved(place.point, self.direction, h)
        return lines(lambda: problem.attempt(point, place.y.size), self.most)

    def _is_other(self, h: float) -> bool:
        y, there = self._run(h)
        return bool(np.isfinite(y).all()) and any(self.here[line] != there[line] for line in self.stable)

    def _between(self, near: float, far: float) -> float:
        for _ in range(HALVINGS):
            middle = (near + far) / 2
            near, far = (near, middle) if self._is_other(middle) else (middle, far)
        return float(np.abs(self._run(far)[0] - self._run(near)[0]).max())
