"""The estimator's constants, each with the measurement that chose it.

Where a line gives several values, the others are what `python tests/benchmarks/constants.py NAME` measures when this
one alone is changed: on 200 functions against mpmath how often the bar holds or the largest error in bars, the digits
that the bar leaves, how many of 260 functions are told for what they are, and the evaluations of f.  As they stand:
100 %, 0.15 bars at the worst, 11.2 digits, 99.6 % told, 57 evaluations; 51 when the lines were measured, and where
there is noise 76, then 67.
"""

import numpy as np

# The ladder: steps are FIRST * RATIO**-k times the array's scale.
FIRST = 0.4  # 0.1: 0.22 bars; 1.6: 99.5 %, steps that leave the domain and whole waves
RATIO = 2.75  # 2: 98.5 %, for which f = sin(2 pi 64 x) looks constant; 2.35: 0.22 bars, 52; 4: 99 %, 11.0 digits
LEVELS = 21  # down to 6.5e-10 of the scale.  16: one is lost, and 98.1 % told; 24: 52 evaluations for nothing
WINDOW = (*range(3, 11), 12, 14, 16)  # of a check, tried first.  As FEW: 0.7 bars, 11.3 digits, 55 evaluations
FEW = (2, 3, 4, 5, 6, 9, 14)  # of one function, tried first.  Without 14: 18 bars; from 1: 10.8 digits; from 4: 11.1
CURVED = tuple(range(1, 11))  # of second differences, whose noise grows like 1 / h^2: at level 11 it is 5e-5 of f
EXACT = 10  # level down to which steps are taken even where they are rounded
STEP_BITS = 10  # of a step: with BITS below 53.  4: 98.8 % told; 20: 0.27 bars; 40: 0.94 bars
LONG = 2**10  # summands, up to which BLAS's order is good: it makes 9 roundings of their root sum square, of 2^20 206
TINY = float(np.finfo(np.float64).tiny)  # smaller outputs are rounded as if they were this large

# A second ladder, to confirm a failure: its ratio has no power near one of the first's.  As the only one it is as good
# (RATIO 2.35, FIRST 0.31), and none of 1,000 functions that are differentiated by themselves needs it beside the first.
SECOND_FIRST = 0.31
SECOND_RATIO = 2.35
SECOND_LEVELS = 24  # down to 9e-10 of the scale

# The extrapolation.
ORDERS = 4  # Richardson columns: errors of order h^2, h^4, h^6, h^8.  1: 8.4 digits; 2: 8.7; 3: 10.7; 6: 11.3
NEAR_BEST = 6  # candidates whose spread widens the bar.  1: 0.39 bars; 12: the same
FEWEST = 5  # finite levels without which nothing is claimed.  3 and 7 are the same there: what LAST and ORDERS need
NEARER_KINK = 64  # times noise, and what one side moves, by which both are apart where a kink is nearer than all steps.
# Of 1,440 bars beside a kink all hold; 8: the same; 512: 1,423; 2^40: 1,241
STEADY = 3  # levels, the smallest, over which that side does not move.  2 and 5: the same
LAST = 5  # levels, the smallest, over which a jump or a stair stays what it is.  3: the same; 7: 99.2 % told

# The noise of f: lines are those of 200 functions that have some, for which 0.58 bars, 7.3 digits, 99.2 %, 67 stand.
U = 2.0**-53  # the roundoff of float64, in which all is computed
UNIT = {np.dtype(np.float16): 2.0**-11, np.dtype(np.float32): 2.0**-24, np.dtype(np.float64): U}
BRAIN = 2.0**-8  # that of bfloat16, the coarsest format that is met inside
SCATTER = 2  # that a standard deviation from few differences may be too small by.  1: 99.5 %; 4: 7.0 digits
COARSEST = 2.0**-9  # noise above which it is that of no number format: a staircase.  2^-20: three are lost
NARROW = 2.0**-24  # noise up to which it may be that of a format inside; what is more is of f's.  2^-11: 94.2 % told
BESIDE = 2.0**-10  # of the scale: where the noise is measured if f has a kink at the point itself.  0: 91.2 % told
OTHER_SPACING = 179 / 256  # of those of a second table.  1, which is none: 99.5 %, and 89 bars; 1/2: the same
NOISE_POINTS = 8  # of a table of differences.  6: 44 bars; 7: 63 evaluations, but more is missed of 1,000; 10: 76
SPACINGS = (-36, -30, -25, -21, -17, -13)  # powers of two times the scale; the smallest that shows it.  -36: 79 bars
WIDE_SPACING = 1.3 * 2.0**-20  # of the scale, looked at first
WIDE_BITS = 26  # of it: of a rounding of x in any format it is a whole number of times and two tenths or more
COARSE_SPACINGS = (-9, -7, -5)  # where a claim is contradicted: of float16 and bfloat16 inside, which have few grains
QUIET = 2.0**-50  # noise up to which it is that of float64 everywhere
HIDDEN = 4  # times the noise at small spacings, above which that at the wide one may be a narrow format's
GRAINS = 6  # values of each output; that all of them end in three zeros by chance: once in 260,000
COARSER = 8  # than the output's own rounding: three zeros at the end of each.  2: 68 evaluations for nothing
SEVERAL_ROUNDINGS = 8  # of the largest number in sight, up to which jumps may be those of numbers that cancel
ACROSS = 2.0**-38  # of the largest number in sight: along that far wide spacings cross several of its roundings
FORMATS = 3  # values of each output that are held against those in a wider format
LARGER = 2.0**30  # than every number in sight: steps that wide were meant, as those of a quantised layer

# Jumps, which stay as large while the interval is halved: of 300 functions with float32 beside an exact slope, and of
# 300 with waves, kinks in a row, one jump or one pole, all are told for what they are.
EARLY = 2.0**-38  # of the scale, since when a change must stay.  2^-30: 297 and 300; 2^-45: the same
LATE = 2.0**-46  # of the scale, until when.  2^-40 and 2^-52: the same
STAYS = 1 / 2  # of a change, at the least; one that is no jump falls to 1/256.  1/64 and 0.95: the same
EVERYWHERE = 1 / 8  # of the largest change in a table, which most of its intervals have.  0 and 0.9: the same
CLEAR = 32  # roundings of f's own, which a jump is above.  1 and 2^20: the same
STILL = 3  # of the seven steps of a table: the spacing is below the function's own grain.  1 and 6 are as good
ALONE = 2.5  # times the noise of a format, that numbers just above a power of two have.  0.5: of stairs the same

# Steps of a format of few bits: of 300 functions with such steps in a part of them all, and of 300 others, waves and
# quantisers among them, 295 are told for what they are.
REACHES = (2.0**-2, 2.0**-4, 2.0**-7)  # of the scale: f may bend, or end.  The last alone: 280 and 294
POINTS = 24  # of a polynomial, which leaves some 1e-10 of smooth f.  12: 292 and 299; 48: the same
DEGREE = 6  # of it.  2: 300 and 297; 12: 299 and 297
GOLDEN = 0.6180339887498949  # so that no spacing of the points is one of the steps.  0: 275 and 295
SEVERAL = 3  # intervals that must have a jump; one is f's own.  1: 300 and 265; 2: 300 and 282; 5: both 299
AMONG = 6  # the likeliest to either side, that are looked at.  12: the same; 3, with one to each: 0 and 300
INSIDE = 2.0**-20  # of the scale: for the slopes between two jumps.  2^-8: 294 and 298; 2^-30: the same
LEAST = 2.0**-4  # of the noise: a jump is more.  2^-12: the same; 1: 295 and 295
MOST = 2.0**-7  # of f: more noise is a quantiser's, whose true gradient is zero.  2^-9: 300 and 297; 1: 300 and 282
FINE = 2.0**-16  # of f: coarser steps of f's own are a quantiser's, finer ones those of numbers of fixed point
NEARER = 2.0**-4  # to zero: there a quantiser's steps are sixteenfold.  1/2: 300 and 284; 2^-8: 300 and 277
MULTIPLE = 1.375  # of a point, and no power of two: there the steps of a format are elsewhere
MULTIPLES = (1.0, 6.0, 20.0, 1 / 12)  # where steps of a format that rounds a sum with what stays are of other sizes
OUTPUTS = 6  # that are looked at alone: the steps of all together that show are the largest ones
POWER = 2.0**-20  # of a step, by which it may be none: one in a hundred thousand is so by chance
NEAREST = 2.0**-36  # to zero: there what is smooth is linear, and moves a step by less than BENT
BENT = 2.0**-31  # of the scale: less than is between two steps of 16 bits along hundreds of entries
NEAR_ZERO = 2.0**-16  # there float16 has steps still, and a quantiser of 16 bits has none
GROWN = 4  # times: between what they are of a format, about one, and sixteen.  1: 159 and 295; 32: the same

# The complex step: with it 14.0 digits.
COMPLEX_STEP = 2.0**-100  # no subtraction, so any that squares below U.  2^-10: 11.2; 2^-30: 13.9; 2^-600: 14.0
JITTERS = 3  # repetitions a few roundings away.  Of 1,000 functions four bars do not hold with 2, none with 3
CONFIRMING = (3, 4, 6, 9, 14)  # as FEW, where f takes complex numbers.  As FEW is: the same digits, 2 evaluations more
EVIDENCE = 1e-3  # of the derivative or of f: a wider bar confirms nothing.  1e-12: 13.6 digits, 56; 1: the same

# When a longer look is taken.
WIDE = 1e-7  # a bar above this part of the derivative is worth a full ladder.  1e-5: 11.1 digits, 46; 1e-9: 11.3, 53
FLOOR = 1e-3  # of f: below it the noise decides, which no ladder mends.  0: 53 evaluations for nothing; 1: the same
APART = 5  # powers of two by which steps of another size must differ to tell anything new.  2: 56; 60: 11.0 digits

# Scales: of 378 softmaxes of sums with masks of -1e4, -1e9 or -1e30, which are differentiated as well, all pass.
FAR = 100  # times as large: of another magnitude.  10 and 1e4: the same
BOUNDLESS = 1000.0  # a number that may stand for infinity: none has such an exponential.  30: the same; 1e6: 376
SEVERAL_MASKS = 1 / 4  # of the largest such number: two of them may be added up.  0.9: 348; 1/32: the same

# Points.
BITS = 30  # significant bits kept of a base point: with ten-bit steps and six-bit directions every x + h d is exact
MOST_BITS = 45  # of entries near each other and far from zero

# What is kept, and what is done at once: the numbers are the same.
KEPT = 4096  # outputs, up to which their slopes are
OF_LADDERS, LADDERS = 256, 256  # outputs, up to which they are themselves, at every step of as many ladders
SMALL = 4096  # entries, up to which what is known of an array is kept
LEVELS_TOGETHER = 2**16  # products of cotangents and outputs, up to which levels go in one call: half the time
CANDIDATES_TOGETHER = 4096  # columns, up to which candidates are confirmed in one call: a third of the time
