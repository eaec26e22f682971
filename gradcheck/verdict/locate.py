"""Find the wrong entries of an array: all of a small one are compared, a large one is halved down to a few."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradcheck.numeric.constants import CONFIRMING
from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.subjects.findings import Finding
from gradcheck.verdict.absorbed import allowing_for_what_is_absorbed, beside_absorbed
from gradcheck.verdict.compare import Compared, compare, glance, laddered
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.doubt import CONFIRMED
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.halves import Cut, Means, by_complex_step, by_ladders, by_short_ladders, in_two
from gradcheck.verdict.measured import measured
from gradcheck.verdict.plan import EXHAUSTIVE

WIDEST = 32  # wrong segments at one depth, above which the error is dense and a sample will do
OF_LARGE = 8  # the same where each costs more
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

    size, large = ground.place.point[leaf].size, ground.problem.is_large
    if size <= (EXHAUSTIVE if exact else WIDEST):
        return _alone(ground, leaf, Halved(list(range(size)), True, known), exact, rng)
    probe = Probe(leaf, seed=int(rng.integers(2**32)))
    for means in (by_complex_step,) if exact else (by_short_ladders, by_ladders):
        found = halved(ground, known, probe, excess, OF_LARGE if large else WIDEST, means, rng)
        entries = _alone(ground, leaf, found, exact, rng)
        if any(c.outside().any() for c in entries.comparisons):
            break
        known = entries.known
    return entries


def _alone(ground: Ground, leaf: int, found: Halved, exact: bool, rng: np.random.Generator) -> Located:
    """Compare at the entries to which something odd was traced."""
    units, complete, known = [Probe(leaf, coordinate=entry) for entry in found.entries], found.complete, found.known
    if not units:
        return Located([], complete, known)
    if not exact:
        comparisons, known = _by_differences(ground, known, units, rng)
        return Located(comparisons, complete, known)
    seen, known = glance(ground, known, units, [False] * len(units), rng)
    excesses = [_excess(c, exact) for c in seen]
    odd = [i for i, excess in enumerate(excesses) if excess > 1]
    worst = sorted(odd, key=lambda i: -excesses[i])[:CONFIRMED]
    if not worst:
        return Located(seen, complete, known)
    seen = laddered(ground, known, seen, worst[:1], STEPS[list(CONFIRMING)])
    if not seen[worst[0]].outside().any():  # then at length, and along others
        seen, known = _at_length(ground, known, seen, worst, rng)
    return Located(seen, complete, known)


def _by_differences(ground: Ground, known: Known, units: list[Probe], rng: np.random.Generator) -> Compared:
    """Compare at entries by real differences; of a large array, which is known to be wrong, a first look will do."""
    if not ground.problem.is_large:
        return compare(ground, known, units, [True] * len(units), rng)
    seen, known = glance(ground, known, units, [True] * len(units), rng)
    left = [i for i, c in enumerate(seen) if not (c.resolved and c.outside().any())]
    return _at_length(ground, known, seen, left, rng)


def _at_length(
    ground: Ground, known: Known, seen: list[Comparison], where: list[int], rng: np.random.Generator
) -> Compared:
    """Return what was seen, with some of it compared again by ladders that are sharpened and confirmed."""
    found = list(seen)
    sure, known = compare(ground, known, [seen[i].probe for i in where], [True] * len(where), rng)
    for i, c in zip(where, sure, strict=True):
        found[i] = c
    return found, known


def located(
    near: Ground,
    known: Known,
    columns: list[list[Comparison]],
    believed: tuple[bool, ...],
    explained: tuple[int, ...],
    rng: np.random.Generator,
) -> tuple[list[list[Comparison]], Known, list[Finding]]:
    """Where only a direction shows that an array is wrong, find the entries; without any, acquit what is not plain."""
    columns, findings = list(columns), []
    for leaf in explained:
        wrong = [c for c in columns[leaf] if c.probe.leaf == leaf and c.outside().any()]
        if not wrong or any(c.probe.coordinate is not None for c in wrong):
            continue
        may_absorb = not (near.problem.is_large or wrong[0].is_plain())
        ground = beside_absorbed(near, wrong[0], rng) if may_absorb else near
        found = locate(ground, known, leaf, believed[leaf], rng)
        if may_absorb:
            found = dataclasses.replace(found, comparisons=allowing_for_what_is_absorbed(ground, found.comparisons))
        known = found.known
        if not any(c.outside().any() for c in found.comparisons):
            # in its parts a narrow format leaves too little to be seen
            if not (all(c.followed for c in wrong) and _is_contradicted_again(near, known, leaf, rng)):
                columns[leaf] = [_acquitted(c) if any(c is w for w in wrong) else c for c in columns[leaf]]
        elif not found.complete:
            name = near.problem.leaves[leaf].name
            message = f"{name}: many entries are wrong, of which a sample was located"
            findings.append(Finding("dense", message, "note", name))
        columns[leaf] = columns[leaf] + found.comparisons
    return columns, known, findings


def _is_contradicted_again(near: Ground, known: Known, leaf: int, rng: np.random.Generator) -> bool:
    """Whether claims integrated along another direction of an array contradict its claim as well.

    Of right ones in bfloat16 and float16 none was off by more than 0.4 bars.
    """
    known = dataclasses.replace(known, smooth=False)  # as entries may have been, of which each alone crosses no step
    (c,), _ = measured(near, known, [Probe(leaf, seed=int(rng.integers(2**32)))], [True], rng)
    return bool(c.outside().any())


def _acquitted(c: Comparison) -> Comparison:
    """Acquit a claim that only the array as a whole contradicts, unless the complex step confirms that.

    Where equal entries move alike a tie is smooth, of which each entry alone shows a kink.
    """
    if c.is_plain() or c.real is None or c.probe.by_value:
        return c
    real = dataclasses.replace(c.real, bar=np.full_like(c.real.bar, np.inf))
    doubt = "differences along the whole array contradict the claim, in its parts they do not"
    return dataclasses.replace(c, real=real, doubt=doubt)


def halved(
    ground: Ground,
    known: Known,
    probe: Probe,
    excess: Callable[[Comparison], float],
    widest: int,
    means: Means,
    rng: np.random.Generator,
) -> Halved:
    """Trace a direction's excess (above 1: something is odd) to entries; segments are compared by some `means`."""
    segments, complete = [(0, ground.place.point[probe.array].size)], True
    wholes: list[Comparison | None] = [None]
    while segments and max(stop - start for start, stop in segments) > 1:
        pairs = [in_two(*segment) for segment in segments]
        halves = [[dataclasses.replace(probe, start=i, stop=j) for i, j in pair] for pair in pairs]
        compared, known = means(ground, known, Cut(halves, wholes, excess), rng)
        found = [excess(c) for c in compared]
        odd = [i for i, e in enumerate(found) if e > 1]
        if len(odd) > widest:
            complete = False
            odd = sorted(odd, key=lambda i: -found[i])[:SAMPLE]
        ends = [half for pair in pairs for half in pair]
        segments, wholes = [ends[i] for i in odd], [compared[i] for i in odd]
    return Halved([start for start, _ in segments], complete, known)


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
