"""Rectified linear unit, entry by entry.  Derivation: specs/functions/relu.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.shapes import expect_floating


def relu(x: np.ndarray) -> np.ndarray:
    """Map x (...) to y (...), y = x where x is positive, 0 elsewhere; NaN stays NaN."""
    y, _ = relu_vjp(x)
    return y


def relu_vjp(x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return y (...) and the pullback dy -> dx; at exactly 0, where any slope in [0, 1] would do, it is 0.

    Raises:
        TypeError: x is not a floating or complex array.

    Source: Nair & Hinton 2010, sec. 2; the slope at 0 as in Bertoin et al. 2021 (arXiv:2106.12915).
    """
    expect_floating("relu", "x", x)
    zero = np.zeros_like(x, shape=x.shape[-1:])  # a row: with a number NumPy takes 2.3 times as long
    positive = x.real > 0                                               # (...)     # (relu.1)
    y = np.maximum(x, zero)                                             # (...)     # (relu.2)

    def pullback(dy: np.ndarray) -> np.ndarray:
        return dy * positive                                            # (...)     # (relu.3)

    return y, pullback


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "(2, 3, 5)", relu_vjp, (rng.normal(size=(2, 3, 5)),), {}
