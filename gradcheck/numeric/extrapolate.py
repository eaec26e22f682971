"""A derivative with its own error bar, from a ladder of difference quotients.  See specs/guides/numerics.md."""

import dataclasses

import numpy as np

from gradcheck.numeric.ladder import Sweep, joined

ORDERS = 4  # Richardson columns: errors of order h^2, h^4, h^6, h^8
NEAR_BEST = 6  # candidates whose spread widens the bar
FEWEST = 5  # finite levels without which nothing is claimed
LAST = 5  # levels, the smallest, over which a jump stays what it is, and the steps of a staircase show nothing


@dataclasses.dataclass
class Estimate:
    """One number per cotangent (G,): the derivative t with |t - truth| below `bar` (inf: no estimate)."""

    value: np.ndarray
    bar: np.ndarray
    low: np.ndarray  # at a kink the one-sided derivatives bound the valid answers; elsewhere value
    high: np.ndarray
    kink: np.ndarray  # whether there is a kink at the point itself
    jump: np.ndarray  # whether f jumps at the point itself, or moves in steps: there is nothing to compare with
    still: np.ndarray  # whether the smallest steps change nothing at all: saturated, or on a stair

    @property
    def resolved(self) -> np.ndarray:
        return np.isfinite(self.bar)


def estimates(sweeps: list[Sweep], noises: list[np.ndarray], u: float) -> list[Estimate]:
    """Return an estimate for each sweep; those of one form are worked out together, which is faster."""
    groups: dict[tuple[int, int], list[int]] = {}
    for i, sweep in enumerate(sweeps):
        groups.setdefault((len(sweep.steps), _first_finite(sweep)), []).append(i)
    found: list[Estimate] = [None] * len(sweeps)  # type: ignore[list-item]
    for members in groups.values():
        together = estimate(joined([sweeps[i] for i in members]), np.concatenate([noises[i] for i in members], 1), u)
        start = 0
        for i in members:
            stop = start + noises[i].shape[1]
            found[i] = Estimate(*(getattr(together, f.name)[start:stop] for f in dataclasses.fields(Estimate)))
            start = stop
    return found


def estimate(sweep: Sweep, noise: np.ndarray, u: float) -> Estimate:
    """Extrapolate to step 0, believing only what every smaller step confirms within its own noise.

    `noise` (L, G) bounds the error of one value of <g, f> at each step, `u` is the unit roundoff of f.
    """
    first = _first_finite(sweep)
    h, d, noise = sweep.steps[first:], sweep.central[first:], noise[first:]
    count = d.shape[1]
    if len(h) < FEWEST:
        empty, no = np.full(count, np.nan), np.zeros(count, bool)
        return Estimate(empty, np.full(count, np.inf), empty, empty, no, no, no)
    values, bars = _candidates(h, d, noise)
    order = np.argsort(bars, axis=0)[:NEAR_BEST]
    bars, values = np.take_along_axis(bars, order, 0), np.take_along_axis(values, order, 0)
    value, bar = values[0], bars[0]
    near = np.isfinite(bars) & (bars <= 10 * bar)  # the smallest of many estimates is too small
    with np.errstate(invalid="ignore"):
        bar = np.maximum(bar, np.where(near, np.abs(values - value), 0).max(axis=0))
    right, left = sweep.right[first:], sweep.left[first:]
    rounding = np.minimum(noise, 4 * u * sweep.weight[first:])  # what was measured beyond it may be the jump
    jump = _jumps(h, right, rounding) | _jumps(h, left, rounding)
    value, bar = np.where(np.isfinite(bar) & ~jump, value, np.nan), np.where(jump, np.inf, bar)
    found = _with_kink(h, right, left, noise, value, bar)
    still = ((right[-LAST:] == 0) & (left[-LAST:] == 0)).all(axis=0)
    return dataclasses.replace(found, jump=jump, kink=found.kink & ~jump, still=still)


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


def _jumps(h: np.ndarray, side: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Whether the change of f to one side has a limit other than 0 as the steps shrink, far above its noise.

    Each two steps, through which a line is laid, must show the same: noise, which f(x) has in all of them, does not.
    """
    change, r = (side * h)[-LAST:], (h[:-1] / h[1:])[1 - LAST :]
    limits = (r * change[1:] - change[:-1]) / (r - 1)
    size = np.append(limits * np.sign(limits[-1]), np.abs(change), axis=0)
    return (size.min(axis=0) > 0.5 * size.max(axis=0)) & (size.min(axis=0) > 8 * noise[-LAST:].max(axis=0))


def _first_finite(sweep: Sweep) -> int:
    """Return the first level from which all are finite: larger steps may have left the domain."""
    finite = np.isfinite(sweep.right).all(axis=1) & np.isfinite(sweep.left).all(axis=1)
    bad = np.flatnonzero(~finite)
    return int(bad[-1]) + 1 if bad.size else 0


def _candidates(h: np.ndarray, d: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return every Richardson value with its bar (candidates, G); inf where a smaller step contradicts it."""
    values, bars = [], []
    column, error = d, noise / h
    raw, lower = error, column
    for j in range(min(ORDERS, len(h) - 1)):
        if j:
            r = (h[:-j] / h[j:]) ** 2
            a, b = r / (r - 1), 1 / (r - 1)
            lower = column
            column = a * column[1:] - b * column[:-1]
            error = a * error[1:] + b * error[:-1]
        for k in range(1, len(column)):
            t = column[k]
            change = np.abs(t - column[k - 1]) / (h[k - 1] / h[k] - 1)  # of position, if errors fall like h at least
            if j:
                change = np.maximum(change, np.abs(t - lower[k + 1]))  # of order
            bar = 2 * change + error[k]
            last = k + j
            smaller, there = d[last + 1 :], np.abs(d[last] - t)
            allowed = raw[last + 1 :] + bar + 2 * there * (h[last + 1 :] / h[last])
            confirmed = (np.abs(smaller - t) <= allowed).all(axis=0)
            values.append(t)
            bars.append(np.where(confirmed, bar, np.inf))
    return np.array(values), np.array(bars)


def _with_kink(
    h: np.ndarray, right: np.ndarray, left: np.ndarray, noise: np.ndarray, value: np.ndarray, bar: np.ndarray
) -> Estimate:
    """Extrapolate the one-sided derivatives to step 0: a jump between them that stays is a kink at the point."""
    r = h[:-1] / h[1:]
    limits = [(r * side[1:] - side[:-1]) / (r - 1) for side in (right, left)]  # (L - 1, G); sides are linear in h
    rounding = 4 * noise[2:] / h[2:] * (2 * r[1:] - 1) / (r[1:] - 1)
    jump, limit = right - left, limits[0] - limits[1]
    jump_bar = 2 * np.abs(limit[1:] - limit[:-1]) + rounding
    columns = np.arange(len(value))
    best = np.argmin(jump_bar, axis=0)
    size, size_bar = limit[1:][best, columns], jump_bar[best, columns]
    level = best + 2
    at_level = np.abs(jump[level, columns] - size)
    later = np.arange(len(h))[:, None] >= level
    stays = np.abs(jump - size) <= 4 * noise / h + size_bar + at_level
    finite_bar = np.where(np.isfinite(bar), bar, 0)
    kink = (np.abs(size) > 4 * size_bar) & (np.abs(size) > 4 * finite_bar) & (stays | ~later).all(axis=0)
    end_bar = 2 * np.maximum(*(np.abs(side[1:] - side[:-1]) for side in limits)) + rounding
    best = np.argmin(end_bar, axis=0)
    ends = [side[1:][best, columns] for side in limits]
    low = np.where(kink, np.minimum(*ends), value)
    high = np.where(kink, np.maximum(*ends), value)
    no = np.zeros(len(value), bool)
    return Estimate(value, np.where(kink, finite_bar + end_bar[best, columns], bar), low, high, kink, no, no)
