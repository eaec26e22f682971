"""Steps of f's own, as those of quantisers and of numbers of fixed point, and what they leave of a contradiction.

Between two steps f has the one slope, over many of them the other: its derivative, and that of what is rounded.  If
they are too fine to be told from no steps, who claims either is not contradicted.
"""

import dataclasses

import numpy as np

from gradcheck.numeric import own_steps, staircase
from gradcheck.numeric.constants import FINE, GOLDEN, U
from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.tabulate import Line
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.departures import SMALL
from gradcheck.verdict.ground import Ground
from gradcheck.verdict.own_jumps import undecided, without_evidence
from gradcheck.verdict.worst_entry import line_at, worst_entry

SHORT = 2.0**-5  # of a line: on it f bends by less than fine steps, of which there are many still
NEXT = 2.0**-40  # of the scale: differences over it meet a step of hardly any grid
APART = 2.0**-22  # of the scale, by which the places of these are, each at another place between two steps
PLACES = 5
FAR_APART = 16  # differences, of which one in so many meets a step
SURE = 8  # roundings of f, or times the noise of steps
ROUNDED = 2.0**-10  # of a slope: x is rounded by as much of such a difference
PART = 1 / 4  # of what a claim is off by: a slope that is less sure tells nothing


def over_own_steps(
    c: Comparison, line: Line, met: staircase.Steps, between: Comparison, u: float
) -> Comparison | None:
    """Return what there is to say of a claim where steps that were met are f's own; None where they may be a format's.

    It is held against what f does `between` two of them, but not if these are fine, or are told near zero alone.
    """
    if not own_steps.is_of_format(line, met):
        is_straight = between.outside().any() and _is_fine(line, met) and _is_over_many(c, met, u)
        return undecided(c) if is_straight else between
    if not own_steps.takes_its_scale(line):
        return None
    return undecided(c) if between.outside().any() else between


def over_fine_grid(ground: Ground, c: Comparison, line: Line, is_known: bool) -> Comparison | None:
    """Return a contradicted comparison that is no evidence if f moves in fine steps of its own; None where it does not.

    Or where its claim is neither slope.  Steps of a format are smaller for smaller numbers: where a sum with a number
    that stays is rounded in float32 they are not, and so nothing passes for that.  Where the array `is_known` for such
    steps, a claim is seen to be what f does between two of them though along one entry they do not show.
    """
    short = _shorter(line)
    met = staircase.steps(short, finest=0.0)
    if met is None and c.probe.coordinate is None and (worst := worst_entry(ground, c, SMALL)) is not None:
        # of many entries that move some meets a step of a fine grid however short the line is
        short = _shorter(line_at(ground, worst.probe.direction(ground.place.point)))
        met = staircase.steps(short, finest=0.0)
    if met is None:
        return undecided(c) if is_known and _is_between(c, line) else None
    is_own = own_steps.is_coarse(short) and not own_steps.is_of_format(short, met)
    if not is_own and own_steps.is_relative(short):
        return None
    if _is_between(c, line, met):
        return without_evidence(c) if is_own else undecided(c)
    return undecided(c) if _is_over_many(c, met, ground.claim.u) else None


def _shorter(line: Line) -> Line:
    return dataclasses.replace(line, direction={i: SHORT * d for i, d in line.direction.items()})


def _is_over_many(c: Comparison, met: staircase.Steps, u: float) -> bool:
    """Whether a claim is what differences over many steps show, as far as their noise lets them."""
    if c.sweep is None or c.bounds is None:
        return False
    bounds = np.maximum(c.bounds, SURE * met.noise)
    return not dataclasses.replace(c, real=estimate(c.sweep, bounds, u)).outside().any()


def _is_fine(line: Line, met: staircase.Steps) -> bool:
    """Whether steps that were met are those of a fine grid."""
    size = line.rounded(np.abs(line.at(0.0)))
    return bool((met.noise <= FINE * size).all())


def _is_between(c: Comparison, line: Line, met: staircase.Steps | None = None) -> bool:
    """Whether a claim is what f does between two steps, or, where some were met, that is not to be told."""
    starts = APART * GOLDEN * np.arange(1, PLACES + 1)
    y, here = line.at(0.0), np.array([line.at(t) for t in starts])
    h = NEXT if met is None else min(NEXT, _spacing(line, met, here[-1] - y, starts[-1]) / FAR_APART)
    changes = np.array([line.projected(line.at(t + h) - at_t) for t, at_t in zip(starts, here, strict=True)])
    slope = np.median(changes, axis=0) / h
    moving = np.where((here != y).any(axis=0), np.abs(y), 0)  # the others have no roundings in a difference
    bar = SURE * U * line.rounded(moving) / h + ROUNDED * np.abs(slope)
    off = 0.0 if c.real is None else np.abs(c.claimed - c.real.value)
    untold = bar > PART * off
    told = (np.abs(c.claimed - slope) <= bar) & ~untold
    return bool((told | (untold & (met is not None)))[c.outside()].all())


def _spacing(line: Line, met: staircase.Steps, change: np.ndarray, distance: float) -> float:
    """Return how far apart steps that were met lie, if all of what outputs change over a distance is made of such."""
    g = np.eye(line.outputs) if line.g is None else line.g
    return float((met.jump / np.maximum(np.abs(g) @ np.abs(change), np.finfo(float).tiny)).min()) * distance
