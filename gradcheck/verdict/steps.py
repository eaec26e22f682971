"""Contradictions that are the steps of a format of few bits inside, which small differences do not see.

Of x + h(x) with h in bfloat16 small differences show the slope of x alone, and wide ones the noise of h.  There the
claims are integrated along a segment over many steps, and carry the roundings of that format themselves.
"""

import dataclasses

import numpy as np

from gradcheck.claims.claim import claim_at
from gradcheck.numeric import own_steps, staircase, tabulate
from gradcheck.numeric.constants import ALONE, BRAIN, NARROW, QUIET
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.ladder import Sweep, rounded
from gradcheck.precision.fitted import fitted
from gradcheck.precision.formats import FEW_BITS
from gradcheck.precision.segments import Line
from gradcheck.verdict.below import DOUBT as UNSEEN
from gradcheck.verdict.coarse import between_coarse_steps
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.departures import WIDE
from gradcheck.verdict.first_look import claimed
from gradcheck.verdict.grids import over_fine_grid, over_own_steps
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.iterations import DOUBT as ITERATES
from gradcheck.verdict.own_jumps import (
    has_own_jumps,
    is_below,
    is_below_common,
    undecided,
    with_common_steps,
    without_evidence,
)
from gradcheck.verdict.unseen_steps import looked_for
from gradcheck.verdict.worst_entry import line_at

JITTERS = 4
PART = 1 / 4  # of what a claim is off, by which some differences must be off as well: else f is smooth there
NEAR = 3  # steps of the ladder to both sides: a polynomial through them tells a smooth f there to some 1e-9
SLOWLY = 2  # from one step to the next, which is 2.75 times smaller; those of a kink fall as the steps do
OPEN = 0.01  # of a derivative: what steps leave is less
CLEAR = 64  # roundings of a subject's own format, which steps of another are above
FINER = 1 / 8  # of a format's roundoff: points are moved by up to half a step, as roundings do

Claims = dict[float, Ground]  # by the roundoff that is allowed for


def allowing_for_steps(
    ground: Ground, known: Known, comparisons: list[Comparison], rng: np.random.Generator
) -> tuple[list[Comparison], Known]:
    """Return the comparisons, those along which f moves in steps with the numbers and bars that these leave.

    Where small differences alone would not show steps, wider ones are asked once.  Where all arrays move in steps that
    is said, and no more: each is asked alone.
    """
    if ground.claim.u >= FEW_BITS:
        return comparisons, known  # all of it is as coarse: see `follow`
    finest = max(ALONE * NARROW, CLEAR * ground.claim.u)
    large = ground.problem.is_large  # of so many entries some cross a step however small the difference is
    found = list(comparisons)
    rough: Claims = {}
    of_format = set(known.jumps)  # arrays
    for i, c in enumerate(comparisons):
        if c.real is None or c.doubt in (UNSEEN, ITERATES):
            continue
        leaf, is_entry = c.probe.leaf, c.probe.coordinate is not None
        doubted = bool(_in_doubt(c).any())
        if doubted and is_entry and is_below(c, known):
            found[i] = without_evidence(c)
            continue
        line = line_at(ground, c.probe.direction(ground.place.point))
        shows_noise = leaf in known.grids or known.level(leaf) > QUIET
        if doubted and not shows_noise and _is_smooth(c, ground.place.y, line, known.smooth or large):
            known = with_common_steps(ground, known, c)
            if not known.has_common(leaf):
                known = dataclasses.replace(known, smooth=True)
                continue
        if not (doubted or (rough and _is_open(c)) or not c.resolved):
            if not (known.smooth or large or is_entry):
                found[i], known = looked_for(ground, known, c, rng)
            continue
        steps = staircase.steps(line, finest)
        if steps is None and doubted:
            known = with_common_steps(ground, known, c)
            over_grid = over_fine_grid(ground, c, line, leaf in known.grids) if c.outside().any() else None
            known = known if over_grid is None else dataclasses.replace(known, grids=known.grids | {leaf})
            found[i] = without_evidence(c) if is_below_common(known, c) else over_grid or c
        if steps is None:
            continue
        between, known = between_coarse_steps(ground, known, c) if doubted else (c, known)
        own = None if leaf in of_format else over_own_steps(c, line, steps, between, ground.claim.u)
        if own is not None:
            found[i] = own
            continue
        of_format.add(leaf)
        if leaf is None:
            found[i] = dataclasses.replace(c, steps=BRAIN)
        elif is_entry or not (doubted and has_own_jumps(ground, c, steps)):
            known = known if is_entry else known.with_jumps(leaf, steps.jump)
            found[i] = _over_steps(ground, c, steps.noise, rough, rng)
            if found[i].outside().any() and c.doubt:
                found[i] = c  # what roundings change by as much is noise, of which some jumps look like steps
            elif found[i].outside().any() and not (between.outside().any() or own_steps.are_surely_of_format(line)):
                found[i] = undecided(c)
    return found, known


def _over_steps(
    ground: Ground, c: Comparison, noise: np.ndarray, rough: Claims, rng: np.random.Generator
) -> Comparison:
    """Return a comparison with what claims integrated over steps leave of it, and the roundings of its claim."""
    place = ground.place
    size = float(rounded(place.g, place.y).max(initial=0)) or 1.0
    value, bar = fitted(Line(ground.problem, place, c.probe.direction(place.point), c.claimed, noise), rng)
    real = Estimate.smooth(value, bar)
    for u in staircase.roundoffs(float(noise.max()) / size):
        if u not in rough:
            claim = claim_at(ground.problem, place.point, place.g, FINER * u, JITTERS, rng)
            claim = dataclasses.replace(claim, values=ground.claim.values, jump=1.0)
            rough[u] = dataclasses.replace(ground, claim=claim)
        claim_bar = np.maximum(c.claimed_bar, claimed(rough[u], c.probe).claimed_bar)
        found = dataclasses.replace(
            c, claimed_bar=claim_bar, real=real, exact=None, exact_bar=None, followed=True, steps=u
        )
        if not _in_doubt(found).any():
            break
    return found


def _in_doubt(c: Comparison) -> np.ndarray:
    """Return where claims that are numbers are contradicted (G,)."""
    return (c.outside() | c.exact_outside()) & np.isfinite(c.claimed)


def _is_smooth(c: Comparison, y: np.ndarray, line: tabulate.Line, small_ones_show: bool) -> bool:
    """Whether f moves in no steps that could be what contradicts a claim.

    Differences do not come nearer to what they show at last as slowly as those of steps do, and a wide one, within
    which many steps of a format lie, is what those of smaller steps say, unless `small_ones_show` all that there are.
    """
    where = _in_doubt(c)
    if c.sweep is None or c.real is None or not c.resolved or c.real.still.any():
        return False
    off = np.abs(c.claimed - c.real.value)
    if c.exact is not None:
        off = np.where(c.exact_outside(), np.maximum(off, np.abs(c.exact - c.real.value)), off)
    apart = np.abs(c.sweep.central - c.real.value)
    slow = (apart[1:] > PART * off) & (apart[:-1] > PART * off) & (apart[1:] > apart[:-1] / SLOWLY)
    if slow[:, where].any():
        return False
    return small_ones_show or bool((_from_afar(c.sweep, y, line) <= PART * off)[where].all())


def _from_afar(sweep: Sweep, y: np.ndarray, line: tabulate.Line) -> np.ndarray:
    """Return by how much a wide difference (G,) departs from a polynomial through x and points nearer to it."""
    near = np.flatnonzero((sweep.steps < WIDE).all(axis=1))[:NEAR]
    if len(near) < NEAR:
        return np.full(sweep.steps.shape[1], np.inf)
    h = sweep.steps[near]
    with np.errstate(all="ignore"):
        slopes = sweep.central[near] + WIDE / 2 * (sweep.right[near] - sweep.left[near]) / h
        wide = line.projected(line.at(WIDE) - y) / WIDE
        for i in range(NEAR):
            others = np.delete(h, i, axis=0) ** 2
            wide = wide - slopes[i] * np.prod((WIDE**2 - others) / (h[i] ** 2 - others), axis=0)
        return np.nan_to_num(np.abs(wide), nan=np.inf)


def _is_open(c: Comparison) -> bool:
    """Whether differences say nothing, or less than steps leave."""
    if c.real is None:
        return True
    return bool((c.real_tolerance > OPEN * np.maximum(np.abs(c.claimed), np.abs(c.real.value))).any())
