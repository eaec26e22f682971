"""Where a pullback and the derivative are two numbers, and whether rounded constants may be why."""

import numpy as np
from flint import arb

from gradcheck.exact.answers import CONSTANTS, DIFFERS, PROVED, Exact
from gradcheck.exact.gaps import Gap, Gaps
from gradcheck.exact.known import known, rounding
from gradcheck.exact.run import Moved

ALL = 48  # entries of an array that are all compared, one by one
MARGIN = 4  # roundings, as of the result of a few operations
SHOWN = 3  # digits more than show the difference


def differing(gaps: Gaps, leaf: int, gap: Gap) -> Exact:
    """Return the answer for an array whose gap is not closed."""
    constants = gaps.run.watch.constants
    moved = known(constants)
    open_gap = gaps.of(leaf, moved) if moved else gap
    if open_gap.is_closed:
        return Exact(CONSTANTS, open_gap.digits(gaps.sizes[leaf]), _places(gaps, set(moved)))
    unknown = {group: place for group, place in constants.items() if not group <= moved.keys()}
    changes = {place: arb(0) for place in unknown.values()}
    for group, place in unknown.items():
        further = {c: arb(c) * (1 + rounding(c) * _sign(c)) for c in group if c not in moved}
        changes[place] += abs(gaps.of(leaf, {**moved, **further}).ball - open_gap.ball).upper()
    if abs(open_gap.ball).upper() <= MARGIN * sum(changes.values(), arb(0)):
        sensitive = [place for place, change in changes.items() if change * MARGIN * 100 > abs(open_gap.ball)]
        places = ", ".join(dict.fromkeys(sensitive or changes))
        return Exact(CONSTANTS, open_gap.digits(gaps.sizes[leaf]), places)
    return _worst(gaps, leaf, moved)


def _sign(c: float) -> int:
    """Return 1 or -1, the same for the same number: those of an array move apart."""
    return 1 - 2 * (hash(c) // 7 % 2)


def _places(gaps: Gaps, constants: set[float]) -> str:
    found = (place for group, place in gaps.run.watch.constants.items() if group & constants)
    return ", ".join(dict.fromkeys(found))


def _worst(gaps: Gaps, leaf: int, moved: Moved) -> Exact:
    """Return the entry that differs most, of all or of those that halving leads to."""
    count = gaps.run.point[leaf].size
    chosen = list(range(count)) if count <= ALL else [_halved(gaps, leaf, moved)]
    found = [(i, gaps.of(leaf, moved, _unit(gaps, leaf, [i]))) for i in chosen]
    at, gap = max(found, key=lambda pair: abs(pair[1].ball).mid())
    if gap.is_closed:
        return Exact(PROVED, gap.digits(gap.size))
    index = tuple(int(i) for i in np.unravel_index(at, gaps.run.point[leaf].shape))
    apart, size = abs(gap.ball).mid(), abs(gap.slope).mid()
    relative = None if size.is_zero() else float(apart / size)
    digits = SHOWN + (1 if relative is None or relative > 1 else max(1, int(-np.log10(max(relative, 1e-300)))))
    claimed, slope = (x.mid().str(digits, radius=False) for x in (gap.claimed, gap.slope))
    return Exact(DIFFERS, None, "", relative, float(apart), index, claimed, slope)


def _halved(gaps: Gaps, leaf: int, moved: Moved) -> int:
    entries = np.arange(gaps.run.point[leaf].size)
    while len(entries) > 1:
        halves = np.array_split(entries, 2)
        entries = max(halves, key=lambda half: abs(gaps.of(leaf, moved, _unit(gaps, leaf, half)).ball).mid())
    return int(entries[0])


def _unit(gaps: Gaps, leaf: int, entries: np.ndarray | list[int]) -> np.ndarray:
    direction = np.zeros(gaps.run.point[leaf].size)
    direction[entries] = 1.0 if len(entries) == 1 else gaps.directions[leaf].ravel()[entries]
    return direction.reshape(gaps.run.point[leaf].shape)
