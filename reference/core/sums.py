"""Sums over rows and columns as products with ones: BLAS reads each number once, where
`x.sum(axis)` pays for every row anew (2 to 7 times slower on rows of 16 to 512 entries).
"""

import math

import numpy as np

from reference.core.arrays import on_host


def as_rows(x: np.ndarray) -> np.ndarray:
    """Map (..., D) to (N, D), a view where the memory allows; D may be 0, which `reshape(-1, D)` cannot divide by."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def row_sums(x: np.ndarray) -> np.ndarray:
    """Map (..., D) to (..., 1)."""
    return _times(x, np.ones_like(x, shape=x.shape[-1:]))


def row_means(x: np.ndarray) -> np.ndarray:
    """Map (..., D) to (..., 1); of no entries it is 0.

    The entries are divided by a power of two above D first, which is exact: their sum does not overflow.
    """
    width = x.shape[-1]
    share = 0.5 ** width.bit_length()
    return _times(x, np.full_like(x, share, shape=(width,))) / (max(width, 1) * share)


def _times(x: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Map (..., D) and (D,) to (..., 1): one product, where a library may make one of each of the leading places."""
    return (as_rows(x) @ shares).reshape(*x.shape[:-1], 1)


def column_sums(x: np.ndarray) -> np.ndarray:
    """Map (N, D) to (D,)."""
    return np.ones_like(x, shape=x.shape[:1]) @ x


def row_maxima(x: np.ndarray, least: float = -np.inf) -> np.ndarray:
    """Map real (..., D) to (..., 1): the largest entry of a row or `least`."""
    if on_host(x):
        return x.max(axis=-1, keepdims=True, initial=least)  # up to twice as fast, and only NumPy takes it
    least_of_rows = np.full_like(x, least, shape=(*x.shape[:-1], 1))
    return np.maximum(least_of_rows, x.max(axis=-1, keepdims=True)) if x.shape[-1] else least_of_rows


def row_scales(x: np.ndarray, least: float) -> np.ndarray:
    """Map (..., D) to (..., 1): the power of two that is at most, and more than half of, the largest |x_j| or `least`.

    To divide by it is exact, and what comes out lies in (-2, 2), of which squares neither overflow nor vanish.
    """
    _, exponent = np.frexp(row_maxima(np.abs(x), least))
    return np.ldexp(np.ones_like(x.real, shape=exponent.shape), exponent - 1)
