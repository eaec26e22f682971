"""Claims that carry the roundings of a narrow format inside, where the slope of f carries none.

Of f32(x) w the slope along w is f32(x) to the last bit.  Whoever derives x goes back by x itself, or by numbers that
were rounded once more: that is right, to the roundings that f is made of.
"""

import dataclasses

import numpy as np

from gradcheck.claims.claim import claim_at
from gradcheck.numeric.constants import NARROW
from gradcheck.precision.formats import LOW
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.first_look import claimed
from gradcheck.verdict.ground import Ground, Known

JITTERS = 2


def allowing_for_roundings_inside(
    ground: Ground, known: Known, comparisons: list[Comparison], rng: np.random.Generator
) -> list[Comparison]:
    """Widen the bars of claims to what such roundings make of them, where that makes a contradiction vanish.

    It is measured at points that many roundings away as are found in f along any array.
    """
    u = min(known.largest, NARROW)  # what is coarser would hide errors that matter
    if u <= max(LOW, ground.claim.u) or not any(map(_contradicted, comparisons)):
        return comparisons
    claim = claim_at(ground.problem, ground.place.point, ground.place.g, u, JITTERS, rng)
    rough = dataclasses.replace(ground, claim=dataclasses.replace(claim, values=ground.claim.values))
    return [_allowed(rough, c) if _contradicted(c) else c for c in comparisons]


def _allowed(rough: Ground, c: Comparison) -> Comparison:
    wider = dataclasses.replace(c, claimed_bar=np.maximum(c.claimed_bar, claimed(rough, c.probe).claimed_bar))
    return c if wider.is_contradicted() else wider


def _contradicted(c: Comparison) -> bool:
    return bool((c.outside() | c.exact_outside()).any())
