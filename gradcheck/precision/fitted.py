"""Claims integrated over many steps of a format of few bits, beside what f does there.

What f has more than the integral of the claims is its noise, about a line if all claims are off alike: the slope of
that line is what a claim lacks.  A claim that is wrong by a factor keeps all of its error, one that is right over a
kink keeps none, and noise counts the less the more steps there are.
"""

import numpy as np

from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.staircase import residual
from gradcheck.precision.segments import Line, unknown_of

LENGTHS = (0, 1, 2, 4)  # levels of the ladder: the first that does not leave the domain
NODES = 64  # points, one in each of as many equal parts
DEGREE = 5  # of the polynomial that tells the noise from claims that are off by more at one end
SURE = 6  # standard deviations


def fitted(line: Line, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivative (G,) and its bar; `line.rounding` is the noise of one value of <g, f>."""
    for level in LENGTHS:
        h = float(STEPS[level])
        t = h * (2 * (np.arange(NODES) + rng.uniform(size=NODES)) / NODES - 1)
        with np.errstate(all="ignore"):
            values = np.array([line.value(x) for x in t])
            if np.isfinite(values).all():
                claims = np.array([line.claim(x) for x in t])
                if np.isfinite(claims).all():
                    return _fitted(line, h, t, values, claims)
    count = len(line.place.g)
    return np.full(count, np.nan), np.full(count, np.inf)


def _fitted(
    line: Line, h: float, t: np.ndarray, values: np.ndarray, claims: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    parts = np.diff(t)[:, None] * (claims[1:] + claims[:-1]) / 2
    more = values - np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(parts, axis=0)])
    slopes = (t - t.mean()) @ more / np.square(t - t.mean()).sum()
    noise = np.maximum(residual(t, more, DEGREE)[1], line.rounding)
    about = more - more.mean(axis=0) - (t - t.mean())[:, None] * slopes
    apart = np.minimum(2 * np.diff(np.signbit(about), axis=0).sum(axis=0) + 1, NODES)  # as many are independent
    bar = SURE * noise / (h * np.sqrt(apart / 3)) + unknown_of(claims, NODES)
    return line.steady(h) + slopes, bar
