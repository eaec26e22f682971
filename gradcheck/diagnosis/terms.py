"""Terms that are missing or too many: of a mean, of a product, of a norm, a skip, a constant."""

import numpy as np

from gradcheck.diagnosis import experiments, words
from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.rules import diagonal
from gradcheck.diagnosis.simple import ratio


def skip(e: Evidence) -> Diagnosis | None:
    """The error is dy itself, or a multiple of it; or the claim is."""
    if not (e.unit and e.whole) or e.outputs != e.shape or diagonal(e) is not None or e.x.size < 2:
        return None
    identity = np.eye(len(e.claimed))
    if np.array_equal(e.claimed, identity):
        return Diagnosis(
            "dy itself",
            f"the claim for {e.name} is dy itself: only a direct path counts, the rest of the layer is left out",
        )
    c = float(e.error[0, 0])
    if c and e.close(e.error, c * identity):
        return _direct(e, c)
    straight = np.eye(len(e.claimed), dtype=bool)
    others = ~straight & ~e.no(e.numeric)
    if not e.bad[~straight].any() and others.any(axis=1).all() and e.bad[straight].all():
        text = f"{e.name}: all is right but what goes straight from each entry to its own output"
        return Diagnosis("slope", f"{text}: a gate, a skip or another direct path is missing, or has a wrong factor")
    return None


def _direct(e: Evidence, c: float) -> Diagnosis:
    what = {-1.0: "dy is missing from the claim", 1.0: "the claim holds dy once too often"}.get(round(c, 7))
    if what is not None:
        why = "a skip connection, or another direct path, is not counted as often as it is there"
        return Diagnosis("skip", f"{e.name}: {what}: {why}")
    what = f"the claim holds {words.factor(abs(c), e)} dy too {'much' if c > 0 else 'little'}"
    return Diagnosis("term", f"{e.name}: {what}: the term with dy itself is left out, or has a wrong factor")


def beside_direct(e: Evidence) -> Diagnosis | None:
    """What goes straight from each entry to its own output is right, the rest has one factor."""
    if not (e.unit and e.whole) or e.outputs != e.shape or e.x.size < 3:
        return None
    off = ~np.eye(len(e.claimed), dtype=bool)
    c = ratio(np.where(off, e.claimed, 0.0), np.where(off, e.numeric, 0.0))
    if c is None or e.bad[~off].any() or (off & ~e.no(e.numeric)).sum() < 4 or e.no(e.numeric)[~off].any():
        return None
    if (np.abs(e.claimed - c * e.numeric) > 2 * e.slack + 1e-9 * np.abs(e.claimed))[off].any():
        return None
    text = f"what each output takes from other entries counts {words.factor(c, e)} times"
    name = "factor" if words.is_named(c, e) else "term"  # a number that is made of nothing may come of a lost summand
    return Diagnosis(name, f"{e.name}: {text}; what goes straight to its own output is right")


def weighted(e: Evidence) -> Diagnosis | None:
    """Of the term of a mean that is there with other numbers: a factor, or a matrix that is not transposed."""
    if not e.unit or e.outputs != e.shape:
        return None
    both = ~np.eye(len(e.claimed), dtype=bool) & (e.claimed != 0) & ~e.no(e.numeric)
    c = ratio(e.claimed[both], e.numeric[both]) if both.sum() >= 4 else None
    if c is not None and (np.abs(e.claimed - c * e.numeric) <= 2 * e.slack + 1e-9 * np.abs(e.claimed))[both].all():
        if abs(c - 1) < 1e-8:
            return None
        text = f"the term of a mean or of a sum counts {words.factor(c, e)} times"
        return Diagnosis("mean term", f"{e.name}: {text}; what goes straight to its own output is right")
    return experiments.mended(e) if both.any() else None


def uncounted(e: Evidence) -> Diagnosis | None:
    """The error is dy times whole numbers of one sign at some entries: a repeated index counts once."""
    counts = np.round(e.error)
    one_sign = (counts >= 0).all() or (counts <= 0).all()
    if not e.unit or not e.whole or e.y.size > 1 or e.wrong.all() or not one_sign:
        return None
    if (np.abs(e.error - counts) > e.slack + 1e-8).any() or not e.claimed[e.bad].all() or not _stays(e):
        return None
    text = f"{e.name} is off by a whole number times dy {words.places(e.wrong, e.shape)}, whatever the inputs are"
    return Diagnosis("repeated", f"{text}: what is taken several times there is counted too seldom")


def constant(e: Evidence) -> Diagnosis | None:
    """The error does not change when the inputs do."""
    if not e.whole or not e.bad.any() or not _stays(e):
        return None
    text = "claim minus gradient stays the same when the inputs change"
    return Diagnosis(
        "constant term", f"{e.name}: {text}: a term without them is missing or wrong (a target, a weight, an index)"
    )


def _stays(e: Evidence) -> bool:
    """Whether the error is the same at the user's own point, where the gradient is another."""
    other = e.elsewhere()
    if other is None or other.error.shape != e.error.shape:
        return False
    moves = np.any(np.abs(other.numeric - e.numeric) > 4 * e.slack)
    gap = np.abs(other.error - e.error)
    return bool(moves and (gap <= 2 * (e.slack + other.slack) + 1e-9 * np.abs(e.error).max()).all())
