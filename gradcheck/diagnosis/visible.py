"""Which slices of another array an entry takes something from: found by moving one slice at a time."""

import numpy as np

from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.numeric.points import generic

ARRAYS = 3  # that are moved
LONG, LONGEST = 3, 12  # of an axis with such slices
SEVERAL = 2  # steps on either side
SAME = 1e-12  # of the largest entry
APART = 1e-6


def masked(e: Evidence) -> Diagnosis | None:
    """Claims change with slices of an array with which the gradient does not: those on one side of the entry's own."""
    if not (e.unit and e.whole):
        return None
    arrays = [i for i, x in enumerate(e.point) if i != e.leaf and x.ndim > 1][:ARRAYS]
    for q, n in enumerate(e.shape):
        at = _line(e, q)
        if not LONG <= n <= LONGEST or at is None:
            continue
        for k, axis in [(i, axis) for i in arrays for axis, m in enumerate(e.point[i].shape) if m == n]:
            found = _steps(e, k, axis, at)
            if found is None:
                continue
            gradients, claims = found
            more = claims - gradients
            if min(len(gradients), len(more)) < SEVERAL or not gradients <= claims:
                continue
            if (later := min(more) > max(gradients)) or max(more) < min(gradients):
                side = "later" if later else "earlier"
                text = f"at each index of axis {q} the claim changes with {side} indices of axis {axis} of {e.names[k]}"
                return Diagnosis("mask", f"{e.name}: {text}, the gradient does not: a mask is left out", sure=False)
    return None


def _line(e: Evidence, q: int) -> np.ndarray | None:
    """Return a wrong entry's line (n,) of entries along an axis."""
    index = np.unravel_index(int(np.argmax(np.abs(e.error).max(axis=0))), e.shape)
    places = [np.full(e.shape[q], k) for k in index]
    places[q] = np.arange(e.shape[q])
    return np.ravel_multi_index(places, e.shape)


def _steps(e: Evidence, i: int, axis: int, at: np.ndarray) -> tuple[set[int], set[int]] | None:
    """Return how far before or after its own index are the slices that the gradient and the claim change with.

    Where one is so for some entries of the line and not for others, None.
    """
    x, n = e.point[i], at.size
    moved = generic(x, np.random.default_rng(3))
    changes = np.zeros((2, n, n), dtype=bool)  # of gradient and claim, by entry, with each slice
    for k in range(n):
        here = np.expand_dims(np.arange(n) == k, [a for a in range(x.ndim) if a != axis])
        try:
            other = e.changed({i: np.where(here, moved, x)}, at)
        except Exception:  # the user's code may not take it
            return None
        if other is None or other.claimed.shape != (len(e.claimed), n) or not np.isfinite(other.claimed).all():
            return None
        slack = 4 * (e.slack[:, at] + other.slack) + APART * np.abs(e.numeric).max()
        changes[0, :, k] = (np.abs(other.numeric - e.numeric[:, at]) > slack).any(axis=0)
        apart = np.abs(other.claimed - e.claimed[:, at]) > SAME * np.abs(e.claimed).max()
        changes[1, :, k] = apart.any(axis=0)
    steps = np.arange(n) - np.arange(n)[:, None]
    found = [set(steps[part].tolist()) for part in changes]
    if any((part != np.isin(steps, list(there))).any() for part, there in zip(changes, found, strict=True)):
        return None
    return found[0], found[1]
