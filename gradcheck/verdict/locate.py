"""Find the wrong entries of an array: all of a small one are compared, a large one is halved down to a few."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradcheck.numeric.constants import WINDOW
from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.compare import Compared, compare, glance, laddered
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.doubt import CONFIRMED
from gradcheck.verdict.first_look import claimed
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.plan import EXHAUSTIVE

WIDEST = 32  # wrong segments at one depth, above which the error is dense and a sample will do
SAMPLE = 4


@dataclasses.dataclass(frozen=True)
class Located:
    """Comparisons at single entries, and whether these are all that are wrong."""

    comparisons: list[Comparison]
    complete: bool
    known: Known


@dataclasses.dataclass(frozen=True)
class Halved:
    """Entries to which something odd was traced, and whether these are all."""

    entries: list[int]
    complete: bool
    known: Known


def locate(ground: Ground, known: Known, leaf: int, exact: bool, rng: np.random.Generator) -> Located:
    """Compare at the wrong entries of one array; `exact` says whether the complex step is believed there."""

    def excess(c: Comparison) -> float:
        return _excess(c, exact)

    size, complete = ground.place.point[leaf].size, True
    entries = list(range(size))
    if size > (EXHAUSTIVE if exact else WIDEST):
        probe = Probe(leaf, seed=int(rng.integers(2**32)))
        found = halved(ground, known, probe, excess, WIDEST, not exact, rng)
        entries, complete, known = found.entries, found.complete, found.known
    units = [Probe(leaf, coordinate=entry) for entry in entries]
    if not units:
        return Located([], complete, known)
    if not exact:
        comparisons, known = compare(ground, known, units, [True] * len(units), rng)
        return Located(comparisons, complete, known)
    seen, known = glance(ground, known, units, [False] * len(units), rng)
    odd = [i for i, c in enumerate(seen) if excess(c) > 1]
    worst = sorted(odd, key=lambda i: -excess(seen[i]))[:CONFIRMED]
    if not worst:
        return Located(seen, complete, known)
    seen = laddered(ground, known, seen, worst[:1], STEPS[list(WINDOW)])
    if not seen[worst[0]].outside().any():  # then at length, and along others
        sure, known = compare(ground, known, [units[i] for i in worst], [True] * len(worst), rng)
        for i, c in zip(worst, sure, strict=True):
            seen[i] = c
    return Located(seen, complete, known)


def halved(
    ground: Ground,
    known: Known,
    probe: Probe,
    excess: Callable[[Comparison], float],
    widest: int,
    real: bool,
    rng: np.random.Generator,
) -> Halved:
    """Trace a direction's excess (above 1: something is odd) to entries.

    `real` says whether segments get ladders of real differences.
    """
    assert probe.leaf is not None
    segments, complete = [(0, ground.place.point[probe.leaf].size)], True
    wholes: list[Comparison | None] = [None]
    while segments and max(stop - start for start, stop in segments) > 1:
        halves = [[dataclasses.replace(probe, start=i, stop=j) for i, j in _halves(*segment)] for segment in segments]
        compared, known = _compared(ground, known, halves, [None] * len(halves) if real else wholes, real, rng)
        found = [excess(c) for c in compared]
        odd = [i for i, e in enumerate(found) if e > 1]
        if len(odd) > widest:
            complete = False
            odd = sorted(odd, key=lambda i: -found[i])[:SAMPLE]
        ends = [half for segment in segments for half in _halves(*segment)]
        segments, wholes = [ends[i] for i in odd], [compared[i] for i in odd]
    return Halved([start for start, _ in segments], complete, known)


def _compared(
    ground: Ground,
    known: Known,
    halves: list[list[Probe]],
    wholes: list[Comparison | None],
    real: bool,
    rng: np.random.Generator,
) -> Compared:
    """Compare along halves; of a whole that is known the complex step along the first tells that along the second."""
    asked = [half for pair, whole in zip(halves, wholes, strict=True) for half in (pair if whole is None else pair[:1])]
    compared, known = glance(ground, known, asked, [real] * len(asked), rng)
    rest, found = iter(compared), []
    for (_, *second), whole in zip(halves, wholes, strict=True):
        first = next(rest)
        found += [first, *(next(rest) if whole is None else _rest(ground, half, whole, first) for half in second)]
    return found, known


def _rest(ground: Ground, probe: Probe, whole: Comparison, part: Comparison) -> Comparison:
    """Return what a comparison along a part leaves of that along the whole, for the rest: derivatives add up."""
    c = claimed(ground, probe)
    if whole.exact is None or part.exact is None or whole.exact_bar is None or part.exact_bar is None:
        return c
    return dataclasses.replace(c, exact=whole.exact - part.exact, exact_bar=whole.exact_bar + part.exact_bar)


def _halves(start: int, stop: int) -> list[tuple[int, int]]:
    middle = (start + stop) // 2
    return [(start, middle), (middle, stop)] if stop - start > 1 else [(start, stop)]


def _excess(c: Comparison, exact: bool) -> float:
    """Return by how many bars a segment's claim is off."""
    if exact and c.exact is not None and c.exact_bar is not None:
        ratio = np.abs(c.claimed - c.exact) / (c.exact_bar + c.claimed_bar + 1e-300)
    elif c.real is not None:
        nearest = np.clip(c.claimed, c.real.low, c.real.high)
        ratio = np.abs(c.claimed - nearest) / (c.real_tolerance + 1e-300)
    else:
        return 0.0
    return float(np.nan_to_num(ratio, nan=np.inf).max())
