"""Logistic sigmoid, entry by entry.  Derivation: specs/functions/sigmoid.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.shapes import expect_floating


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Map x (...) to y (...), y = 1 / (1 + exp(-x)), between 0 and 1; NaN stays NaN."""
    y, _ = sigmoid_vjp(x)
    return y


def sigmoid_vjp(x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return y (...) and the pullback dy -> dx.

    Raises:
        TypeError: x is not a floating or complex array.

    Source: Rumelhart, Hinton & Williams 1986, eq. 2 and 5.
    """
    expect_floating("sigmoid", "x", x)
    positive = x.real > 0                                               # (...)
    e = np.exp(np.where(positive, -x, x))                               # (...)     # (sigmoid.1)
    y = np.where(positive, 1, e) / (1 + e)                              # (...)     # (sigmoid.2)

    def pullback(dy: np.ndarray) -> np.ndarray:
        return dy * (e / ((1 + e) * (1 + e)))                           # (...)     # (sigmoid.3)

    return y, pullback


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "(2, 3, 5)", sigmoid_vjp, (rng.normal(size=(2, 3, 5)),), {}
