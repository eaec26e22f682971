"""What becomes of a claim when it is asked for again: a second time, of a small dy, at another point, of fewer bits."""

import functools

import numpy as np

from gradcheck.numeric.reading import Place
from gradcheck.subjects.problem import Problem

NARROW = {"bfloat16": 8, "float16": 11, "float32": 24}  # significant bits
SMALL, SAME = 2.0**-12, 1e-6  # a scale of dy, by which linear claims scale to this part
COARSE = 3  # bits: a claim that is the same for a dy of so few takes no notice of it


def claimed(problem: Problem, place: Place, g: np.ndarray) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        return problem.gradients(place.point, g)


class Calls:
    """`near` and `own` are the places at which one check compared, `first` what was claimed at the first."""

    def __init__(self, problem: Problem, near: Place, own: Place, first: list[np.ndarray]):
        self.problem, self.near, self.own, self.first = problem, near, own, first

    def unsteady(self, leaf: int) -> bool:
        """Whether two forward passes give claims for one dy that differ by more than rounding.

        Of two calls of one pullback that is asked before any claim is compared.
        """
        return _differs(self._again[leaf][0], self.first[leaf][0])

    def bends(self, leaf: int) -> bool:
        """Whether the claim for small dy is not that part of the claim for dy."""
        one, small = self._again[leaf]
        return _differs(one, small / SMALL)

    def repeats(self, leaf: int) -> bool:
        """Whether the claim is the same, and not nothing, at two points."""
        one, two = self._given[leaf][0], self._again[leaf][0]
        return bool(one.any()) and np.array_equal(one, two)

    def narrowed(self, leaf: int) -> str | None:
        """Return the type to which dy may be rounded first, and the claim is the same to the last bit."""
        one, coarse, *narrow = self._rounded[leaf]
        if np.array_equal(one, coarse):
            return None
        return next((name for name, d in zip(NARROW, narrow, strict=True) if np.array_equal(one, d)), None)

    def rounding(self, leaf: int) -> float:
        """Return by which part of the claim's size 3 dy is not counted three times, though 2 dy is just twice; or 0.

        Roundings to few bits alone do that: they do not change with a power of 2.
        """
        one, two, three = self._times[leaf]
        return _part(3 * one, three) if one.any() and np.array_equal(2 * one, two) else 0.0

    @functools.cached_property
    def _again(self) -> list[np.ndarray]:
        """Return the claims of one pullback for dy and for a small one, for each array."""
        return claimed(self.problem, self.near, np.concatenate([self.near.g[:1], SMALL * self.near.g[:1]]))

    @functools.cached_property
    def _times(self) -> list[np.ndarray]:
        return claimed(self.problem, self.near, np.arange(1.0, 4.0)[:, None] * self.near.g[:1])

    @functools.cached_property
    def _given(self) -> list[np.ndarray]:
        return claimed(self.problem, self.own, self.near.g[:1])

    @functools.cached_property
    def _rounded(self) -> list[np.ndarray]:
        g = self.near.g[0]
        return claimed(self.problem, self.near, np.stack([g, *(cut(g, n) for n in (COARSE, *NARROW.values()))]))


def _differs(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((np.abs(a - b) > SAME * np.abs(a).max(initial=0)).any())


def _part(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference beside the largest number."""
    return float(np.abs(a - b).max() / np.abs(a).max())


def cut(x: np.ndarray, bits: int) -> np.ndarray:
    """Return numbers rounded to so many significant bits."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)
