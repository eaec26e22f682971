"""Steps that small differences do not see: of x + h(x) with h in bfloat16 a claim that forgets h is what they show.

The widest steps of a ladder depart from what the small ones show, and not as f bends: like h^2, and h^4.
"""

import dataclasses

import numpy as np

from gradcheck.numeric import own_steps, staircase, tabulate
from gradcheck.numeric.constants import BRAIN
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.precision.fitted import fitted
from gradcheck.precision.segments import Line
from gradcheck.verdict.comparison import WIDEST, Comparison
from gradcheck.verdict.departures import Departure, departure
from gradcheck.verdict.first_look import claimed
from gradcheck.verdict.ground import Ground
from gradcheck.verdict.integrals import lacks_a_part
from gradcheck.verdict.moved_steps import all_move_steps
from gradcheck.verdict.own_jumps import undecided
from gradcheck.verdict.worst_entry import line_at, worst_entry

LEVELS = 4  # steps below the widest
BENDS = 1 / 4  # of a departure, by which it may be another than h^2 and h^4 make of those of the next two steps
CLEAR = 16  # bars of a difference
DEPARTS = 2.0**-6  # of a wide difference
FAR, FAR_BENDS = float(STEPS[0]), 1 / 2  # a step, and the part of what it departs by that may be no h^2
FINE = 2.0**-16  # of what f departs by over a step, as a jump: float16 has some 64 of an entry in it
COARSE = 2.0**-7  # of the same over a wide one: finer steps are met nearer


def hides_steps(c: Comparison) -> bool:
    """Whether wide differences depart from what small ones show, and otherwise than those of a smooth f."""
    if c.sweep is None or c.bounds is None or c.real is None or not c.resolved:
        return False
    wide = (c.sweep.steps < WIDEST).all(axis=1)
    h, off = c.sweep.steps[wide][: LEVELS + 2], (c.sweep.central - c.real.value)[wide][: LEVELS + 2]
    if len(h) < LEVELS + 2:
        return False
    bars = CLEAR * (c.bounds[wide][: LEVELS + 2] / h + c.real.bar)
    r, s = ((h[:LEVELS] / h[i : LEVELS + i]) ** 2 for i in (1, 2))
    a, b = r**2 * (s - 1) / (s - r), s**2 * (r - 1) / (s - r)
    smooth = a * off[1:-1] - b * off[2:]  # what h^2 and h^4 make of those of the next two steps
    noise = bars[:LEVELS] + a * bars[1:-1] + b * bars[2:]
    return bool((np.abs(off[:LEVELS] - smooth) > np.maximum(BENDS * np.abs(off[:LEVELS]), noise)).any())


def departs_farther(ground: Ground, c: Comparison) -> bool:
    """Whether a difference that is wider than a ladder's departs from what that shows, and not as f bends: like h^2.

    It takes two evaluations.  There f crosses steps that a sum of many entries crosses nowhere nearer.
    """
    if c.sweep is None or c.bounds is None or c.real is None or not c.resolved:
        return False
    level = int((c.sweep.steps < WIDEST).all(axis=1).argmax())
    h = c.sweep.steps[level]
    line = line_at(ground, c.probe.direction(ground.place.point))
    with np.errstate(all="ignore"):
        far = line.projected(line.at(FAR) - line.at(-FAR)) / (2 * FAR) - c.real.value
        bent = (FAR / h) ** 2 * (c.sweep.central[level] - c.real.value)
        noise = CLEAR * ((c.bounds[level] / h + c.real.bar) * (FAR / h) ** 2)
        return bool((np.abs(far - bent) > np.maximum(FAR_BENDS * np.abs(far), noise)).any())


def forgotten_afar(ground: Ground, c: Comparison, rng: np.random.Generator) -> Comparison:
    """Return a comparison that small differences confirm, or itself over the steps that wide ones cross."""
    line = line_at(ground, c.probe.direction(ground.place.point))
    found = departure(line, FAR)
    if not np.isfinite(found.apart).all() or not _is_jumping(found, int(found.apart.argmax()), COARSE):
        return c
    return _over_common_steps(ground, c, c.probe, line, rng)


def forgotten(ground: Ground, c: Comparison, rng: np.random.Generator) -> Comparison:
    """Return a comparison that small differences confirm, or one at an entry whose claim forgets what moves in steps.

    It is the entry of which wide differences depart most.
    """
    worst = worst_entry(ground, c, WIDEST / 4) if _jumps(ground, c) else None
    if worst is None:
        return c
    line = line_at(ground, worst.probe.direction(ground.place.point))
    return _over_steps(ground, worst.probe, line, staircase.steps(line, finest=0.0), rng) or c


def forgotten_by_all(ground: Ground, c: Comparison, rng: np.random.Generator) -> Comparison:
    """Return a comparison that small differences confirm, or one where all entries grow, whose claim forgets a mean.

    Each entry changes that by less than a step, and all to both sides by a few.
    """
    probe = dataclasses.replace(c.probe, one_sided=True)
    line = line_at(ground, probe.direction(ground.place.point))
    found = departure(line)
    with np.errstate(invalid="ignore"):
        departs = found.size > DEPARTS * np.abs(found.slope_from_afar)
    if not departs.any() or not _is_jumping(found, int(np.where(departs, found.size, 0).argmax())):
        return c
    return _over_common_steps(ground, c, probe, line, rng)


def forgotten_all_along(ground: Ground, c: Comparison, rng: np.random.Generator) -> Comparison:
    """Return a comparison that small differences confirm, or one over steps, if f lacks a part where all entries grow.

    Of that one cotangent tells as well as several.  The steps are looked for there, or along the comparison's own line.
    """
    place = dataclasses.replace(ground.place, g=ground.place.g[:1])
    growing = dataclasses.replace(c.probe, one_sided=True)
    of_growing = claimed(ground, growing).claimed[:1]
    if not lacks_a_part(Line(ground.problem, place, growing.direction(place.point), of_growing, np.zeros(0))):
        return c
    for probe in (growing, c.probe):
        line = line_at(ground, probe.direction(place.point))
        found = _over_steps(ground, probe, line, staircase.steps(line, finest=0.0), rng)
        if found is not None:
            return found if c.probe.leaf is not None else dataclasses.replace(c, steps=BRAIN)
    return c


def _over_common_steps(
    ground: Ground, c: Comparison, probe: Probe, line: tabulate.Line, rng: np.random.Generator
) -> Comparison:
    """Return a comparison that small differences confirm, or one over steps that all entries move, if that fails.

    Where all arrays move together it is said that there are steps, and no more: each is asked alone.
    """
    steps = staircase.steps(line, finest=0.0)
    if steps is None or not all_move_steps(line, steps):
        return c
    if c.probe.leaf is None:
        return dataclasses.replace(c, steps=BRAIN)
    return _over_steps(ground, probe, line, steps, rng) or c


def _over_steps(
    ground: Ground, probe: Probe, line: tabulate.Line, steps: staircase.Steps | None, rng: np.random.Generator
) -> Comparison | None:
    """Return a comparison along a probe over the steps of a format that were met there, if it contradicts the claim."""
    if steps is None or not own_steps.is_of_format(line, steps) or own_steps.takes_its_scale(line):
        return None
    c = claimed(ground, probe)
    value, bar = fitted(Line(ground.problem, ground.place, line.direction, c.claimed, steps.noise), rng)
    found = dataclasses.replace(c, real=Estimate.smooth(value, bar), followed=True, steps=BRAIN)
    if not found.outside().any():
        return None
    return found if own_steps.are_surely_of_format(line) else undecided(found)


def _jumps(ground: Ground, c: Comparison) -> bool:
    """Whether f jumps along the widest difference of a sweep, where that departs most from what the small ones show.

    It takes 8 evaluations, or some 30, where the entry and its steps take a hundred and more.
    """
    if c.sweep is None or c.real is None:
        return False
    first = int((c.sweep.steps < WIDEST).all(axis=1).argmax())
    by = np.abs(c.sweep.steps[first] * (c.sweep.central[first] - c.real.value))
    if not np.isfinite(by).all():
        return False
    return _is_jumping(departure(line_at(ground, c.probe.direction(ground.place.point))), int(by.argmax()))


def _is_jumping(found: Departure, column: int, fine: float = FINE) -> bool:
    """Whether what f departs by is in steps everywhere along a line: what bends is not, nor what has kinks."""
    if not found.is_everywhere(column):
        return False
    by = 2 * found.wide * float(np.abs(found.slope_from_afar - found.slope)[column])
    return staircase.jump_between(found.line, column, -found.wide, found.wide, fine * by) is not None
