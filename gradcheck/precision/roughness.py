"""How rough a claim is: whether it is made of a few last bits, as a small difference of large terms is.

A few roundings away 1 - y y is the same where y is nearly 1.  Farther away it moves in steps, as large as the
roundings of its terms, while a gradient that is merely small, as that of an exponential, keeps all its bits.
"""

import numpy as np

from gradcheck.precision.segments import Line

SPACING = 2.0**-20  # of the scale: third differences of what is smooth are below its rounding there
POINTS = 7
AMPLIFIED = 20.0  # the sum of the squares of the weights of a third difference: 1, 3, 3, 1


def roughness(line: Line) -> np.ndarray:
    """Return the noise (standard deviation) of a claim along a direction, for every cotangent (G,)."""
    with np.errstate(all="ignore"):
        claims = np.array([line.claim(SPACING * (k - POINTS // 2)) for k in range(POINTS)])
        third = np.diff(claims, n=3, axis=0)
        return np.sqrt(np.square(third).mean(axis=0) / AMPLIFIED)
