"""Normalisation of a few rows, many times over, in float32: squares in float64 neither overflow nor vanish."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.core.arrays import on_host
from reference.core.sums import as_rows


def normalization(layer: Any, gamma: np.ndarray, eps: float, beta: np.ndarray | None, *, centred: bool) -> Callable:
    """Return x (..., D) -> gamma xhat + beta, x over the root of its mean square and eps, less its mean if centred.

    Of other arrays than NumPy's float32 this is `layer` itself, whose scales cost as much as the rest.
    """
    if not on_host(gamma) or gamma.dtype != np.float32 or (beta is not None and beta.dtype != np.float32):
        return layer
    width = max(len(gamma), 1)
    share, wide = (np.full((len(gamma), 1), 1 / width, dtype) for dtype in (np.float32, np.float64))

    def apply(x: np.ndarray) -> Any:
        if x.dtype != np.float32:
            return layer(x)
        rows = as_rows(x)
        y = rows - rows @ share if centred else rows
        square = np.square(y, dtype=np.float64) @ wide
        square += eps
        y = y / np.sqrt(square).astype(np.float32)
        y *= gamma
        if beta is not None:
            y += beta
        return y.reshape(x.shape)

    return apply
