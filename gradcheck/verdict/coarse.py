"""Slopes between two roundings: of numbers that cancel, under something finer that is added to what they leave.

Of exp x - 1 - x near x = 1e-12 small steps show the slope -1, with hardly a bar, and wide ones none.
"""

import dataclasses

import numpy as np

from gradcheck.numeric.constants import SEVERAL_ROUNDINGS
from gradcheck.numeric.grain import grain, hidden_grain, in_sight
from gradcheck.numeric.ladder import rounded
from gradcheck.numeric.wider import lost_by_rounding
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.reread import between_steps


def few_roundings(ground: Ground) -> np.ndarray:
    """Return what a few roundings of the largest number in sight may make of <g, f> (G,)."""
    place = ground.place
    size = SEVERAL_ROUNDINGS * ground.claim.u * in_sight(place.y, place.point)
    return rounded(place.g, np.full(place.y.shape, size))


def may_be_grain_alone(ground: Ground, c: Comparison) -> bool:
    """Whether what small steps show, and wide ones do not, may be a few roundings of numbers that cancel."""
    less = c.shows_less_from_afar()
    return bool(less.any() and (less & (c.least_noise(np.zeros(len(less))) <= few_roundings(ground))).any())


def is_within_grain(ground: Ground, c: Comparison) -> bool:
    """Whether what contradicts a claim may be such roundings."""
    outside = c.outside()
    return bool(outside.any() and (outside & (c.least_noise(c.claimed) <= few_roundings(ground))).any())


def seeking_grain(ground: Ground, known: Known, failing: list[Comparison], rng: np.random.Generator) -> Known:
    """Return what is known, with the grain of outputs that are coarser than their size, where comparisons fail."""
    if failing and known.grain is None:
        coarse = grain(ground.problem, ground.place.point, ground.place.y, ground.claim.u, rng)
        known = dataclasses.replace(known, grain=coarse)
    within = any(is_within_grain(ground, c) for c in failing)
    return seeking_hidden_grain(ground, known, rng) if within else known


def seeking_hidden_grain(ground: Ground, known: Known, rng: np.random.Generator) -> Known:
    """Return what is known, with the grain that is under something finer; it is looked for once."""
    if not known.seeks_hidden:
        return known
    problem, place, u, coarse = ground.problem, ground.place, ground.claim.u, known.grain
    hidden = hidden_grain(problem, place.point, place.y, u)
    if hidden.any():
        coarse = np.maximum(hidden, grain(problem, place.point, place.y, u, rng) if coarse is None else coarse)
    return dataclasses.replace(known, grain=coarse, seeks_hidden=False)


def seeking_what_is_lost(ground: Ground, known: Known) -> Known:
    """Return what is known, with the grain that outputs have beside themselves in a wider format; looked for once."""
    lost = lost_by_rounding(ground.problem, ground.place.point, ground.place.y, ground.claim.u)
    coarse = known.grain if not lost.any() else lost if known.grain is None else np.maximum(lost, known.grain)
    return dataclasses.replace(known, grain=coarse, seeks_lost=False)


def is_within_what_is_lost(ground: Ground, known: Known, c: Comparison) -> bool:
    """Whether what contradicts a claim may be what outputs lose."""
    if known.grain is None:
        return False
    lost = SEVERAL_ROUNDINGS * ground.claim.u * rounded(ground.place.g, known.grain)
    return bool((c.outside() & (c.least_noise(c.claimed) <= lost)).any())


def between_coarse_steps(ground: Ground, known: Known, c: Comparison) -> tuple[Comparison, Known]:
    """Return what differences over less than a step of f's own say, and what is known.

    What they contradict may be roundings that outputs lose: their steps are like those of a quantiser.
    """
    between = between_steps(c, ground.claim.u)
    if not between.outside().any():
        return between, known
    known = seeking_what_is_lost(ground, known) if known.seeks_lost else known
    if known.grain is None:
        return between, known
    return between_steps(c, ground.claim.u, rounded(ground.place.g, known.grain)), known
