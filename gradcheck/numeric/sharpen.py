"""The complex step, believed where real differences confirm it."""

import dataclasses

import numpy as np

from gradcheck.numeric import complexstep
from gradcheck.numeric.constants import EVIDENCE, U
from gradcheck.numeric.function import Function
from gradcheck.numeric.look import Vectors, natural
from gradcheck.numeric.probe import Along
from gradcheck.numeric.slopes import Slopes, Spot


def sharpened(function: Function, spot: Spot, vectors: Vectors, slopes: Slopes) -> Slopes | None:
    """Return slopes with the complex step's values and bars, or None where it is not to be believed.

    It is not where f cannot be trusted with complex numbers, where any output contradicts real differences, or where
    these resolve too little to contradict anything.  At a kink it sees one side, and counts for nothing.
    """
    open_ = slopes.resolved & ~slopes.kink
    if not open_.any() or not spot.exact:
        return None
    unit = natural(spot.point, vectors)
    probe = Along(None, vectors=vectors, unit=unit)
    value, size = complexstep.derivative(function, spot.point, probe, None)
    spread = complexstep.noise(function, spot.point, probe, None, np.random.default_rng(0), value)
    value, bar = value / unit, (16 * U * size + 4 * spread) / unit
    seen = slopes.bar <= EVIDENCE * np.maximum(np.abs(value), np.abs(spot.y) / unit)
    agrees = np.abs(value - slopes.value) <= bar + slopes.bar
    if not (agrees & seen)[open_].all():
        return None
    better = open_ & (bar < slopes.bar)
    value, bar = np.where(better, value, slopes.value), np.where(better, bar, slopes.bar)
    right, left = np.where(better, value, slopes.right), np.where(better, value, slopes.left)
    return dataclasses.replace(slopes, value=value, bar=bar, right=right, left=left)
