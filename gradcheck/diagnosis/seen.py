"""What is plainly seen where no pattern fits: facts about the numbers, and no cause."""

from collections.abc import Sequence

import numpy as np

from gradcheck.diagnosis import simple, words
from gradcheck.diagnosis.evidence import Evidence
from gradcheck.diagnosis.laws import vanishes
from gradcheck.verdict.comparison import Comparison


def seen(e: Evidence) -> str:
    """Return which entries are wrong, by how much, and which dependences are there on one side only."""
    if not e.wrong.any():
        return ""
    where = words.places(e.wrong, e.shape) if e.whole else f"at {int(e.wrong.sum())} of {e.at.size} entries tried"
    said = [f"{e.name} is wrong {where}"]
    said.append(f"by {simple.part(e):.2g} of the gradient's size")
    if e.unit and e.y.size > 1:
        there = ~e.no(e.numeric)
        lost, extra = int(((e.claimed == 0) & there).sum()), int(((e.claimed != 0) & ~there & e.bad).sum())
        if lost:
            said.append(f"{lost} of {int(there.sum())} pairs of output and entry with a dependence get no derivative")
        if extra:
            said.append(f"{extra} pairs without a dependence get one")
    more = (_by_index(e), _sums(e)) if e.whole else ()
    return "; ".join([", ".join(said), *filter(None, more)])


def compared(name: str, comparisons: Sequence[Comparison]) -> str:
    """Return by how much an array is wrong along what was compared of it alone."""
    parts = [part for c in comparisons if c.probe.leaf is not None for part in _parts(c)]
    return f"{name} is wrong by {max(parts):.2g} of a derivative that was compared" if parts else ""


def _parts(c: Comparison) -> list[float]:
    """Return what a claim that is outside its bar is off by, beside the numeric derivative."""
    found = []
    numeric = [(c.exact_outside(), c.exact), (c.outside(), None if c.real is None else c.real.value)]
    for outside, values in numeric:
        if values is not None:
            there = outside & (values != 0) & np.isfinite(c.claimed)
            found += (np.abs(c.claimed - values)[there] / np.abs(values)[there]).tolist()
    return found


def _sums(e: Evidence) -> str:
    """Say where the claims sum to zero along an axis and the numeric gradients do not, or the other way round."""
    a, t = e.full(e.claimed), e.full(e.numeric)
    for axis in reversed(range(len(e.shape))):
        if e.shape[axis] > 2:
            claims, gradients = vanishes(a, (axis + 1,), e), vanishes(t, (axis + 1,), e)
            if claims != gradients:
                which = ("claims", "numeric gradients") if claims else ("numeric gradients", "claims")
                return f"the {which[0]} sum to 0 along axis {axis}, the {which[1]} do not"
            sums, sizes = (a - t).sum(axis=axis + 1), np.abs(a - t).sum(axis=axis + 1)
            slack = e.full(e.slack).sum(axis=axis + 1)
            if not (claims and gradients) and len(a) > 2 and (np.abs(sums) <= slack + 1e-9 * sizes).all():
                return f"the claims have the right sums along axis {axis}, but not the right entries"
    return ""


def _by_index(e: Evidence) -> str:
    """Right or wrong as the index of an output compares with that of an entry."""
    if not (e.unit and e.whole):
        return ""
    shape, there = (*e.outputs, *e.shape), ~e.no(e.numeric)
    index = np.indices(shape)
    bad, there = e.bad.reshape(shape), there.reshape(shape)
    for p in range(len(e.outputs)):
        for q in range(len(e.outputs), len(shape)):
            i, j = index[p], index[q]
            for said, part in (("equals", i == j), ("differs from", i != j), ("is above", i > j), ("is below", i < j)):
                if (
                    shape[p] == shape[q] > 2
                    and (part & there).any()
                    and (~part & there).any()
                    and np.array_equal(bad, part & there)
                ):
                    where = f"the index of axis {p} of the output {said} that of axis {q - len(e.outputs)} of {e.name}"
                    return f"all wrong derivatives are where {where}"
    return ""
