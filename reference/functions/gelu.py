"""Gaussian error linear unit, exact, entry by entry.  Derivation: specs/functions/gelu.md."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.shapes import expect_floating
from reference.core.special import erfc

FAR = 1e3  # Phi is 0 below -FAR and 1 above FAR in every dtype; stands in for infinity, as inf * 0 is NaN


def gelu(x: np.ndarray) -> np.ndarray:
    """Map x (...) to y (...), y = x Phi(x) with the distribution function of the normal law; NaN stays NaN."""
    y, _ = gelu_vjp(x)
    return y


def gelu_vjp(x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return y (...) and the pullback dy -> dx.  The form with tanh is another function, gelu_tanh.

    Raises:
        TypeError: x is not a floating or complex array.

    Source: Hendrycks & Gimpel 2016 (arXiv:1606.08415), sec. 2.
    """
    expect_floating("gelu", "x", x)
    z = np.clip(x, -FAR, FAR)                                           # (...)
    cumulative = erfc(z * -math.sqrt(1 / 2)) / 2                        # (...)     # (gelu.1)
    y = np.maximum(x, -FAR) * cumulative                                # (...)     # (gelu.2)

    def pullback(dy: np.ndarray) -> np.ndarray:
        density = np.exp(z * z / -2) / math.sqrt(2 * math.pi)           # (...)     # (gelu.3)
        return dy * (cumulative + z * density)                          # (...)     # (gelu.4)

    return y, pullback


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "(2, 3, 5)", gelu_vjp, (rng.normal(size=(2, 3, 5)),), {}
