"""Large arrays by a few coordinates each: what is to be moved one coordinate at a time costs no more than these."""

import dataclasses

import numpy as np

from gradcheck.numeric.scales import entry_scales

DIRECTIONS = 8  # an error in one of 10,000 entries still changes each slope by a hundredth of its size


@dataclasses.dataclass(frozen=True)
class Span:
    """x(t) = x + (t_1 - 1) d_1 + ... + (t_n - 1) d_n, at x for t = 1; without directions x(t) = t."""

    x: np.ndarray
    directions: np.ndarray | None  # (n, *shape of x)

    @property
    def start(self) -> np.ndarray:
        """Return the coordinates of x."""
        return self.x if self.directions is None else np.ones(len(self.directions), self.x.dtype)

    def moved(self, t: np.ndarray) -> np.ndarray:
        if self.directions is None:
            return t
        return self.x.astype(t.dtype) + np.tensordot(t - 1, self.directions.astype(t.dtype), 1)

    def along(self, dt: np.ndarray) -> np.ndarray:
        """Return the direction of x that belongs to one of its coordinates."""
        if self.directions is None:
            return dt
        return np.tensordot(dt, self.directions.astype(dt.dtype), 1)


def spanned(x: np.ndarray, rng: np.random.Generator) -> Span:
    """Return an array by random directions, in which entries move by amounts of their own size."""
    if x.size <= DIRECTIONS:
        return Span(x, None)
    sizes = np.maximum(np.abs(x), 0.05 * entry_scales(x.ravel()).reshape(x.shape))
    return Span(x, rng.normal(size=(DIRECTIONS, *x.shape)) * sizes / np.sqrt(DIRECTIONS))
