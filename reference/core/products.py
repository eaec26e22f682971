"""Products of a few rows with one matrix, many times over: the matrix is laid out once."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.core.arrays import on_host
from reference.core.memory import kept
from reference.core.sums import as_rows

FAR = 2**17  # bytes from the first row of a head to its last
ENTRIES = 2**15  # of a block of 32 to 128 columns: BLAS needs not pack one for few rows; measured at 256 to 1,024 rows


def laid_out(x: Any) -> Any:
    """Return x (..., N, K) with the entries of a row one after the other in memory, and no row far from the next.

    Heads are strided views, and of turned ones BLAS must copy each for itself: the products of attention with keys and
    values that were turned once take half the time, and the copy a tenth of what that saves.  Rows that lie a power of
    two apart share a few lines of the cache: to turn them, two copies, of which the first brings them together, take
    0.3 to 0.5 of the time of one.  Rows that are near are left where they are: that saves a hundredth of a step of
    width 64 or 128.
    """
    if not on_host(x):
        return np.copy(x)
    if x.flags.c_contiguous or (x.strides[-1] == x.itemsize and _are_near(x)):
        return x
    apart = x.strides[-1]
    if apart & (apart - 1) == 0 and apart * x.shape[-1] >= FAR:
        x = x.swapaxes(-1, -2).copy(order="C").swapaxes(-1, -2)
    return x.copy(order="C")


def _are_near(x: np.ndarray) -> bool:
    """Whether each row of x (..., N, K) lies behind the one before, and the last one near the first."""
    rows, width = x.shape[-2:]
    return width * x.itemsize <= x.strides[-2] and x.strides[-2] * rows < FAR


def onto(y: Any, b: Any) -> Any:
    """Return y + b (..., K) for a product y that nobody else holds and b (K,), in the memory of y if it has the dtype.

    NumPy would make a third array for the sum; with 2,048 rows this one takes 0.3 of the time, with 128 three quarters.
    """
    return np.add(y, b, out=y) if y.dtype == b.dtype else y + b


def product(w: np.ndarray, b: np.ndarray | None = None) -> Callable[[Any], Any]:
    """Return x (..., D) -> x w + b (..., K) for w (D, K), b (K,) or None.

    Of NumPy's own arrays the columns of w lie together in blocks: with 2 to 32 rows that takes two thirds of the time.
    One row is a vector, of which the method `dot` asks BLAS at once: `@` takes twice as long to find out what it has.
    """
    width, columns = w.shape
    block, blocks, here = _columns(width), None, on_host(w)
    if here and columns > block and columns % block == 0:
        blocks = kept(w, (columns // block, width, block))
        blocks[...] = w.reshape(width, columns // block, block).swapaxes(0, 1)

    def apply(x: Any) -> Any:
        if here and x.size == width > 0:
            y = x.reshape(-1).dot(w)
            return (y if b is None else y + b)[(None,) * (x.ndim - 1)]  # the axes before the last have length 1
        rows = as_rows(x)
        if blocks is None:
            y = rows @ w
        else:
            y = np.empty((len(rows), columns), np.result_type(x, w))
            np.matmul(rows, blocks, out=y.reshape(len(rows), columns // block, block).swapaxes(0, 1))
        if b is not None:
            y = onto(y, b)
        return y.reshape(*x.shape[:-1], columns)

    return apply


def _columns(width: int) -> int:
    """Return how many columns of a matrix with `width` rows lie together: of a power of two many are a multiple."""
    most = ENTRIES // max(width, 1)
    return 128 if most >= 128 else 64 if most >= 64 else 32


def side_by_side(*maps: Any) -> Callable[[Any], Any]:
    """Return x (..., D) -> what each of the maps, which have w and b, makes of x, along the last axis: one product."""
    w, b = np.concatenate([z.w for z in maps], axis=1), None
    if any(z.b is not None for z in maps):
        b = np.concatenate([np.zeros_like(z.w, shape=z.w.shape[1:]) if z.b is None else z.b for z in maps])
    return product(w, b)
