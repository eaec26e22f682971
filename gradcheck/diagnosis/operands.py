"""The gradient of a matrix is, for each output, an outer product of two vectors: which of them is wrong."""

from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis import words
from gradcheck.diagnosis.depends import FUNCTIONS
from gradcheck.diagnosis.evidence import Diagnosis, Evidence

FEWEST = 3  # outputs whose gradient is such a product
FIT = 1e-7  # of the largest: what a product may leave over


def outer(e: Evidence) -> Diagnosis | None:
    """One vector of each outer product is right; in the place of the other stands a slice of an input or the output."""
    if not (e.unit and e.whole) or len(e.shape) != 2 or min(e.shape) < 2:
        return None
    rows = np.asarray(e.bad.any(axis=1) & e.claimed.any(axis=1) & ~e.no(e.numeric).all(axis=1))
    claimed, numeric = (_vectors(e.full(v)[rows]) for v in (e.claimed, e.numeric))
    if rows.sum() < FEWEST or claimed is None or numeric is None:
        return None
    alike = [np.abs((a * t).sum(axis=1)) > 1 - FIT for a, t in zip(claimed, numeric, strict=True)]
    for side, other in ((0, 1), (1, 0)):
        name = _array(claimed[side], e) if alike[other].all() and not alike[side].any() else None
        if name is not None:
            text = f"{name} stands where another array, or another stage of it, belongs"
            return Diagnosis("value", f"{e.name}: in the outer product that each output's claim is, {text}", sure=False)
        if alike[other].all() and _off_alike(e, rows, numeric[other], other):
            text = "one vector is right, the other off entry by entry, alike wherever the first is the same"
            return Diagnosis("slope", f"{e.name}: of each output's outer product {text}: a slope on the way is wrong")
    return None


def added(e: Evidence) -> Diagnosis | None:
    """Claim minus gradient is, in every wrong output, one multiple of a slice of an input or the output."""
    if not (e.unit and e.whole) or not e.shape or e.shape[-1] < FEWEST:
        return None
    lines, slack = (e.full(v).reshape(-1, e.shape[-1]) for v in (e.error, e.slack))
    wrong = (np.abs(lines) > slack).any(axis=1)
    lines = lines[wrong]
    sizes = np.linalg.norm(lines, axis=1, keepdims=True)
    arrays = [(a, x) for a, x in zip(e.names, e.point, strict=True) if x.size and x.shape[-1:] == e.shape[-1:]]
    for name, x in arrays if len(lines) >= FEWEST else []:
        slices = x.reshape(-1, e.shape[-1])
        size = np.linalg.norm(slices, axis=1)
        match = lines / sizes @ (slices / np.maximum(size, np.finfo(float).tiny)[:, None]).T
        which = np.argmax(np.abs(match), axis=1)
        times = np.take_along_axis(match, which[:, None], 1)[:, 0] * sizes[:, 0] / size[which]
        one = np.abs(times - times[0]).max() <= FIT * np.abs(times).max()
        if one and np.unique(which).size > 1 and (np.abs(match).max(axis=1) > 1 - FIT).all():
            text = f"claim minus gradient is {words.factor(float(times[0]), e)} times a line of {name}"
            return Diagnosis("term", f"{e.name}: {text} in every output: a term with {name} is missing or wrong")
    return None


def _off_alike(e: Evidence, rows: np.ndarray, right: np.ndarray, side: int) -> bool:
    """Whether what stands beside right vectors (R, m) is off by factors that are equal for equal right vectors."""
    product = "rmn,rm->rn" if side == 0 else "rmn,rn->rm"
    a, t = (np.einsum(product, e.full(v)[rows], right) for v in (e.claimed, e.numeric))
    if (np.abs(t) <= 1e-9 * np.abs(t).max()).any() or t.shape[1] < FEWEST:
        return False
    factors = a / t
    equal = np.abs(right @ right.T) > 1 - FIT
    apart = np.abs(factors[:, None] - factors[None]).max(axis=2) > 1e-6 * np.abs(factors).max()
    return bool((equal.sum(axis=1) > 1).all() and not (apart & equal).any() and (apart & ~equal).any())


def _array(vectors: np.ndarray, e: Evidence) -> str | None:
    """Return the array of which each vector (R, m) is a slice along its last axis, but for its length."""
    arrays = [(name, x) for i, (name, x) in enumerate(zip(e.names, e.point, strict=True)) if i != e.leaf and x.size]
    for name, x in [*arrays, ("the output", e.y.reshape(e.outputs))]:
        for said, values in _stages(name, x) if x.ndim and x.shape[-1] == vectors.shape[1] else []:
            slices = values.reshape(-1, x.shape[-1])
            unit = slices / np.maximum(np.linalg.norm(slices, axis=1, keepdims=True), np.finfo(float).tiny)
            if (np.abs(vectors @ unit.T).max(axis=1) > 1 - FIT).all():
                return said
    return None


def _stages(name: str, x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield an array, and what a common function makes of it."""
    yield name, x
    with np.errstate(all="ignore"):
        made = {said: function(x) for said, function in FUNCTIONS.items()}
    yield from ((f"{said} of {name}", values) for said, values in made.items() if np.isfinite(values).all())


def _vectors(values: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return left (R, m) and right (R, n) unit vectors if each matrix of values (R, m, n) is one outer product."""
    if not len(values) or not np.isfinite(values).all():
        return None
    left, sizes, right = np.linalg.svd(values, full_matrices=False)
    return None if (sizes[:, 1] > FIT * sizes[:, 0]).any() else (left[:, :, 0], right[:, 0])
