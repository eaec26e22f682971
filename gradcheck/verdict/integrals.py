"""What f changes by over a wide step, beside the integral of its claims there.

Of a right claim that is all, but at jumps.  Where a part that moves in steps was forgotten f changes by more, or by
less, and alike in every piece of the step: a jump is in one piece, and what two claims miss of kinks is as often too
much as too little.
"""

import itertools

import numpy as np

from gradcheck.precision.segments import Line

WIDE = 2.0**-4  # of the scale: within a quarter of it a mean in bfloat16 has some steps
PIECES = 4
POINTS = np.array([-1, 1]) / np.sqrt(3)  # of a piece from -1 to 1, by Gauss's rule
LEAST = 1 / 16  # of the slope there, as which a part shows
ALIKE = 6  # times the least is the most that pieces lack


def lacks_a_part(line: Line) -> bool:
    """Whether f changes by other than its claims promise, alike in every piece of a line and as a part of its slope.

    It takes two evaluations where the slope from end to end is what is claimed in the middle; else pieces are asked,
    until one is other.
    """
    with np.errstate(all="ignore"):
        ends = line.value(-WIDE), line.value(WIDE)
        slope = (ends[1] - ends[0]) / (2 * WIDE)
        least = LEAST * np.maximum(np.abs(line.claimed), np.abs(slope))
        if not (np.abs(slope - line.claimed) > least).any():
            return False
        lacking, value = list[np.ndarray](), ends[0]
        for start, stop in itertools.pairwise(np.linspace(-WIDE, WIDE, PIECES + 1).tolist()):
            before, value = value, line.value(stop) if stop < WIDE else ends[1]
            lacking.append((value - before) / (stop - start) - _mean(line, start, stop))
            if not _are_alike(lacking, least).any():
                return False
    return True


def _mean(line: Line, start: float, stop: float) -> np.ndarray:
    """Return the mean of the claims (G,) between two places of a line."""
    middle, half = (start + stop) / 2, (stop - start) / 2
    return np.mean([line.claim(middle + half * t) for t in POINTS], axis=0)


def _are_alike(lacking: list[np.ndarray], least: np.ndarray) -> np.ndarray:
    """Return where (G,) all that is lacking has one sign, and is as large as counts and about as large as the rest."""
    signs, size = np.sign(lacking), np.abs(lacking)
    is_one_sided = (signs == signs[0]).all(axis=0)
    return is_one_sided & (size.min(axis=0) > least) & (size.max(axis=0) <= ALIKE * size.min(axis=0))
