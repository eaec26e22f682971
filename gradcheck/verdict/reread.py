"""Differences that were taken, read again: with more noise than was known of, or with less than was measured."""

import dataclasses

import numpy as np

from gradcheck.numeric.extrapolate import estimate
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.own_jumps import without_evidence


def read_finely(c: Comparison, u: float) -> Comparison:
    """Acquit a claim that steps below a measured noise confirm to rounding: that noise was a fine shape of f.

    A smallest step that changes nothing confirms no zero: it may lie within one rounding of a narrow format inside.
    """
    if c.sweep is not None and c.outside().any() and (c.sweep.right[-1:].any() or c.sweep.left[-1:].any()):
        rounding = 4 * u * np.maximum(c.sweep.weight, c.sweep.coarse)  # those of numbers that cancel are no shape of f
        finer = dataclasses.replace(c, real=estimate(c.sweep, rounding, u))
        sharper = c.real is None or bool((finer.real_tolerance <= c.real_tolerance)[c.outside()].all())
        if finer.resolved and sharper and not finer.outside().any():
            return finer
    return c


def between_steps(c: Comparison, u: float, grain: float | np.ndarray = 0.0) -> Comparison:
    """Return a comparison with what differences over less than a step of f's own say, or without evidence.

    Such are those of a quantiser: between two of them f has a derivative, and wide differences have another slope.  Of
    steps that are roundings of numbers as large as a `grain` (G,) each is as wide as those are coarse.
    """
    if c.sweep is None:
        return without_evidence(c)
    rounding = 4 * u * np.maximum(np.maximum(c.sweep.weight, c.sweep.coarse), grain)
    finer = dataclasses.replace(c, real=estimate(c.sweep, rounding, u))
    return finer if finer.resolved else without_evidence(c)


def with_noise_of(later: Comparison, earlier: Comparison, u: float) -> Comparison:
    """Return an earlier comparison in the place of a later one, with the noise that was met since, if that is more."""
    since = _part(later)
    if earlier.sweep is None or earlier.bounds is None or since <= _part(earlier):
        return dataclasses.replace(later, real=earlier.real)
    bounds = np.maximum(earlier.bounds, since * earlier.sweep.weight)
    return dataclasses.replace(earlier, real=estimate(earlier.sweep, bounds, u), bounds=bounds)


def _part(c: Comparison) -> float:
    """Return by what part of its weight a value of <g, f> may be off."""
    if c.sweep is None or c.bounds is None:
        return 0.0
    parts = np.divide(c.bounds, c.sweep.weight, out=np.zeros_like(c.bounds), where=c.sweep.weight > 0)
    return float(parts.max(initial=0))
