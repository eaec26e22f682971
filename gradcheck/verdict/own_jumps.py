"""Steps that were met along a whole array, and what they mean for one entry of it.

Where f jumps once or twice along each of many entries, as between two branches, that looks like the steps of a format
along all of them.  And what an entry changes may be less than a step of what all of them change, as of a mean.
"""

import dataclasses

import numpy as np

from gradcheck.numeric import staircase
from gradcheck.numeric.constants import REACHES
from gradcheck.numeric.ladder import STEPS
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.worst_entry import line_at, worst_entry

SMALL = float(STEPS[14])  # a step of 3e-7, which crosses hardly any of a format's
FEW = 4  # steps that were met: of fewer nothing is seen along an entry


def has_own_jumps(ground: Ground, c: Comparison, met: staircase.Steps) -> bool:
    """Whether some entry moves in no steps along which small differences contradict its claim, by much more than those.

    Then steps that were `met` along all that moves are jumps of f's own.
    """
    worst = worst_entry(ground, c, SMALL)
    if worst is None or not _is_more(worst.off, met.jump[worst.column]):
        return False
    return staircase.steps(line_at(ground, worst.probe.direction(ground.place.point))) is None


def is_below(c: Comparison, known: Known) -> bool:
    """Whether what contradicts a claim at an entry is no more than a few of the steps that were met along its array."""
    jump = known.jumps.get(c.probe.leaf)
    if c.real is None or jump is None:
        return False
    off = np.abs(c.claimed - c.real.value)
    if c.exact is not None:
        off = np.where(c.exact_outside(), np.maximum(off, np.abs(c.claimed - c.exact)), off)
    return not np.any(_is_more(off, jump))


def without_evidence(c: Comparison) -> Comparison:
    """Return a comparison that neither confirms a claim nor contradicts it."""
    everywhere, nowhere = np.ones(len(c.claimed), bool), np.full(len(c.claimed), np.inf)
    real = None if c.real is None else dataclasses.replace(c.real, bar=nowhere, jump=everywhere)
    return dataclasses.replace(c, real=real, exact=None, exact_bar=None)


def _is_more(off: float | np.ndarray, jump: np.ndarray) -> np.ndarray:
    """Whether what a slope is off by is more, along the longest line that is looked at, than a few steps."""
    return 2 * REACHES[0] * off > FEW * jump
