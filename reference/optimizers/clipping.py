"""Gradients made shorter: all of them by their global norm, or each number by itself.

Specification: specs/optimizers/clipping.md.
"""

import math
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.entrywise import entrywise
from reference.core.shapes import expect_above_zero, expect_real


def clip_by_norm(d_model: Any, most: float) -> tuple[Any, float]:
    """Return the gradients times one factor, such that their norm is at most `most`, and the norm that they had.

    The norm is that of all numbers of all arrays.  Clip before anything is added to a gradient, a decay for one.

    Raises:
        TypeError: `most` is not a number, or a gradient complex.
        ValueError: `most` is not positive and finite, or a gradient is not finite.

    Source: Pascanu et al. 2013, algorithm 1.

    >>> clipped, norm = clip_by_norm((np.array([3.0]), np.array([4.0])), 1.0)
    >>> [g.round(12).tolist() for g in clipped], norm
    ([[0.6], [0.8]], 5.0)
    """
    expect_above_zero("clip_by_norm", "most", most)
    a = _largest("clip_by_norm", d_model)                                      # (N,), of each array
    sigma = 2.0 ** math.floor(math.log2(a.max())) if a.any() else 1.0          # (clipping.1)

    def squares(g: np.ndarray) -> float:
        s = np.sum(np.square(np.divide(g, sigma, dtype=np.float64)))           # (clipping.2)
        return float(s)

    q = np.array([squares(g) for _, g in tree.leaves(d_model)])                # (N,)
    norm = float(sigma * np.sqrt(q.sum()))                                     # (clipping.3)
    factor = float(most / norm) if norm > most else 1.0                        # (clipping.4)
    return entrywise(lambda g: factor * g, d_model), norm                      # (clipping.5)


def clip_by_value(d_model: Any, most: float) -> Any:
    """Return the gradients with every number in [-most, most]; the direction is not kept.

    Raises:
        TypeError: `most` is not a number, or a gradient complex.
        ValueError: `most` is not positive and finite, or a gradient is not finite.
    """
    expect_above_zero("clip_by_value", "most", most)
    _largest("clip_by_value", d_model)
    most = float(most)
    return entrywise(lambda g: np.clip(g, -most, most), d_model)               # (clipping.6)


def _largest(where: str, d_model: Any) -> np.ndarray:
    """Return the largest size of a number of each array.

    Raises:
        TypeError: it is complex.
        ValueError: it is not finite; the first such array is named.
    """
    leaves = tree.leaves(d_model)
    for path, g in leaves:
        expect_real(where, f"'{path or 'd_model'}'", g)
    found = np.array([float(np.max(np.abs(g))) if g.size else 0.0 for _, g in leaves])
    for (path, _), size in zip(leaves, found, strict=True):
        if not math.isfinite(size):
            raise ValueError(f"{where}: gradients must be finite, got {size} in '{path or 'd_model'}'")
    return found
