"""Steps that were met along a whole array, and what they mean for one entry of it.

Where f jumps once or twice along each of many entries, as between two branches, that looks like the steps of a format
along all of them.  And what an entry changes may be less than a step of what all of them change, as of a mean.
"""

import dataclasses

import numpy as np

from gradcheck.numeric import own_steps, staircase
from gradcheck.numeric.constants import BRAIN, REACHES
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.departures import SMALL, departure
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.moved_steps import all_move_steps
from gradcheck.verdict.worst_entry import line_at, worst_entry

FEW = 4  # steps that were met: of fewer nothing is seen along an entry
MANY = 8  # steps of a format along the longest line; of fewer each may be a jump of f's own, at another entry
EITHER = "the forward pass moves in steps that may be its own, as a quantiser's, or those of a number format inside"


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
    jump = known.step(c.probe.leaf)
    if c.real is None or jump is None:
        return False
    return not np.any(_is_more(_off(c), jump))


def with_common_steps(ground: Ground, known: Known, c: Comparison) -> Known:
    """Return what is known, with the steps that are met where all entries of an array move to one side.

    Such are those of a mean in a format of few bits: in a direction that was drawn entries move to both sides, and the
    mean of many crosses hardly a step.
    """
    leaf, is_part = c.probe.leaf, c.probe.start > 0 or c.probe.stop is not None
    if leaf is None or c.probe.coordinate is not None or is_part or leaf in known.common:
        return known
    return dataclasses.replace(known, common={**known.common, leaf: _common(ground, c)})


def is_below_common(known: Known, c: Comparison) -> bool:
    """Whether what contradicts a claim along an array, or a part of it, is no more than a few such steps."""
    leaf = c.probe.leaf
    if leaf is None or c.probe.coordinate is not None or not known.has_common(leaf):
        return False
    return not np.any(_is_more(_off(c), known.common[leaf]))


def _common(ground: Ground, c: Comparison) -> np.ndarray:
    """Return the largest step (G,) of a format that is met where all entries that move do so to one side; 0: none."""
    line, off = line_at(ground, dataclasses.replace(c.probe, one_sided=True).direction(ground.place.point)), _off(c)
    departs = departure(line)
    is_smooth = not (departs.apart > off / FEW).any() or not (departs.size > off / FEW).any()
    met = None if is_smooth else staircase.steps(line)
    if met is None or not own_steps.is_of_format(line, met) or has_own_jumps(ground, c, met):
        return np.zeros(len(off))
    by = 2 * REACHES[0] * departs.size
    many = bool(c.probe.held) or (by >= MANY * met.jump).all()  # without those held it moves less
    return met.jump if many or all_move_steps(line, met) else np.zeros(len(off))


def _off(c: Comparison) -> np.ndarray:
    """Return by how much a claim is off (G,), from differences or the complex step."""
    off = np.abs(c.claimed - c.real.value) if c.real is not None else np.zeros(len(c.claimed))
    if c.exact is not None:
        off = np.where(c.exact_outside(), np.maximum(off, np.abs(c.claimed - c.exact)), off)
    return off


def without_evidence(c: Comparison) -> Comparison:
    """Return a comparison that neither confirms a claim nor contradicts it."""
    everywhere, nowhere = np.ones(len(c.claimed), bool), np.full(len(c.claimed), np.inf)
    real = None if c.real is None else dataclasses.replace(c.real, bar=nowhere, jump=everywhere)
    return dataclasses.replace(c, real=real, exact=None, exact_bar=None)


def undecided(c: Comparison) -> Comparison:
    """Return a comparison that says nothing, for the reason that steps may be a format's or f's own."""
    unresolved = without_evidence(c)
    nowhere = np.zeros(len(c.claimed), bool)
    real = None if unresolved.real is None else dataclasses.replace(unresolved.real, jump=nowhere, still=nowhere)
    return dataclasses.replace(unresolved, real=real, steps=BRAIN, doubt=EITHER)


def _is_more(off: float | np.ndarray, jump: np.ndarray) -> np.ndarray:
    """Whether what a slope is off by is more, along the longest line that is looked at, than a few steps."""
    return 2 * REACHES[0] * off > FEW * jump
