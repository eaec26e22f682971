"""Find the wrong entries of a large array by group testing: halve what is wrong until single entries are left."""

import numpy as np

from gradcheck.compare import Comparer
from gradcheck.comparison import Comparison
from gradcheck.points import Probe

WIDEST = 32  # wrong segments at one depth, above which the error is dense and a sample will do
SAMPLE = 4


def locate(comparer: Comparer, leaf: int, size: int, exact: bool, seed: int) -> tuple[list[Comparison], bool]:
    """Return comparisons at wrong entries of one array, and whether these are all of them."""
    segments, complete = [(0, size)], True
    while segments and max(stop - start for start, stop in segments) > 1:
        halves = [half for segment in segments for half in _halves(*segment)]
        probes = [Probe(leaf, seed=seed, start=start, stop=stop) for start, stop in halves]
        compared = comparer.compare(probes, [not exact] * len(probes), sharpen=False)
        excess = [_excess(c, exact) for c in compared]
        wrong = [i for i, e in enumerate(excess) if e > 1]
        if len(wrong) > WIDEST:
            complete = False
            wrong = sorted(wrong, key=lambda i: -excess[i])[:SAMPLE]
        segments = [halves[i] for i in wrong]
    units = [Probe(leaf, coordinate=start) for start, _ in segments]
    return (comparer.compare(units, [True] * len(units)) if units else []), complete


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
