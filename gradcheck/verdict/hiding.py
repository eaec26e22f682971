"""Steps that small differences do not see: of x + h(x) with h in bfloat16 a claim that forgets h is what they show.

The widest steps of a ladder depart from what the small ones show, and not as f bends: like h^2, and h^4.
"""

import dataclasses

import numpy as np

from gradcheck.numeric import staircase
from gradcheck.numeric.constants import BRAIN
from gradcheck.numeric.estimate import Estimate
from gradcheck.precision.fitted import fitted
from gradcheck.precision.segments import Line
from gradcheck.verdict.comparison import WIDEST, Comparison
from gradcheck.verdict.first_look import claimed
from gradcheck.verdict.ground import Ground
from gradcheck.verdict.worst_entry import line_at, worst_entry

LEVELS = 4  # steps below the widest
BENDS = 1 / 4  # of a departure, by which it may be another than h^2 and h^4 make of those of the next two steps
CLEAR = 16  # bars of a difference
FINE = 2.0**-16  # of what f departs by over a step, as a jump: float16 has some 64 of an entry in it


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


def forgotten(ground: Ground, c: Comparison, rng: np.random.Generator) -> Comparison:
    """Return a comparison that small differences confirm, or one at an entry whose claim forgets what moves in steps.

    It is the entry of which wide differences depart most.
    """
    worst = worst_entry(ground, c, WIDEST / 4) if _jumps(ground, c) else None
    if worst is None:
        return c
    direction = worst.probe.direction(ground.place.point)
    line = line_at(ground, direction)
    steps = staircase.steps(line, finest=0.0)
    if steps is None or not staircase.is_relative(line):
        return c
    alone = claimed(ground, worst.probe)
    value, bar = fitted(Line(ground.problem, ground.place, direction, alone.claimed, steps.noise), rng)
    alone = dataclasses.replace(alone, real=Estimate.smooth(value, bar), followed=True, steps=BRAIN)
    return alone if alone.outside().any() else c


def _jumps(ground: Ground, c: Comparison) -> bool:
    """Whether a jump is in what f departs by over a wide step: what bends, or has kinks, has none.

    It takes 25 evaluations, where the entry and its steps take a hundred and more.
    """
    if c.sweep is None or c.real is None:
        return False
    first = int((c.sweep.steps < WIDEST).all(axis=1).argmax())
    h = c.sweep.steps[first]
    by = np.abs(2 * h * (c.sweep.central[first] - c.real.value))
    if not np.isfinite(by).all():
        return False
    column = int(by.argmax())
    line, width = line_at(ground, c.probe.direction(ground.place.point)), float(h[column])
    return staircase.jump_between(line, column, -width, width, FINE * float(by[column])) > 0
