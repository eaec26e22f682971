"""A look at the slopes along one direction: few steps first, and more of them where those leave a doubt."""

import dataclasses

import numpy as np

from gradcheck.numeric import noise
from gradcheck.numeric.constants import APART, BESIDE, COARSEST, CONFIRMING, FEW, OTHER_SPACING, SCATTER, U
from gradcheck.numeric.function import Function
from gradcheck.numeric.ladder import STEPS, Sweep, moved, sweep
from gradcheck.numeric.probe import Along
from gradcheck.numeric.scales import entry_scales
from gradcheck.numeric.slopes import Slopes, Spot, chosen, improved, nothing, read

Vectors = tuple[np.ndarray | None, ...]  # a direction: one for each array, None where it stays


@dataclasses.dataclass(frozen=True)
class Glance:
    """A few steps along a direction, and what they say if f has no noise but its roundings."""

    probe: Along
    swept: Sweep
    slopes: Slopes


def glance(function: Function, spot: Spot, vectors: Vectors) -> Glance:
    probe = Along(None, vectors=vectors, unit=natural(spot.point, vectors))
    swept = _swept(function, spot, probe, STEPS[list(CONFIRMING if spot.exact else FEW)])
    return Glance(probe, swept, read(swept, spot, _least(spot), probe))


def look(function: Function, spot: Spot, seen: Glance) -> tuple[Slopes, np.ndarray]:
    """Return the slopes along the direction of a glance, and the noise of f (m,) as a part of it."""
    probe, first = seen.probe, seen.swept
    own = _own(spot.point, probe.vectors)
    others = [unit for unit in (own, 1.0) if abs(np.log2(unit / probe.unit)) >= APART]
    level = _level(function, spot, probe, first)
    for unit in others:
        if unit < probe.unit and (level > COARSEST).any():  # steps so wide that a wave looks like noise
            probe = dataclasses.replace(probe, unit=unit)
            first = _swept(function, spot, probe, STEPS[list(FEW)])
            level = _level(function, spot, probe, first)
    slopes = read(first, spot, level, probe)
    if slopes.doubt.any():
        slopes = chosen(slopes.doubt, read(_swept(function, spot, probe, STEPS), spot, level, probe), slopes)
    for unit in others:
        if slopes.coarse.any():
            other = dataclasses.replace(probe, unit=unit)
            swept = _swept(function, spot, other, STEPS)
            found = _level(function, spot, other, swept)
            again = read(swept, spot, found, other)
            better = improved(slopes, again, unit < probe.unit)
            slopes, level = chosen(better, again, slopes), np.where(better, found, level)
    lost = (level > COARSEST) & ~(slopes.bar < np.abs(slopes.value))  # a noise in which nothing is seen
    return chosen(lost, nothing(slopes), slopes), level


def natural(point: list[np.ndarray], vectors: Vectors) -> float:
    """Return the power of two by which the largest entry of a direction is as long as the entries of its array."""
    return _length(vectors, [entry_scales(x.ravel()) for x in point])


def _own(point: list[np.ndarray], vectors: Vectors) -> float:
    """Return the same for the very entries that move, which may be far smaller than their array."""
    return _length(vectors, [np.where(x == 0, 1.0, np.abs(x)).ravel() for x in point])


def _swept(function: Function, spot: Spot, probe: Along, steps: np.ndarray) -> Sweep:
    return sweep(function, spot.point, probe, None, steps, spot.y, spot.grain)


def _length(vectors: Vectors, sizes: list[np.ndarray]) -> float:
    parts = [np.abs(v.ravel()) / s for v, s in zip(vectors, sizes, strict=True) if v is not None]
    longest = max((float(part.max(initial=0)) for part in parts), default=0.0)
    return float(2.0 ** -np.round(np.log2(longest))) if longest else 1.0


def _level(function: Function, spot: Spot, probe: Along, first: Sweep) -> np.ndarray:
    """Return the noise of f: at the point, or on both sides of a kink there, which looks like noise in a table.

    Two tables, of different spacings: where one is a whole number of roundings wide, these are all alike.
    """
    least = _least(spot)
    alone = read(first, spot, least, probe)
    if (alone.kink | alone.jump).any():
        direction = probe.direction(spot.point)
        sides = [moved(spot.point, direction, side) for side in (BESIDE, -BESIDE)]
    else:
        sides = [spot.point]
    tables = [(side, unit) for side in sides for unit in (probe.unit, probe.unit * OTHER_SPACING)]
    levels = [
        noise.measured(function, side, dataclasses.replace(probe, unit=unit), None, spot.y.size)
        for side, unit in tables
    ]
    return np.max([least, *levels], axis=0)


def _least(spot: Spot) -> np.ndarray:
    """Return the noise (m,) that the format of each output has."""
    return np.where(spot.roundoff > U, spot.roundoff / SCATTER, 0.0)
