"""Find the wrong entries of a large array by group testing: halve what is wrong until single entries are left."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradcheck.numeric.probe import Probe
from gradcheck.verdict.compare import compare, glance
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground, Known

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

    probe = Probe(leaf, seed=int(rng.integers(2**32)))
    found = halved(ground, known, probe, excess, WIDEST, not exact, rng)
    units = [Probe(leaf, coordinate=entry) for entry in found.entries]
    if not units:
        return Located([], found.complete, found.known)
    comparisons, known = compare(ground, found.known, units, [True] * len(units), rng)
    return Located(comparisons, found.complete, known)


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
    while segments and max(stop - start for start, stop in segments) > 1:
        halves = [half for segment in segments for half in _halves(*segment)]
        probes = [dataclasses.replace(probe, start=start, stop=stop) for start, stop in halves]
        compared, known = glance(ground, known, probes, [real] * len(probes), rng)
        found = [excess(c) for c in compared]
        odd = [i for i, e in enumerate(found) if e > 1]
        if len(odd) > widest:
            complete = False
            odd = sorted(odd, key=lambda i: -found[i])[:SAMPLE]
        segments = [halves[i] for i in odd]
    return Halved([start for start, _ in segments], complete, known)


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
