"""Where steps of a narrow format show too little, claims integrated along a segment take the place of differences."""

import dataclasses

import numpy as np

from gradcheck.numeric.estimate import Estimate
from gradcheck.precision.formats import LOW
from gradcheck.precision.segments import Line, integrated
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.many_steps import over_many_steps

BELOW = 8  # roundoffs of an output are that much larger than the noise of one value, where no noise was measured


def followed(
    ground: Ground, known: Known, comparisons: list[Comparison], parts: list[float], rng: np.random.Generator
) -> list[Comparison]:
    """Integrate where differences of a subject of low precision contradict a claim, or resolve less than its part."""
    if ground.claim.u < LOW:
        return comparisons
    return [_followed(ground, known, c, part, rng) for c, part in zip(comparisons, parts, strict=True)]


def _needs(c: Comparison, real: Estimate, part: float) -> bool:
    wide = (c.real_tolerance > part * np.maximum(np.abs(c.claimed), np.abs(real.value))).any()
    doubted = not c.resolved or c.outside().any() or wide
    jumps = c.jump | (real.still & (c.claimed == 0))  # which are in no integral of claims
    return bool(doubted and not jumps.any())


def _followed(ground: Ground, known: Known, c: Comparison, part: float, rng: np.random.Generator) -> Comparison:
    if c.real is None or c.sweep is None:
        return c
    if ground.has_few_bits:
        stands = c.jump | (c.real.still & (c.claimed == 0))
        return c if stands.any() else over_many_steps(ground, c, rng)
    if not _needs(c, c.real, part):
        return c
    level = known.level(c.probe.leaf)
    noise = level if level > 0 else ground.claim.u / BELOW
    coarse = ground.claim.u * c.sweep.coarse.max(axis=0, initial=0)  # of numbers that cancel
    direction = c.probe.direction(ground.place.point)
    rounding = np.maximum(noise * c.sweep.weight.max(axis=0), coarse)
    value, bar = integrated(Line(ground.problem, ground.place, direction, c.claimed, rounding), rng)
    better = c.outside() | ~c.real.resolved | (bar < c.real.bar)
    value, bar = np.where(better, value, c.real.value), np.where(better, bar, c.real.bar)
    low, high = np.where(better, value, c.real.low), np.where(better, value, c.real.high)
    real = Estimate(value, bar, low, high, c.real.kink & ~better, c.real.jump, c.real.still)
    return dataclasses.replace(c, real=real, followed=True)
