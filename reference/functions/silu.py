"""Sigmoid linear unit, also called swish, entry by entry.  Derivation: specs/functions/silu.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.shapes import expect_floating
from reference.functions.sigmoid import sigmoid_vjp

FAR = 1e3  # the sigmoid is 0 below -FAR and 1 above FAR in every dtype; stands in for infinity, as inf * 0 is NaN


def silu(x: np.ndarray) -> np.ndarray:
    """Map x (...) to y (...), y = x sigmoid(x); NaN stays NaN."""
    y, _ = silu_vjp(x)
    return y


def silu_vjp(x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return y (...) and the pullback dy -> dx.

    Raises:
        TypeError: x is not a floating or complex array.

    Source: Hendrycks & Gimpel 2016 (arXiv:1606.08415); Elfwing, Uchibe & Doya 2017 (arXiv:1702.03118);
    Ramachandran, Zoph & Le 2017 (arXiv:1710.05941), beta = 1.
    """
    expect_floating("silu", "x", x)
    g, sigmoid_pullback = sigmoid_vjp(x)                                # (...)     # (silu.1)
    y = np.maximum(x, -FAR) * g                                         # (...)     # (silu.2)

    def pullback(dy: np.ndarray) -> np.ndarray:
        dg = dy * np.clip(x, -FAR, FAR)                                 # (...)     # (silu.3)
        return dy * g + sigmoid_pullback(dg)                            # (...)     # (silu.4)

    return y, pullback


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "(2, 3, 5)", silu_vjp, (rng.normal(size=(2, 3, 5)),), {}
