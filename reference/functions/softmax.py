"""Softmax over the last axis.  Derivation: specs/functions/softmax.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.arrays import expect_beside
from reference.core.shapes import expect_last_axis, expect_shape
from reference.core.sums import row_maxima, row_sums


def softmax(s: np.ndarray) -> np.ndarray:
    """Map scores s (..., S) to p (..., S), p_i = exp(s_i) / sum_j exp(s_j); a row of -inf gives 0."""
    p, _ = softmax_vjp(s)
    return p


def softmax_vjp(
    s: np.ndarray, *, out: np.ndarray | None = None
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return p (..., S) and the pullback dp -> ds; p lies in the memory of `out`, if it is given, which may be s.

    Raises:
        TypeError: s is not a floating or complex array, or out not one of its dtype.
        ValueError: s has no axis, or out another shape.

    Source: Bridle 1990, "Probabilistic interpretation of feedforward classification network
    outputs"; Blanchard, Higham & Higham 2021 (arXiv:1909.03469), eq. 1.2 in its shifted form.

    >>> p, pullback = softmax_vjp(np.log([1.0, 2, 5]))
    >>> p.round(12).tolist(), pullback(np.array([8.0, 0, 0])).round(12).tolist()
    ([0.125, 0.25, 0.625], [0.875, -0.25, -0.625])
    """
    expect_last_axis("softmax", "s", s, "S")
    if out is not None and out is not s:
        _expect_room(out, s)
    m = row_maxima(s.real)                                              # (..., 1)
    m = np.where(m == -np.inf, 0, m)                                    # (..., 1)  # (softmax.1)
    e = np.subtract(s, m, out=out)                                      # (..., S)
    np.exp(e, out=e)                                                    # (..., S)  # (softmax.2)
    z = row_sums(e)                                                     # (..., 1)  # (softmax.3)
    p = np.divide(e, np.where(z == 0, 1, z), out=e)                     # (..., S)  # (softmax.4)

    def pullback(dp: np.ndarray) -> np.ndarray:
        return p * (dp - row_sums(dp * p))                              # (..., S)  # (softmax.5)

    return p, pullback


def _expect_room(out: Any, s: np.ndarray) -> None:
    expect_shape("softmax", "out", out, s.shape)
    if out.dtype != s.dtype:
        raise TypeError(f"softmax: out must be {s.dtype} as s is, got {out.dtype}")
    expect_beside("softmax", "out", out, s)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "rows of 7", softmax_vjp, (rng.normal(size=(2, 3, 7)),), {}
    yield "one row", softmax_vjp, (rng.normal(size=5),), {}
