"""How much the output and the cotangents scatter as the point moves: by the roundings of what is inside.

A mean that is taken in float32 beside numbers of float64, or a small difference of numbers that are not small, scatters
by more than roundings of the inputs make of it; and so it does where sums are taken in another order.
"""

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.numeric import noise
from gradcheck.numeric.constants import SEVERAL_ROUNDINGS, U
from gradcheck.numeric.grain import hidden_grain, in_sight
from gradcheck.numeric.probe import Probe
from gradcheck.subjects.outputs import flat
from gradcheck.subjects.problem import Arrays

MARGIN = 16  # standard deviations
JUMP = 1e-3  # of the largest entry: more is a shape of f, but for a few roundings of numbers in sight


class _Whole:
    """The output and all cotangents, as one function of the point."""

    complex_safe = False

    def __init__(self, call: Call):
        self.call = call

    def forward(self, arrays: Arrays) -> np.ndarray:
        pairs = zip(arrays, self.call.point, strict=True)
        out, pullback = self.call.problem.vjp([x.astype(kept.dtype) for x, kept in pairs])
        found = self.call.beside(out, pullback).pull(self.call.g[0])
        return _joined([flat(out), *found])

    def attempt(self, arrays: Arrays, size: int) -> np.ndarray:
        try:
            y = self.forward(arrays)
        except Exception:  # whatever the user's code raises when a step takes it out of its domain
            return np.full(size, np.nan)
        return y if y.size == size else np.full(size, np.nan)


def scatter(call: Call) -> list[float]:
    """Return by how much the output, and each cotangent, may differ by their roundings alone."""
    whole, point = _Whole(call), [x.astype(np.float64) for x in call.point]
    now = _joined([call.y, *call.first])
    level = noise.measured(whole, point, Probe(None), None, now.size) * np.abs(now)
    coarse = hidden_grain(whole, point, now, U)
    few = SEVERAL_ROUNDINGS * U * in_sight(now, point)
    found, start = [], 0
    for x in (call.y, *call.first):
        part = slice(start, start + x.size)
        most, start = max(JUMP * float(np.abs(x).max(initial=0)), few), start + x.size
        moving = float(np.where(level[part] <= most, level[part], 0).max(initial=0))
        found.append(MARGIN * max(moving, U * float(coarse[part].max(initial=0))))
    return found


def _joined(arrays: list) -> np.ndarray:
    return np.concatenate([np.asarray(x, np.float64).ravel() for x in arrays])
