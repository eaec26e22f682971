"""Each output, or each entry, off by a factor of its own."""

import numpy as np

from gradcheck.diagnosis import simple, words
from gradcheck.diagnosis.branches import steady
from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.factors import as_axis, counted, reordered, rowwise
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
    named = as_axis(a / t, e.shape)
    if named is None:
        return None
    if reordered(a / t):
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
        ratios = rowwise(values, other, slack)
        if ratios is None:
            continue
        side = steady(e) if what == "entry" and not wrong.all() else None
        if side is not None:
            return Diagnosis("branch", f"{e.name} is wrong where {side} only, by a factor of each entry's own")
        if what == "output" and (times := counted(ratios, shape)) is not None:
            where = words.places(~np.isclose(ratios, 1) & np.isfinite(ratios), shape)
            text = f"what flows back from the output {where} counts {times} times; the rest is right"
            return Diagnosis("factor", f"{e.name}: {text}")
        named = as_axis(ratios, shape)
        text = f"each {what} is off by a factor of its own{part if what == 'output' else ''}"
        if named is not None:
            return _by_index(e, f"{e.name}: {text} that {named}", ratios, what)
        if reordered(ratios):
            text = f"{text} and all factors together make 1: what it is multiplied with stands in another order"
            return Diagnosis("permuted", f"{e.name}: {text} (shifted, reversed or exchanged)")
        why = _quotient_of(ratios, what, e)
        said = f" ({why})" if why else ""
        first = "what dy is multiplied with first" if what == "output" else "what the gradient is multiplied with last"
        return Diagnosis("slope", f"{e.name}: {text}{said}: {first} is wrong, the rest of the pullback is right")
    return None


def _by_index(e: Evidence, text: str, ratios: np.ndarray, what: str) -> Diagnosis:
    """Say whether factors (n,) of one index are fixed or the array's own, or made of another array."""
    for k in (k for k in range(len(e.point)) if k != e.leaf):
        other = e.moved(k)
        if other is None or other.claimed.shape != e.claimed.shape:
            continue
        a, t, slack = (v if what == "output" else v.T for v in (other.claimed, other.numeric, other.slack))
        there = rowwise(a, t, slack)
        if there is not None and not np.allclose(ratios, there, rtol=1e-6, atol=0, equal_nan=True):
            return Diagnosis("slope", f"{text} and on {e.names[k]}: what is made of {e.names[k]} there is wrong")
    return Diagnosis("scale", f"{text}: a scale, a count or a normaliser is wrong")


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
        ratios = rowwise(values, other, slack) if (off & e.bad).any() else None
        if ratios is None or _alike_on(e, np.nan_to_num(ratios, nan=1.0)):
            continue
        if what == "entry" and (as_axis(ratios, e.shape) is None or not np.nan_to_num(ratios, nan=1.0).all()):
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


def _simple(c: float) -> bool:
    return min(abs(c - known) for known in (-1, 2, 0.5)) < 1e-6
