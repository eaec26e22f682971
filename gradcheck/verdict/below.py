"""Claims of which wide steps see nothing: f has another shape within them.

The slope of log|det A| is large only as near to a singular matrix as the smallest singular value is.  Farther away
differences show what lies there, to many digits.  They contradict no claim that changes by much of its size within the
smallest step, and none that the smaller steps show again and again, whatever the noise is taken to be.

Where no step changes any output, and complex numbers have a slope there, roundings hide it: of (1 - cos x) / x near
x = 1e-10 every difference is zero.
"""

import dataclasses

import numpy as np

from gradcheck.numeric.constants import FEWEST
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.ladder import Sweep
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.explained import change, change_beside, is_explained
from gradcheck.verdict.ground import Ground

MUCH = 16  # times what differences show, their bar included: a claim of which they see nothing
CHANGED = 1 / 4  # of a claim, within the smallest step; what is less than that apart shows the same
PART = 1 / 256  # of a claim, to the side where it changes less: beside a kink to the other side it is next to nothing
STEADY = 1 / 16  # of a claim, very near and under roundings of the point: what these change more has no shape
NEAR = 2.0**-18  # of the smallest step
HIDDEN = "no step changes the output, though complex numbers have a slope there: roundings of larger numbers hide it"
DOUBT = "f bends within the steps that were taken, as where a matrix is nearly singular: they see nothing of the claim"


def allowing_for_what_steps_miss(ground: Ground, comparisons: list[Comparison]) -> list[Comparison]:
    """Return the comparisons without the contradictions of differences that see nothing of a claim."""
    return [_allowed(ground, c) for c in comparisons]


def _allowed(ground: Ground, c: Comparison) -> Comparison:
    if c.real is None or c.sweep is None or not len(c.sweep.steps):
        return c
    hidden = c.outside() & _is_hidden(c)
    if hidden.any():
        return unseen(c, c.real, hidden, HIDDEN)
    missed, step = c.outside(), _smallest(c)
    little = missed & ~c.kink & (np.abs(c.claimed) > MUCH * (np.abs(c.real.value) + c.real.bar))
    shown = little & _is_shown(c.sweep, c.claimed, c.real.value) if little.any() else little
    if (missed & ~shown).any() and (little.any() or _may_be_bent(ground, c, step)):
        off = np.where(little, 0, np.abs(c.claimed - c.real.value))
        missed &= shown | _is_bent(ground, c, step, off)
    else:
        missed = shown
    missed = missed | (c.outside() & is_explained(ground, c, step))
    return unseen(c, c.real, missed, DOUBT) if missed.any() else c


def _smallest(c: Comparison) -> float:
    """Return the smallest step over which noise leaves room for a contradiction; without one the smallest that is."""
    assert c.sweep is not None and c.real is not None
    steps = np.broadcast_to(c.sweep.steps, c.sweep.central.shape)
    if c.bounds is None:
        return float(steps.min())
    tells = (c.bounds / steps < np.abs(c.claimed - c.real.value)) & c.outside()
    return float(steps[tells].min()) if tells.any() else float(steps.min())


def unseen(c: Comparison, real: Estimate, missed: np.ndarray, doubt: str) -> Comparison:
    """Return a comparison that says nothing of some cotangents (G,), with the reason."""
    none = {"value": np.nan, "bar": np.inf, "low": np.nan, "high": np.nan}
    values = {name: np.where(missed, nothing, getattr(real, name)) for name, nothing in none.items()}
    return dataclasses.replace(c, real=dataclasses.replace(real, kink=real.kink & ~missed, **values), doubt=doubt)


def _is_hidden(c: Comparison) -> np.ndarray:
    """Return for which cotangents (G,) complex numbers have a slope where no step changes any output."""
    if c.exact is None or c.exact_bar is None or not c.still_everywhere():
        return np.zeros(len(c.claimed), bool)
    return np.abs(c.exact) > c.exact_bar


def _is_shown(sweep: Sweep, claimed: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return which claims (G,) some successive steps show, where what is held against them is shown by wider ones."""
    shows, other = (np.abs(sweep.central - x) <= CHANGED * np.abs(claimed) for x in (claimed, value))
    found = np.zeros(len(claimed), bool)
    for k in range(1, len(shows) - FEWEST + 1):
        found |= other[:k].any(axis=0) & shows[k : k + FEWEST].all(axis=0) & (other[k:].mean(axis=0) <= CHANGED)
    return found


def _may_be_bent(ground: Ground, c: Comparison, step: float) -> bool:
    """Whether what a rounding of all entries changes of a claim would be much of it over a step."""
    direction, size = c.probe.direction(ground.place.point), np.abs(c.claimed)
    rounded = [_apart(ground, claims, direction) for claims in ground.claim.nearby]
    changed = np.max(rounded, axis=0, initial=0) * step / ground.claim.u
    return bool((c.outside() & (size > 0) & (changed >= STEADY * size)).any())


def _is_bent(ground: Ground, c: Comparison, step: float, off: np.ndarray) -> np.ndarray:
    """Return which claims (G,) change by much within a step to both sides, and by little very near, or by roundings.

    Where they change by a part, differences over that step are `off` (G,) by the square of the part, and the widest of
    a few steps see nothing of the claim.  One that is another at the very point, as where a condition asks for zero,
    changes as much very near.
    """
    size, direction = np.abs(c.claimed), c.probe.direction(ground.place.point)
    left, right = (_beside(ground, direction, h) for h in (-step, step))
    least, most = np.minimum(left, right), np.maximum(left, right)
    bent = (size > 0) & (least >= PART * size) & ((most >= CHANGED * size) | (least**2 >= off * size))
    if not bent.any():
        return bent
    near = [_beside(ground, direction, NEAR * h) for h in (-step, step)]
    rounded = [_apart(ground, claims, direction) for claims in ground.claim.nearby]
    return bent & (np.max([*near, *rounded], axis=0) <= STEADY * size)


def _beside(ground: Ground, direction: dict[int, np.ndarray], h: float) -> np.ndarray:
    """Return by how much claims along a direction are others beside the point (G,); by nothing without numbers."""
    return np.abs(np.nan_to_num(change_beside(ground, direction, h), nan=0.0))


def _apart(ground: Ground, claims: list[np.ndarray], direction: dict[int, np.ndarray]) -> np.ndarray:
    """Return by how much other claims along a direction differ (G,); by nothing where they are no numbers."""
    return np.abs(np.nan_to_num(change(ground, claims, direction), nan=0.0))
