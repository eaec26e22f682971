"""The range of a matrix: the claim is right within it, and what lies outside is left out."""

from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis.evidence import Diagnosis, Evidence

FIT = 1e-8  # of the error: what of it may lie on the other side
LOUD = 1e-2  # of the gradient, that lies on either side
FEWEST = 8  # equations


def outside(e: Evidence) -> Diagnosis | None:
    """The error is orthogonal to the columns, or to the rows, of a matrix, while claim and gradient are not."""
    other = e.elsewhere() if e.whole and len(e.shape) == 2 else None
    if other is None or other.error.shape != e.error.shape:
        return None
    for i, side in _matrices(e):
        if all(_apart(v, v.point[i], side) for v in (e, other)):
            what = "columns" if side == 0 else "rows"
            text = f"claim minus gradient is orthogonal to the {what} of {e.names[i]}, claim and gradient are not"
            why = f"of two terms, that of what lies outside the range of {e.names[i]} is left out or wrong"
            return Diagnosis("term", f"{e.name}: {text}: {why}")
    return None


def _matrices(e: Evidence) -> Iterator[tuple[int, int]]:
    """Yield each array whose columns (0) or rows (1) are too few to span those of this one, the array itself first."""
    for i in sorted(range(len(e.point)), key=lambda i: i != e.leaf):
        x = e.point[i]
        for side in (0, 1) if x.ndim == 2 else ():
            if x.shape[side] == e.shape[side] > x.shape[1 - side] > 0:
                yield i, side


def _apart(e: Evidence, x: np.ndarray, side: int) -> bool:
    """Whether nothing of the error, but of claims and gradients a part, lies in the range of a matrix."""
    columns = x if side == 0 else x.T
    basis = np.linalg.svd(columns, full_matrices=False)[0]
    full = [e.full(v) for v in (e.error, e.claimed, e.numeric)]
    error, claimed, numeric = full if side == 0 else [v.swapaxes(1, 2) for v in full]
    bad = np.abs(error).reshape(len(error), -1).max(axis=1) > e.slack.max(axis=1)
    if bad.sum() * basis.shape[1] * error.shape[2] < FEWEST:
        return False
    inside, claims, gradients = (np.abs(np.einsum("ij,rik->rjk", basis, v)) for v in (error, claimed, numeric))
    size = np.abs(numeric).max()
    small = (inside <= FIT * np.abs(error).max() + len(columns) * e.slack.max()).all()
    return bool(small and min(claims.max(), gradients.max(), np.abs(error).max()) > LOUD * size)
