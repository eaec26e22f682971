"""Places at which there is no one slope, told from differences: where it is infinite, and where there are two."""

import numpy as np

from gradcheck.verdict.comparison import Comparison

LEVELS = 8  # of the finest steps, which are looked at
EVEN = 0.05  # by which the power of the step that differences grow with may change
POWERS = (0.05, 0.95)  # below: a logarithm, or none; above: a jump or noise
STILL = 1e-3  # of the gap between the slopes to both sides: what each may change with the step


def is_steep(c: Comparison) -> bool:
    """Whether differences to one side grow like a power of the step, as those of a root at 0 do."""
    if c.sweep is None or len(c.sweep.steps) < LEVELS:
        return False
    return any(_grows(c.sweep.steps[-LEVELS:], side[-LEVELS:]) for side in (c.sweep.right, c.sweep.left))


def _grows(steps: np.ndarray, quotients: np.ndarray) -> bool:
    """Whether quotients (L, G) of some cotangent are a power of the step."""
    with np.errstate(all="ignore"):
        powers = np.diff(np.log(np.abs(quotients)), axis=0) / -np.diff(np.log(steps), axis=0)
    low, high = powers.min(axis=0, initial=np.inf), powers.max(axis=0, initial=-np.inf)
    return bool(((low > POWERS[0]) & (high < POWERS[1]) & (high - low < EVEN)).any())


def is_bent(c: Comparison) -> bool:
    """Whether differences to one side and to the other stay apart at every step."""
    if c.sweep is None or len(c.sweep.steps) < LEVELS:
        return False
    right, left = c.sweep.right[-LEVELS:], c.sweep.left[-LEVELS:]
    gap = np.abs(right - left).min(axis=0)
    return bool(((np.ptp(right, axis=0) < STILL * gap) & (np.ptp(left, axis=0) < STILL * gap)).any())


def is_open(c: Comparison) -> bool:
    """Whether differences told less than a tenth of what they are about."""
    return c.real is not None and bool((c.real.bar > 0.1 * np.abs(c.real.value)).any())
