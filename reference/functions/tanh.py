"""Hyperbolic tangent, entry by entry.  Derivation: specs/functions/tanh.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.shapes import expect_floating


def tanh(x: np.ndarray) -> np.ndarray:
    """Map x (...) to y (...), y = (exp(x) - exp(-x)) / (exp(x) + exp(-x)), between -1 and 1; NaN stays NaN."""
    y, _ = tanh_vjp(x)
    return y


def tanh_vjp(x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return y (...) and the pullback dy -> dx.

    Raises:
        TypeError: x is not a floating or complex array.

    Source: LeCun, Bottou, Orr & Müller 1998, "Efficient BackProp", sec. 4.4, without their scales.
    """
    expect_floating("tanh", "x", x)
    y = np.tanh(x)                                                      # (...)     # (tanh.1)

    def pullback(dy: np.ndarray) -> np.ndarray:
        return dy * (1 - y * y)                                         # (...)     # (tanh.2)

    return y, pullback


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "(2, 3, 5)", tanh_vjp, (rng.normal(size=(2, 3, 5)),), {}
