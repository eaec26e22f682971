"""Number formats: which of them an output is made of, and what a bar may be there."""

import numpy as np

from gradcheck.numeric.constants import UNIT

FORMATS = ((2.0**-8, np.float32), (2.0**-11, np.float16), (2.0**-24, np.float32))  # bfloat16 has the range of float32
SPARE = 8  # of 24 bits, which may be zero in all numbers
FULL = 0.25  # of the numbers at the least need more bits than that; of random ones three quarters do
LOW = 2.0**-40  # roundoff from which a subject is one of low precision
FEW_BITS = 2.0**-12  # roundoff from which differences over small steps tell too little: float16 has 2^-11
NEED = 1e-4  # a bar above this part of an array's gradient is no evidence: inconclusive
NARROW_NEED = 40  # times the root of the unit roundoff: what differences of a narrow format leave at the best, and some
FACTOR = float(np.log10(2))  # a term that counts twice, or not at all, is always seen
MOST_NEED = 0.1  # a digit at the least
BRAIN_NEED = 0.25  # of a kernel that has only the eight bits of bfloat16: a bar of one entry is a sixth of it


def unit_roundoff(outputs: list[np.ndarray]) -> float:
    """Return the unit roundoff of the narrowest format that holds every value of some outputs exactly, and fully.

    A layer that casts to float32 inside returns float64 numbers that are all float32 numbers, and need most of its
    bits; numbers of few bits, such as whole ones or the residues of a rounding, fit anywhere and say nothing.
    """
    y = np.concatenate([np.zeros(0), *(np.asarray(x, np.float64).ravel() for x in outputs)])
    y = np.unique(y[np.isfinite(y) & (y != 0)])
    with np.errstate(all="ignore"):
        for u, dtype in FORMATS:
            bits = -int(np.log2(u))
            fits = np.array_equal(y, _to_bits(y, bits)) and np.array_equal(y, y.astype(dtype))
            full = y != _to_bits(y, bits - SPARE * bits // 24)
            if fits and full.any() and full.mean() >= FULL and not _is_grid(y, bits):
                return u
    return UNIT[np.dtype(np.float64)]


def _is_grid(y: np.ndarray, bits: int) -> bool:
    """Whether small numbers are no finer than large ones, as those of a quantised layer; in a format they are."""
    exponent = np.frexp(y)[1]
    step = 2.0 ** float(exponent.max() - bits)
    return bool(exponent.min() < exponent.max() - 1 and np.array_equal(y, np.round(y / step) * step))


def _to_bits(y: np.ndarray, bits: int) -> np.ndarray:
    mantissa, exponent = np.frexp(y)
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)


def need(u: float, is_own: bool = False) -> float:
    """Return the part of an array's gradient that a bar may be, of a subject of this roundoff or declared noise.

    `is_own`: all that the subject computes is in that format, and not a part alone.
    """
    most = BRAIN_NEED if is_own and u > UNIT[np.dtype(np.float16)] else MOST_NEED
    return min(max(NEED, NARROW_NEED * float(np.sqrt(u))), most)


def fewest_digits(u: float) -> float:
    """Return the digits without which nothing passes: one, or a factor of two where a narrow format leaves no more."""
    return 1.0 if u < LOW else FACTOR


def name(u: float) -> str:
    """Return what a format is called, by its roundoff."""
    return {2.0**-24: "float32", 2.0**-11: "float16", 2.0**-8: "bfloat16"}.get(u, "the subject's precision")
