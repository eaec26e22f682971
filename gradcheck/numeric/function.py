"""What is differenced, as the numeric functions see it."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from gradcheck.numeric.scales import inner


class Function(Protocol):
    """A function of a list of arrays, whose outputs are one vector."""

    @property
    def complex_safe(self) -> bool:
        """Whether it may be called with complex arrays at all."""

    def forward(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Return all outputs (m,), real or complex as they come; errors are the function's own."""

    def attempt(self, arrays: Sequence[np.ndarray], size: int) -> np.ndarray:
        """Return all outputs (size,) in float64, or nan where the function has none or others."""


def project(g: np.ndarray | None, y: np.ndarray) -> np.ndarray:
    """Return <g, y> (..., G) of outputs (..., m) for every cotangent of g (G, m); without g every output itself."""
    return y if g is None else inner(g, y)
