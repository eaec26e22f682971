"""Functions with a shape finer than the steps of a ladder, as tables that are read by straight lines.

Wide differences show the slope of what was tabulated, far sharper than small ones show that of a line between two
knots, which is the derivative.
"""

import dataclasses

import numpy as np

from gradcheck.numeric.noise import has_fine_shape
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground
from gradcheck.verdict.worst_entry import line_at

SLIGHTLY = 2.0**-16  # of a derivative: what a shape too fine for wide steps changes is less
SPREAD = 4  # times what small differences depart by: along many entries each of them averages over several pieces
WIDE = 2.0**-17, 2.0**-12  # of the scale: steps above that spacing, over which f hardly bends
PART = 1 / 4  # of what small differences depart by from wide ones
DOUBT = "f has a shape finer than the steps: the claim is the slope over many pieces of it, and may not be that of one"
SMALL = 2.0**-23  # of the scale: steps below the spacing at which the shape was seen


def allowing_for_fine_shape(ground: Ground, comparisons: list[Comparison]) -> list[Comparison]:
    """Return the comparisons, those that contradict a claim slightly with bars up to what small differences show."""
    return [_up_to_small_differences(c) if _may_be_fine(ground, c) else c for c in comparisons]


def _may_be_fine(ground: Ground, c: Comparison) -> bool:
    """Whether a claim is slightly off, and f has a shape that wide steps do not see."""
    if c.real is None or c.exact is not None or c.kink.any() or not c.outside().any():
        return False
    if not (np.abs(c.claimed - c.real.value) <= SLIGHTLY * np.abs(c.real.value))[c.outside()].all():
        return False
    return has_fine_shape(line_at(ground, c.probe.direction(ground.place.point)))


def _up_to_small_differences(c: Comparison) -> Comparison:
    """Return a comparison with a bar up to what two small differences show: one may be what the value was made of."""
    if c.sweep is None or c.bounds is None or c.real is None:
        return c
    small = (c.sweep.steps <= SMALL).all(axis=1)
    apart = (np.abs(c.sweep.central - c.real.value) + c.bounds / c.sweep.steps)[small]
    bar = np.maximum(c.real.bar, SPREAD * np.maximum(apart[1:], apart[:-1]).min(axis=0, initial=np.inf))
    wider = dataclasses.replace(c, real=dataclasses.replace(c.real, bar=bar))
    if wider.outside().any() or not _is_seen_from_afar(c)[c.outside()].any():
        return wider
    nowhere = np.full(len(c.claimed), np.inf)
    return dataclasses.replace(c, real=dataclasses.replace(c.real, bar=nowhere), doubt=DOUBT)


def _is_seen_from_afar(c: Comparison) -> np.ndarray:
    """Whether a claim is what wide differences show (G,), from which small ones depart."""
    if c.sweep is None or c.real is None:
        return np.zeros(len(c.claimed), bool)
    is_wide = ((c.sweep.steps > WIDE[0]) & (c.sweep.steps < WIDE[1])).all(axis=1)
    if not is_wide.any():
        return np.zeros(len(c.claimed), bool)
    wide = np.median(c.sweep.central[is_wide], axis=0)
    return np.abs(c.claimed - wide) <= PART * np.abs(c.real.value - wide)
