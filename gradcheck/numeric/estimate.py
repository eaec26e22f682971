"""What differences say of a derivative, as numbers: one for each cotangent."""

import dataclasses

import numpy as np


@dataclasses.dataclass
class Estimate:
    """One number per cotangent (G,): the derivative t with |t - truth| below `bar` (inf: no estimate)."""

    value: np.ndarray
    bar: np.ndarray
    low: np.ndarray  # at a kink the one-sided derivatives bound the valid answers; elsewhere value
    high: np.ndarray
    kink: np.ndarray  # whether there is a kink at the point itself
    jump: np.ndarray  # whether f jumps at the point itself, or moves in steps: there is nothing to compare with
    still: np.ndarray  # whether the smallest steps change nothing at all: saturated, or on a stair

    @classmethod
    def smooth(cls, value: np.ndarray, bar: np.ndarray) -> "Estimate":
        """Return an estimate where f has no kink, no jump and no stair; without a number no bar is finite."""
        no = np.zeros(len(value), bool)
        return cls(value, np.where(np.isfinite(value), bar, np.inf), value, value, no, no, no)

    @property
    def resolved(self) -> np.ndarray:
        return np.isfinite(self.bar)
