"""Where a function has no derivative: kinks, whose slopes to both sides differ; jumps; and staircases."""

import dataclasses

import numpy as np

from gradcheck.numeric.constants import LAST, NEARER_KINK, STEADY
from gradcheck.numeric.estimate import Estimate


def where_still(
    found: Estimate, claimed: np.ndarray, noise: np.ndarray, hidden: np.ndarray, steps: np.ndarray, narrow: np.ndarray
) -> Estimate:
    """Judge a claim where the smallest steps change nothing.

    Where no step changes any output, a claim that is not zero may hide in a rounding.  Where larger steps do, f may
    be a staircase, whose derivative is 0 although they show a slope: nothing is held against that claim, unless
    the smallest `steps` (L, G) are lost in the rounding of a narrow dtype of the outputs, `narrow` (L, G).
    """
    excluded = ~((found.low - found.bar <= 0) & (found.high + found.bar >= 0))
    lost = np.abs(found.value) * steps[-1:].sum(axis=0) <= narrow[-1:].sum(axis=0)
    stair = found.still & (claimed == 0) & excluded & ~lost
    bar = np.where((noise == 0).all(axis=0) & (claimed != 0), np.maximum(found.bar, hidden), found.bar)
    value, bar = np.where(stair, np.nan, found.value), np.where(stair, np.inf, bar)
    return dataclasses.replace(found, value=value, bar=bar, kink=found.kink & ~stair, jump=found.jump | stair)


def without_noise_alone(found: Estimate) -> Estimate:
    """Return an estimate that claims nothing where its bar hides it, of a function with more noise than any format has.

    What looks like noise may be a wave that is faster than the steps, whose slope no difference of them bounds.
    """
    lost = ~(found.bar < np.abs(found.value)) & ~found.still
    return dataclasses.replace(
        found, value=np.where(lost, np.nan, found.value), bar=np.where(lost, np.inf, found.bar), kink=found.kink & ~lost
    )


def jumps(h: np.ndarray, side: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Whether the change of f to one side has a limit other than 0 as the steps shrink, far above its noise.

    Each two steps, through which a line is laid, must show the same: noise, which f(x) has in all of them, does not.
    """
    change, r = (side * h)[-LAST:], (h[:-1] / h[1:])[1 - LAST :]
    limits = (r * change[1:] - change[:-1]) / (r - 1)
    size = np.append(limits * np.sign(limits[-1]), np.abs(change), axis=0)
    return (size.min(axis=0) > 0.5 * size.max(axis=0)) & (size.min(axis=0) > 8 * noise[-LAST:].max(axis=0))


def one_sided(
    h: np.ndarray, right: np.ndarray, left: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the derivative to the right and to the left (G,), each extrapolated by itself, and a bar for both."""
    limits = _limits(h, right), _limits(h, left)
    changes = [np.abs(side[1:] - side[:-1]) for side in limits]
    bars = 2 * np.maximum(*changes) + _rounding(h, noise)
    columns, best = np.arange(bars.shape[1]), np.argmin(bars, axis=0)
    ahead, behind = (side[1:][best, columns] for side in limits)
    return ahead, behind, bars[best, columns]


def with_kink(
    h: np.ndarray, right: np.ndarray, left: np.ndarray, noise: np.ndarray, value: np.ndarray, bar: np.ndarray
) -> Estimate:
    """Extrapolate the one-sided derivatives to step 0: a jump between them that stays is a kink at the point."""
    jump, limit = right - left, _limits(h, right) - _limits(h, left)
    jump_bar = 2 * np.abs(limit[1:] - limit[:-1]) + _rounding(h, noise)
    columns = np.arange(len(value))
    best = np.argmin(jump_bar, axis=0)
    size, size_bar = limit[1:][best, columns], jump_bar[best, columns]
    level = best + 2
    at_level = np.abs(jump[level, columns] - size)
    later = np.arange(len(h))[:, None] >= level
    stays = np.abs(jump - size) <= 4 * noise / h + size_bar + at_level
    finite_bar = np.where(np.isfinite(bar), bar, 0)
    kink = (np.abs(size) > 4 * size_bar) & (np.abs(size) > 4 * finite_bar) & (stays | ~later).all(axis=0)
    *ends, end_bar = one_sided(h, right, left, noise)
    low = np.where(kink, np.minimum(*ends), value)
    high = np.where(kink, np.maximum(*ends), value)
    no = np.zeros(len(value), bool)
    return Estimate(value, np.where(kink, finite_bar + end_bar, bar), low, high, kink, no, no)


def with_its_mean(found: Estimate, value: np.ndarray, bar: np.ndarray) -> Estimate:
    """Leave out the kinks whose slopes have another mean than central differences, which show a `value` to a `bar`.

    Then both were taken at other steps, which do not see what smaller ones do.
    """
    other = found.kink & (np.abs((found.low + found.high) / 2 - value) > found.bar)
    low, high = np.where(other, value, found.low), np.where(other, value, found.high)
    bar = np.where(other, bar, found.bar)
    return dataclasses.replace(found, bar=bar, low=low, high=high, kink=found.kink & ~other)


def with_nearer_kink(
    h: np.ndarray, right: np.ndarray, left: np.ndarray, noise: np.ndarray, found: Estimate
) -> Estimate:
    """Let the bar reach the slopes to both sides where a kink may be nearer than the smallest step (numerics.p).

    The slope to the side without it is the derivative, and stays.  The other stays apart from that, and begins to move:
    no extrapolation can tell where to.  Where f bends, both come nearer to one another as the steps do.
    """
    gap, least = np.abs(right - left), NEARER_KINK * noise / h
    apart = (gap[-1] > least[-1]) & (gap[-2] > least[-2]) & (gap[-2] > gap[-3] * np.sqrt(h[-2] / h[-3]))
    moves = np.minimum(*(np.abs(np.diff(side[-STEADY:], axis=0)).max(axis=0) for side in (right, left)))
    near = apart & (moves < gap[-2] / NEARER_KINK) & ~found.kink & found.resolved
    reach = np.maximum(np.abs(right[-1] - found.value), np.abs(left[-1] - found.value)) + noise[-1] / h[-1]
    return dataclasses.replace(found, bar=np.where(near, np.maximum(found.bar, reach), found.bar))


def _limits(h: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Return the quotients of one side, which are linear in h, extrapolated to step 0 by pairs (L - 1, G)."""
    r = h[:-1] / h[1:]
    return (r * side[1:] - side[:-1]) / (r - 1)


def _rounding(h: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return a bound for the noise in a limit (L - 2, G)."""
    r = h[1:-1] / h[2:]
    return 4 * noise[2:] / h[2:] * (2 * r - 1) / (r - 1)
