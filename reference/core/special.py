"""What SciPy has and NumPy has not, for arrays of any library: the only place that calls SciPy."""

from typing import Any

import numpy as np
import scipy.special
from numpy.typing import DTypeLike
from scipy.sparse import csc_array

from reference.core.arrays import integers, on_host, title


def one_hot(ids: Any, count: int, dtype: DTypeLike) -> Any:
    """Return (V, N) with V = `count`, which has a 1 at [ids[n], n] for each of N ids: its product adds up rows.

    `d[ids] += dy` would keep one of several gradients of a repeated id.  `np.add.at`, which adds them all,
    takes 4 to 16 times as long as SciPy's sparse product, and elsewhere adds in an order that changes from
    run to run.  SciPy takes NumPy's own arrays only; others get a product of full matrices, as deterministic.
    """
    ids = ids.ravel()
    if on_host(ids):
        return csc_array((np.ones(ids.size, dtype), ids, np.arange(ids.size + 1)), shape=(count, ids.size))
    return (integers(range(count), ids)[:, None] == ids).astype(dtype)


def erfc(x: Any) -> Any:
    """Map x (...) to its complementary error function (...): a ufunc, so that other libraries may take it.

    Raises:
        TypeError: the library of `x` does not take it.
    """
    try:
        return scipy.special.erfc(x)
    except TypeError as error:  # NumPy would print the array
        raise TypeError(f"arrays of type {title(x)} must take the ufunc scipy.special.erfc, got a refusal") from error
