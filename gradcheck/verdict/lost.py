"""Arrays whose slope is lost in the bar of a ladder along which all arrays move."""

import numpy as np

from gradcheck.numeric.ladder import STEPS
from gradcheck.verdict import plan
from gradcheck.verdict.compare import laddered
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground, Known

LOST = 2.0**-28  # of a slope: eight digits, of the root mean square of an array too
MANY = 3  # ladders of single arrays, which cost as much as a long one of all


def sharpened(
    ground: Ground, known: Known, sizes: list[int], columns: list[list[Comparison]], rng: np.random.Generator
) -> tuple[list[list[Comparison]], plan.Plan]:
    """Return comparisons, and ladders of their own for lost arrays; if many are, that of all is longer first."""
    lost = where_lost(sizes, columns, rng)
    if len(lost.probes) > MANY:
        joint = {id(c): c for found in columns for c in found if c.probe.leaf is None}
        longer = laddered(ground, known, list(joint.values()), list(range(len(joint))), STEPS)
        sharper = dict(zip(joint, longer, strict=True))
        columns = [[sharper.get(id(c), c) for c in found] for found in columns]
        lost = where_lost(sizes, columns, rng)
    return columns, lost


def where_lost(sizes: list[int], columns: list[list[Comparison]], rng: np.random.Generator) -> plan.Plan:
    """Return ladders of their own for arrays of which that of all together shows less than LOST of a slope.

    But not where claim and complex step are 0 but for their roundings, as those of a key's bias are in front of a
    softmax: a ladder of its own has no smaller bar there, which is that of the rounding of f.
    """
    lost = set()
    for leaf, found in enumerate(columns):
        if _is_zero([c for c in found if c.probe.leaf is not None]):
            continue
        bars = [float(c.real_tolerance.max()) for c in found if c.probe.leaf is None]
        slopes = [float(np.abs(c.claimed).max()) for c in found if c.probe.leaf is not None]
        if bars and max(bars) > LOST * max(slopes, default=0.0):
            lost.add(leaf)
    return plan.apart(sizes, rng, set(range(len(sizes))) - lost)


def _is_zero(found: list[Comparison]) -> bool:
    """Whether complex steps have been taken along an array, and show nothing above their bars, as its claims do."""
    return bool(found) and all(
        c.exact is not None
        and c.exact_bar is not None
        and bool((np.maximum(np.abs(c.exact), np.abs(c.claimed)) <= c.exact_bar + c.claimed_bar).all())
        for c in found
    )
