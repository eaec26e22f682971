"""Differences that a claim explains by what it is within the step, though it is another at the point itself.

The smallest singular values of a matrix that is nearly singular have kinks, and mix, nearer than all steps.  But
whatever lies on the way, f(x + h d) - f(x - h d) is the integral of the derivative: a claim that is stable at the point
and whose integral is that difference is not contradicted by it.
"""

import numpy as np

from gradcheck.claims.claim import attempted
from gradcheck.numeric.ladder import moved
from gradcheck.numeric.scales import inner
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground

SMALLEST = 2.0**-29  # steps up to which hardly a bend is left, of what is smooth
CLEAR = 2  # times what noise makes of a slope, by which those to both sides of the point are apart
APART = 1 / 8  # of what a claim is off by, by which they are as well
INTERVALS = 32  # of fifteen nodes or more: to meet a kink near by to a thousandth
NEAR, STEADY = 2.0**-18, 1 / 16  # of the step, within which a claim changes by no more than that part
PART, CLOSE = 1 / 8, 1 / 64  # of what a claim is off by, and of it: what its integral may be


def is_explained(ground: Ground, c: Comparison, step: float) -> np.ndarray:
    """Return which claims (G,) change from one side of the point to the other, and whose integral is the difference."""
    level = _level(c, step)
    if level is None or not (apart := c.outside() & _sides_are_apart(c, level)).any():
        return np.zeros(len(c.claimed), bool)
    assert c.sweep is not None
    direction, size = c.probe.direction(ground.place.point), np.abs(c.claimed)
    near = [np.abs(change_beside(ground, direction, side * NEAR * step)) for side in (-1, 1)]
    stable = apart & (np.max(near, axis=0) <= STEADY * size)  # one that is no number is not
    if not stable.any():
        return stable
    mean = _mean_change(ground, direction, step, CLOSE / 8 * float(size[stable].min()))
    central = c.sweep.central[level]
    left = np.abs(c.claimed + mean - central)
    return stable & (left <= np.minimum(PART * np.abs(c.claimed - central), CLOSE * size))


def change_beside(ground: Ground, direction: dict[int, np.ndarray], h: float) -> np.ndarray:
    """Return by what claims along a direction are others beside the point (G,)."""
    point = moved(ground.place.point, direction, h)
    return change(ground, attempted(ground.problem, point, ground.place.g), direction)


def change(ground: Ground, claims: list[np.ndarray], direction: dict[int, np.ndarray]) -> np.ndarray:
    """Return by what other claims along a direction differ (G,)."""
    changes = [(claims[i] - ground.claim.values[i]).reshape(len(claims[i]), -1) for i in direction]
    return np.sum([inner(x, d.ravel()) for x, d in zip(changes, direction.values(), strict=True)], axis=0)


def _level(c: Comparison, step: float) -> int | None:
    """Return which level of the sweep has this step for every cotangent; None if there is none, or it is wide."""
    if c.sweep is None or c.bounds is None or step > SMALLEST:
        return None
    levels = np.flatnonzero((c.sweep.steps == step).all(axis=1))
    return int(levels[0]) if levels.size else None


def _sides_are_apart(c: Comparison, level: int) -> np.ndarray:
    """Return for which cotangents (G,) slopes to both sides are apart by more than noise and what the claim is off."""
    assert c.sweep is not None and c.bounds is not None
    gap = np.abs(c.sweep.right[level] - c.sweep.left[level])
    off = np.abs(c.claimed - c.sweep.central[level])
    return (gap >= APART * off) & (off > 0) & (gap > CLEAR * c.bounds[level] / c.sweep.steps[level])


def _mean_change(ground: Ground, direction: dict[int, np.ndarray], step: float, within: float) -> np.ndarray:
    """Return the mean of what claims change (G,) over the step to both sides."""
    from scipy.integrate import quad_vec  # slower to import than the whole checker, and seldom needed

    def beside(part: float) -> np.ndarray:
        return change_beside(ground, direction, part * step)

    total, _ = quad_vec(beside, -1, 1, epsabs=within, epsrel=0, norm="max", limit=INTERVALS, points=(0,))
    return total / 2
