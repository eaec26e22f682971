"""Contradictions that are none: of differences resolved to less than a digit, and of rounding that nothing shows."""

import dataclasses

import numpy as np

from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.scales import root_sum_square, scale
from gradcheck.precision.terms import MARGIN, terms
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground

COARSE = 0.1  # of the derivative


def allowing_for_saturation(ground: Ground, comparisons: list[Comparison]) -> list[Comparison]:
    """Widen the bars of the claim and of the differences where a rounding of terms that cancel explains it all.

    An array none of whose claims is above what roundings make of y, times dy / x, is zero.  Differences that show
    less than a digit do not contradict a claim that the complex step confirms.
    """
    sizes: dict[int, np.ndarray] = {}
    found = []
    for c in comparisons:
        if _contradicted(c):
            parts = [np.zeros(0)]
            for leaf, d in c.probe.direction(ground.place.point).items():
                if leaf not in sizes:
                    sizes[leaf] = _terms(ground, leaf)
                parts.append((sizes[leaf] * d).ravel())
            c = _allowed(c, MARGIN * ground.claim.u * root_sum_square(np.concatenate(parts)), ground.claim.u)
        found.append(c)
    return found


def _terms(ground: Ground, leaf: int) -> np.ndarray:
    place, claim = ground.place, ground.claim
    natural = np.abs(place.g).max(initial=0) * ground.rounding / scale(place.point[leaf])
    zero = np.abs(claim.values[leaf]).max(initial=0) <= MARGIN * natural
    return np.maximum(terms(ground.problem, place.point, leaf, place.y), natural / claim.u if zero else 0)


def _allowed(c: Comparison, rounding: float, u: float) -> Comparison:
    real, bounds = c.real, c.bounds
    if c.sweep is not None and bounds is not None and not c.followed:
        bounds = bounds + rounding
        real = estimate(c.sweep, bounds, u)
    claimed_bar = np.maximum(c.claimed_bar, rounding)
    wider = dataclasses.replace(c, claimed_bar=claimed_bar, real=real, bounds=bounds)
    if not _contradicted(wider):
        return wider
    if c.real is not None and c.exact is not None and not c.exact_outside().any():
        coarse = c.real.bar > COARSE * np.maximum(np.abs(c.claimed), np.abs(c.real.value))
        return dataclasses.replace(c, real=dataclasses.replace(c.real, bar=np.where(coarse, np.inf, c.real.bar)))
    return c


def _contradicted(c: Comparison) -> bool:
    return bool((c.outside() | c.exact_outside() | c.exact_contradicts_real()).any())
