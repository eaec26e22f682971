"""Contradictions that are none: of differences resolved to less than a digit, and of rounding that nothing shows.

A saturated gradient is a small difference of terms that are not small.
Where y = tanh(x) is 1 but for its last bits, 1 - y y is those last bits; a few roundings away they are the same.  How
large the terms are shows where nothing is saturated, nearer to zero.
"""

import dataclasses

import numpy as np

from gradcheck.compare import Comparer
from gradcheck.comparison import Comparison
from gradcheck.extrapolate import estimate
from gradcheck.points import cotangents, root_sum_square, scale
from gradcheck.problem import Arrays, Problem

MARGIN = 16  # roundings of such a term
COARSE = 0.1  # of the derivative
NEARER = (2.0**-3, 2.0**-6)
COTANGENTS = 4  # along one alone an entry's gradient may be small by chance


def allow(comparisons: list[Comparison], comparer: Comparer, size: float) -> None:
    """Widen the bars of the claim and of the differences where a rounding of terms that cancel explains it all.

    `size` is that of the terms which y is made of: an array none of whose claims is above a rounding of y dy / x is
    zero.  Differences that show less than a digit do not contradict a
    claim that the complex step confirms.
    """
    problem, place, u = comparer.problem, comparer.place, comparer.analytic.u
    found: dict[int, np.ndarray] = {}
    for c in comparisons:
        if not _contradicted(c):
            continue
        parts = [np.zeros(0)]
        for leaf, d in c.probe.direction(place.point).items():
            if leaf not in found:
                natural = np.abs(place.g).max(initial=0) * size / scale(place.point[leaf])  # y dy / x
                zero = np.abs(comparer.analytic.values[leaf]).max(initial=0) <= MARGIN * u * natural
                found[leaf] = np.maximum(terms(problem, place.point, leaf, place.y), natural if zero else 0)
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


def terms(problem: Problem, point: Arrays, leaf: int, y: np.ndarray) -> np.ndarray:
    """Return for every entry of an array the size of what may cancel there, at most that of the cotangent and of y dy.

    It is the entry's own largest gradient where that array, or all of them, are smaller.
    """
    g = cotangents(np.random.default_rng(leaf), y.size, COTANGENTS)
    largest = np.zeros(point[leaf].shape)
    for factor in NEARER:
        for moves in ({leaf}, set(range(len(point)))):
            nearer = [x * factor if i in moves else x for i, x in enumerate(point)]
            try:
                with np.errstate(all="ignore"):
                    gradient = problem.gradients(nearer, g)[leaf]
            except Exception:  # whatever the user's code raises where these numbers leave its domain
                continue
            largest = np.maximum(largest, np.where(np.isfinite(gradient), np.abs(gradient), 0).max(axis=0))
    return np.minimum(largest, np.abs(g).max(initial=0) * max(1.0, float(np.abs(y).max(initial=0))))
