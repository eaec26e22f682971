"""Second derivatives: second differences, extrapolated by the same estimator."""

import dataclasses

import numpy as np

from gradcheck.numeric import noise
from gradcheck.numeric.constants import CURVED, U
from gradcheck.numeric.derivative import Column
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.function import Function
from gradcheck.numeric.ladder import STEPS, sweep
from gradcheck.numeric.look import Vectors, glance, look, natural
from gradcheck.numeric.probe import Along
from gradcheck.numeric.slopes import Slopes, Spot

LEAST = float(np.finfo(np.float64).smallest_subnormal)  # a bar that is smaller would be none


def curvatures(function: Function, spot: Spot, entries: list[Vectors]) -> list[Column]:
    """Return a column for each entry: the second derivatives (n,) of one output along it and every other.

    Along the sum of two entries the second derivative is that of both and twice the mixed one.
    """
    with np.errstate(all="ignore"):  # where numbers end what overflows is not resolved
        return _curvatures(function, spot, entries)


def _curvatures(function: Function, spot: Spot, entries: list[Vectors]) -> list[Column]:
    scaled = [_sum(v, v, natural(spot.point, v), 0.0) for v in entries]
    units = np.array([natural(spot.point, v) for v in entries])
    looks = [look(function, spot, glance(function, spot, v)) for v in entries]
    value, bar, kink = np.zeros((3, len(entries), len(entries)))
    for i, (_, level) in enumerate(looks):
        for j in (i, *range(i)):
            along = scaled[i] if i == j else _sum(scaled[i], scaled[j], 1.0, 1.0)
            found = second(function, spot, Along(None, vectors=along), np.maximum(level, looks[j][1]))
            value[i, j], bar[i, j], kink[i, j] = found.value[0], found.bar[0], found.jump[0]
            if i != j:
                value[i, j] = value[j, i] = (value[i, j] - value[i, i] - value[j, j]) / 2
                bar[i, j] = bar[j, i] = (bar[i, j] + bar[i, i] + bar[j, j]) / 2
                kink[j, i] = kink[i, j]
    value = np.where(kink, np.nan, value / units[:, None] / units)
    bar = np.where(kink, np.inf, np.where(bar > 0, np.maximum(bar / units[:, None] / units, LEAST), 0))
    return [_column(value[i], bar[i], kink[i] > 0, level) for i, (_, level) in enumerate(looks)]


def _sum(a: Vectors, b: Vectors, s: float, t: float) -> Vectors:
    parts = [(v if v is None else s * v, w if w is None else t * w) for v, w in zip(a, b, strict=True)]
    return tuple(w if v is None else v if w is None else v + w for v, w in parts)


def _column(value: np.ndarray, bar: np.ndarray, kink: np.ndarray, level: np.ndarray) -> Column:
    no = np.zeros(len(value), bool)
    return Column(Slopes(value, bar, value, value, kink, no, no, no), np.maximum(level, U), exact=False)


def second(function: Function, spot: Spot, probe: Along, level: np.ndarray) -> Estimate:
    """Return d' H d (m,) of every output along the probe's direction d.

    (f(x + h d) - 2 f(x) + f(x - h d)) / h^2 has errors of even order, as a central difference has.
    """
    swept = sweep(function, spot.point, probe, None, STEPS[list(CURVED)], spot.y, spot.grain)
    h, sides = swept.steps, np.maximum(np.abs(swept.right), np.abs(swept.left))
    bounds = 4 * (noise.bound(swept, level, U) + 4 * U * sides) / h  # where two entries move x + h d is rounded
    quotient = (swept.right - swept.left) / h
    curved = dataclasses.replace(swept, central=quotient, right=quotient, left=quotient, weight=4 * swept.weight / h)
    return estimate(curved, bounds, U)
