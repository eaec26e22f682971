"""Softmax over the last axis.  Derivation: specs/functions/softmax.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.shapes import expect_floating


def softmax(s: np.ndarray) -> np.ndarray:
    """Map scores s (..., S) to p (..., S), p_i = exp(s_i) / sum_j exp(s_j); a row of -inf gives 0."""
    p, _ = softmax_vjp(s)
    return p


def softmax_vjp(s: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return p (..., S) and the pullback dp -> ds.

    Raises:
        TypeError: s is not a floating or complex array.

    Source: Bridle 1990, "Probabilistic interpretation of feedforward classification network
    outputs", eq. 12; shifted by the maximum as in Goodfellow et al. 2016, sec. 4.1.
    """
    expect_floating("softmax", "s", s)
    m = s.real.max(axis=-1, keepdims=True, initial=-np.inf)  # (..., 1)
    m = np.where(m > -np.inf, m, 0).astype(m.dtype, copy=False)  # (softmax.1)
    e = np.exp(s - m)                                   # (..., S)  # (softmax.2)
    total = e.sum(axis=-1, keepdims=True)               # (..., 1)
    p = e / np.where(total == 0, 1, total)              # (..., S)  # (softmax.3)

    def pullback(dp: np.ndarray) -> np.ndarray:
        return p * (dp - (dp * p).sum(axis=-1, keepdims=True))      # (softmax.4)

    return p, pullback


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "rows of 7", softmax_vjp, (rng.normal(size=(2, 3, 7)),), {}
