"""The same numbers in other memory layouts."""

import numpy as np


def strided(x: np.ndarray) -> np.ndarray:
    """Return every second entry of a larger array, backwards."""
    if not x.ndim:
        return x
    room = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
    view = room[..., ::-2]
    view[...] = x
    return view


def fortran(x: np.ndarray) -> np.ndarray:
    return np.asfortranarray(x) if x.ndim > 1 else x


LAYOUTS = {"strided": strided, "Fortran-ordered": fortran}
