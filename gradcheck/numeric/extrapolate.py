"""A derivative with its own error bar, from a ladder of difference quotients.  See specs/guides/numerics.md."""

import dataclasses

import numpy as np

from gradcheck.numeric.constants import CANDIDATES_TOGETHER, FEWEST, LAST, NEAR_BEST, ORDERS
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.kinks import jumps, with_its_mean, with_kink, with_nearer_kink
from gradcheck.numeric.ladder import Sweep, joined


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


def estimate(sweep: Sweep, noise: np.ndarray, u: float | np.ndarray) -> Estimate:
    """Extrapolate to step 0, believing only what every smaller step confirms within its own noise.

    `noise` (L, G) bounds the error of one value of <g, f> at each step, `u` is the unit roundoff of f.
    """
    first = _first_finite(sweep)
    h, d, noise = sweep.steps[first:], sweep.central[first:], noise[first:]
    count = d.shape[1]
    if len(h) < FEWEST:
        return Estimate.smooth(np.full(count, np.nan), np.full(count, np.inf))
    values, bars = _candidates(h, d, noise)
    order = np.argsort(bars, axis=0)[:NEAR_BEST]
    bars, values = np.take_along_axis(bars, order, 0), np.take_along_axis(values, order, 0)
    value, bar = values[0], bars[0]
    near = np.isfinite(bars) & (bars <= 10 * bar)  # the smallest of many estimates is too small
    bar = np.maximum(bar, np.where(near, np.abs(values - value), 0).max(axis=0))
    right, left = sweep.right[first:], sweep.left[first:]
    rounding = np.minimum(noise, 4 * u * sweep.weight[first:])  # what was measured beyond it may be the jump
    jump = jumps(h, right, rounding) | jumps(h, left, rounding)
    value, bar = np.where(np.isfinite(bar) & ~jump, value, np.nan), np.where(jump, np.inf, bar)
    found = with_its_mean(with_kink(h, right, left, noise, value, bar), value, bar)
    found = with_nearer_kink(h, right, left, noise, found)
    still = ((right[-LAST:] == 0) & (left[-LAST:] == 0)).all(axis=0)
    return dataclasses.replace(found, jump=jump, kink=found.kink & ~jump, still=still)


def of_two(h: np.ndarray, d: np.ndarray, noise: np.ndarray) -> Estimate:
    """Extrapolate differences d (2, G) over two steps, the wider first, to step 0; all of the correction is in the bar.

    `noise` (2, G) bounds the error of one value of <g, f> at each.
    """
    ratio = (h[0] / h[1]) ** 2
    correction = (d[1] - d[0]) / (ratio - 1)
    passed_on = (ratio * noise[1] / h[1] + noise[0] / h[0]) / (ratio - 1)
    return Estimate.smooth(d[1] + correction, np.abs(correction) + passed_on)


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
    for j in range(ORDERS):  # of at least FEWEST levels
        if j:
            r = (h[:-j] / h[j:]) ** 2
            a, b = r / (r - 1), 1 / (r - 1)
            lower = column
            column = a * column[1:] - b * column[:-1]
            error = a * error[1:] + b * error[:-1]
        t, last = column[1:], np.arange(j + 1, len(h))
        change = np.abs(t - column[:-1]) / (h[: len(t)] / h[1 : len(t) + 1] - 1)  # of position, if errors fall like h
        if j:
            change = np.maximum(change, np.abs(t - lower[2:]))  # of order
        bar = 2 * change + error[1:]
        values.append(t)
        bars.append(np.where(_confirmed(h, d, raw, t, bar, last), bar, np.inf))
    return np.concatenate(values), np.concatenate(bars)


def _confirmed(
    h: np.ndarray, d: np.ndarray, raw: np.ndarray, t: np.ndarray, bar: np.ndarray, last: np.ndarray
) -> np.ndarray:
    """Return whether every step that is smaller than the `last` of a candidate t agrees with it (candidates, G)."""
    there = np.abs(d[last] - t)
    if d.shape[1] > CANDIDATES_TOGETHER:
        rows = zip(t, bar, there, last, strict=True)
        return np.array([_agree(h, d, raw, *(x[None] for x in row))[0] for row in rows])
    return _agree(h, d, raw, t, bar, there, last)


def _agree(
    h: np.ndarray, d: np.ndarray, raw: np.ndarray, t: np.ndarray, bar: np.ndarray, there: np.ndarray, last: np.ndarray
) -> np.ndarray:
    larger = np.arange(len(h)) <= last[:, None]
    with np.errstate(over="ignore"):  # of larger steps, which are not asked
        allowed = raw + bar[:, None] + (2 * there)[:, None] * (h / h[last][:, None])  # (candidates, L, G)
    return ((np.abs(d - t[:, None]) <= allowed) | larger[..., None]).all(axis=1)
