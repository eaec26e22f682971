"""A derivative with its own error bar, from a ladder of difference quotients.  See specs/guides/numerics.md."""

import dataclasses

import numpy as np

from gradcheck.ladder import Sweep, joined

ORDERS = 4  # Richardson columns: errors of order h^2, h^4, h^6, h^8
NEAR_BEST = 6  # candidates whose spread widens the bar
FEWEST = 5  # finite levels without which nothing is claimed


@dataclasses.dataclass
class Estimate:
    """One number per cotangent (G,): the derivative t with |t - truth| below `bar` (inf: no estimate)."""

    value: np.ndarray
    bar: np.ndarray
    low: np.ndarray  # at a kink the one-sided derivatives bound the valid answers; elsewhere value
    high: np.ndarray
    kink: np.ndarray  # whether there is a kink at the point itself

    @property
    def resolved(self) -> np.ndarray:
        return np.isfinite(self.bar)


def estimates(sweeps: list[Sweep], noises: list[np.ndarray]) -> list[Estimate]:
    """Return an estimate for each sweep; those of one form are worked out together, which is faster."""
    groups: dict[tuple[int, int], list[int]] = {}
    for i, sweep in enumerate(sweeps):
        groups.setdefault((len(sweep.steps), _first_finite(sweep)), []).append(i)
    found: list[Estimate] = [None] * len(sweeps)  # type: ignore[list-item]
    for members in groups.values():
        together = estimate(joined([sweeps[i] for i in members]), np.concatenate([noises[i] for i in members], 1))
        start = 0
        for i in members:
            stop = start + noises[i].shape[1]
            found[i] = Estimate(*(getattr(together, f.name)[start:stop] for f in dataclasses.fields(Estimate)))
            start = stop
    return found


def estimate(sweep: Sweep, noise: np.ndarray) -> Estimate:
    """Extrapolate to step 0, believing only what every smaller step confirms within its own noise.

    `noise` (L, G) bounds the error of one value of <g, f> at each step.
    """
    first = _first_finite(sweep)
    h, d, noise = sweep.steps[first:], sweep.central[first:], noise[first:]
    count = d.shape[1]
    if len(h) < FEWEST:
        empty = np.full(count, np.nan)
        return Estimate(empty, np.full(count, np.inf), empty, empty, np.zeros(count, bool))
    values, bars = _candidates(h, d, noise)
    order = np.argsort(bars, axis=0)[:NEAR_BEST]
    bars, values = np.take_along_axis(bars, order, 0), np.take_along_axis(values, order, 0)
    value, bar = values[0], bars[0]
    near = np.isfinite(bars) & (bars <= 10 * bar)  # the smallest of many estimates is too small
    with np.errstate(invalid="ignore"):
        bar = np.maximum(bar, np.where(near, np.abs(values - value), 0).max(axis=0))
    value = np.where(np.isfinite(bar), value, np.nan)
    return _with_kink(h, sweep.right[first:], sweep.left[first:], noise, value, bar)


def saturated_bar(bar: np.ndarray, claimed: np.ndarray, noise: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Widen a bar by what a rounding may hide, where no step changes any output and the claim is not zero."""
    still = (noise == 0).all(axis=0) & (claimed != 0)
    return np.where(still, np.maximum(bar, hidden), bar)


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
    return Estimate(value, np.where(kink, finite_bar + end_bar[best, columns], bar), low, high, kink)
