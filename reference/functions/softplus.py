"""Softplus, entry by entry.  Derivation: specs/functions/softplus.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.shapes import expect_floating


def softplus(x: np.ndarray) -> np.ndarray:
    """Map x (...) to y (...), y = log(1 + exp(x)), a smooth max(x, 0); NaN stays NaN."""
    y, _ = softplus_vjp(x)
    return y


def softplus_vjp(x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return y (...) and the pullback dy -> dx; the slope is the sigmoid of x.

    Raises:
        TypeError: x is not a floating or complex array.

    Source: Dugas, Bengio, Bélisle, Nadeau & Garcia 2001; Glorot, Bordes & Bengio 2011.
    """
    expect_floating("softplus", "x", x)
    positive = x.real > 0                                               # (...)
    e = np.exp(np.where(positive, -x, x))                               # (...)     # (softplus.1)
    y = np.where(positive, x, 0) + np.log1p(e)                          # (...)     # (softplus.2)

    def pullback(dy: np.ndarray) -> np.ndarray:
        return dy * (np.where(positive, 1, e) / (1 + e))                # (...)     # (softplus.3)

    return y, pullback


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "(2, 3, 5)", softplus_vjp, (rng.normal(size=(2, 3, 5)),), {}
