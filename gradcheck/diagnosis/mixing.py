"""Along which axes outputs and entries are mixed, and along which they should be."""

import itertools

import numpy as np

from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.rules import diagonal

FULL = 0.9  # of the derivatives at equal indices: so many are there at unequal ones too, if all are mixed


def mixed(e: Evidence) -> Diagnosis | None:
    """The claim lets entries depend on each other along other axes than the layer does."""
    if not (e.unit and e.whole) or e.outputs != e.shape or len(e.shape) < 2:
        return None
    claimed, numeric = _along(e.claimed != 0, e.shape), _along(~e.no(e.numeric), e.shape)
    if not numeric or not claimed - numeric:
        return None
    said = " and ".join(map(str, sorted(claimed)))
    text = f"the claim mixes entries along axis {said}, the layer along axis {' and '.join(map(str, sorted(numeric)))}"
    why = "a mean, a sum or a norm is taken over the wrong axis, or over one too many"
    return Diagnosis("axis", f"{e.name}: {text}: {why}")


def crossed(e: Evidence) -> Diagnosis | None:
    """As `mixed`, of an output that shares one axis with the array: all entries along it get a part of each dy."""
    if not (e.unit and e.whole) or not e.outputs or len(e.parts) > 1 or e.outputs == e.shape:
        return None
    shape = (*e.outputs, *e.shape)
    a, t = ((v != 0) & ~e.no(v) for v in (e.claimed, e.numeric))
    if (t & ~a).any():
        return None
    for p, q in itertools.product(range(len(e.outputs)), range(len(e.shape))):
        if e.outputs[p] != e.shape[q] or e.shape[q] < 2:
            continue
        index = np.indices(shape, sparse=True)
        alike = np.broadcast_to(index[p] == index[len(e.outputs) + q], shape).reshape(a.shape)
        if not t[~alike].any() and a[~alike].mean() >= FULL * t[alike].mean() > 0:
            text = f"the claim mixes entries along axis {q}, the layer does not"
            why = "a mean, a sum, a norm or a softmax is taken over the wrong axis, or over one too many"
            return Diagnosis("axis", f"{e.name}: {text}: {why}")
    return None


def _along(there: np.ndarray, shape: tuple[int, ...]) -> set[int]:
    """Return the axes in which the index of an output and of an entry that it depends on may differ."""
    outputs, entries = np.nonzero(there)
    pairs = zip(np.unravel_index(outputs, shape), np.unravel_index(entries, shape), strict=True)
    return {axis for axis, (i, j) in enumerate(pairs) if (i != j).any()}


def wrong_axis(e: Evidence) -> Diagnosis | None:
    """The claim depends on the outputs that the right one would with two axes of dy exchanged."""
    if not (e.unit and e.whole) or diagonal(e) is not None or len(e.outputs) > 4:
        return None
    a, t = (e.claimed != 0).reshape(*e.outputs, -1), (~e.no(e.numeric)).reshape(*e.outputs, -1)
    if a.all() or t.all() or np.array_equal(a, t):
        return None
    for p, q in itertools.combinations(range(len(e.outputs)), 2):
        if e.outputs[p] == e.outputs[q] and np.array_equal(a, t.swapaxes(p, q)):
            return Diagnosis(
                "axis", f"{e.name}: dy is summed over the wrong axis: axes {p} and {q} of dy are exchanged"
            )
    return None
