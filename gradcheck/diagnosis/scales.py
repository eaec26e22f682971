"""Each output, or each entry, off by a factor of its own."""

import numpy as np

from gradcheck.diagnosis import simple, words
from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.rules import quotient


def throughout(e: Evidence) -> Diagnosis | None:
    """As `by_row`, where every entry is wrong by far and no factor is 0 or 1."""
    if not e.wrong.all() or simple.is_little(e) or not e.unit:
        return None
    there = ~e.no(e.numeric)
    return by_row(e) if not (there & ((e.claimed == 0) | ~e.bad)).any() else None


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
        named = _as_axis(ratios, shape)
        text = f"each {what} is off by a factor of its own{part if what == 'output' else ''}"
        if named is not None:
            return Diagnosis("scale", f"{e.name}: {text} that {named}: a scale, a count or a normaliser is wrong")
        why = _quotient_of(ratios, what, e)
        said = f" ({why})" if why else ""
        first = "what dy is multiplied with first" if what == "output" else "what the gradient is multiplied with last"
        return Diagnosis("slope", f"{e.name}: {text}{said}: {first} is wrong, the rest of the pullback is right")
    return None


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
    if (np.abs(a - np.where(known, c, 1)[:, None] * t) > 4 * slack + 1e-9 * np.abs(a)).any():
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
