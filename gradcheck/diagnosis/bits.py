"""Numbers of few bits: what is cast to a narrower type, or computed in one."""

import numpy as np

from gradcheck.diagnosis import simple
from gradcheck.diagnosis.calls import NARROW, Calls
from gradcheck.diagnosis.evidence import Diagnosis, Evidence

FEWEST = 4  # different numbers, without which nothing is said of their bits
SINGLE = 2.0**-24  # the relative rounding of float32
UNEVEN = 0.1  # part by which the sizes of roundings differ at least
MANY = 6  # errors, of which some have the other sign if they are roundings
NARROWEST = 2.0**-8  # the relative rounding of bfloat16
LOST = 1e-9  # of a claim: what is lost of it, at least, where something has no more bits than float32
BESIDE = 2.0**-12  # a part of the inputs, over which an error that is no rounding changes as little
WIDE = 8  # roundings, that errors may add up to


def narrow(e: Evidence) -> Diagnosis | None:
    """Every claimed number is one of a narrower type, and wrong by no more than that."""
    if not np.isfinite(e.all_claimed).all() or (np.abs(e.error) > NARROWEST * np.abs(e.numeric) + e.slack).any():
        return None
    for name, bits in NARROW.items():
        full = not _fits(e.all_claimed, bits - 2) and np.unique(e.all_claimed).size > FEWEST
        if full and _fits(e.all_claimed, bits) and not _fits(e.numeric[~e.no(e.numeric)], bits):
            text = f"each number that is claimed for {e.name} has no more than {bits} significant bits"
            return Diagnosis("precision", f"{text}: something is cast to {name} on the way")
    return None


def rounded(e: Evidence) -> Diagnosis | None:
    """Errors of both signs and uneven size, that are as small beside the gradient as roundings of float32."""
    if not e.bad.any() or not SINGLE / 64 < simple.part(e) < 8 * SINGLE:
        return None
    parts = (e.error / np.where(e.numeric, e.numeric, np.inf))[e.bad]
    mixed = all(0.2 <= (v > 0).mean() <= 0.8 for v in (parts, e.error[e.bad])) if parts.size >= MANY else False
    if not mixed or np.std(np.abs(parts)) < UNEVEN * np.mean(np.abs(parts)) or _stays(e):
        return None
    text = f"claim minus gradient for {e.name} is {simple.part(e):.1e} of its size and of both signs, as are roundings"
    return Diagnosis("precision", f"{text}: something is computed in float32 on the way")


def _fits(x: np.ndarray, bits: int) -> bool:
    mantissa = np.ldexp(np.frexp(x)[0], bits)
    return bool((mantissa == np.round(mantissa)).all())


def _stays(e: Evidence) -> bool:
    """Whether errors hardly change where all inputs are a little larger: roundings are others there."""
    other = e.changed({i: (1 + BESIDE) * x for i, x in enumerate(e.point)}, e.at)
    if other is None or other.error.shape != e.error.shape:
        return False
    return bool(np.abs(other.error - e.error)[e.bad].mean() < UNEVEN * np.abs(e.error)[e.bad].mean())


def few(calls: Calls, e: Evidence) -> Diagnosis | None:
    """Say what is narrow: the claims, dy, or what is made of it, of which entries of ones may show nothing."""
    return (narrow(e) if e.bad.any() else None) or _of_dy(calls, e)


def _of_dy(calls: Calls, e: Evidence) -> Diagnosis | None:
    if (e.bad.any() and e.unit and simple.part(e) > NARROWEST) or not np.isfinite(e.all_claimed).all():
        return None
    to = calls.narrowed(e.leaf)
    if to is not None and _fits(calls.near.y, NARROW[to]) and not _fits(calls.near.y, NARROW[to] // 2):
        return None  # y has no more bits, so neither has a dy of its dtype
    if to is not None and not (e.unit and e.bad.any()):
        text = f"the claim for {e.name} is the same, bit for bit, where dy is rounded to {to} before"
        return Diagnosis("precision", f"{text}: dy is cast to {to} on the way")
    off = calls.rounding(e.leaf)
    if not LOST < off < NARROWEST * WIDE or (e.bad.any() and simple.part(e) > WIDE * off):
        return None
    like = next(name for name, n in reversed(NARROW.items()) if off < WIDE * 2.0**-n)
    text = f"the claim for {e.name} is exactly twice as large for 2 dy, and off by {off:.1e} of its size for 3 dy"
    return Diagnosis("precision", f"{text}: it is rounded to few bits on the way, as by {like}")
