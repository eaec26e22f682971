"""Permuted, reversed, shifted: the right numbers in the wrong places."""

import numpy as np

from gradcheck.diagnosis import words
from gradcheck.diagnosis.evidence import Diagnosis, Evidence

ROWS = 512  # compared each with each
LONG = 3  # wrong outputs, without which nothing is said of their order


def permuted(e: Evidence) -> Diagnosis | None:
    """Entries of the gradient, or of dy, stand in another order."""
    if not e.whole or e.x.size < 2:
        return None
    columns = _matches(e.claimed.T, e.numeric.T, e.slack.T)
    if columns is not None and _same_classes(columns, e.numeric.T, e.slack.T) and len(e.claimed) > 1:
        said = _pattern(columns, e.shape)
        return Diagnosis("permuted", f"the numbers for {e.name} are right but stand in the wrong places: {said}")
    if not e.unit or e.y.size < 2:
        return None
    rows = _matches(e.claimed, e.numeric, e.slack)
    silent = ~e.claimed.any(axis=1) & ~e.no(e.numeric).all(axis=1)
    if rows is not None and (_same_classes(rows, e.numeric, e.slack) or not silent.any()):
        said = _pattern(rows, e.outputs) if len(e.parts) == 1 else _names(rows, e)
        return Diagnosis("permuted", f"{e.name}: dy is used in the wrong order: {said}")
    return None


def reversed_in_part(e: Evidence) -> Diagnosis | None:
    """Some outputs are right; for the others the claim is the gradient, or that of dy, reversed along an axis."""
    wrong = np.asarray(e.bad.any(axis=1))
    if not (e.unit and e.whole) or len(e.parts) > 1 or wrong.all() or wrong.sum() < LONG:
        return None
    a, t, slack = (e.full(v) for v in (e.claimed, e.numeric, e.slack))
    rows = np.arange(len(wrong)).reshape(e.outputs)
    ways = [(f"the claim is the gradient reversed along axis {i}", np.flip(t, i + 1)) for i in range(len(e.shape))]
    ways += [(f"dy is reversed along axis {i}", t[np.flip(rows, i).ravel()]) for i in range(len(e.outputs))]
    for text, turned in ways:
        if (np.abs(a - turned) <= 2 * (slack + slack.max()) + 1e-10 * np.abs(turned))[wrong].all():
            return Diagnosis("permuted", f"{e.name} is right for some outputs; for the others {text}")
    return None


def _matches(a: np.ndarray, t: np.ndarray, slack: np.ndarray) -> np.ndarray | None:
    """Return for each row of a the row of t that it equals; None if one has none."""
    if len(a) > ROWS:
        return None
    tolerance = slack.max(axis=0)
    found = np.empty(len(a), int)
    for i, row in enumerate(a):
        equal = (np.abs(t - row) <= 2 * tolerance).all(axis=1)
        if not equal.any():
            return None
        found[i] = i if equal[i] else int(np.argmax(equal))
    return None if (found == np.arange(len(a))).all() else found


def _same_classes(found: np.ndarray, t: np.ndarray, slack: np.ndarray) -> bool:
    """Whether `found` takes equal rows of t as often as there are such rows."""
    equal = (np.abs(t[:, None] - t[None]) <= 2 * slack.max(axis=0)).all(axis=2)
    first = np.argmax(equal, axis=1)
    return np.array_equal(np.sort(first[found]), np.sort(first))


def _pattern(found: np.ndarray, shape: tuple[int, ...]) -> str:
    """Say which order of entries `found` is."""
    index = np.arange(found.size).reshape(shape)
    order = found.reshape(shape)
    axes = [axis for axis in range(len(shape)) if shape[axis] > 1]
    for axis in axes:
        if np.array_equal(order, np.flip(index, axis)):
            return f"reversed along axis {axis}"
        for k in range(1, shape[axis]):
            if np.array_equal(order, np.roll(index, k, axis)):
                return f"shifted by {min(k, shape[axis] - k)} along axis {axis}"
    if np.array_equal(order, np.flip(index)):
        return "reversed"
    where = np.flatnonzero(found != np.arange(found.size))
    pairs = [[np.unravel_index(k, shape) for k in (found[i], i)] for i in where[:3]]
    shown = ", ".join(f"{_index(got)} where {_index(wanted)} belongs" for got, wanted in pairs)
    return f"{shown}{', ...' if where.size > 3 else ''}"


def _index(at: tuple) -> str:
    return f"[{', '.join(str(int(i)) for i in at)}]"


def _names(found: np.ndarray, e: Evidence) -> str:
    where = np.flatnonzero(found != np.arange(found.size))
    pairs = [(words.row(int(found[i]), e), words.row(int(i), e)) for i in where[:3]]
    shown = ", ".join(f"{got} where {wanted} belongs" for got, wanted in pairs)
    return f"{shown}{', ...' if where.size > 3 else ''}"
