"""Numeric gradients with their error, by means that share nothing with the checker: the judge of the corpus."""

import warnings
from dataclasses import dataclass

import numpy as np

LEVELS, RATIO, FIRST = 20, 3.0, 0.25  # steps, in units of the entry itself: 0.25, 0.083, ... 2e-10
SAMPLE = 40  # entries of a large array that are looked at
UNIT = 2.0**-53


@dataclass(frozen=True)
class Truth:
    """Of one input: the gradient at the flat indices `at`, its error, and half the jump of the slope at a kink."""

    at: np.ndarray
    value: np.ndarray
    error: np.ndarray
    jump: np.ndarray


def flat(y):
    """All outputs as one vector."""
    return np.concatenate([np.ravel(part) for part in y]) if isinstance(y, tuple) else np.ravel(y)


def gradient(forward, inputs, dy, i, unit=UNIT):
    """The derivative of <dy, forward> with respect to input i; `unit` is the rounding of the forward pass."""
    x = inputs[i]
    at = np.arange(x.size)
    if x.size > 5 * SAMPLE:
        at = np.sort(np.random.default_rng(0).choice(at, SAMPLE, replace=False))
    weights = flat(dy)

    def moved(j, step):
        z = np.array(x, dtype=np.result_type(x, step))
        z.flat[j] += step
        arrays = [np.array(a) for a in inputs]
        arrays[i] = z
        return flat(forward(*arrays)), z.flat[j]

    with np.errstate(all="ignore"):
        slopes = complex_step(moved, at)
        values = [
            differences(
                lambda step, j=j: moved(j, step), x, j, weights, unit, False if slopes is None else slopes[k] != 0
            )
            for k, j in enumerate(at)
        ]
        exact = None if slopes is None else slopes @ weights
    value, error, jump = np.array(values).reshape(-1, 3).T
    if exact is not None and np.all((np.abs(exact - value) <= 20 * error + 1e-7 * np.abs(exact)) | (jump > 0)):
        smooth = jump == 0
        value = np.where(smooth, exact, value)
        error = np.where(
            smooth, 8 * UNIT * (8 * np.abs(exact) + np.linalg.norm(exact) / max(1, exact.size) ** 0.5), error
        )
    return Truth(at, value, error, jump)


def differences(f, x, j, weights, unit, depends):
    """Central differences over falling steps, extrapolated twice: value, error, half the jump of the slope."""
    size = abs(x.flat[j]) or np.sqrt((x * x).mean()) or 1.0
    centre, x0 = f(0.0)
    steps = FIRST * size * RATIO ** -np.arange(LEVELS)
    above, xa = zip(*(f(step) for step in steps), strict=True)
    below, xb = zip(*(f(-step) for step in steps), strict=True)
    above, below, xa, xb = (np.array(values) for values in (above, below, xa, xb))
    depends = depends | ((above != centre) | (below != centre)).any(0)
    central = (above - below) @ weights / (xa - xb)
    gap = (above - centre) @ weights / (xa - x0) - (centre - below) @ weights / (x0 - xb)
    concerned = np.abs(weights) * (depends if depends.any() else 1)
    noise = 4 * unit * (np.abs(above) + np.abs(below)) @ concerned / (xa - xb)
    value, error = extrapolated(central, noise)
    return value, error, half_jump(gap, noise, value, error)


def extrapolated(central, noise):
    """The candidate of the least error that every smaller step confirms."""
    columns = [central]
    for order in (2, 4):
        r = RATIO**order
        columns.append((r * columns[-1][1:] - columns[-1][:-1]) / (r - 1))
    candidates = []
    for order, column in enumerate(columns):
        for k in range(1, len(column)):
            error = abs(column[k] - column[k - 1]) / 4 + 2 * noise[k + order]
            if order:
                error += abs(column[k] - columns[order - 1][k + 1])
            if np.isfinite(error):
                candidates.append((error, column[k], k + order))
    for error, value, last in sorted(candidates):
        allowed = 4 * noise[last:] + 4 * error + abs(central[last] - value)
        if np.all(np.abs(central[last:] - value) <= allowed):
            return value, error
    return np.nan, np.inf


def half_jump(gap, noise, value, error):
    """Half of lim (right - left), or 0 where it cannot be told from 0."""
    limit = (RATIO * gap[1:] - gap[:-1]) / (RATIO - 1)
    errors = np.abs(np.diff(limit)) + 8 * noise[2:]
    errors[~np.isfinite(errors)] = np.inf
    best = int(errors.argmin())
    jump = abs(limit[best + 1])
    small = np.abs(gap[best + 2 :] - limit[best + 1]) <= 8 * noise[best + 2 :] + errors[best] + jump / 4
    return jump / 2 if jump > 20 * errors[best] and jump > 1e-5 * abs(value) + 20 * error and small.all() else 0.0


def complex_step(moved, at):
    """The derivatives of all outputs by a step of 1e-25 i, or None where the forward does not take complex numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            values = [moved(j, 1e-25j)[0] for j in at]
        except (TypeError, ValueError, np.exceptions.ComplexWarning, np.linalg.LinAlgError):
            return None
    slopes = np.array([value.imag / 1e-25 for value in values])
    return slopes if slopes.size and np.isfinite(slopes).all() else None
