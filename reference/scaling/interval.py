"""Between which losses the next cell lies, by refits to losses drawn anew.  Specification: specs/scaling/interval.md.

M cells: n parameters, d tokens and the loss of each, all (M,).
"""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

from reference.core.shapes import expect_positive
from reference.scaling.law import DELTA, Law, expect_cells, fit

NUMBERS = 5  # that a law has


@dataclasses.dataclass(frozen=True)
class Refits:
    """Laws that the cells might as well have had, each with a difference that the next cell might have from it."""

    laws: tuple[Law, ...]
    differences: np.ndarray  # (number of laws,), in the logarithm of the loss

    def exponents(self, share: float = 0.9) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the intervals of a and of b that hold `share` of the laws, cut off alike at both ends."""
        return _middle([law.a for law in self.laws], share), _middle([law.b for law in self.laws], share)

    def loss(self, n: float, d: float, share: float = 0.9) -> tuple[float, float]:
        """Return the interval in which the loss of a new cell lies with probability `share`."""
        losses = []
        for law, difference in zip(self.laws, self.differences, strict=True):
            said = law.loss(n, d)
            new = said * math.exp(difference)                                   # (interval.5)
            losses.append(new)
        return _middle(losses, share)


def refits(
    n: ArrayLike, d: ArrayLike, losses: ArrayLike, law: Law, *,
    rng: np.random.Generator, count: int = 200, delta: float = DELTA,
) -> Refits:  # fmt: skip
    """Fit `count` laws to losses that are those of `law` and differences drawn from what it leaves.

    Raises:
        TypeError, ValueError: as `fit` does; rng is no generator; `count` is no whole number of at least 1.

    Source: Efron 1979, "Bootstrap methods: another look at the jackknife", sec. 7.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"refits: rng must be a numpy.random.Generator, got {type(rng).__name__}")
    expect_positive("refits", "count", count)
    n, d, y = expect_cells("refits", n, d, losses)
    drawn = [_drawn(y, law.loss(n, d), rng) for _ in range(count)]
    return Refits(
        laws=tuple(fit(n, d, again, delta=delta, near=law) for again, _ in drawn),
        differences=np.array([difference for _, difference in drawn]),
    )


def _drawn(y: np.ndarray, said: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return losses (M,) drawn around those that a law says, and the difference of one more cell."""
    free = len(y) - NUMBERS
    e = np.log(y / said)                                            # (M,)  # (interval.1)
    u = math.sqrt(len(y) / free) * (e - e.mean())                   # (M,)  # (interval.2)
    x = rng.chisquare(free)
    f = math.sqrt(free / x)                                         # ()    # (interval.3)
    k = rng.integers(len(y), size=len(y) + 1)
    v = f * u[k]                                                    # (M + 1,)
    again = said * np.exp(v[:-1])                                   # (M,)  # (interval.4)
    return again, float(v[-1])


def _middle(values: list[float], share: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)
