"""Arrays whose slope is lost in the bar of a ladder along which all arrays move."""

from collections.abc import Iterator

import numpy as np

from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.verdict import plan
from gradcheck.verdict.compare import laddered
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.given import settled
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.measured import measured

LOST = 2.0**-28  # of a slope, were the signs of its terms others: eight digits
MANY = 3  # ladders of single arrays, which cost as much as a long one of all

Columns = list[list[Comparison]]


def sharpened(
    ground: Ground, known: Known, columns: Columns, rng: np.random.Generator
) -> tuple[Columns, Known, plan.Plan]:
    """Return comparisons, and ladders of their own for arrays that are lost in one along which others move.

    They move together first, while all others stay, and those that are lost then again: what bends most moves no
    longer.  If many are left the ladder is a longer one.
    """
    sizes = [x.size for x in ground.place.point]
    lost = where_lost(ground, columns)
    while len(lost) > 1:
        others = tuple(leaf for leaf in range(len(sizes)) if leaf not in lost)
        if others:
            probe = Probe(None, seed=int(rng.integers(2**32)), without=others)
            (found,), known = measured(ground, known, [probe], [True], rng)
        else:
            (found,) = {id(c): c for row in columns for c in row if c.probe.leaf is None}.values()
        left = _left(ground, columns, found, lost)
        if len(left) > max(MANY, len(lost) // 2) and settled(found):
            (found,) = laddered(ground, known, [found], [0], STEPS)
            left = _left(ground, columns, found, lost)
        if not settled(found) or len(left) == len(lost):
            break
        columns = [_replaced(row, found) if leaf in lost - left else row for leaf, row in enumerate(columns)]
        lost = left
    return columns, known, plan.apart(sizes, rng, set(range(len(sizes))) - lost)


def where_lost(ground: Ground, columns: Columns) -> set[int]:
    """Return the arrays of which a ladder that moves others as well shows less than LOST of a slope.

    But not those where claim and complex step are 0 but for their roundings, as those of a key's bias are in front of
    a softmax: a ladder of its own has no smaller bar there, which is that of the rounding of f.
    """
    joint = {id(c): c for found in columns for c in found if c.probe.leaf is None}
    unseen = {key: set(_unseen(ground, c)) for key, c in joint.items()}
    return {
        leaf
        for leaf, found in enumerate(columns)
        if any(leaf in unseen.get(id(c), ()) for c in found) and not _is_zero([c for c in found if id(c) not in joint])
    }


def _unseen(ground: Ground, c: Comparison) -> Iterator[int]:
    """Yield the arrays that move along a ladder and of which it shows less than LOST of a slope."""
    bar = float(c.real_tolerance.max())
    for leaf, d in c.probe.direction(ground.place.point).items():
        *_, terms = ground.claim.along({leaf: d})
        if bar > LOST * float(terms.max()):
            yield leaf


def _left(ground: Ground, columns: Columns, found: Comparison, lost: set[int]) -> set[int]:
    """Return which of the lost arrays are lost in another comparison, too."""
    return where_lost(ground, [_replaced(row, found) if leaf in lost else [] for leaf, row in enumerate(columns)])


def _replaced(found: list[Comparison], joint: Comparison) -> list[Comparison]:
    """Return the comparisons of an array with another one along which others move, too."""
    return [*(c for c in found if c.probe.leaf is not None), joint]


def _is_zero(found: list[Comparison]) -> bool:
    """Whether complex steps have been taken along an array, and show nothing above their bars, as its claims do."""
    return bool(found) and all(
        c.exact is not None
        and c.exact_bar is not None
        and bool((np.maximum(np.abs(c.exact), np.abs(c.claimed)) <= c.exact_bar + c.claimed_bar).all())
        for c in found
    )
