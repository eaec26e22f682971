"""What SciPy has and NumPy has not, for arrays of any library: the only place that calls SciPy."""

import copy
import functools
from typing import Any

import numpy as np
import scipy.special
from scipy.sparse import csc_array

from reference.core.arrays import integers, on_host, title


def as_numpys_own(function: Any) -> Any:
    """Return the function, which an array of a class of its own may take as NumPy's functions are taken: NEP 18."""

    @functools.wraps(function)
    def called(*args: Any) -> Any:
        for x in args:
            if type(x) is not np.ndarray and isinstance(x, np.ndarray):
                return x.__array_function__(called, (type(x),), args, {})
        return function(*args)

    setattr(called, "_implementation", function)  # noqa: B010, by this name NumPy finds it
    return called


@as_numpys_own
def rows_added(ids: Any, rows: Any, count: int) -> Any:
    """Return (V, D) with V = `count`: at v the sum of those of the rows (N, D) whose id is v.

    `d[ids] += rows` would keep one of several rows of a repeated id.  `np.add.at`, which adds them all, takes 4 to 16
    times as long as SciPy's sparse product, and elsewhere adds in an order that changes from run to run.  SciPy takes
    NumPy's own arrays only; others get a product of full matrices, as deterministic: with the ids of the table, or
    where these are more, with one another, and then all rows of a repeated id hold its sum.
    """
    ids = ids.ravel()
    if on_host(ids):
        chosen = copy.copy(_one_a_column(count, ids.size, rows.dtype))
        chosen.indices = ids.astype(chosen.indptr.dtype)
        return chosen @ rows
    if count <= ids.size:
        return (integers(range(count), ids)[:, None] == ids).astype(rows.dtype) @ rows
    added = np.zeros_like(rows, shape=(count, rows.shape[1]))
    added[ids] = (ids[:, None] == ids).astype(rows.dtype) @ rows
    return added


@functools.lru_cache(maxsize=16)  # SciPy looks over a new one for as long as 128 rows take
def _one_a_column(count: int, columns: int, dtype: np.dtype) -> csc_array:
    """Return a matrix (V, N) with V = `count`, which has a one in each of its columns; in which row is to be said.

    Made once, it saves a thirtieth of a step of width 64.
    """
    row = np.zeros(columns, np.intp)
    return csc_array((np.ones(columns, dtype), row, np.arange(columns + 1)), shape=(count, columns))


def erfc(x: Any) -> Any:
    """Map x (...) to its complementary error function (...): a ufunc, so that other libraries may take it.

    Raises:
        TypeError: the library of `x` does not take it.
    """
    try:
        return scipy.special.erfc(x)
    except TypeError as error:  # NumPy would print the array
        raise TypeError(f"arrays of type {title(x)} must take the ufunc scipy.special.erfc, got a refusal") from error
