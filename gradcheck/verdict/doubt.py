"""Which comparisons a longer look is worth."""

import numpy as np

from gradcheck.numeric.constants import FLOOR, WIDE
from gradcheck.verdict.comparison import Comparison

CONFIRMED = 6  # failures an array, after which further ones need no ladder of their own


def doubtful(comparisons: list[Comparison]) -> list[int]:
    """Return which comparisons deserve a longer look: contradicted, or with a bar that is wide for their array."""
    size: dict[int | None, float] = {}
    for c in comparisons:
        if c.real is not None:
            top = float(np.nan_to_num(np.abs(np.append(c.real.value, c.claimed))).max(initial=0))
            size[c.probe.leaf] = max(size.get(c.probe.leaf, 0.0), top)
    floor = FLOOR * max([0.0, *size.values()])  # below it the noise decides, which no ladder mends
    return [
        i
        for i, c in enumerate(comparisons)
        if (c.exact_outside().any() and c.probe.leaf is not None)
        or (c.real is not None and c.is_doubtful(WIDE * max(size[c.probe.leaf], floor)))
    ]


def limited(comparisons: list[Comparison], doubts: list[int]) -> list[int]:
    """Leave out, of an array with many plain failures, all but the first few."""
    failures: dict[int | None, int] = {}
    kept = []
    for i in doubts:
        c = comparisons[i]
        if c.outside().any() and c.resolved:
            failures[c.probe.leaf] = failures.get(c.probe.leaf, 0) + 1
            if failures[c.probe.leaf] > CONFIRMED:
                continue
        kept.append(i)
    return kept
