"""Nothing, a factor, another array's gradient, a few entries."""

import numpy as np

from gradcheck.diagnosis import words
from gradcheck.diagnosis.confirmed import returns
from gradcheck.diagnosis.evidence import Diagnosis, Evidence

NARROW = {"float32": 24, "float16": 11, "bfloat16": 8}  # significant bits
FEWEST = 4  # different numbers, without which nothing is said of their bits
SINGLE = 2.0**-24  # the relative rounding of float32
UNEVEN = 0.1  # part by which the sizes of roundings differ at least
MANY = 6  # errors, of which some have the other sign if they are roundings
NARROWEST = 2.0**-8  # the relative rounding of bfloat16
LITTLE = 0.02  # relative errors below which formulas differ by an epsilon or an approximation


def zero(e: Evidence) -> Diagnosis | None:
    if not e.all_claimed.any():
        return Diagnosis(
            "zero", f"no gradient reaches {e.name}: the claim is 0 everywhere, the numeric gradient is not"
        )
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
    if text == "1":  # not one, or there would be nothing to tell
        text = words.beside_one(c)
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


def narrow(e: Evidence) -> Diagnosis | None:
    """Every claimed number is one of a narrower type, and wrong by no more than that."""
    if not np.isfinite(e.all_claimed).all() or (np.abs(e.error) > NARROWEST * np.abs(e.numeric) + e.slack).any():
        return None
    for name, bits in reversed(NARROW.items()):
        full = not _fits(e.all_claimed, bits - 2) and np.unique(e.all_claimed).size > FEWEST
        if full and _fits(e.all_claimed, bits) and not _fits(e.numeric[~e.no(e.numeric)], bits):
            text = f"each number that is claimed for {e.name} has no more than {bits} significant bits"
            return Diagnosis("precision", f"{text}: something is cast to {name} on the way")
    return None


def rounded(e: Evidence | None) -> Diagnosis | None:
    """Errors of both signs and uneven size, that are as small beside the gradient as roundings of float32."""
    if e is None or not e.bad.any() or not SINGLE / 64 < part(e) < 8 * SINGLE:
        return None
    parts = (e.error / np.where(e.numeric, e.numeric, np.inf))[e.bad]
    mixed = all(0.2 <= (v > 0).mean() <= 0.8 for v in (parts, e.error[e.bad])) if parts.size >= MANY else False
    if not mixed or np.std(np.abs(parts)) < UNEVEN * np.mean(np.abs(parts)):
        return None
    text = f"claim minus gradient for {e.name} is {part(e):.1e} of its size and of both signs, as are roundings"
    return Diagnosis("precision", f"{text}: something is computed in float32 on the way")


def _fits(x: np.ndarray, bits: int) -> bool:
    mantissa = np.ldexp(np.frexp(x)[0], bits)
    return bool((mantissa == np.round(mantissa)).all())


def swapped(e: Evidence) -> Diagnosis | None:
    for i, claimed in e.others.items():
        if e.point[i].shape == e.shape and e.close(claimed[:, e.at], e.numeric) and not e.no(e.numeric).all():
            name = e.names[i]
            return Diagnosis(
                "swapped",
                f"what is returned for {name} is the right gradient of {e.name}: the gradients are in the wrong order",
            )
    return None


def duplicate(e: Evidence) -> Diagnosis | None:
    """The claim is that of another array of the same shape."""
    for i, claimed in e.others.items():
        if e.point[i].shape == e.shape and e.x.size > 1 and np.array_equal(claimed[:, e.at], e.claimed):
            text = f"what is returned for {e.name} is the same, number for number, as what is returned for {e.names[i]}"
            return Diagnosis("duplicate", text)
    return None


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
    size = float(np.sqrt(np.mean(np.square(e.numeric))))
    return float(np.sqrt(np.mean(np.square(e.error)))) / size if size > 0 else np.inf


def ratio(a: np.ndarray, t: np.ndarray) -> float | None:
    """Return the factor c for which c t is nearest to a; None where t is nothing, or c."""
    size = float(np.square(t).sum())
    c = float((a * t).sum()) / size if size > 0 else 0.0
    largest = np.unravel_index(int(np.argmax(np.abs(t))), t.shape)
    return float(a[largest] / t[largest]) if size > 0 and c and a[largest] else None


def is_dy(e: Evidence) -> bool:
    """Whether the claim is dy itself."""
    return e.unit and e.whole and e.outputs == e.shape and bool(np.array_equal(e.claimed, np.eye(len(e.claimed))))
