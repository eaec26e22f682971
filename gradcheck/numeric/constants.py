"""The estimator's constants, each with what it means."""

import numpy as np

# The ladder: steps are FIRST * RATIO**-k times the array's scale.
FIRST = 0.4
RATIO = 2.75  # not a power of two: f = sin(2 pi 64 x) looks constant to steps that are
LEVELS = 21  # down to 6.5e-10 of the scale
WINDOW = (*range(3, 11), 12, 14, 16)  # tried first: mostly the best step lies well inside, and small ones confirm it
FEW = (2, 3, 4, 5, 6, 9, 14)  # of a function that is differentiated by itself, tried first
CURVED = tuple(range(1, 11))  # of second differences, whose noise grows like 1 / h^2
EXACT = 10  # level down to which steps are taken even where they are rounded
STEP_BITS = 10  # of a step
TINY = float(np.finfo(np.float64).tiny)  # smaller outputs are rounded as if they were this large

# A second ladder, incommensurate with the first: to confirm a failure.
SECOND_FIRST = 0.31
SECOND_RATIO = 2.35
SECOND_LEVELS = 24
SECOND_WINDOW = (*range(3, 12), 14, 17)

# The extrapolation.
ORDERS = 4  # Richardson columns: errors of order h^2, h^4, h^6, h^8
NEAR_BEST = 6  # candidates whose spread widens the bar
FEWEST = 5  # finite levels without which nothing is claimed
LAST = 5  # levels, the smallest, over which a jump stays what it is, and the steps of a staircase show nothing

# The noise of f.
U = 2.0**-53  # the roundoff of float64, in which all is computed
UNIT = {np.dtype(np.float16): 2.0**-11, np.dtype(np.float32): 2.0**-24, np.dtype(np.float64): U}
SCATTER = 2  # that a standard deviation from few differences may be too small by
COARSEST = 2.0**-9  # noise above which it is that of no number format: a staircase
NARROW = 2.0**-24  # noise up to which it may be that of a format inside; what is more is of f's making
BESIDE = 2.0**-10  # of the scale: where the noise is measured if f has a kink at the point itself
OTHER_SPACING = 179 / 256  # of those of a second table
NOISE_POINTS = 8  # of a table of differences
SPACINGS = (-36, -30, -25, -21, -17, -13)  # powers of two times the array's scale; the smallest that shows it wins
GRAINS = 6  # values of each output; that all of them end in three zeros by chance: once in 260,000
COARSER = 8  # than the output's own rounding
LARGER = 2.0**30  # than every number in sight: steps that wide were meant, as those of a quantised layer

# The complex step.
COMPLEX_STEP = 2.0**-100
JITTERS = 3  # repetitions a few roundings away, whose spread is the derivative's own noise

EVIDENCE = 1e-3  # of the derivative or of f: with a wider bar real differences confirm no complex step

# When a longer look is taken.
WIDE = 1e-7  # a bar above this part of the derivative is worth a full ladder
FLOOR = 1e-3  # of the value of f: below it the noise decides, which no ladder mends

APART = 5  # powers of two by which steps of another size must differ to tell anything new

# Points.
BITS = 30  # significant bits kept of a base point: with ten-bit steps every x + h d is exact
MOST_BITS = 45  # of entries near each other and far from zero
