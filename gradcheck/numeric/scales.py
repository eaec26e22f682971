"""How large the entries of an array are, and numbers of few bits near them."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.numeric.constants import BITS, BOUNDLESS, FAR, LONG, MOST_BITS, SEVERAL_MASKS, SMALL, UNIT


def quantise(x: np.ndarray, bits: int = BITS) -> np.ndarray:
    """Round every entry to `bits` significant bits; of entries near each other, of what they differ by.

    None is rounded to the middle of two float32 numbers: there a rounding of float64 is one of float32, if it is cast.
    """
    x = np.asarray(x, np.float64)
    if is_offset(x):
        bits += int(np.round(np.log2(np.abs(x).max() / scale(x))))
    bits = min(bits, MOST_BITS)
    mantissa, exponent = np.frexp(x)
    whole = np.ldexp(mantissa, bits)
    rounded, half = np.round(whole), np.ldexp(UNIT[np.dtype(np.float32)], bits - 1)
    with np.errstate(invalid="ignore"):  # what is not finite has no middle, and no side
        is_middle = (np.abs(rounded) % (2 * half) == half) & (rounded != whole)
        aside = rounded + np.sign(whole - rounded)
    return np.ldexp(np.where(is_middle, aside, rounded), exponent - bits)


def scale(x: np.ndarray) -> float:
    """Return the power of two nearest to the size of the entries; 1 for zeros.

    The size is the root mean square, or for entries far from zero but near each other (a time in
    seconds, logits near 1e6) their standard deviation, unless that is mere rounding.
    """
    largest, rms, deviation = _sizes(x)
    if not 0 < largest < np.inf:
        return 1.0
    return float(2.0 ** np.round(np.log2(largest * (deviation if _is_offset(x.size, rms, deviation) else rms))))


def scales(x: np.ndarray) -> np.ndarray:
    """Return for every entry the scale of those that it belongs with: of all, where none stands for infinity.

    A mask of 0 and -1e9 has two: what -1e9 hides from an exponential is no measure of how far a zero may move.
    """
    return _by_groups(x, lambda group: np.full(group.shape, scale(group)))


def _by_groups(x: np.ndarray, of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return a function of those entries that stand for infinity, and of the others, which may be two such groups."""
    largest, _, _ = _sizes(x)
    if BOUNDLESS <= largest < np.inf:
        beyond = np.abs(x) >= SEVERAL_MASKS * largest
        if not beyond.all() and (np.abs(x[~beyond]) < largest / FAR).all():
            found = np.empty(x.shape)
            found[beyond], found[~beyond] = of(x[beyond]), _by_groups(x[~beyond], of)
            return found
    return of(x)


def sizes(x: np.ndarray) -> np.ndarray:
    """Return the size of each entry, which is at most that of those that it belongs with, and for a zero that."""
    most = scales(x)
    return np.where(x == 0, most, np.minimum(np.abs(x), most))


def is_offset(x: np.ndarray) -> bool:
    """Whether the entries are far from zero but near each other."""
    _, rms, deviation = _sizes(x)
    return _is_offset(x.size, rms, deviation)


def _is_offset(size: int, rms: float, deviation: float) -> bool:
    return size >= 4 and rms * 2.0**-46 < deviation < rms / 8


def _sizes(x: np.ndarray) -> tuple[float, float, float]:
    """Return the largest entry and, in units of it (nan without one), root mean square and standard deviation."""
    if x.dtype == np.float64 and x.size <= SMALL:
        return _of_few(x.tobytes())
    return _measured(x)


@functools.lru_cache(maxsize=1024)
def _of_few(numbers: bytes) -> tuple[float, float, float]:
    """Return the same of an array that is asked for again and again: for each direction that it moves along."""
    return _measured(np.frombuffer(numbers))


def _measured(x: np.ndarray) -> tuple[float, float, float]:
    largest = float(np.abs(x).max(initial=0))
    if not 0 < largest < np.inf:
        return largest, np.nan, np.nan
    small = x.ravel() / largest
    apart = small - small.sum() / small.size
    return largest, float(np.sqrt(small @ small / small.size)), float(np.sqrt(apart @ apart / small.size))


def root_sum_square(x: np.ndarray, axis: int | None = None) -> Any:
    """Return the root of the sum of squares, of numbers of any size."""
    largest = np.abs(x).max(axis=axis, keepdims=True, initial=0)
    unit = np.where((largest > 0) & np.isfinite(largest), largest, 1)
    return np.squeeze(unit, axis) * np.sqrt(np.square(x / unit).sum(axis=axis))


def inner(rows: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return <row, y> (..., G) of numbers (..., n) for every one of some rows (G, n).

    Many are added up in pairs: so their roundings stay below those that a bar has room for.
    """
    if y.shape[-1] > LONG:
        return np.stack([(row * y).sum(axis=-1) for row in rows], axis=-1)
    return rows @ y if y.ndim == 1 else y @ rows.T


def entry_scales(x: np.ndarray) -> np.ndarray:
    """Return a power of two for every entry: the array's scale, or that of the entries that it belongs with.

    An array whose entries range over many orders of magnitude has no one scale: where most are less
    than a hundredth of it each entry's own size serves.
    """
    if x.dtype == np.float64 and x.ndim == 1 and x.size <= SMALL:
        return _scales_of_few(x.tobytes())
    return _entry_scales(x)


@functools.lru_cache(maxsize=512)
def _scales_of_few(numbers: bytes) -> np.ndarray:
    scales = _entry_scales(np.frombuffer(numbers))
    scales.flags.writeable = False
    return scales


def _entry_scales(x: np.ndarray) -> np.ndarray:
    return _by_groups(x, _of_group)


def _of_group(x: np.ndarray) -> np.ndarray:
    s = scale(x)
    size = np.abs(x[x != 0])
    if 2 * np.count_nonzero(FAR * size < s) > size.size:
        return 2.0 ** np.round(np.log2(np.where(x == 0, s, np.abs(x))))
    return np.full(x.shape, s)
