"""Contradictions that are what f loses: a much larger number absorbs a term, and differences see nothing of that.

Where a mask of -1e30 hides a whole row of scores, s + m does not move with s, and of softmax(s + m) v + q differences
show the residual alone.  What is differentiated on paper has the slope of both.  So f is run with its sums as they
would move if no term were lost, and what differences of that show contradicts no claim.
"""

import dataclasses

import numpy as np

from gradcheck.numeric.ladder import moved
from gradcheck.subjects import trees
from gradcheck.subjects.outputs import flat
from gradcheck.subjects.summed import watched
from gradcheck.subjects.sums import Sums
from gradcheck.verdict.absorbed import DOUBT
from gradcheck.verdict.below import unseen
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground, Known

STEP = 2.0**-8  # of the scale, and half of it
SAME = 2.0**-32  # of f, which is what it was
EXPLAINED = 2.0**-12  # of what a claim is off by: so much may be left


def allowing_for_lost_terms(
    ground: Ground, known: Known, comparisons: list[Comparison]
) -> tuple[list[Comparison], Known]:
    """Return the comparisons without the contradictions of differences that see nothing of what sums lose.

    Whether they lose anything is asked where something is contradicted, until they do not.
    """
    found, lossless = list(comparisons), None
    for i, c in enumerate(comparisons):
        if not known.loses or c.probe.leaf is None or c.real is None or c.is_plain() or not _is_contradicted(c):
            continue
        lossless = lossless or Lossless(ground)
        known = dataclasses.replace(known, loses=lossless.is_other)
        if not known.loses:
            break
        left = np.abs(c.claimed - lossless.slope(c.probe.direction(ground.place.point)))
        missed = c.outside() & (left <= EXPLAINED * np.abs(c.claimed - c.real.value))
        if missed.any():
            found[i] = unseen(c, c.real, missed, DOUBT)
    return found, known


def _is_contradicted(c: Comparison) -> bool:
    return bool((c.outside() & np.isfinite(c.claimed)).any())


class Lossless:
    """f with its sums as they would be if none lost a term; `is_other` says whether that moves otherwise."""

    def __init__(self, ground: Ground) -> None:
        self._ground, self._sums = ground, Sums()
        here = self._at(0.0, {})
        off = np.abs(here - ground.place.y)
        self.is_other = self._sums.lose and bool((off <= SAME * np.abs(ground.place.y).max(initial=0)).all())

    def slope(self, direction: dict[int, np.ndarray]) -> np.ndarray:
        """Return the slope of each <g, y> (G,) along a direction; of what cannot be run so not a number."""
        wide, narrow = (
            self._ground.place.g @ (self._at(h, direction) - self._at(-h, direction)) / (2 * h)
            for h in (STEP, STEP / 2)
        )
        return (4 * narrow - wide) / 3

    def _at(self, h: float, direction: dict[int, np.ndarray]) -> np.ndarray:
        problem, place = self._ground.problem, self._ground.place
        arrays = [watched(x) for x in moved(place.point, direction, h)]
        problem.count["forward"] += 1
        try:
            with self._sums.watching(), problem.draws.replayed(), np.errstate(all="ignore"):
                y = problem.subject.forward(*problem.around(arrays, problem.held), trees.rebuild(problem.constants))
            return np.asarray(flat(y), dtype=np.float64).reshape(place.y.shape)
        except Exception:  # whatever the user's code raises for arrays of another kind
            return np.full(place.y.shape, np.nan)
