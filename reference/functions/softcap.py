"""Soft-capping: scores bent into (-cap, cap).  Derivation: specs/functions/softcap.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.shapes import expect_above_zero, expect_floating


def softcap(s: np.ndarray, *, cap: float) -> np.ndarray:
    """Map s (...) to y (...), y = cap * tanh(s / cap)."""
    y, _ = softcap_vjp(s, cap=cap)
    return y


def softcap_vjp(s: np.ndarray, *, cap: float) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return y (...) and the pullback dy -> ds.

    Raises:
        TypeError: s is not a floating or complex array, or cap not a number.
        ValueError: cap is not positive and finite.

    Source: Riviere et al. 2024 (arXiv:2408.00118), sec. 2; Bello et al. 2016 (arXiv:1611.09940).
    """
    expect_floating("softcap", "s", s)
    expect_above_zero("softcap", "cap", cap)
    cap = float(cap)                                                    # a NumPy scalar would widen float32
    u = np.tanh(s / cap)                                                # (...)     # (softcap.1)
    y = cap * u                                                         # (...)     # (softcap.2)

    def pullback(dy: np.ndarray) -> np.ndarray:
        ds = (1 - u * u) * dy                                           # (...)     # (softcap.3)
        return ds

    return y, pullback


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "cap 1.5, as large as the scores", softcap_vjp, (rng.normal(size=(2, 3, 5)),), {"cap": 1.5}
    yield "cap 30", softcap_vjp, (rng.normal(scale=20, size=(2, 3, 5)),), {"cap": 30.0}
