"""Points and cotangents drawn at random: near the given ones, a few roundings away, or dense."""

import numpy as np

from gradcheck.numeric.scales import entry_scales, quantise
from gradcheck.subjects.problem import Arrays


def is_constant(x: np.ndarray) -> bool:
    """Whether a parameter is all ones or all zeros: everybody's first call, which hides what it multiplies."""
    return x.size > 0 and bool(np.all(x == 0) or np.all(x == 1))


def generic(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a point near x without exact zeros, ties or ones: 5 % of an entry or of its scale away.

    What is nearer to zero than that, such as the residue of a rounding, moves away from it: a kink
    at zero would stay within reach of every step.
    """
    size, up = rng.uniform(0.5, 1.5, x.shape), rng.choice([False, True], x.shape)
    s = entry_scales(x.ravel()).reshape(x.shape)
    residue = (x != 0) & (np.abs(x) < 0.05 * s)
    reach = np.where((x == 0) | residue, s, np.minimum(np.abs(x), s))
    far = 0.05 * size * reach
    return quantise(np.where(np.where(residue, ~np.signbit(x), up), x + far, x - far))


def spread(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a generic stand-in for a parameter of ones or zeros."""
    far, up = rng.uniform(0.25, 0.75, x.shape), rng.choice([False, True], x.shape)
    return quantise(np.where(up, x + far, x - far))


def cotangents(rng: np.random.Generator, size: int, count: int = 2) -> np.ndarray:
    """Return `count` dense random cotangents with all their bits: no entry is near zero, and none is one."""
    sizes, up = rng.uniform(0.5, 1.5, (count, size)), rng.choice([False, True], (count, size))
    return np.where(up, sizes, -sizes)


def jittered(point: Arrays, rng: np.random.Generator, u: float = 2.0**-53) -> list[np.ndarray]:
    """Return the point with every entry changed by up to four roundings, but for what would leave its dtype's range."""
    with np.errstate(over="ignore"):
        return [_in_range(x * (1 + 2 * u * rng.integers(-2, 3, x.shape)), x) for x in point]


def _in_range(moved: np.ndarray, x: np.ndarray) -> np.ndarray:
    largest = np.finfo(x.dtype).max
    if not moved.size or -largest <= moved.min() <= moved.max() <= largest:
        return moved
    return np.where(np.abs(moved) <= largest, moved, x)
