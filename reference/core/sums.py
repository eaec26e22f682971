"""Sums over rows and columns as products with ones: BLAS reads each number once, where
`x.sum(axis)` pays for every row anew (2 to 7 times slower on rows of 16 to 512 entries).
"""

import functools
import math
from typing import Any

import numpy as np

from reference.core.arrays import on_host, table

ODD = 5  # entries: at rows of so many OpenBLAS's float32 kernel for AVX-512 also multiplies numbers that nobody wrote
SHORT = 32  # entries of a row: of so few the largest is found 2 to 8 times as fast down the columns of a copy


def as_rows(x: np.ndarray) -> np.ndarray:
    """Map (..., D) to (N, D), a view where the memory allows; D may be 0, which `reshape(-1, D)` cannot divide by."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def row_sums(x: np.ndarray) -> np.ndarray:
    """Map (..., D) to (..., 1)."""
    return _times(x, _shares(1.0, x.shape[-1], x.dtype, like=x))


def row_means(x: np.ndarray) -> np.ndarray:
    """Map (..., D) to (..., 1); of no entries it is 0.

    The entries are divided by a power of two first, D or the next above, which is exact: their sum does not overflow.
    Of D itself that is the mean: to divide it by one would be another hundredth of a step of width 64.
    """
    width = max(x.shape[-1], 1)
    share = 0.5 ** (width - 1).bit_length()
    means = _times(x, _shares(share, x.shape[-1], x.dtype, like=x))
    return means if width * share == 1 else means / (width * share)


@functools.partial(table, most=32)  # a step asks some hundred times for the same few
def _shares(share: float, count: int, dtype: np.dtype, *, like: Any = None) -> np.ndarray:
    return np.full(count, share, dtype) if on_host(like) else np.full_like(like, share, shape=(count,))


def _times(x: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Map (..., D) and (D,) to (..., 1): one product, where a library may make one of each of the leading places.

    What a kernel reads beside the array changes no sum, but is told as an invalid value where chance makes it one.
    """
    if x.shape[-1] == ODD and x.dtype == np.float32 and on_host(x):
        return np.add.reduce(x * shares, axis=-1, keepdims=True)
    return (as_rows(x) @ shares).reshape(*x.shape[:-1], 1)


def column_sums(x: np.ndarray) -> np.ndarray:
    """Map (N, D) to (D,)."""
    return _shares(1.0, x.shape[0], x.dtype, like=x) @ x


def row_maxima(x: np.ndarray, least: float = -np.inf) -> np.ndarray:
    """Map real (..., D) to (..., 1): the largest entry of a row or `least`."""
    if on_host(x):
        if x.shape[-1] <= SHORT:
            return np.maximum.reduce(as_rows(x).T.copy(), axis=0, initial=least).reshape(*x.shape[:-1], 1)
        return np.maximum.reduce(x, axis=-1, keepdims=True, initial=least)  # up to twice as fast; only NumPy takes it
    if not x.shape[-1]:
        return np.full_like(x, least, shape=(*x.shape[:-1], 1))
    largest = x.max(axis=-1, keepdims=True)
    return largest if least == -np.inf else np.maximum(largest, least)


def row_scales(x: np.ndarray, least: float) -> np.ndarray:
    """Map (..., D) to (..., 1): the power of two that is at most, and more than half of, the largest |x_j| or `least`.

    To divide by it is exact, and what comes out lies in (-2, 2), of which squares neither overflow nor vanish.
    """
    _, exponent = np.frexp(row_maxima(np.abs(x), least))
    return np.ldexp(_shares(0.5, 1, x.real.dtype, like=x.real), exponent)


def shown(least: float, dtype: np.dtype) -> float:
    """Return `least`, which is above 0, or the smallest number above 0 where that is 0 in a real dtype."""
    return max(float(least), float(np.finfo(dtype).smallest_subnormal))
