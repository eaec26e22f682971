"""Right on one side of a threshold and wrong on the other, or the two sides exchanged."""

import math

import numpy as np

from gradcheck.diagnosis.confirmed import follows, turned
from gradcheck.diagnosis.evidence import Diagnosis, Evidence, half
from gradcheck.diagnosis.rules import FEWEST, diagonal

FADES = 1e-6  # of a slope: an error that is as small at some entries is none of one case, which begins at once
CHANCE = 40  # ways to choose the entries, of which four are thresholds; a threshold at 0 may have half as many


def _row(e: Evidence) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return slopes as `diagonal` does of one output, of which it is not known that it is a sum over the entries."""
    return (e.claimed[0], e.numeric[0], e.slack[0]) if e.unit and e.whole and len(e.numeric) == 1 else None


def branch(e: Evidence) -> Diagnosis | None:
    """The entries that are wrong are those on one side of a threshold."""
    alone = diagonal(e)
    found = alone or _row(e)
    if found is None or e.wrong.sum() in (0, e.wrong.size) or e.wrong.size < FEWEST:
        return None
    a, t, slack = found
    side = (steady(e) or _given(e.wrong, e)) if alone else None
    if side is None and not (alone and _others_decide(e)):
        side = _beyond(e.wrong, e)
        if side is None:
            return None
    what = "the claim is wrong"
    if (np.abs(t[e.wrong]) <= slack[e.wrong]).all():
        what = "the output does not change with it, but the claim passes a gradient"
    elif not a[e.wrong].any():
        what = "the claim passes no gradient"
    return Diagnosis("branch", f"{e.name} is right but where {side or 'another input decides'}: there {what}")


def comes_and_goes(e: Evidence) -> Diagnosis | None:
    """Entries whose slope is right, and not zero, for some of their values and wrong for others: of no one formula."""
    if e.wrong.all() or e.wrong.size < FEWEST or (here := diagonal(e)) is None:
        return None
    elsewhere = _slopes(e, turned(e))
    mixed = _slopes(e, turned(e, half(e.x.size)))
    if elsewhere is None or mixed is None:
        return None
    own = np.where(half(e.x.size), elsewhere[0], here[0])
    if (np.abs(mixed[0] - own) > 1e-9 * np.abs(own)).any():
        return None  # where others stand decides, as in what is sorted
    if any(((slack < np.abs(a - t)) & (np.abs(a - t) < FADES * np.abs(t))).any() for a, t, slack in (here, elsewhere)):
        return None
    both = [(np.abs(a - t) > slack, (np.abs(t) > 2 * slack) & (a != 0)) for a, t, slack in (here, elsewhere)]
    right, wrong = (np.any([there & (bad == which) for bad, there in both], axis=0) for which in (False, True))
    if (right & wrong).sum() < FEWEST // 2:
        return None
    text = f"the slope of single entries of {e.name} is right for some of their values and wrong for others"
    return Diagnosis("branch", f"{text}: one case of a condition has a wrong derivative")


def _slopes(e: Evidence, other: Evidence | None) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return slopes as `diagonal` does where the entries have other values."""
    if other is None or not np.isfinite(other.claimed).all():
        return None
    row = np.argmax((e.claimed != 0) | ~e.no(e.numeric), axis=0)
    at = (np.arange(e.x.size) if e.y.size == e.x.size else row), np.arange(e.x.size)
    return other.claimed[at], other.numeric[at], other.slack[at]


def exchanged(e: Evidence) -> Diagnosis | None:
    """Claimed slopes change where the numeric ones do, the other way round."""
    alone = diagonal(e)
    found = alone or _row(e)
    if found is None or e.wrong.size < FEWEST:
        return None
    a, t, _ = found
    if beside := _constant_where(a, t, e):
        text = f"the claim is of one size where the gradient is not, and the other way round{beside}"
        return Diagnosis("branch", f"the two sides of a branch are exchanged: {text}")
    values = np.unique(np.round(t, 9))
    if alone and values.size == 2 and np.array_equal(np.unique(np.round(a, 9)), values) and e.wrong.all():
        side = threshold(t == t.max(), e.x.ravel(), e.name)
        where = f" (the numeric slope changes where {side})" if side else ""
        return Diagnosis(
            "branch", f"the two sides of a branch are exchanged{where}: each entry has the other side's slope"
        )
    return None


def _constant_where(a: np.ndarray, t: np.ndarray, e: Evidence) -> str:
    """Say where |claim| is one constant while |gradient| is the same constant at all other entries, or nothing."""
    sizes, counts = np.unique(np.round(np.abs(t), 9), return_counts=True)
    c = float(sizes[np.argmax(counts)])
    flat, claimed = np.isclose(np.abs(t), c, rtol=1e-8), np.isclose(np.abs(a), c, rtol=1e-8)
    if not c or not 2 <= flat.sum() <= flat.size - 2 or not np.array_equal(flat, ~claimed):
        return ""
    side = threshold(flat, e.x.ravel(), e.name) or _beyond(flat, e)
    return f" (the size of the numeric slope is constant where {side})" if side else " "


def _beyond(part: np.ndarray, e: Evidence) -> str | None:
    """Return the condition on the distance to another array under which `part` is True."""
    others = [(i, x) for i, x in enumerate(e.point) if i != e.leaf and x.shape == e.shape]
    found = (threshold(part, (e.x - x).ravel(), f"{e.name} - {e.names[i]}") for i, x in others)
    return next((side for side in found if side), None)


def threshold(part: np.ndarray, x: np.ndarray, name: str) -> str | None:
    """Return the condition on x under which `part` is True, if there is one that hardly holds by chance."""
    inside, ways = int(part.sum()), math.comb(part.size, int(part.sum()))
    for text, values in ((name, x), (f"|{name}|", np.abs(x))):
        if not 0 < inside < part.size:
            return None
        for below, above, sign in ((values[part], values[~part], "<"), (values[~part], values[part], ">")):
            if below.max() < above.min():
                middle = 0.0 if below.max() <= 0 <= above.min() else (below.max() + above.min()) / 2
                if ways >= (CHANCE if middle else CHANCE // 2):
                    return f"{text} {sign} {middle:.3g}"
    return _between(part, x, name)


def steady(e: Evidence) -> str | None:
    """Return the condition on x under which entries are wrong, if it still is where their values change places."""
    side = threshold(e.wrong, e.x.ravel(), e.name)
    return side if side and follows(e, lambda part, x: threshold(part, x, e.name)) else None


def _between(part: np.ndarray, x: np.ndarray, name: str) -> str | None:
    """Return the interval of x in which `part` is True."""
    inside, count = x[part], int(part.sum())
    below, above = x[x < inside.min()], x[x > inside.max()]
    if below.size + above.size + count != x.size or not below.size or not above.size:
        return None
    if math.comb(x.size, count) < CHANCE * (x.size - count + 1):
        return None
    return f"{(below.max() + inside.min()) / 2:.3g} < {name} < {(inside.max() + above.min()) / 2:.3g}"


def _given(part: np.ndarray, e: Evidence) -> str | None:
    """Return the condition on x, where another array is positive and where it is not, under which `part` is True."""
    for i, other in enumerate(e.point):
        if i == e.leaf or other.shape != e.shape:
            continue
        positive = other.ravel() > 0
        halves = [(part[side], e.x.ravel()[side]) for side in (positive, ~positive)]
        said = [threshold(where, x, e.name) for where, x in halves]
        if all(said):
            return f"{said[0]} and {e.names[i]} > 0, or {said[1]} and {e.names[i]} < 0"
    return None


def _others_decide(e: Evidence) -> bool:
    """Whether entries are wrong where this array is above (or below) another one of its shape."""
    for i, other in enumerate(e.point):
        if i != e.leaf and other.shape == e.shape:
            above = (e.x > other).ravel()
            if np.array_equal(e.wrong, above) or np.array_equal(e.wrong, ~above):
                return True
    return False
