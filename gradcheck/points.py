"""Where the check is made: points from which steps are exact, and directions to step along."""

import dataclasses
from typing import Any

import numpy as np

from gradcheck.problem import Arrays

BITS = 30  # significant bits kept of a base point: with ten-bit steps every x + h d is exact
MOST_BITS = 45


def quantise(x: np.ndarray, bits: int = BITS) -> np.ndarray:
    """Round every entry to `bits` significant bits; of entries near each other, of what they differ by."""
    x = np.asarray(x, np.float64)
    if is_offset(x):
        bits += int(np.round(np.log2(np.abs(x).max() / scale(x))))
    bits = min(bits, MOST_BITS)
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)


def scale(x: np.ndarray) -> float:
    """Return the power of two nearest to the size of the entries; 1 for zeros.

    The size is the root mean square, or for entries far from zero but near each other (a time in
    seconds, logits near 1e6) their standard deviation, unless that is mere rounding.
    """
    largest = float(np.abs(x).max(initial=0))
    if not 0 < largest < np.inf:
        return 1.0
    size = float(np.std(x / largest)) if is_offset(x) else float(np.sqrt(np.mean(np.square(x / largest))))
    return float(2.0 ** np.round(np.log2(largest * size)))


def is_offset(x: np.ndarray) -> bool:
    """Whether the entries are far from zero but near each other."""
    largest = float(np.abs(x).max(initial=0))
    if not 0 < largest < np.inf or x.size < 4:
        return False
    small = x / largest
    rms, deviation = float(np.sqrt(np.mean(np.square(small)))), float(np.std(small))
    return rms * 2.0**-46 < deviation < rms / 8


def is_constant(x: np.ndarray) -> bool:
    """Whether a parameter is all ones or all zeros: everybody's first call, which hides what it multiplies."""
    return x.size > 0 and bool(np.all(x == 0) or np.all(x == 1))


def generic(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a point near x without exact zeros, ties or ones: 5 % of an entry or of its scale away.

    What is nearer to zero than that, such as the residue of a rounding, moves away from it: a kink
    at zero would stay within reach of every step.
    """
    size, sign = rng.uniform(0.5, 1.5, x.shape), rng.choice([-1.0, 1.0], x.shape)
    s = entry_scales(x.ravel()).reshape(x.shape)
    residue = (x != 0) & (np.abs(x) < 0.05 * s)
    reach = np.where((x == 0) | residue, s, np.minimum(np.abs(x), s))
    return quantise(x + 0.05 * size * reach * np.where(residue, np.sign(x), sign))


def spread(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a generic stand-in for a parameter of ones or zeros."""
    return quantise(x + rng.uniform(0.25, 0.75, x.shape) * rng.choice([-1.0, 1.0], x.shape))


def cotangents(rng: np.random.Generator, size: int, count: int = 2) -> np.ndarray:
    """Return `count` dense random cotangents with all their bits: no entry is near zero, and none is one."""
    return rng.uniform(0.5, 1.5, (count, size)) * rng.choice([-1.0, 1.0], (count, size))


def root_sum_square(x: np.ndarray, axis: int | None = None) -> Any:
    """Return the root of the sum of squares, of numbers of any size."""
    largest = np.abs(x).max(axis=axis, keepdims=True, initial=0)
    unit = np.where((largest > 0) & np.isfinite(largest), largest, 1)
    return np.squeeze(unit, axis) * np.sqrt(np.square(x / unit).sum(axis=axis))


@dataclasses.dataclass(frozen=True)
class Probe:
    """A direction in the space of all arrays, small enough to be sent to another process.

    Either one `coordinate` of an array moves, or the entries `start:stop` do but for those that are
    `held`, each by a random amount that `seed` determines.
    """

    leaf: int | None  # None: all arrays move together
    coordinate: int | None = None
    seed: int = 0
    start: int = 0
    stop: int | None = None
    own_scale: bool = False  # step by the size of this very entry, not of its array
    by_value: bool = False  # entries that are equal move alike
    held: tuple[int, ...] = ()  # entries that stay where they are, as those at a kink

    def direction(self, point: Arrays) -> dict[int, np.ndarray]:
        """Return the direction for each array that moves; a step of 1 is about as long as the array."""
        if self.coordinate is not None:
            assert self.leaf is not None
            return {self.leaf: _unit(point[self.leaf], self.coordinate, self.own_scale)}
        moving = range(len(point)) if self.leaf is None else [self.leaf]
        return {i: self._dense(point[i], i) for i in moving}

    def _dense(self, x: np.ndarray, i: int) -> np.ndarray:
        rng = np.random.default_rng([self.seed, i])
        size = rng.integers(32, 97, x.size) / 64  # six bits, in [0.5, 1.5]
        pattern = np.where(rng.integers(0, 2, x.size) == 1, size, -size)
        if self.by_value:
            pattern = pattern[np.unique(x, return_inverse=True)[1].ravel()]
        pattern[: self.start] = 0
        pattern[x.size if self.stop is None else self.stop :] = 0
        pattern[list(self.held)] = 0
        return (pattern * entry_scales(x.ravel())).reshape(x.shape)


def entry_scales(x: np.ndarray) -> np.ndarray:
    """Return a power of two for every entry: the array's scale.

    An array whose entries range over many orders of magnitude has no one scale: there each entry's
    own size serves.
    """
    s = scale(x)
    size = np.abs(x[x != 0])
    if not size.size:
        return np.full(x.shape, s)
    if s > 100 * float(np.median(size)):
        return 2.0 ** np.round(np.log2(np.where(x == 0, s, np.abs(x))))
    return np.full(x.shape, s)


def _unit(x: np.ndarray, coordinate: int, own_scale: bool) -> np.ndarray:
    d, s = np.zeros(x.size), scale(x)
    entry = abs(float(x.flat[coordinate]))
    d[coordinate] = 2.0 ** np.round(np.log2(entry)) if own_scale and entry and not is_offset(x) else s
    return d.reshape(x.shape)
