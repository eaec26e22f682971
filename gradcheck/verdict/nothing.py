"""Claims of nothing of a subject of few bits: over the steps of a ladder f stays what it is, whatever it does.

Differences and complex step agree with such a claim, as a cast drops what is imaginary.  Over wide steps f moves all
the same, if the array reaches it: in steps of the format.
"""

import dataclasses

from gradcheck.numeric import own_steps, staircase
from gradcheck.precision.formats import FEW_BITS
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground
from gradcheck.verdict.two_steps import at_two_steps
from gradcheck.verdict.worst_entry import line_at


def contradicting_nothing(ground: Ground, comparisons: list[Comparison]) -> list[Comparison]:
    """Return the comparisons, those with a claim of nothing for all of an array beside wide steps if f moves there.

    A single entry may be out of reach, as behind a rectifier, and what jumps by far more than a format's steps, as
    where a threshold moves, has that gradient.
    """
    if ground.claim.u < FEW_BITS:
        return comparisons
    return [_beside_wide_steps(ground, c) if _is_nothing_of_all(c) else c for c in comparisons]


def _is_nothing_of_all(c: Comparison) -> bool:
    whole = c.probe.leaf is not None and c.probe.coordinate is None and not c.probe.start and c.probe.stop is None
    return bool(whole and c.real is not None and not c.claimed.any() and (c.jump | c.real.still).any())


def _beside_wide_steps(ground: Ground, c: Comparison) -> Comparison:
    afar = at_two_steps(ground, c.probe, may_bend=True)
    if not afar.outside().any():
        return c
    line = line_at(ground, c.probe.direction(ground.place.point))
    met = staircase.steps(line)
    if met is None or not own_steps.is_of_format(line, met):
        return c
    return dataclasses.replace(
        c, real=afar.real, claimed_bar=afar.claimed_bar, exact=None, exact_bar=None, followed=True
    )
