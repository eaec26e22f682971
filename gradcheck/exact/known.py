"""Which real number a rounded constant stands for: a short decimal, a root, a multiple of pi or of a logarithm."""

from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np
from flint import arb

from gradcheck.exact.watch import Constant

SHORT = 9, 6  # digits of a decimal that was written down, for float64 and float32
SMALL = 1000, 30  # numerator and denominator of a fraction: one of those lies as near by chance in 10^9, and in 10^3
NEAR = 4  # roundings, as of the result of a few operations
TAME = 50  # numbers of which the exponential is tried


def rounding(c: float) -> arb:
    """Return how far the float c may be from the number that it stands for, as a part of it: of float32, if it fits."""
    return arb(2) ** (-24 if _is_narrow(c) else -53)


def unrounded(c: float) -> arb | None:
    """Return the number that the float c stands for, or None."""
    narrow = _is_narrow(c)
    written = repr(float(np.float32(c).astype(str))) if narrow else repr(c)
    if len(written.partition("e")[0].strip("-0.").replace(".", "").strip("0")) <= SHORT[narrow]:
        return _ball(Fraction(written))
    x, pi, sign = arb(c), arb.pi(), -1 if c < 0 else 1
    tried: tuple[tuple[arb, Callable[[arb], arb]], ...] = (
        (x, lambda q: q),
        (x * x, lambda q: sign * q.sqrt()),
        (x / pi, lambda q: q * pi),
        (x * pi, lambda q: q / pi),
        (x * x / pi, lambda q: sign * (q * pi).sqrt()),
        (x * x * pi, lambda q: sign * (q / pi).sqrt()),
        (x.exp() if abs(c) < TAME else x, lambda q: q.log()),
    )
    for scale, back in tried:
        fraction = Fraction(float(scale)).limit_denominator(SMALL[narrow])
        if 0 < abs(fraction.numerator) <= SMALL[narrow]:
            found = back(_ball(fraction))
            if found.is_finite() and abs(found - x) < NEAR * rounding(c) * abs(x):
                return found
    return None


def _is_narrow(c: float) -> bool:
    with np.errstate(all="ignore"):
        return bool(float(np.float32(c)) == c)


def _ball(q: Fraction) -> arb:
    return arb(q.numerator) / q.denominator


def known(constants: Mapping[Constant, str]) -> dict[float, arb]:
    """Return the numbers that constants stand for, of those that are recognised."""
    found = {c: unrounded(c) for group in constants for c in group}
    return {c: x for c, x in found.items() if x is not None}
