"""What halves of segments show: where a whole is known, what one half does tells what the other does."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradcheck.numeric.constants import WINDOW
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.extrapolate import of_two
from gradcheck.numeric.ladder import STEPS, Sweep
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Task, read_all
from gradcheck.verdict.compare import Compared, glance
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.first_look import claimed
from gradcheck.verdict.ground import Ground, Known, noise_of
from gradcheck.verdict.resting import contradicting_rest

BOTH = STEPS[[WINDOW[4], WINDOW[5]]]  # two steps of a ladder at which differences neither bend nor round much


@dataclasses.dataclass(frozen=True)
class Cut:
    """The halves of each segment, what is known of it as a whole, and by how much a comparison is odd: if above 1."""

    halves: list[list[Probe]]
    wholes: list[Comparison | None]
    excess: Callable[[Comparison], float]


Means = Callable[[Ground, Known, Cut, np.random.Generator], Compared]


def by_ladders(ground: Ground, known: Known, cut: Cut, rng: np.random.Generator) -> Compared:
    """Compare along all halves by ladders of real differences, which show kinks as well."""
    asked = [half for pair in cut.halves for half in pair]
    found, known = glance(ground, known, asked, [True] * len(asked), rng)
    return contradicting_rest(ground, found), known


def by_complex_step(ground: Ground, known: Known, cut: Cut, rng: np.random.Generator) -> Compared:
    """Compare along halves; of a whole that is known the complex step along the first tells that along the second."""
    pairs = list(zip(cut.halves, cut.wholes, strict=True))
    asked = [half for pair, whole in pairs for half in (pair if whole is None else pair[:1])]
    compared, known = glance(ground, known, asked, [False] * len(asked), rng)
    rest, found = iter(compared), []
    for (_, *second), whole in pairs:
        first = next(rest)
        found += [first, *(next(rest) if whole is None else _rest(ground, half, whole, first) for half in second)]
    return found, known


def by_short_ladders(ground: Ground, known: Known, cut: Cut, rng: np.random.Generator) -> Compared:
    """Compare along the first halves at two steps, four evaluations, and along the second by what these leave.

    Where that shows neither to be odd, and where the whole is not known, both have ladders.
    """
    pairs = list(zip(cut.halves, cut.wholes, strict=True))
    tasks = [Task(pair[0], BOTH) for pair, whole in pairs if whole is not None]
    readings = iter(read_all(ground.mapper, ground.problem, ground.place, tasks))
    found: list[list[Comparison]] = []
    for pair, whole in pairs:
        told: list[Comparison] = []
        if whole is not None:
            first = _at_two_steps(ground, known, pair[0], next(readings).sweep)
            told = [first, *(_rest(ground, half, whole, first) for half in pair[1:])]
        found.append(told if any(cut.excess(c) > 1 for c in told) else [])
    unclear = [k for k, told in enumerate(found) if not told]
    again = dataclasses.replace(cut, halves=[cut.halves[k] for k in unclear])
    compared, known = by_ladders(ground, known, again, rng)
    rest = iter(compared)
    for k in unclear:
        found[k] = [next(rest) for _ in cut.halves[k]]
    return [c for told in found for c in told], known


def _at_two_steps(ground: Ground, known: Known, probe: Probe, sweep: Sweep | None) -> Comparison:
    """Return a comparison with what differences at two steps extrapolate to; all of the correction is its bar."""
    c = claimed(ground, probe)
    if sweep is None or len(sweep.steps) < len(BOTH):
        return c
    bounds = noise_of(ground, sweep, known.level(probe.leaf))
    bounds = bounds + ground.claim.lost(ground.place.point, probe, sweep.steps)
    return dataclasses.replace(c, real=of_two(sweep.steps, sweep.central, bounds))


def _rest(ground: Ground, probe: Probe, whole: Comparison, part: Comparison) -> Comparison:
    """Return what a comparison along a part leaves of that along the whole, for the rest: derivatives add up."""
    c = claimed(ground, probe)
    (value, bar), (of_part, bar_of_part) = ((c.exact, c.exact_bar) for c in (whole, part))
    if value is not None and bar is not None and of_part is not None and bar_of_part is not None:
        c = dataclasses.replace(c, exact=value - of_part, exact_bar=bar + bar_of_part)
    if whole.real is not None and part.real is not None:
        real = Estimate.smooth(whole.real.value - part.real.value, whole.real.bar + part.real.bar)
        c = dataclasses.replace(c, real=real)
    return c


def in_two(start: int, stop: int) -> list[tuple[int, int]]:
    """Return the halves of a segment; of one entry that itself."""
    middle = (start + stop) // 2
    return [(start, middle), (middle, stop)] if stop - start > 1 else [(start, stop)]
