"""What a diagnosis looks at: the claimed and the numeric derivative of every output by every entry, if that is cheap.

Patterns that show only in the Jacobian (dy used in the wrong order, not summed, a pair of indices
forgotten) need one row for each output; where these are too many, the cotangents of the check are the rows.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from gradcheck.subjects.problem import Arrays

CLEAR = 10  # times what rounding may make: from here on a pattern among errors is none among roundings
SEEN = 1e-8  # of a derivative: the same, where roundings are not known any better


def half(n: int) -> np.ndarray:
    """Return a half of n entries (n,) that has entries of, and leaves entries of, every row, column and group."""
    return np.array([i.bit_count() % 2 == 1 for i in range(n)], dtype=bool)


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """The likely bug: a name that stays, and one sentence with the evidence.

    A name that is not `sure` is one of several that the numbers allow; what is sure of another array goes before it.
    """

    name: str
    sentence: str
    sure: bool = True

    def __bool__(self) -> bool:
        return self.name != "unknown"


UNKNOWN = Diagnosis("unknown", "")


@dataclasses.dataclass
class Evidence:
    """One array at one place; rows are outputs (`unit`) or cotangents, columns the array's entries in `at`."""

    name: str
    shape: tuple[int, ...]
    at: np.ndarray  # (k,)  flat indices of the entries that are known
    claimed: np.ndarray  # (R, k)
    numeric: np.ndarray  # (R, k)
    slack: np.ndarray  # (R, k)  differences up to here are rounding
    all_claimed: np.ndarray  # (R, n)
    unit: bool
    parts: list[tuple[str, tuple[int, ...]]]  # name and shape of each output
    leaf: int
    point: list[np.ndarray]
    names: list[str]
    y: np.ndarray
    others: dict[int, np.ndarray]  # claimed (R, n) of the other arrays that have entries
    pull: Callable[[Arrays, np.ndarray], np.ndarray]  # the claim at another point, for some sums (S, R) of the rows
    elsewhere: Callable[[], "Evidence | None"]  # the same at the user's own point
    moved: Callable[[int], "Evidence | None"]  # the same where one array only has other values
    halved: Callable[[], "Evidence | None"]  # the same where half of this array's entries have other values
    changed: Callable[[dict[int, np.ndarray], np.ndarray], "Evidence | None"]  # some entries, where arrays are replaced
    beside: Callable[[int], "Evidence | None"]  # the same of another array

    @property
    def x(self) -> np.ndarray:
        return self.point[self.leaf]

    @property
    def outputs(self) -> tuple[int, ...]:
        """Return the shape of the output; of several the number of their entries."""
        return self.parts[0][1] if len(self.parts) == 1 else (self.y.size,)

    @property
    def whole(self) -> bool:
        return self.at.size == self.x.size

    @property
    def error(self) -> np.ndarray:
        return self.claimed - self.numeric

    @property
    def bad(self) -> np.ndarray:
        return np.asarray(np.abs(self.error) > self.slack)

    @property
    def wrong(self) -> np.ndarray:
        """Return whether each entry (k,) is wrong in some row."""
        return np.asarray(self.bad.any(axis=0))

    @property
    def clear(self) -> bool:
        """Whether some error is far beyond what rounding makes, so that right and wrong entries are told apart."""
        sizes = np.maximum(np.abs(self.claimed), np.abs(self.numeric))
        return bool((np.abs(self.error) > np.maximum(CLEAR * self.slack, SEEN * sizes)).any())

    @functools.cached_property
    def separable(self) -> bool:
        """Whether the output is a sum of nonlinear functions of one entry each."""
        other = self.halved() if self.whole and self.x.size > 1 else None
        if other is None or other.numeric.shape != self.numeric.shape:
            return False
        change = np.abs(other.numeric - self.numeric) > 2 * (self.slack + other.slack)
        moved = half(self.x.size)
        return not change[:, ~moved].any() and bool(change[:, moved].any(axis=0).mean() > 0.5)

    def close(self, a: np.ndarray, b: np.ndarray) -> bool:
        """Whether two arrays (R, k) are equal but for rounding."""
        return bool((np.abs(a - b) <= 2 * self.slack + 1e-10 * np.abs(b)).all())

    def no(self, values: np.ndarray) -> np.ndarray:
        """Return where values (R, k) are zero but for rounding."""
        return np.asarray(np.abs(values) <= self.slack)

    def full(self, values: np.ndarray) -> np.ndarray:
        """Return rows in the array's own shape (R, *shape); only where all entries are known."""
        return values.reshape(len(values), *self.shape)
