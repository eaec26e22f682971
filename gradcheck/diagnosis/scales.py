"""Each output, or each entry, off by a factor of its own."""

import numpy as np

from gradcheck.diagnosis import simple, words
from gradcheck.diagnosis.branches import steady
from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.rules import diagonal, quotient

LONG = 4  # outputs, without which nothing is said of those beside the direct one
FEWEST = 4  # equations that a pattern must fulfil, less its free factors


def throughout(e: Evidence) -> Diagnosis | None:
    """As `by_row`, where every entry is wrong by far and no factor is 0 or 1."""
    if not e.wrong.all() or simple.is_little(e) or not e.unit:
        return None
    there = ~e.no(e.numeric)
    return by_row(e) if not (there & ((e.claimed == 0) | ~e.bad)).any() else None


def by_axis(e: Evidence) -> Diagnosis | None:
    """Each entry has a slope of its own, which is off by a factor that depends on one index only."""
    found = diagonal(e)
    if found is None or e.wrong.mean() <= 0.5:
        return None
    a, t, slack = found
    if (np.abs(t) <= slack).any() or not a.all():
        return None
    named = _as_axis(a / t, e.shape)
    if named is None:
        return None
    if _reordered(a / t):
        text = f"each entry is off by a factor that {named}, and all factors together make 1"
        return Diagnosis("permuted", f"{e.name}: {text}: what it is multiplied with stands in another order")
    return Diagnosis("scale", f"{e.name}: each entry is off by a factor that {named}: a scale or a count is wrong")


def by_row(e: Evidence) -> Diagnosis | None:
    """Each output, or each entry, is off by a factor of its own."""
    if not e.unit or e.y.size < 2 or not e.whole:
        return None
    wrong = e.wrong
    part = "" if wrong.all() else f" {words.places(wrong, e.shape)}"
    for values, other, slack, what, shape in (
        (e.claimed[:, wrong], e.numeric[:, wrong], e.slack[:, wrong], "output", e.outputs),
        (e.claimed.T, e.numeric.T, e.slack.T, "entry", e.shape),
    ):
        ratios = _ratios(values, other, slack)
        if ratios is None:
            continue
        side = steady(e) if what == "entry" and not wrong.all() else None
        if side is not None:
            return Diagnosis("branch", f"{e.name} is wrong where {side} only, by a factor of each entry's own")
        if what == "output" and (times := _counted(ratios, shape)) is not None:
            where = words.places(~np.isclose(ratios, 1) & np.isfinite(ratios), shape)
            text = f"what flows back from the output {where} counts {times} times; the rest is right"
            return Diagnosis("factor", f"{e.name}: {text}")
        named = _as_axis(ratios, shape)
        text = f"each {what} is off by a factor of its own{part if what == 'output' else ''}"
        if named is not None:
            return Diagnosis("scale", f"{e.name}: {text} that {named}: a scale, a count or a normaliser is wrong")
        if _reordered(ratios):
            text = f"{text} and all factors together make 1: what it is multiplied with stands in another order"
            return Diagnosis("permuted", f"{e.name}: {text} (shifted, reversed or exchanged)")
        why = _quotient_of(ratios, what, e)
        said = f" ({why})" if why else ""
        first = "what dy is multiplied with first" if what == "output" else "what the gradient is multiplied with last"
        return Diagnosis("slope", f"{e.name}: {text}{said}: {first} is wrong, the rest of the pullback is right")
    return None


def some(e: Evidence) -> Diagnosis | None:
    """Many derivatives are right, and many are off by one and the same simple factor."""
    if not e.unit or not e.whole or diagonal(e) is not None:
        return None
    there = ~e.no(e.numeric)
    wrong, right = e.bad & there, there & ~e.bad
    c = simple.ratio(np.where(wrong, e.claimed, 0), np.where(wrong, e.numeric, 0))
    if c is None or min(wrong.sum(), right.sum()) < 2 * FEWEST or (e.bad & ~there).any() or not _simple(c):
        return None
    if (np.abs(e.claimed - c * e.numeric) > 2 * e.slack + 1e-9 * np.abs(e.claimed))[wrong].any():
        return None
    if not (wrong.any(axis=0) & right.any(axis=0)).any() or not (wrong.any(axis=1) & right.any(axis=1)).any():
        return None  # whole outputs or whole entries: told by their place
    text = f"{int(wrong.sum())} derivatives are {words.factor(c, e)} times what they are numerically"
    return Diagnosis("term", f"{e.name}: {text}, the other {int(right.sum())} are right: so counts one of the summands")


def by_line(e: Evidence) -> Diagnosis | None:
    """Where there are no rows for outputs: each line along one axis is off by a factor of its own."""
    if not e.whole or len(e.shape) < 2 or (e.unit and e.y.size > 1):
        return None
    a, t, slack = (e.full(v) for v in (e.claimed, e.numeric, e.slack))
    for axis in reversed(range(len(e.shape))):
        lines = e.x.size // e.shape[axis]
        if e.shape[axis] < 2 or lines < 2 or (e.shape[axis] - 1) * lines < FEWEST:
            continue
        along = (0, axis + 1)
        size = np.square(t).sum(axis=along, keepdims=True)
        c = np.where(size > 0, (a * t).sum(axis=along, keepdims=True) / np.where(size > 0, size, 1), np.nan)
        known = np.isfinite(c)
        if (np.abs(a - np.where(known, c, 0) * t) > 4 * slack + 1e-9 * np.abs(a)).any() or np.ptp(c[known]) < 1e-9:
            continue
        text = f"each line along axis {axis} is off by a factor of its own, the same all along it"
        return Diagnosis("slope", f"{e.name}: {text}: what it is multiplied with is wrong (a slope, a weight, a count)")
    return None


def beside_direct(e: Evidence) -> Diagnosis | None:
    """Each entry, or each output, is off by a factor of its own, but for what goes straight to its own output."""
    if not (e.unit and e.whole) or e.outputs != e.shape or len(e.claimed) < LONG or simple.is_little(e):
        return None
    off = ~np.eye(len(e.claimed), dtype=bool)
    a, t = np.where(off, e.claimed, 0.0), np.where(off, e.numeric, 0.0)
    for what, values, other, slack in (("entry", a.T, t.T, e.slack.T), ("output", a, t, e.slack)):
        ratios = _ratios(values, other, slack) if (off & e.bad).any() else None
        if ratios is None or _alike_on(e, np.nan_to_num(ratios, nan=1.0)):
            continue
        if what == "entry" and (_as_axis(ratios, e.shape) is None or not np.nan_to_num(ratios, nan=1.0).all()):
            continue
        if not e.no(e.numeric)[~off].all():
            text = f"but for what goes straight to its own output, each {what} is off by a factor of its own"
            text = f"{e.name}: {text}: one of two paths has a wrong or a missing multiplier"
            return Diagnosis("slope", text, sure=False)
    return None


def _alike_on(e: Evidence, ratios: np.ndarray) -> bool:
    """Whether what goes straight to its own output is off by the same factors (n,): then there is one path."""
    straight = np.diag(e.claimed) - ratios * np.diag(e.numeric)
    return bool((np.abs(straight) <= 4 * np.maximum(np.abs(ratios), 1) * np.diag(e.slack)).all())


def _reordered(ratios: np.ndarray) -> bool:
    """Whether factors are quotients of the same numbers in another order: their product is then 1."""
    moved = ratios[np.isfinite(ratios) & (ratios != 1)]
    if moved.size < 3 or moved.size != ratios.size or not ratios.all():
        return False
    logs = np.log(np.abs(ratios))
    return bool(abs(logs.sum()) <= 1e-8 * np.abs(logs).sum() and np.unique(np.round(np.abs(logs), 6)).size > 2)


def _quotient_of(ratios: np.ndarray, what: str, e: Evidence) -> str:
    if what == "entry":
        return quotient(ratios, e)
    known = np.isfinite(ratios)
    for i, x in enumerate(e.point):
        if x.size == ratios.size and np.ptp(x) > 0:
            for said, values in (("a factor {} is missing", 1 / x.ravel()), ("a factor {} too much", x.ravel())):
                if np.allclose(ratios[known], values[known], rtol=1e-8, atol=0):
                    return said.format(e.names[i])
    return ""


def _ratios(a: np.ndarray, t: np.ndarray, slack: np.ndarray) -> np.ndarray | None:
    """Return the factor (R,) that each row of t is multiplied with in a, if there is one and it proves something."""
    there = np.abs(t) > slack
    size = np.square(t).sum(axis=1)
    c = np.where(size > 0, (a * t).sum(axis=1) / np.where(size > 0, size, 1), np.nan)
    known = np.isfinite(c)
    by = np.where(known, c, 1)[:, None]
    if (np.abs(a - by * t) > 4 * np.maximum(np.abs(by), 1) * slack + 1e-9 * np.abs(a)).any():
        return None
    if (there.sum(axis=1) > 1).sum() < 2 or np.nanmax(c) - np.nanmin(c) <= 1e-9 * np.nanmax(np.abs(c)):
        return None
    return c


def _as_axis(ratios: np.ndarray, shape: tuple[int, ...]) -> str | None:
    """Say along which single axis a factor changes, if it does so along one only."""
    if len(shape) < 2:
        return None
    values = ratios.reshape(shape)
    for axis in range(len(shape)):
        along = np.moveaxis(values, axis, 0).reshape(shape[axis], -1)
        if shape[axis] > 1 and along.shape[1] > 1:
            known = np.isfinite(along)
            spread = np.where(known, along, -np.inf).max(axis=1) - np.where(known, along, np.inf).min(axis=1)
            if (spread <= 1e-9 * np.abs(along[known]).max()).all():
                return f"depends on the index of axis {axis} only"
    return None


def _counted(ratios: np.ndarray, shape: tuple[int, ...]) -> int | None:
    """Return the whole number above 1 that the factors are in one stretch of an axis, if they are 1 elsewhere."""
    off = ~np.isclose(ratios, 1, rtol=0, atol=1e-8) & np.isfinite(ratios)
    times = round(float(ratios[off].mean())) if off.any() else 0
    if times < 2 or (np.abs(ratios[off] - times) > 1e-7).any():
        return None
    for axis in range(len(shape)):
        along = np.moveaxis(off.reshape(shape), axis, 0).reshape(shape[axis], -1)
        there = np.flatnonzero(along.any(axis=1))
        if along[there].all() and there.size == there[-1] - there[0] + 1 < shape[axis]:
            return times
    return None


def _simple(c: float) -> bool:
    return min(abs(c - known) for known in (-1, 2, 0.5)) < 1e-6
