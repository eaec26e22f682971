"""Find the wrong entries of a large array by group testing: halve what is wrong until single entries are left."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradcheck.numeric.probe import Probe
from gradcheck.verdict.compare import Comparer
from gradcheck.verdict.comparison import Comparison

WIDEST = 32  # wrong segments at one depth, above which the error is dense and a sample will do
SAMPLE = 4


def locate(comparer: Comparer, leaf: int, size: int, exact: bool, seed: int) -> tuple[list[Comparison], bool]:
    """Return comparisons at wrong entries of one array, and whether these are all of them."""

    def excess(c: Comparison) -> float:
        return _excess(c, exact)

    entries, complete = halved(comparer, Probe(leaf, seed=seed), size, excess, WIDEST, not exact)
    units = [Probe(leaf, coordinate=entry) for entry in entries]
    return (comparer.compare(units, [True] * len(units)) if units else []), complete


def halved(
    comparer: Comparer, probe: Probe, size: int, excess: Callable[[Comparison], float], widest: int, real: bool
) -> tuple[list[int], bool]:
    """Return the entries to which a direction's excess (above 1: something is odd) is traced, and whether all are.

    `real` says whether segments get ladders of real differences.
    """
    segments, complete = [(0, size)], True
    while segments and max(stop - start for start, stop in segments) > 1:
        halves = [half for segment in segments for half in _halves(*segment)]
        probes = [dataclasses.replace(probe, start=start, stop=stop) for start, stop in halves]
        compared = comparer.compare(probes, [real] * len(probes), sharpen=False)
        found = [excess(c) for c in compared]
        odd = [i for i, e in enumerate(found) if e > 1]
        if len(odd) > widest:
            complete = False
            odd = sorted(odd, key=lambda i: -found[i])[:SAMPLE]
        segments = [halves[i] for i in odd]
    return [start for start, _ in segments], complete


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
