"""Inputs at which the claim becomes right: a matrix made symmetric, two arrays made equal, one made small."""

import itertools
from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis.evidence import Diagnosis, Evidence

ENTRIES = 8  # of the wrong ones, that are looked at again
WAYS = 12  # that are tried
LEFT = 0.5  # of the wrong derivatives must still be there, or nothing is shown
SMALLER = (2.0**-4, 2.0**-6)  # of an array: no smooth formula that is wrong beyond is right at both
LOUD = 1e-3  # of the largest one's size, below which a derivative shows nothing


def mended(e: Evidence) -> Diagnosis | None:
    """The claim is right where a matrix is symmetric, or where two arrays are equal."""
    if not e.wrong.any():
        return None
    at = _some(e)
    for name, said, changes in itertools.islice(_ways(e), WAYS):
        if not _mends(e, changes, at):
            continue
        if name == "swapped" and not _told_apart(e, changes, at):
            continue
        return Diagnosis(name, f"{e.name}: the claim is right where {said}")
    return None


def within(e: Evidence) -> Diagnosis | None:
    """The claim is right to the last digit where the array, or what is between it and another, is small enough."""
    if not e.wrong.any():
        return None
    at = _some(e)
    others = [(j, x) for j, x in enumerate(e.point) if j != e.leaf and x.shape == e.shape]
    ways = [(e.name, np.zeros(e.shape)), *((f"{e.name} - {e.names[j]}", x) for j, x in others)]
    for said, centre in ways[:WAYS]:
        if all(_mends(e, {e.leaf: centre + part * (e.x - centre)}, at) for part in SMALLER):
            text = f"the claim is right where {said} is small, and wrong where it is large"
            return Diagnosis("branch", f"{e.name}: {text}: beyond a threshold the derivative is wrong")
    return None


def _mends(e: Evidence, changes: dict[int, np.ndarray], at: np.ndarray) -> bool:
    """Whether all is right where arrays are replaced."""
    try:
        other = e.changed(changes, e.at[at])
    except Exception:  # the user's code may not take it
        return False
    return other is not None and other.claimed.shape == (len(e.claimed), at.size) and _right(e, other, at)


def _some(e: Evidence) -> np.ndarray:
    """Return some of the wrong entries (m,)."""
    wrong = np.flatnonzero(e.wrong)
    return wrong[np.linspace(0, wrong.size - 1, min(ENTRIES, wrong.size)).astype(int)]


def _told_apart(e: Evidence, changes: dict[int, np.ndarray], at: np.ndarray) -> bool:
    """Whether the claim is wrong where one array is twice the other: if not, what they make alike is symmetric."""
    other = e.changed({i: 2 * x for i, x in changes.items()}, e.at[at])
    return other is not None and bool(other.bad.any())


def _ways(e: Evidence) -> Iterator[tuple[str, str, dict[int, np.ndarray]]]:
    for i, x in enumerate(e.point):
        for p, q in itertools.combinations(range(x.ndim), 2):
            if x.shape[p] == x.shape[q] > 1:
                text = f"{e.names[i]} is symmetric{_axes(x, p, q)}, and wrong where it is not"
                yield "transposed", f"{text}: it is not transposed where it must be", {i: (x + x.swapaxes(p, q)) / 2}
    for i, j in itertools.combinations(range(len(e.point)), 2):
        if e.point[i].shape == e.point[j].shape and e.point[i].size > 1:
            text = f"{e.names[i]} and {e.names[j]} are equal, and wrong where they are not"
            yield "swapped", f"{text}: one stands where the other belongs", {j: e.point[i]}


def _axes(x: np.ndarray, p: int, q: int) -> str:
    return f" in axes {p} and {q}" if x.ndim > 2 else ""


def _right(e: Evidence, other: Evidence, at: np.ndarray) -> bool:
    """Whether all is right there, and as much as was wrong before is there to be right."""
    bad = e.bad[:, at]
    size = np.abs(e.numeric[:, at]).max(initial=0)
    there = bad & (np.abs(other.numeric) > LOUD * size) & ~other.no(other.numeric)
    return bool(bad.any() and not other.bad.any() and there.sum() >= LEFT * bad.sum())
