"""Contradictions that are none: of differences resolved to less than a digit, and of rounding that nothing shows."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.scales import root_sum_square, scale
from gradcheck.precision.formats import FEW_BITS
from gradcheck.precision.roughness import roughness
from gradcheck.precision.segments import Line
from gradcheck.precision.terms import MARGIN, most, terms
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground
from gradcheck.verdict.two_steps import NARROWER, at_two_steps

COARSE = 0.1  # of the derivative
FEW = 64  # roundings, up to which a claim's own steps may be too wide to be seen
LONG = 4.0  # times the widest step of a ladder
SMOOTH = 2.0**-7  # of a rounding of the terms: a claim with less noise than that is not made of them


def allowing_for_saturation(ground: Ground, comparisons: list[Comparison]) -> list[Comparison]:
    """Widen the bars of the claim and of the differences where a rounding of terms that cancel explains it all.

    An array none of whose claims is above what roundings make of y, times dy / x, is zero.  What real differences
    contradict far above those roundings is excused only where the claim itself is rough, as a difference of large
    terms is.  Differences that show less than a digit do not contradict a claim that the complex step confirms.
    """
    sizes: dict[int, np.ndarray] = {}
    return [
        _allowed(ground, c, sizes) if c.probe.leaf is not None and c.is_at_odds() else c  # each array is asked alone
        for c in comparisons
    ]


def _allowed(ground: Ground, c: Comparison, sizes: dict[int, np.ndarray]) -> Comparison:
    """Return a comparison with wider bars if these make a contradiction vanish; `sizes` are the terms, once measured.

    What the largest terms that there could be do not explain, no terms do.
    """
    largest = _rounding(ground, c, lambda leaf: _at_least(ground, leaf, most(ground.place.y)))
    if not _wider(ground, c, largest).is_at_odds():
        one = _rounding(ground, c, lambda leaf: sizes.setdefault(leaf, _terms(ground, leaf)))
        wider = _wider(ground, c, one)
        excused = not c.outside().any() or _is_made_of_terms(ground, c, one)
        if not wider.is_at_odds() and excused and not _is_zero_that_moves(ground, c, one):
            return wider
    if c.real is not None and c.exact is not None and not c.exact_outside().any():
        coarse = c.real.bar > COARSE * np.maximum(np.abs(c.claimed), np.abs(c.real.value))
        return dataclasses.replace(c, real=dataclasses.replace(c.real, bar=np.where(coarse, np.inf, c.real.bar)))
    return c


def _rounding(ground: Ground, c: Comparison, size: Callable[[int], Any]) -> float:
    """Return one rounding of terms of a size along what is compared."""
    parts = [np.zeros(0)]
    for leaf, d in c.probe.direction(ground.place.point).items():
        parts.append((size(leaf) * d).ravel())
    return float(ground.claim.u * root_sum_square(np.concatenate(parts)))


def _terms(ground: Ground, leaf: int) -> np.ndarray:
    return _at_least(ground, leaf, terms(ground.problem, ground.place.point, leaf, ground.place.y))


def _at_least(ground: Ground, leaf: int, size: Any) -> np.ndarray:
    """Return the size of terms, or of those that leave no more than an array's claims are."""
    place, claim = ground.place, ground.claim
    natural = np.abs(place.g).max(initial=0) * ground.rounding / scale(place.point[leaf])
    zero = np.abs(claim.values[leaf]).max(initial=0) <= MARGIN * natural
    return np.maximum(size, natural / claim.u if zero else 0)


def _wider(ground: Ground, c: Comparison, one: float) -> Comparison:
    """Return a comparison with bars as wide as some roundings of its terms, of which each is `one`."""
    real, bounds, rounding = c.real, c.bounds, MARGIN * one
    if c.sweep is not None and bounds is not None and not c.followed:
        bounds = bounds + rounding
        real = estimate(c.sweep, bounds, ground.claim.u)
    return dataclasses.replace(c, claimed_bar=np.maximum(c.claimed_bar, rounding), real=real, bounds=bounds)


def _is_zero_that_moves(ground: Ground, c: Comparison, one: float) -> bool:
    """Whether the claim is nothing, and f, of few bits, moves to both sides by far more than roundings of its terms.

    Steps of a ladder are too short for that: over the widest a number of bfloat16 changes by some twenty roundings.
    """
    if ground.claim.u < FEW_BITS or c.real is None or c.claimed.any():
        return False
    afar = at_two_steps(ground, c.probe, LONG, may_bend=True)
    rounding = np.full(len(c.claimed), MARGIN * one)
    if afar.real is None:
        return False
    real = dataclasses.replace(afar.real, bar=afar.real.bar + rounding / (LONG * NARROWER))
    return bool(dataclasses.replace(afar, real=real, claimed_bar=rounding).outside().any())


def _is_made_of_terms(ground: Ground, c: Comparison, one: float) -> bool:
    """Whether a claim is small as a difference is: no more than some roundings of its terms, or as rough as these."""
    if (np.abs(c.claimed) <= FEW * one).all():
        return True
    line = Line(ground.problem, ground.place, c.probe.direction(ground.place.point), c.claimed, np.zeros(0))
    return bool((roughness(line) >= SMOOTH * one).any())
