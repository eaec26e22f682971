"""Contradictions that are none: of differences resolved to less than a digit, and of rounding that nothing shows."""

import dataclasses

import numpy as np

from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.scales import root_sum_square, scale
from gradcheck.precision.terms import MARGIN, terms
from gradcheck.verdict.compare import Comparer
from gradcheck.verdict.comparison import Comparison

COARSE = 0.1  # of the derivative


def allow(comparisons: list[Comparison], comparer: Comparer, noise: float) -> None:
    """Widen the bars of the claim and of the differences where a rounding of terms that cancel explains it all.

    `noise` is what roundings make of y: an array none of whose claims is above that, times dy / x, is zero.
    Differences that show less than a digit do not contradict a claim that the complex step confirms.
    """
    problem, place, u = comparer.problem, comparer.place, comparer.analytic.u
    found: dict[int, np.ndarray] = {}
    for c in comparisons:
        if not _contradicted(c):
            continue
        parts = [np.zeros(0)]
        for leaf, d in c.probe.direction(place.point).items():
            if leaf not in found:
                natural = np.abs(place.g).max(initial=0) * noise / scale(place.point[leaf])
                zero = np.abs(comparer.analytic.values[leaf]).max(initial=0) <= MARGIN * natural
                found[leaf] = np.maximum(terms(problem, place.point, leaf, place.y), natural / u if zero else 0)
            parts.append((found[leaf] * d).ravel())
        wider = _with_rounding(c, MARGIN * u * root_sum_square(np.concatenate(parts)), u)
        if not _contradicted(wider):
            c.claimed_bar, c.real, c.bounds = wider.claimed_bar, wider.real, wider.bounds
        elif c.real is not None and c.exact is not None and not c.exact_outside().any():
            coarse = c.real.bar > COARSE * np.maximum(np.abs(c.claimed), np.abs(c.real.value))
            c.real.bar = np.where(coarse, np.inf, c.real.bar)


def _with_rounding(c: Comparison, rounding: float, u: float) -> Comparison:
    """Return the same comparison for a claim, and values of <g, f>, that are rounded by so much."""
    real, bounds = c.real, c.bounds
    if c.sweep is not None and bounds is not None and not c.followed:
        bounds = bounds + rounding
        real = estimate(c.sweep, bounds, u)
    return dataclasses.replace(c, claimed_bar=np.maximum(c.claimed_bar, rounding), real=real, bounds=bounds)


def _contradicted(c: Comparison) -> bool:
    return bool((c.outside() | c.exact_outside() | c.exact_contradicts_real()).any())
