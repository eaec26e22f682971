"""Comparisons of few bits over many steps, on lines beside their own: of blocks as many at once as can be."""

import dataclasses

import numpy as np

from gradcheck.numeric.constants import BRAIN, U
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.wider import lost_by_rounding
from gradcheck.precision.averaged import averaged
from gradcheck.precision.formats import need
from gradcheck.precision.segments import Line
from gradcheck.precision.together import apart, changed_by, line_of
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground

BESIDE = 2.0**-6 * np.arange(1, 5) / 4  # of the scale, where claims are looked at beside the point
SHORTER = 1, 1 / 4, 1 / 16  # as long are lines, for bfloat16; for float16, with a smaller roundoff, they are shorter
ENOUGH = 1 / 2  # of what is needed of one entry
CONFIRMED = 6  # contradictions that are asked again, alone: if they stand, what else was asked at once does as well


def over_many_steps(ground: Ground, c: Comparison, rng: np.random.Generator) -> Comparison:
    """Return a comparison of few bits with what claims lack on lines beside its own; a contradiction is asked twice.

    Over long lines roundings count least, over short ones kinks and bends do.
    """
    return _asked(ground, [c], [np.ones(ground.place.y.size, bool)], rng)[0]


def blocks_over_many_steps(
    ground: Ground, comparisons: list[Comparison], most: int, rng: np.random.Generator
) -> tuple[list[Comparison], int, bool]:
    """Return the comparisons of blocks of an array, how many groups of them were asked at once, and whether all were.

    They are asked in `most` groups at the most.
    """
    found = list(comparisons)
    if not most:
        return found, 0, not found
    changed = [changed_by(ground.problem, ground.place, c.probe) for c in comparisons]
    groups = apart(changed, most)
    for group in groups:
        of_group = _asked(ground, [comparisons[i] for i in group], [changed[i] for i in group], rng)
        for i, c in zip(group, of_group, strict=True):
            found[i] = c
    return found, len(groups), sum(map(len, groups)) == len(found)


def _asked(
    ground: Ground, comparisons: list[Comparison], changed: list[np.ndarray], rng: np.random.Generator
) -> list[Comparison]:
    """Return comparisons that change no output in common, over lines of the length that suits each."""
    u, best, left = ground.claim.u, list(comparisons), list(range(len(comparisons)))
    for shorter in SHORTER:
        stretch = shorter * float(np.sqrt(u / BRAIN))
        found = _averaged_twice(ground, [comparisons[i] for i in left], [changed[i] for i in left], stretch, rng)
        unsettled = []
        for i, c in zip(left, found, strict=True):
            if best[i] is not comparisons[i] and not _is_better(c, best[i]):
                continue
            best[i] = c
            if not (c.outside().any() or (c.real_tolerance <= need(u, is_own=True) * ENOUGH * _size(ground, c)).all()):
                unsettled.append(i)
        left = unsettled
        if not left:
            break
    cancelling = any(c.outside().any() for c in best) and _cancels(ground)
    return [
        c if _is_better(c, b) or (cancelling and b.outside().any()) else b
        for c, b in zip(comparisons, best, strict=True)
    ]


def _cancels(ground: Ground) -> bool:
    """Whether these are no few bits, but roundings of larger numbers that cancel."""
    place = ground.place
    return bool(lost_by_rounding(ground.problem, place.point, place.y, U).any())


def _size(ground: Ground, c: Comparison) -> np.ndarray:
    """Return what one entry adds to the claim (G,)."""
    moving = sum(np.count_nonzero(d) for d in c.probe.direction(ground.place.point).values())
    return (np.abs(c.claimed) if c.terms is None else c.terms) / np.sqrt(moving)


def _averaged_twice(
    ground: Ground, comparisons: list[Comparison], changed: list[np.ndarray], stretch: float, rng: np.random.Generator
) -> list[Comparison]:
    found = _averaged(ground, comparisons, changed, stretch, rng)
    wrong = [i for i, c in enumerate(found) if c.outside().any()]
    while wrong:
        few, wrong = wrong[:CONFIRMED], wrong[CONFIRMED:]
        for i in few:
            (found[i],) = _averaged(ground, [comparisons[i]], [changed[i]], stretch, rng)
        if all(found[i].outside().any() for i in few):
            break
    return found


def _averaged(
    ground: Ground, comparisons: list[Comparison], changed: list[np.ndarray], stretch: float, rng: np.random.Generator
) -> list[Comparison]:
    u, probes, claimed = ground.claim.u, [c.probe for c in comparisons], [c.claimed for c in comparisons]
    line = line_of(ground.problem, ground.place, probes, claimed, changed)
    more, bar = averaged(line, u, rng, stretch)
    if not np.isfinite(bar).all():
        return comparisons
    parts = [a.reshape(len(comparisons), -1) for a in (_of_the_point_alone(ground, line), more, bar)]
    return [_with(c, u, *part) for c, *part in zip(comparisons, *parts, strict=True)]


def _of_the_point_alone(ground: Ground, line: Line) -> np.ndarray:
    """Return by how much claims at the point are more than any beside it, to either side, entry by entry.

    Where f has a kink one side has the claim; and several kinks may be near, each in an entry of its own.
    """
    terms = line.terms(ground.claim.values)
    low, high = ([np.full(each.shape, bound) for each in terms] for bound in (np.inf, -np.inf))
    for t in (side * t for t in BESIDE for side in (1, -1)):
        for i, beside in enumerate(line.terms(line.claims(t))):
            low[i], high[i] = np.fmin(low[i], beside), np.fmax(high[i], beside)
    return line.summed([_beyond(*each) for each in zip(terms, low, high, strict=True)])


def _beyond(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return by how much numbers lie outside of what others reach and as far again; there may be no others."""
    known = low <= high
    slack = np.where(known, high - low, 0)
    return np.where(known, x - np.clip(x, low - slack, high + slack), 0)


def _with(c: Comparison, u: float, alone: np.ndarray, more: np.ndarray, bar: np.ndarray) -> Comparison:
    real = Estimate.smooth(c.claimed - np.sign(alone) * np.maximum(np.abs(alone) - c.claimed_bar, 0) + more, bar)
    size = np.abs(c.claimed) if c.terms is None else np.maximum(np.abs(c.claimed), c.terms)
    return dataclasses.replace(c, real=real, claimed_bar=u * size, followed=True)


def _is_better(c: Comparison, other: Comparison) -> bool:
    return c.resolved and not c.outside().any() and bool((c.real_tolerance <= other.real_tolerance).all())
