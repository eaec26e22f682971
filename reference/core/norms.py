"""Normalisation of a few rows, many times over, in float32: squares in float64 neither overflow nor vanish."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from reference.core.arrays import on_host


def normalization(layer: Any, gamma: np.ndarray, eps: float, beta: np.ndarray | None, *, centred: bool) -> Callable:
    """Return x (..., D) -> gamma xhat + beta, x over the root of its mean square and eps, less its mean if centred.

    Of other arrays than NumPy's float32 this is `layer` itself, whose scales cost as much as the rest.
    """
    dtypes = {z.dtype for z in (gamma, beta) if z is not None}
    if not on_host(gamma) or dtypes != {np.dtype(np.float32)} or gamma.size == 0 or eps == 0:
        return layer
    mean = 1 / len(gamma)
    share = np.full(len(gamma), mean, np.float32)

    def apply(x: np.ndarray) -> Any:
        if x.dtype.char != "f":
            return layer(x)
        if x.size == len(share):  # one row, whose mean and root are two numbers of Python
            row = x.reshape(-1)
            y = row - float(row.dot(share)) if centred else row
            wide = y.astype("d")
            y = y / math.sqrt(float(wide.dot(wide)) * mean + eps)
            y *= gamma
            if beta is not None:
                y += beta
            return y.reshape(x.shape)
        y = x - np.vecdot(x, share)[..., None] if centred else x
        wide = y.astype("d")
        square = np.vecdot(wide, wide)[..., None]
        square *= mean
        square += eps
        y = y / np.sqrt(square).astype("f")
        y *= gamma
        if beta is not None:
            y += beta
        return y

    return apply
