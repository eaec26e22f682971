"""Nothing, a factor, another array's gradient, a few entries."""

import numpy as np

from gradcheck.diagnosis import words
from gradcheck.diagnosis.confirmed import returns
from gradcheck.diagnosis.evidence import Diagnosis, Evidence

NOTHING = 1e-10  # of the largest gradient: a claim that is no more is none but for rounding
LITTLE = 0.02  # relative errors below which formulas differ by an epsilon or an approximation


def zero(e: Evidence) -> Diagnosis | None:
    largest, size = (np.abs(v).max(initial=0) for v in (e.all_claimed, e.numeric))
    if (np.abs(e.claimed) <= e.slack).all() and largest <= NOTHING * size:
        said = "the claim is 0 everywhere, the numeric gradient is not"
        if largest:
            said = f"the claim is nowhere above {largest:.1e}, and the numeric gradient is up to {size:.1e}"
        return Diagnosis("zero", f"no gradient reaches {e.name}: {said}")
    return None


def flat(e: Evidence) -> Diagnosis | None:
    """The output does not depend on the array here: a step, a rounding, a cut."""
    if not e.no(e.numeric).all():
        return None
    passed = "dy itself" if is_dy(e) else "a gradient"
    return Diagnosis(
        "flat", f"the output does not change with {e.name} here, yet the pullback hands on {passed} (straight through?)"
    )


def factor(e: Evidence) -> Diagnosis | None:
    c = ratio(e.claimed, e.numeric)
    if c is None or not e.close(e.claimed, c * e.numeric) or e.close(c * e.numeric, e.numeric):
        return None
    text = words.factor(c, e)
    if (~e.no(e.numeric)).sum() < 2 and text == f"{c:.7g}" and not _stays(e, c):
        return None
    if c == -1 or text == "-1":
        return Diagnosis(
            "factor", f"the sign is wrong: the claim is -1 times the numeric gradient in every entry of {e.name}"
        )
    return Diagnosis(
        "factor", f"a factor is wrong: the claim is {text} times the numeric gradient in every entry of {e.name}"
    )


def _stays(e: Evidence, c: float) -> bool:
    other = e.elsewhere()
    d = None if other is None else ratio(other.claimed, other.numeric)
    return d is not None and abs(c - d) <= 1e-9 * abs(c)


def swapped(e: Evidence) -> Diagnosis | None:
    for i, claimed in e.others.items():
        if e.point[i].shape != e.shape or not e.close(claimed[:, e.at], e.numeric) or e.no(e.numeric).all():
            continue
        if (other := e.beside(i)) is not None and other.bad.any():  # of two that have one gradient, one may be right
            text = f"what is returned for {e.names[i]} is the right gradient of {e.name}"
            return Diagnosis("swapped", f"{text}: the gradients are in the wrong order")
    return None


def duplicate(e: Evidence) -> Diagnosis | None:
    """The claim is that of another array of the same shape, which has another gradient."""
    for i, claimed in e.others.items():
        if e.point[i].shape != e.shape or e.x.size < 2 or not np.array_equal(claimed[:, e.at], e.claimed):
            continue
        if (other := e.beside(i)) is not None and not _has_gradient_of(e, other):
            text = f"what is returned for {e.name} is the same, number for number, as what is returned for {e.names[i]}"
            return Diagnosis("duplicate", text)
    return None


def _has_gradient_of(e: Evidence, other: Evidence) -> bool:
    """Whether two arrays of one shape have the same numeric gradient, as far as both are known."""
    _, i, j = np.intersect1d(e.at, other.at, assume_unique=True, return_indices=True)
    gap = np.abs(e.numeric[:, i] - other.numeric[:, j])
    return bool((gap <= 2 * (e.slack[:, i] + other.slack[:, j])).all())


def few(e: Evidence) -> Diagnosis | None:
    """Name single entries that are wrong among many that are right."""
    count = int(e.wrong.sum())
    if not e.whole or not 0 < count <= max(1, min(4, e.wrong.size // 20)) or e.wrong.size < 4:
        return None
    where = words.places(e.wrong, e.shape)
    c = ratio(e.claimed[:, e.wrong], e.numeric[:, e.wrong])
    fits = c is not None and _fitted(e, c)
    by = f" by a factor of {words.factor(c, e)}" if c is not None and fits else ""
    extreme = None if c is not None and fits and words.is_named(c, e) else words.extreme(e.wrong, e.x)
    if not e.claimed[:, e.wrong].any():
        by = ": no gradient arrives there"
    elif e.no(e.numeric)[:, e.wrong].all():
        by = ": the output does not depend on it there"
    elif extreme is not None and returns(e, extreme, words.extreme):
        return Diagnosis("extremes", f"{e.name} is right but at {extreme}: an extreme is taken for a constant")
    if e.unit and np.array_equal((~e.no(e.numeric)).sum(axis=0) > 1, e.wrong) and not by:
        text = f"{e.name} is right but {where}, the entries that serve several outputs"
        return Diagnosis("repeated", f"{text}: what comes from all of them must be added")
    return Diagnosis("entry", f"{e.name} is right but {where}, where the claim is wrong{by}")


def _fitted(e: Evidence, c: float) -> bool:
    at = e.wrong
    return bool((np.abs(e.claimed - c * e.numeric) <= 2 * e.slack)[:, at].all())


def sparse(e: Evidence) -> Diagnosis | None:
    """Of an array too large to compare each entry: no claim at nearly all of them."""
    claims = int((e.all_claimed != 0).any(axis=0).sum())
    if e.whole or e.claimed.any() or claims > e.x.size // 2:
        return None
    text = f"{e.x.size - claims} of {e.x.size} entries get no gradient, though at {e.at.size} tried of them it is not 0"
    return Diagnosis("missing", f"{e.name}: {text}: a term that reaches all entries is left out")


def sign(e: Evidence) -> Diagnosis | None:
    """Sizes are right, some signs are not."""
    there = int((~e.no(e.numeric)).sum())
    if there < 4 or not e.close(np.abs(e.claimed), np.abs(e.numeric)):
        return None
    return Diagnosis(
        "sign", f"{e.name}: the sign is wrong in {int(e.bad.sum())} of {there} derivatives, all of the right size"
    )


def little(e: Evidence) -> Diagnosis | None:
    """Name errors that are small beside the gradient everywhere."""
    if is_little(e):
        return Diagnosis(
            "small",
            f"the claim is off by {part(e):.1e} of the gradient's size only, unevenly: an epsilon in the wrong "
            "place, a small term left out, an approximation of another formula, or a few bits lost",
            sure=False,
        )
    return None


def is_little(e: Evidence) -> bool:
    return part(e) < LITTLE


def part(e: Evidence) -> float:
    """Return the size of the error beside that of the gradient."""
    size = float(np.abs(e.numeric).max(initial=0))
    if size == 0:
        return np.inf
    error, numeric = (float(np.sqrt(np.mean(np.square(v / size)))) for v in (e.error, e.numeric))
    return error / numeric


def ratio(a: np.ndarray, t: np.ndarray) -> float | None:
    """Return the factor c of the largest of t; None where t is nothing, or a has nothing like it."""
    largest = np.unravel_index(int(np.argmax(np.abs(t))), t.shape) if t.size else ()
    if not t.size or not t[largest] or not a[largest] or not (a / t[largest] * (t / t[largest])).sum():
        return None
    return float(a[largest] / t[largest])


def is_dy(e: Evidence) -> bool:
    """Whether the claim is dy itself."""
    return e.unit and e.whole and e.outputs == e.shape and bool(np.array_equal(e.claimed, np.eye(len(e.claimed))))
