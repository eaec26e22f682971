"""The complex step, believed where real differences confirm it."""

import dataclasses

import numpy as np

from gradcheck.numeric import complexstep
from gradcheck.numeric.constants import EVIDENCE, U
from gradcheck.numeric.function import Function
from gradcheck.numeric.probe import Along
from gradcheck.numeric.reading import Exact
from gradcheck.numeric.slopes import Slopes, Spot


def exact(function: Function, spot: Spot, probe: Along, slopes: np.ndarray | None = None) -> Exact:
    """Return the complex step's derivative (m,) along a direction, and its noise under roundings of the point.

    The step itself may have been taken.
    """
    taken = complexstep.slopes(function, spot.point, probe) if slopes is None else slopes
    value, size = complexstep.projected(taken, None)
    noise = complexstep.noise(function, spot.point, probe, None, np.random.default_rng(0), value)
    return Exact(value / probe.unit, size / probe.unit, noise / probe.unit)


def sharpened(slopes: Slopes, step: Exact, spot: Spot, probe: Along) -> Slopes | None:
    """Return slopes with the complex step's values and bars, or None where it is not to be believed.

    It is not where any output contradicts real differences, or where these resolve too little to contradict anything,
    nor where its noise was not measured.  At a kink it sees one side, and counts for nothing.
    """
    if step.noise is None:
        return None
    smooth = slopes.resolved & ~slopes.kink
    bar = 16 * U * step.size + 4 * step.noise
    seen = slopes.bar <= EVIDENCE * np.maximum(np.abs(step.value), np.abs(spot.y) / probe.unit)
    agrees = np.abs(step.value - slopes.value) <= bar + slopes.bar
    if not smooth.any() or not (agrees & seen)[smooth].all():
        return None
    better = smooth & (bar < slopes.bar)
    value, bar = np.where(better, step.value, slopes.value), np.where(better, bar, slopes.bar)
    right, left = np.where(better, value, slopes.right), np.where(better, value, slopes.left)
    return dataclasses.replace(slopes, value=value, bar=bar, right=right, left=left)
