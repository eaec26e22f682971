"""Transposed, permuted, reversed, shifted: the right numbers in the wrong places."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.rules import diagonal

MOST_AXES = 6
ROWS = 256  # compared each with each
WAYS = 40  # to transpose or reverse an input that are tried, at five forward passes each


def transposed(e: Evidence) -> Diagnosis | None:
    """The claimed Jacobian is the numeric one with axes exchanged."""
    for order, moved in _orders(e):
        if e.close(e.claimed, moved):
            outputs = len(e.outputs)
            if e.outputs == e.shape and all(a in (i, (i + outputs) % (2 * outputs)) for i, a in enumerate(order)):
                text = f"the claim for {e.name} is J dy instead of J^T dy in {_said(order, e)}"
                return Diagnosis(
                    "transposed", f"{text}: a factor is not transposed, or factors are applied in forward order"
                )
            return Diagnosis(
                "transposed", f"{e.name}: the claim is the gradient with {_said(order, e)} exchanged (a transpose?)"
            )
    return None


def symmetrised(e: Evidence) -> Diagnosis | None:
    """The claim and its mirror image make the numeric Jacobian, as sum or as mean."""
    for order, moved in _orders(e, claimed=True):
        if e.close(e.claimed + moved, e.numeric):
            said = _said(order, e)
            text = f"{e.name} is used twice, of which one is left out: the claim with {said} exchanged is the rest"
            return Diagnosis("path", text)
        if e.close((e.claimed + moved) / 2, e.numeric):
            text = f"the mean of the claim and of itself with {_said(order, e)} exchanged is right"
            return Diagnosis("transposed", f"{e.name}: {text}: something is taken for symmetric that is not")
    return None


def _orders(e: Evidence, claimed: bool = False) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    shape = (*e.outputs, *e.shape)
    if not (e.unit and e.whole) or len(shape) > MOST_AXES or math.prod(e.outputs) != len(e.claimed):
        return
    values = e.claimed if claimed else e.numeric
    if not claimed and not _alike(np.sort(np.abs(values), axis=None), np.sort(np.abs(e.claimed), axis=None)):
        return
    whole = values.reshape(shape)
    identity = tuple(range(len(shape)))
    orders = [
        o
        for o in itertools.permutations(identity)
        if o != identity and all(shape[a] == n for a, n in zip(o, shape, strict=True))
    ]
    for order in sorted(orders, key=lambda o: sum(a != b for a, b in zip(o, identity, strict=True))):
        yield order, whole.transpose(order).reshape(values.shape)


def _said(order: tuple[int, ...], e: Evidence) -> str:
    moved = [i for i, a in enumerate(order) if a != i]
    names = [
        f"axis {i} of the output" if i < len(e.outputs) else f"axis {i - len(e.outputs)} of {e.name}" for i in moved
    ]
    return " and ".join([", ".join(names[:-1]), names[-1]])


def other_input_transposed(e: Evidence) -> Diagnosis | None:
    """The claim would be right if one of the arrays were transposed, or reversed along an axis."""
    sums = np.random.default_rng(2).uniform(0.5, 1.5, (2, len(e.claimed)))
    claimed, right, slack = sums @ e.claimed, sums @ e.numeric, sums @ e.slack

    def near(a: np.ndarray, b: np.ndarray) -> bool:
        return bool((np.abs(a - b) <= 2 * slack + 1e-9 * np.abs(b)).all())

    ways = [(i, *way) for i, x in enumerate(e.point) for way in _rearranged(x)]
    for i, text, changed in ways[:WAYS]:
        point = [changed if j == i else v for j, v in enumerate(e.point)]
        try:
            claim = e.pull(point, sums)
        except Exception:  # the user's code may not take it
            continue
        if near(claim, right):
            return Diagnosis("transposed", f"the claim for {e.name} would be right if {e.names[i]} were {text}")
        if near((claim + claimed) / 2, right):
            what = f"{e.names[i]} is taken for symmetric: the mean of the claims with it and with it {text} is right"
            return Diagnosis("transposed", f"{e.name}: {what}")
    return None


def _rearranged(x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    if not 2 <= x.ndim <= 3:
        return
    identity = tuple(range(x.ndim))
    for order in itertools.permutations(identity):
        if order != identity and all(x.shape[a] == n for a, n in zip(order, x.shape, strict=True)):
            yield (
                "transposed" if x.ndim == 2 else f"transposed to axes {order}",
                np.ascontiguousarray(x.transpose(order)),
            )
    for axis in identity:
        if x.shape[axis] > 1:
            yield f"reversed along axis {axis}", np.ascontiguousarray(np.flip(x, axis))


def permuted(e: Evidence) -> Diagnosis | None:
    """Entries of the gradient, or of dy, stand in another order."""
    if not e.whole or not e.x.size > 2:
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
        said = _pattern(rows, e.outputs)
        return Diagnosis("permuted", f"{e.name}: dy is used in the wrong order: {said}")
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
    shown = ", ".join(f"{found[i]} where {i} belongs" for i in where[:3])
    return f"{shown}{', ...' if where.size > 3 else ''} (counted in C order)"


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


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.allclose(a, b, rtol=1e-6, atol=1e-9 * float(np.abs(a).max(initial=0))))
