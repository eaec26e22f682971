"""Which outputs each entry is held to depend on: pairs (output, entry) left out, or made up."""

import numpy as np

from gradcheck.diagnosis import products, words
from gradcheck.diagnosis.branches import steady, threshold
from gradcheck.diagnosis.confirmed import returns, turned
from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.rules import diagonal
from gradcheck.diagnosis.simple import ratio

LOST = 0.04  # of the pairs, below which what is left out does not explain the rest
FEWEST = 4  # of them


def pairs_left_out(e: Evidence) -> Diagnosis | None:
    """Where the claim is not zero it is right: dependences are left out."""
    if not e.unit or e.x.size < 2:
        return None
    out = e.bad & (e.claimed == 0)
    if not out.any() or not _right_but_for(e, out):
        return None
    columns = ~(e.claimed != 0).any(axis=0) & ~e.no(e.numeric).all(axis=0)
    if e.whole and np.array_equal(out.any(axis=0), columns) and not out[:, ~columns].any():
        text = f"no gradient reaches {e.name} {words.places(columns, e.shape)}; the rest is right"
        if diagonal(e) is not None and (other := turned(e)) is not None and not np.array_equal(other.wrong, e.wrong):
            return Diagnosis("branch", f"{text}, and with other values there are others: a condition on them is wrong")
        if diagonal(e) is not None and words.is_scattered(columns, e.shape):
            return Diagnosis("mask", f"{text}: a mask or a condition takes out what it must let through")
        return Diagnosis("missing", text)
    return Diagnosis("path", f"a path from {e.name} to the output is left out: the claim is right for {_share(e, out)}")


def pairs_made_up(e: Evidence) -> Diagnosis | None:
    """Where the numeric derivative is not zero the claim is right: it adds dependences that are not there."""
    if not e.unit or e.x.size < 2:
        return None
    extra = e.bad & e.no(e.numeric)
    if not extra.any() or not _right_but_for(e, extra):
        return None
    columns = e.no(e.numeric).all(axis=0)
    if e.whole and np.array_equal(extra.any(axis=0), columns & e.wrong) and not extra[:, ~columns].any():
        where = words.places(e.wrong, e.shape)
        text = f"{e.name} gets a gradient {where}, where the output does not depend on it (mask forgotten?)"
        return Diagnosis("mask", text)
    text = f"{int(extra.sum())} of {extra.size} pairs of output and entry without dependence get a derivative"
    return Diagnosis("mask", f"{e.name}: {text} (a mask or an index forgotten?); the other pairs are right")


def made_up_beside(e: Evidence) -> Diagnosis | None:
    """Dependences are added, and what is right of each output is off by a factor: it is shared out among too many."""
    if not e.unit or e.x.size < 2:
        return None
    there = ~e.no(e.numeric)
    extra, several = e.bad & ~there, there.sum(axis=1) > 1
    if (there & (e.claimed == 0)).any() or not extra.any(axis=1)[several].any() or several.sum() < 2:
        return None
    size = np.square(np.where(there, e.numeric, 0)).sum(axis=1)
    factors = (e.claimed * e.numeric * there).sum(axis=1) / np.where(size > 0, size, 1)
    off = np.abs(e.claimed - factors[:, None] * e.numeric) > 4 * e.slack + 1e-9 * np.abs(e.claimed)
    if (off & there).any() or (extra.any(axis=1) != (e.bad & there).any(axis=1))[several].any():
        return None
    text = f"{int(extra.sum())} pairs of output and entry without dependence get a derivative, taken from the others"
    return Diagnosis("mask", f"{e.name}: {text} (a softmax or a mean over what is masked?)")


def exchanged_pairs(e: Evidence) -> Diagnosis | None:
    """The claim is zero where the numeric derivative is not, and the other way round."""
    if not e.unit or max(e.x.size, e.y.size) < 4:
        return None
    a, t = e.claimed != 0, ~e.no(e.numeric)
    if (e.bad & a & t).any() or not (a & ~t).any() or not (t & ~a).any():
        return None
    if np.array_equal(a, ~t) or (diagonal(e) is not None and not (a & t).any()):
        side = threshold(np.diag(t), e.x.ravel(), e.name) if diagonal(e) is not None else None
        text = f"where {side}" if side else "of a mask"
        return Diagnosis(
            "branch",
            f"{e.name}: the claim is zero where the gradient is not and the other way round (the wrong side {text})",
        )
    if (a.sum(axis=1) == 1).all() and (t.sum(axis=1) == 1).all():
        return Diagnosis(
            "selection", f"{e.name}: some outputs send their gradient to another entry than the one they came from"
        )
    both = "wherever" if not (a & t).any() else "at places where"
    text = f"the claim is zero {both} the gradient is not, and not zero where the gradient is"
    return Diagnosis("mask", f"{e.name}: {text} (a mask or an index shifted or the wrong way round?)")


def entries_left_out(e: Evidence) -> Diagnosis | None:
    """Where there are no rows for outputs: entries without a claim, or whose claim should be zero."""
    if not e.whole or e.wrong.all() or not e.wrong.any():
        return None
    if not e.claimed[:, e.wrong].any():
        return Diagnosis("missing", f"no gradient reaches {e.name} {words.places(e.wrong, e.shape)}; the rest is right")
    if e.no(e.numeric)[:, e.wrong].all():
        where = words.places(e.wrong, e.shape)
        text = f"{e.name} gets a gradient {where}, where the output does not depend on it (mask forgotten?)"
        return Diagnosis("mask", text)
    return None


def by_part(e: Evidence) -> Diagnosis | None:
    """Some entries are right, the others wrong in a place that has a name, or by one factor."""
    if not e.whole or e.wrong.all() or not e.wrong.any() or e.wrong.size < 3:
        return None
    c = ratio(e.claimed[:, e.wrong], e.numeric[:, e.wrong])
    if c is not None and (np.abs(e.claimed - c * e.numeric) <= 2 * e.slack)[:, e.wrong].all():
        place = words.places(e.wrong, e.shape)
        return Diagnosis(
            "part", f"{e.name} is right but {place}, where the claim is {words.factor(c, e)} times the gradient"
        )
    extreme = words.extreme(e.wrong, e.x)
    if extreme is not None and returns(e, extreme, words.extreme):
        return Diagnosis("extremes", f"{e.name} is right but at {extreme}: an extreme is taken for a constant")
    side = steady(e) if 1 < e.wrong.sum() < e.wrong.size - 1 and e.wrong.size >= 8 else None
    if side is not None:
        return Diagnosis("branch", f"{e.name} is wrong where {side} only")
    return None


def border(e: Evidence) -> Diagnosis | None:
    if e.whole and e.wrong.size >= 4 and words.border(e.wrong.reshape(e.shape)):
        text = f"{e.name} is wrong on the border only: padding, or the ends of a window, are handled wrongly"
        return Diagnosis("border", text)
    return None


def elementwise(e: Evidence) -> Diagnosis | None:
    """The claim lets each output depend on its own entry alone, which is not so."""
    if not (e.unit and e.whole) or e.outputs != e.shape or e.x.size < 3:
        return None
    off = ~np.eye(e.x.size, dtype=bool)
    if e.claimed[off].any() or e.no(e.numeric)[off].all():
        return None
    there = ~e.no(e.numeric)
    if (there.sum(axis=1) <= 1).all():
        text = "each output comes from one entry, and the claim hands it to another: a gather takes other places"
        return Diagnosis("selection", f"{e.name}: {text}")
    others = int(there[off].sum())
    if (axis := _carried(e)) is not None:
        text = f"outputs depend on earlier or later entries along axis {axis}, the claim takes each by itself"
        return Diagnosis("path", f"{e.name}: {text}: what is carried from one to the next is not carried back")
    if (found := products.through(e)) is not None and found.name == "path":
        return found
    text = f"the claim lets each output depend on its own entry alone, but there are {others} other dependences"
    return Diagnosis("elementwise", f"{e.name}: {text}: the terms of a mean, a sum, a norm or a neighbour are left out")


def _carried(e: Evidence) -> int | None:
    """Return the axis along which outputs depend on entries to one side only, and on no others but their own."""
    outputs, entries = (np.unravel_index(k, e.shape) for k in np.nonzero(~e.no(e.numeric)))
    steps = np.array([i - j for i, j in zip(outputs, entries, strict=True)])
    elsewhere = steps.any(axis=0)
    for axis, step in enumerate(steps):
        one_side = (step >= 0).all() or (step <= 0).all()
        if e.shape[axis] > 2 and one_side and np.array_equal(step != 0, elsewhere):
            return axis
    return None


def made_up(e: Evidence) -> Diagnosis | None:
    """Beside some other errors: derivatives where there is no dependence, or none where there is one."""
    if not e.unit or not e.x.size * e.y.size >= 12:
        return None
    a, t = e.claimed != 0, ~e.no(e.numeric)
    extra, lost = int((a & ~t & e.bad).sum()), int((t & ~a).sum())
    if 2 * int((e.bad & a & t).sum()) > int((a & t).sum()):
        return None
    if extra and not lost:
        text = f"{extra} pairs of output and entry without dependence get a derivative"
        return Diagnosis("mask", f"{e.name}: {text}: a mask is forgotten, or an index or an axis is wrong")
    if lost >= max(FEWEST, LOST * t.sum()) and not extra:
        text = f"{lost} of {int(t.sum())} pairs of output and entry with a dependence get none, others a wrong one"
        return Diagnosis("path", f"{e.name}: {text}: a path, or a visible position, is left out")
    if lost and extra:
        text = f"{extra} pairs of output and entry without dependence get a derivative, {lost} with one get none"
        return Diagnosis("mask", f"{e.name}: {text}: a mask or an index is shifted or the wrong way round")
    return None


def _share(e: Evidence, out: np.ndarray) -> str:
    there = ~e.no(e.numeric)
    return f"{int((there & ~out).sum())} of the {int(there.sum())} pairs of output and entry that depend on each other"


def _right_but_for(e: Evidence, part: np.ndarray) -> bool:
    """Whether all other pairs are right, and enough of them depend on each other to say so.

    A pair on which two paths meet may be off by one of them.
    """
    there = ~e.no(e.numeric)
    others = e.bad & ~part
    met = others.sum() <= 0.35 * part.sum() and (others & there).sum() <= 0.5 * (there & ~e.bad).sum()
    return bool((there & ~e.bad).any() and met)
