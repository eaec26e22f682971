"""Logarithm of a sum of exponentials over the last axis.  Derivation: specs/functions/logsumexp.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.arrays import as_array
from reference.core.shapes import expect_last_axis
from reference.core.sums import row_maxima, row_sums


def logsumexp(s: np.ndarray) -> np.ndarray:
    """Map scores s (..., S) to l (...), l = log(sum_j exp(s_j)); a row of -inf, or of no score, gives -inf."""
    l, _ = logsumexp_vjp(s)
    return l


def logsumexp_vjp(s: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return l (...) and the pullback dl -> ds (..., S).

    Raises:
        TypeError: s is not a floating or complex array.
        ValueError: s has no axis.

    Source: Blanchard, Higham & Higham 2021 (arXiv:1909.03469), eq. 1.1 in its shifted form, 1.3.
    """
    expect_last_axis("logsumexp", "s", s, "S")
    m = row_maxima(s.real)                                              # (..., 1)
    m = np.where(np.isfinite(m), m, 0)                                  # (..., 1)  # (logsumexp.1)
    e = s - m                                                           # (..., S)
    np.exp(e, out=e)                                                    # (..., S)  # (logsumexp.2)
    z = row_sums(e)                                                     # (..., 1)  # (logsumexp.3)
    positive = np.where(z == 0, 1, z)
    l = np.where(z == 0, -np.inf, m + np.log(positive))                 # (..., 1)  # (logsumexp.4)

    def pullback(dl: np.ndarray) -> np.ndarray:
        p = e / positive                                                # (..., S)  # (logsumexp.5)
        return as_array(dl)[..., None] * p                              # (..., S)  # (logsumexp.6)

    return l[..., 0], pullback


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "rows of 7", logsumexp_vjp, (rng.normal(size=(2, 3, 7)),), {}
    yield "one row", logsumexp_vjp, (rng.normal(size=5),), {}
