"""Claims of a slope where f rests: it changes by its roundings alone, as a sum over what is normalised does.

Differences of roundings settle on no number.  All the same they say that there is no slope: over each step of a
ladder, to either side, f changes by next to nothing of what the claim promises.
"""

import dataclasses

import numpy as np

from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground

NOTHING = 2.0**-10  # of a claim


def contradicting_rest(ground: Ground, comparisons: list[Comparison]) -> list[Comparison]:
    """Return the comparisons, with no slope as the estimate where differences have none and f rests beside a claim.

    A subject of few bits may rest between two of its numbers.
    """
    return comparisons if ground.has_few_bits else [_at_rest(c) for c in comparisons]


def _at_rest(c: Comparison) -> Comparison:
    if c.real is None or c.sweep is None or not len(c.sweep.steps):
        return c
    most = np.maximum(np.abs(c.sweep.right), np.abs(c.sweep.left)).max(axis=0)
    rests = ~c.real.resolved & ~c.jump & (most <= NOTHING * np.abs(c.claimed))
    if not rests.any():
        return c
    none = {"value": 0.0, "bar": most, "low": 0.0, "high": 0.0}
    values = {name: np.where(rests, nothing, getattr(c.real, name)) for name, nothing in none.items()}
    return dataclasses.replace(c, real=dataclasses.replace(c.real, kink=c.kink & ~rests, **values))
