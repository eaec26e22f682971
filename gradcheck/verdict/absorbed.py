"""Claims of which no step shows anything, since a much larger number absorbs what moves.

Where a mask of -1e30 hides a whole row, softmax(s + m) does not change with s at all: s + m moves in steps of 1e14, the
roundings of m.  What is differentiated on paper has a slope there.  So f stands still over every step of a ladder, and
in a wider format it moves; or it stands still far beyond, and changes then, as far away to one side as to the other, to
values at which it stands still again.  A threshold, or a mask that selects, changes f to one side, or not at all; what
has a slope there does not stand still.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from gradcheck.claims.claim import claim_at
from gradcheck.numeric.constants import FIRST, GOLDEN, RATIO
from gradcheck.numeric.ladder import moved
from gradcheck.numeric.scales import inner
from gradcheck.numeric.wider import hidden_by_rounding
from gradcheck.verdict.below import unseen
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground

NEAR = FIRST, FIRST / RATIO  # steps of a ladder, within which the others lie
FAR = (2.0, 8.0)  # times the scale: so far nothing changes.  Steps of 16 times the numbers are no quantiser's
CELL = 16  # powers of two, by which steps grow until something changes
EVEN = 1  # powers of two by which one side may change farther away than the other: m may be a power of two itself
LARGEST = 1020  # power of two, up to which numbers are moved
BESIDE = 1 + 2.0**-20  # times as far, where f stands still again
JITTERS = 2
DOUBT = "a much larger number absorbs what moves, or a part of it: differences see nothing of that"

Direction = dict[int, np.ndarray]


def allowing_for_what_is_absorbed(ground: Ground, comparisons: list[Comparison]) -> list[Comparison]:
    """Return the comparisons without contradictions that lie in outputs whose roundings absorb all that moves.

    Of an array that something else contradicts no more are asked: it is wrong.
    """
    found, wrong = list(comparisons), set[int]()
    for i, c in enumerate(comparisons):
        if c.probe.leaf is None or c.probe.leaf in wrong:
            continue
        found[i] = _allowed(ground, c)
        if found[i].outside().any():
            wrong.add(c.probe.leaf)
    return found


def beside_absorbed(ground: Ground, c: Comparison, rng: np.random.Generator) -> Ground:
    """Return the ground with cotangents of zero for the outputs that absorb what moves along a comparison."""
    direction = c.probe.direction(ground.place.point)
    still = _still_over_ladder(ground, c, direction)
    *_, absorbed = np.zeros(still.size, bool), *_absorbed(ground, direction, still)
    if not absorbed.any():
        return ground
    place = dataclasses.replace(ground.place, g=np.where(absorbed, 0, ground.place.g))
    claim = claim_at(ground.problem, place.point, place.g, ground.claim.u, JITTERS, rng)
    return dataclasses.replace(ground, place=place, claim=claim)


def _allowed(ground: Ground, c: Comparison) -> Comparison:
    if c.real is None or ground.has_few_bits or c.is_plain() or not (c.outside() & np.isfinite(c.claimed)).any():
        return c  # what is absorbed shows in complex numbers
    direction = c.probe.direction(ground.place.point)
    still = _still_over_ladder(ground, c, direction)
    if not _explained(ground, c, direction, still).any():
        return c
    for outputs in _absorbed(ground, direction, still):
        explained = _explained(ground, c, direction, outputs)
        if explained.any():
            return unseen(c, c.real, explained, DOUBT)
    return c


def _explained(ground: Ground, c: Comparison, direction: Direction, outputs: np.ndarray) -> np.ndarray:
    """Return which contradictions (G,) vanish without what some outputs (m,) add to the claim."""
    if not outputs.any():
        return np.zeros(len(c.claimed), bool)
    claims = ground.problem.gradients(ground.place.point, np.where(outputs, ground.place.g, 0))
    part = np.sum([inner(claims[i].reshape(len(c.claimed), -1), d.ravel()) for i, d in direction.items()], axis=0)
    return c.outside() & ~dataclasses.replace(c, claimed=c.claimed - part).outside()


def _still_over_ladder(ground: Ground, c: Comparison, direction: Direction) -> np.ndarray:
    """Return which outputs (m,) no step of a ladder changes: of few outputs it is known which are out of question."""
    met = [y == ground.place.y for ends in ground.place.outputs.get(c.probe, {}).values() for y in ends]
    if met and not np.all(met, axis=0).any():
        return np.zeros(ground.place.y.size, bool)
    return _still(ground, direction, NEAR)


def _still(ground: Ground, direction: Direction, steps: tuple[float, ...]) -> np.ndarray:
    """Return which outputs (m,) no step changes to either side."""
    still = np.ones(ground.place.y.size, bool)
    for side in (*steps, *(-h for h in steps)):
        if still.any():
            still &= _at(ground, direction, side) == ground.place.y
    return still


def _absorbed(ground: Ground, direction: Direction, still: np.ndarray) -> Iterator[np.ndarray]:
    """Yield which of the outputs (m,) that stand still are absorbed: more of them each time."""
    place = ground.place
    found = still & hidden_by_rounding(ground.problem, place.point, direction, place.y, ground.claim.u)
    if found.any():
        yield found
    left = still & ~found
    for more in _from_afar(ground, direction, left & _still(ground, direction, FAR)) if left.any() else ():
        found = found | more
        yield found


def _from_afar(ground: Ground, direction: Direction, left: np.ndarray) -> Iterator[np.ndarray]:
    """Yield which outputs (m,) far away change to both sides, to values where they stand still; the nearest first."""
    longest = max(float(np.abs(d).max(initial=0)) for d in direction.values())
    largest, power = LARGEST - max(0, int(np.ceil(np.log2(longest))) if longest else 0), int(np.log2(FAR[-1]))
    while left.any() and power < largest:
        power, before = min(power + CELL, largest), power
        changed = [_changes(ground, direction, side * _step(power)) for side in (1, -1)]
        if (left & (changed[0] | changed[1])).any():
            absorbed, other = _by_powers(ground, direction, left, range(before, min(power + EVEN, largest) + 1))
            left = left & ~absorbed & ~other
            if absorbed.any():
                yield absorbed


def _by_powers(
    ground: Ground, direction: Direction, left: np.ndarray, powers: range
) -> tuple[np.ndarray, np.ndarray]:
    """Return which outputs change to both sides alike over some steps, and stand still there; and which others do."""
    first = np.full((2, left.size), np.inf)
    rests = np.zeros((2, left.size), bool)
    for power in powers:
        for k, side in enumerate((1, -1)):
            far = side * _step(power)
            new = left & np.isinf(first[k]) & _changes(ground, direction, far)
            if new.any():
                first[k][new] = power
                rests[k][new] = (_at(ground, direction, far) == _at(ground, direction, far * BESIDE))[new]
    with np.errstate(invalid="ignore"):  # of what changes to neither side
        absorbed = (np.abs(first[0] - first[1]) <= EVEN) & rests.all(axis=0)
    return absorbed, np.isfinite(first).any(axis=0) & ~absorbed


def _step(power: int) -> float:
    """Return a step that takes no entry to the middle between two roundings."""
    return float((1 + GOLDEN) * 2.0**power)


def _changes(ground: Ground, direction: Direction, far: float) -> np.ndarray:
    """Return which outputs (m,) are other finite numbers so far away."""
    y = _at(ground, direction, far)
    return np.isfinite(y) & (y != ground.place.y)


def _at(ground: Ground, direction: Direction, far: float) -> np.ndarray:
    return ground.problem.attempt(moved(ground.place.point, direction, far), ground.place.y.size)
