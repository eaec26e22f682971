"""Where every output depends on one entry: formulas of a slope."""

import math

import numpy as np

from gradcheck.diagnosis import words
from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.simple import ratio
from gradcheck.verdict.numbers import apart

FEWEST = 4  # entries without which nothing is said of a pattern among them
DERIVATIVE = "the claim is the derivative of"


def diagonal(e: Evidence) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return claimed and numeric slope of each entry with its slack, if each output depends on its own entry only."""
    if not (e.unit and e.whole and e.x.size > 1):
        return None
    if e.y.size != e.x.size:
        return _separable(e)
    off = ~np.eye(e.x.size, dtype=bool)
    if e.claimed[off].any() or (~e.no(e.numeric)[off]).any():
        return None
    return np.diag(e.claimed), np.diag(e.numeric), np.diag(e.slack)


def _separable(e: Evidence) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return slopes as `diagonal` does where each entry adds a term of its own to one output."""
    there = (e.claimed != 0) | ~e.no(e.numeric)
    if len(e.numeric) > e.x.size or (there.sum(axis=0) > 1).any() or not e.separable:
        return None
    at = np.argmax(there, axis=0), np.arange(e.x.size)
    return e.claimed[at], e.numeric[at], e.slack[at]


def slope(e: Evidence) -> Diagnosis | None:
    """Each output depends on its own entry, with the slope of another function, or one with a term too few."""
    return None if (found := _slope(e)) is None else found[0]


def odd_slope(e: Evidence) -> Diagnosis | None:
    """The same, where the function that the slope is of has no name here."""
    return None if (found := _slope(e)) is None else found[1]


def _slope(e: Evidence) -> tuple[Diagnosis | None, Diagnosis | None] | None:
    """Return what is said of wrong slopes, by name or without one."""
    found = diagonal(e)
    if found is None or e.wrong.mean() <= 0.5:
        return None
    a, t, slack = found
    if not a[e.wrong].any():
        return None  # told by the places that get nothing
    if a.size >= FEWEST and np.ptp(t) > 0 and np.allclose(np.sort(a), np.sort(t), rtol=1e-9, atol=0):
        text = f"the numbers that dy is multiplied with for {e.name} stand in the wrong places"
        return Diagnosis("permuted", text), None
    named = formula(a, t, slack, e)
    i = int(np.argmax(np.abs(a - t) / np.maximum(np.abs(t), np.abs(t).max() * 1e-3)))
    claimed, numeric = apart(float(a[i]), float(t[i]), 6)
    example = f"at {e.name} = {e.x.flat[i]:.4g} the claimed slope is {claimed}, the numeric one {numeric}"
    right = ~e.wrong & (np.abs(t) > slack)
    if named.startswith(DERIVATIVE) and right.any():
        text = f"{named} everywhere, which is right at {int(right.sum())} of {right.size} entries"
        return Diagnosis("branch", f"{e.name}: {text}: another branch is forgotten"), None
    name = "term" if named.startswith("a term") else "slope"
    why = f": {named}" if named else ""
    said = Diagnosis(name, f"the formula for the derivative of each entry is wrong{why}; {example}")
    return (said, None) if named else (None, said)


def separable(e: Evidence) -> Diagnosis | None:
    """A sum of terms of one entry each, whose slope is wrong by a function of the entry that has a name."""
    if not e.whole or e.wrong.mean() <= 0.5 or e.x.size < FEWEST or diagonal(e) is not None:
        return None
    row, column = np.argmax(np.abs(e.numeric), axis=0), np.arange(e.at.size)
    ratios = e.claimed[row, column] / e.numeric[row, column]
    if not np.isfinite(ratios).all() or not e.close(e.claimed, ratios * e.numeric):
        return None
    named = quotient(ratios, e)
    if not named:
        return None
    return Diagnosis("slope", f"each entry's claim is off by a factor of its own: {named}")


def formula(a: np.ndarray, t: np.ndarray, slack: np.ndarray, e: Evidence) -> str:
    """Return what the claimed slopes are, or are too much, by name."""
    if (a == a[0]).all():
        return "the claim is dy itself" if a[0] == 1 else f"the claimed slope is {a[0]:.6g} everywhere"
    if named := _term(a - t, slack, e):
        return named
    for name, values in slopes(e.x.ravel()).items():
        if _same(a, values):
            return f"{DERIVATIVE} {name}"
    with np.errstate(all="ignore"):
        return quotient(a / t, e)


def _term(error: np.ndarray, slack: np.ndarray, e: Evidence) -> str:
    """Return the term that the slopes (n,) are short of, or hold too often, by name."""
    c = float(np.median(error))
    if c and (np.abs(error - c) <= slack).all():
        which = "dy itself" if math.isclose(abs(c), 1, rel_tol=1e-8) else f"{abs(c):.4g} dy"
        return f"a term is {'too much' if c > 0 else 'left out'}, {which}"
    terms = {e.names[i]: x.ravel() for i, x in enumerate(e.point) if x.size == error.size}
    terms |= {f"the derivative of {name}": values for name, values in slopes(e.x.ravel()).items()}
    for name, values in terms.items():
        times = ratio(error, values)
        if times is None or np.ptp(values) == 0 or not np.allclose(error, times * values, rtol=1e-8, atol=0):
            continue
        if math.isclose(times, -1, rel_tol=1e-8) or math.isclose(times, 1, rel_tol=1e-8):
            return f"a term is {'left out' if times < 0 else 'too much'}, {name}"
        if math.isclose(times, -2, rel_tol=1e-8):
            return f"a term has the wrong sign, {name}"
        return f"a term is off by {words.factor(times, e)} times {name}"
    return ""


def quotient(ratios: np.ndarray, e: Evidence) -> str:
    """Return the claim over the numeric gradient (n,) by name, or nothing."""
    known = np.isfinite(ratios)
    if known.sum() < 3 or np.ptp(ratios[known]) == 0:
        return ""
    arrays = {e.names[i]: x.ravel() for i, x in enumerate(e.point) if x.size == ratios.size}
    if e.y.size == ratios.size:
        arrays["y"] = e.y
    with np.errstate(all="ignore"):
        for name, v in arrays.items():
            parts = {name: v, f"{name}^2": v * v, f"sin({name})": np.sin(v), f"tanh'({name})": 1 - np.tanh(v) ** 2}
            parts |= {f"sigmoid'({name})": np.exp(-v) / (1 + np.exp(-v)) ** 2, f"log({name})": np.log(v)}
            for text, values in parts.items():
                for power, said in ((values, f"a factor {text} too much"), (1 / values, f"a factor {text} is missing")):
                    c = ratio(ratios[known], power[known])
                    if c is not None and np.isfinite(c) and _same(ratios[known], c * power[known]):
                        return said + ("" if abs(c - 1) < 1e-9 else f", times {words.factor(c, e)}")
    return ""


def slopes(x: np.ndarray) -> dict[str, np.ndarray]:
    with np.errstate(all="ignore"):
        s, t = 1 / (1 + np.exp(-x)), np.tanh(x)
        return {
            "sigmoid": s * (1 - s),
            "tanh": 1 - t * t,
            "silu": s * (1 + x * (1 - s)),
            "softplus": s,
            "relu": (x > 0) * 1.0,
            "sin": np.cos(x),
            "cos": -np.sin(x),
            "exp": np.exp(x),
            "log": 1 / x,
            "elu": np.where(x > 0, 1, np.exp(x)),
            "x^2": 2 * x,
            "x^2/2": x,
        }


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.allclose(a, b, rtol=1e-9, atol=0) and np.ptp(a) > 0)
