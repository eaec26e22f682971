"""Key and value heads that several query heads share.  Derivation: specs/functions/repeat_heads.md.

B batch, G key and value heads, S key positions, K head width.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.shapes import expect_positive, expect_shape


def repeat_heads(k: np.ndarray, *, times: int) -> np.ndarray:
    """Map k (B, G, S, K) to y (B, G times, S, K): head h is head h // times of k."""
    y, _ = repeat_heads_vjp(k, times=times)
    return y


def repeat_heads_vjp(k: np.ndarray, *, times: int) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return y (B, G times, S, K) and the pullback dy -> dk.

    Raises:
        TypeError: k is not floating or complex, or times is not a whole number.
        ValueError: k has not four axes, or times is below 1.

    Source: Ainslie et al. 2023 (arXiv:2305.13245), sec. 2.2; one head for all is Shazeer 2019 (arXiv:1911.02150).
    """
    expect_shape("repeat_heads", "k", k, ("B", "G", "S", "K"))
    expect_positive("repeat_heads", "times", times)
    batch, groups, keys, width = k.shape
    y = np.repeat(k, times, axis=1)                                     # (B, G R, S, K)    # (repeat_heads.1)

    def pullback(dy: np.ndarray) -> np.ndarray:
        shared = dy.reshape(batch, groups, times, keys, width)          # (B, G, R, S, K)
        dk = shared.sum(axis=2)                                         # (B, G, S, K)      # (repeat_heads.2)
        return dk

    return y, pullback


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "2 heads, 3 times", repeat_heads_vjp, (rng.normal(size=(2, 2, 5, 4)),), {"times": 3}
    yield "one head for all", repeat_heads_vjp, (rng.normal(size=(2, 1, 5, 4)),), {"times": 4}
