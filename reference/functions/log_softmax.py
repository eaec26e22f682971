"""Logarithm of softmax over the last axis.  Derivation: specs/functions/log_softmax.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.shapes import expect_last_axis
from reference.core.sums import row_maxima, row_sums


def log_softmax(s: np.ndarray) -> np.ndarray:
    """Map scores s (..., S) to y (..., S), y_i = s_i - log(sum_j exp(s_j)); a row of -inf stays one."""
    y, _ = log_softmax_vjp(s)
    return y


def log_softmax_vjp(s: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return y (..., S) and the pullback dy -> ds.

    Raises:
        TypeError: s is not a floating or complex array.
        ValueError: s has no axis.

    Source: Bridle 1990, "Probabilistic interpretation of feedforward classification network
    outputs", in logarithms; Blanchard, Higham & Higham 2021 (arXiv:1909.03469), sec. 2.
    """
    expect_last_axis("log_softmax", "s", s, "S")
    m = row_maxima(s.real)                                              # (..., 1)
    m = np.where(m == -np.inf, 0, m)                                    # (..., 1)  # (log_softmax.1)
    c = s - m                                                           # (..., S)  # (log_softmax.2)
    e = np.exp(c)                                                       # (..., S)  # (log_softmax.3)
    z = row_sums(e)                                                     # (..., 1)  # (log_softmax.4)
    positive = np.where(z == 0, 1, z)
    y = np.subtract(c, np.log(positive), out=c)                         # (..., S)  # (log_softmax.5)
    p = np.divide(e, positive, out=e)                                   # (..., S)  # (log_softmax.6)

    def pullback(dy: np.ndarray) -> np.ndarray:
        return dy - p * row_sums(dy)                                    # (..., S)  # (log_softmax.7)

    return y, pullback


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "rows of 7", log_softmax_vjp, (rng.normal(size=(2, 3, 7)),), {}
    yield "one row", log_softmax_vjp, (rng.normal(size=5),), {}
