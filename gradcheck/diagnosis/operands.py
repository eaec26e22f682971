"""The gradient of a matrix is, for each output, an outer product of two vectors: which of them is wrong."""

import numpy as np

from gradcheck.diagnosis.evidence import Diagnosis, Evidence

FEWEST = 3  # outputs whose gradient is such a product
FIT = 1e-7  # of the largest: what a product may leave over


def outer(e: Evidence) -> Diagnosis | None:
    """One vector of each outer product is right; the other, that several outputs share, is wrong: another operand."""
    if not (e.unit and e.whole) or len(e.shape) != 2 or min(e.shape) < 2:
        return None
    rows = e.bad.any(axis=1) & e.claimed.any(axis=1) & ~e.no(e.numeric).all(axis=1)
    claimed, numeric = (_vectors(e.full(v)[rows]) for v in (e.claimed, e.numeric))
    if rows.sum() < FEWEST or claimed is None or numeric is None:
        return None
    alike = [np.abs((a * t).sum(axis=1)) > 1 - FIT for a, t in zip(claimed, numeric, strict=True)]
    for side, other in ((0, 1), (1, 0)):
        shared, apart = (_directions(numeric[k]) for k in (side, other))
        single = ((np.abs(numeric[other]) > FIT).sum(axis=1) == 1).all()  # as dy of one output is
        if alike[other].all() and not alike[side].any() and (shared < apart or single):
            text = "for each output the claim is an outer product of which one vector is right and the other is not"
            return Diagnosis("value", f"{e.name}: {text}: it is multiplied with another array, or another stage of it")
    return None


def _vectors(values: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return left (R, m) and right (R, n) unit vectors if each matrix of values (R, m, n) is one outer product."""
    if not len(values) or not np.isfinite(values).all():
        return None
    left, sizes, right = np.linalg.svd(values, full_matrices=False)
    return None if (sizes[:, 1] > FIT * sizes[:, 0]).any() else (left[:, :, 0], right[:, 0])


def _directions(vectors: np.ndarray) -> int:
    """Return how many different directions there are among unit vectors (R, m)."""
    alike = np.abs(vectors @ vectors.T) > 1 - FIT
    return np.unique(np.argmax(alike, axis=1)).size
