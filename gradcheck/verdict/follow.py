"""Where steps of a narrow format show too little, claims integrated along a segment take the place of differences."""

import dataclasses

import numpy as np

from gradcheck.numeric.constants import BRAIN, U
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.wider import lost_by_rounding
from gradcheck.precision.averaged import averaged
from gradcheck.precision.formats import LOW, need
from gradcheck.precision.segments import Line, integrated
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground, Known

BESIDE = 2.0**-6 * np.arange(1, 5) / 4  # of the scale, where claims are looked at beside the point
SHORTER = 1, 1 / 4, 1 / 16  # as long are lines, for bfloat16; for float16, with a smaller roundoff, they are shorter
ENOUGH = 1 / 2  # of what is needed of one entry
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


def over_many_steps(ground: Ground, c: Comparison, rng: np.random.Generator) -> Comparison:
    """Return a comparison of few bits with what claims lack on lines beside its own; a contradiction is asked twice.

    Over long lines roundings count least, over short ones kinks and bends do.
    """
    u, place, best = ground.claim.u, ground.place, c
    direction = c.probe.direction(place.point)
    line = Line(ground.problem, place, direction, c.claimed, np.zeros(0))
    moving = sum(np.count_nonzero(d) for d in direction.values())
    size = (np.abs(c.claimed) if c.terms is None else c.terms) / np.sqrt(moving)
    for shorter in SHORTER:
        stretch = shorter * float(np.sqrt(u / BRAIN))
        found = _averaged(line, u, c, stretch, rng)
        found = _averaged(line, u, c, stretch, rng) if found.outside().any() else found
        if best is not c and not _is_better(found, best):
            break
        best = found
        if best.outside().any() or (best.real_tolerance <= need(u, is_own=True) * ENOUGH * size).all():
            break
    if best.outside().any() and lost_by_rounding(ground.problem, place.point, place.y, U).any():
        return c  # no few bits, but roundings of larger numbers that cancel
    return c if _is_better(c, best) else best


def _averaged(line: Line, u: float, c: Comparison, stretch: float, rng: np.random.Generator) -> Comparison:
    more, bar = averaged(line, u, rng, stretch)
    if not np.isfinite(bar).all():
        return c
    # a claim that none beside it has, to either side, is one of the point alone
    beside = np.array([line.claim(side * t) for t in BESIDE for side in (1, -1)])
    low, high = beside.min(axis=0), beside.max(axis=0)
    slack = c.claimed_bar + high - low
    real = Estimate.smooth(np.clip(c.claimed, low - slack, high + slack) + more, bar)
    return dataclasses.replace(c, real=real, claimed_bar=u * np.abs(c.claimed), followed=True)


def _is_better(c: Comparison, other: Comparison) -> bool:
    return c.resolved and not c.outside().any() and bool((c.real_tolerance <= other.real_tolerance).all())


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
