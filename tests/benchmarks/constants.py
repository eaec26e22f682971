"""What the estimator's constants are worth: each is varied, all others as they are, on a fixed family of functions.

    python tests/benchmarks/constants.py [NAME ...]

Of 200 smooth functions (`thousand.cases`, eight of each kind; for constants of the noise forty of each kind that has
some), beside 40 with a kink and 20 with a jump at the point itself, every line tells: how often the bar holds, and the
largest error in bars; the median of the digits that the bar leaves; how many are left without a claim; how many are
told for what they are; and the evaluations on the average. Functions refuse complex numbers, but where a constant of
the complex step is varied. The value in use is marked. A line takes two or three seconds.
"""

import importlib
import math
import pkgutil
import sys
import time
from pathlib import Path

import mpmath
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import thousand

import gradcheck.numeric
from gradcheck import derivative
from gradcheck.numeric import constants, own_steps, staircase
from gradcheck.numeric.hidden import has_jumps
from gradcheck.numeric.ladder import few_bits
from gradcheck.numeric.tabulate import Line

MODULES = [
    importlib.import_module(f"gradcheck.numeric.{module.name}")
    for module in pkgutil.iter_modules(gradcheck.numeric.__path__)
]
NOISY = ("softplus", "cancelled", "saturated", "offset", "single")
OF_NOISE = ("NOISE_POINTS", "SPACINGS", "OTHER_SPACING", "SCATTER", "COARSEST", "NARROW", "BESIDE", "GRAINS", "COARSER",
    "STILL",
)
OF_COMPLEX = ("COMPLEX_STEP", "JITTERS", "CONFIRMING", "EVIDENCE")
OF_JUMPS = ("EARLY", "LATE", "STAYS", "EVERYWHERE", "CLEAR")
OF_NEAR_KINKS = ("NEARER_KINK", "STEADY")
OF_STAIRS = ("REACHES", "POINTS", "DEGREE", "GOLDEN", "SEVERAL", "AMONG", "INSIDE", "LEAST", "MOST", "NEARER", "GROWN",
    "ALONE",
)
VALUES = {
    "FIRST": (0.1, 0.4, 1.6),
    "RATIO": (2.0, 2.35, 2.75, 4.0),
    "LEVELS": (16, 21, 24),
    "FEW": (
        (4, 5, 6, 7, 8, 9, 14),
        (2, 3, 4, 5, 6, 9, 14),
        (1, 2, 3, 4, 5, 9, 14),
        (2, 3, 4, 5, 6, 12, 14),
        (2, 3, 4, 5, 6, 9),
        constants.WINDOW,
    ),
    "STEP_BITS": (4, 10, 20, 40),
    "ORDERS": (1, 2, 3, 4, 6),
    "NEAR_BEST": (1, 6, 12),
    "FEWEST": (3, 5, 7),
    "LAST": (3, 5, 7),
    "NOISE_POINTS": (6, 7, 8, 10),
    "SPACINGS": ((-36,), (-30, -25, -21, -17, -13), (-36, -30, -25, -21, -17, -13), (-36, -25, -13)),
    "OTHER_SPACING": (1.0, 0.5, 179 / 256),
    "SCATTER": (1, 2, 4),
    "COARSEST": (2.0**-20, 2.0**-9, 1.0),
    "NARROW": (2.0**-53, 2.0**-24, 2.0**-11),
    "BESIDE": (0.0, 2.0**-10, 2.0**-4),
    "GRAINS": (1, 6),
    "COARSER": (2, 8, 2.0**60),
    "WIDE": (1e-5, 1e-7, 1e-9),
    "FLOOR": (0.0, 1e-3, 1.0),
    "APART": (2, 5, 60),
    "COMPLEX_STEP": (2.0**-10, 2.0**-30, 2.0**-100, 2.0**-600),
    "JITTERS": (0, 1, 3, 6),
    "CONFIRMING": ((2, 4, 6, 9, 14), (3, 4, 6, 9, 14), (5, 7, 9, 11, 13), constants.FEW),
    "EVIDENCE": (1e-12, 1e-3, 1.0),
    "NEARER_KINK": (8, 64, 512, 2**40),
    "STEADY": (2, 3, 5),
    "EARLY": (2.0**-30, 2.0**-38, 2.0**-45),
    "LATE": (2.0**-40, 2.0**-46, 2.0**-52),
    "STAYS": (1 / 64, 1 / 2, 0.95),
    "EVERYWHERE": (0.0, 1 / 8, 0.9),
    "CLEAR": (1, 32, 2**20),
    "STILL": (1, 3, 6),
    "ALONE": (0.5, 2.5, 100),
    "REACHES": ((2.0**-2,), (2.0**-7,), (2.0**-2, 2.0**-4, 2.0**-7)),
    "POINTS": (12, 24, 48),
    "DEGREE": (2, 6, 12),
    "GOLDEN": (0.0, 0.6180339887498949),
    "SEVERAL": (1, 2, 3, 5),
    "AMONG": (3, 6, 12),
    "INSIDE": (2.0**-30, 2.0**-20, 2.0**-8),
    "LEAST": (2.0**-12, 2.0**-4, 1.0),
    "MOST": (2.0**-9, 2.0**-7, 1.0),
    "NEARER": (1 / 2, 2.0**-4, 2.0**-8),
    "GROWN": (1, 4, 32),
}


def kinks_and_jumps():
    """Yield functions with a kink or a jump at the very point, and what is to be told of them."""
    for member in range(60):
        rng = np.random.default_rng([7, member])
        x, a, b, c = rng.uniform(-3, 3), *rng.uniform(0.3, 3, 2), rng.choice([0.0, 1.0])
        size = 10 ** rng.uniform(-6, 0)
        if member < 40:
            yield (lambda t, x=x, a=a, b=b, c=c: c + a * math.sin(t - x) + (b * (t - x) if t > x else 0)), x, "kink"
        else:
            yield (lambda t, x=x, a=a, s=size: math.sin(a * t) + (s if t > x else 0)), x, "jump"


def rounded(x, bits):
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)


def stairs():
    """Yield functions of six numbers: 300 with steps of float16 or bfloat16 in a part of them, 300 of other kinds."""
    for member in range(600):
        rng = np.random.default_rng([11, member])
        x, bits, size = rng.normal(size=6), (11, 8)[member % 2], 10 ** rng.uniform(-3, 0)
        grain = 2.0 ** rng.integers(2, 6)
        at, one = x[1] + rng.uniform(-0.02, 0.02), np.arange(6) == rng.integers(6)
        coarse = (
            lambda x, b=bits: rounded(x, b),
            lambda x, b=bits: x + np.sin(rounded(x, b)),
            lambda x, b=bits, o=one: np.where(o, rounded(x, b), np.sin(x)),
            lambda x, b=bits: rounded(np.tanh(rounded(x, b)), b) * x,
        )
        others = (
            lambda x, s=size: np.sin(x / s),
            lambda x: np.sin(x.astype(np.float32)).astype(float),
            lambda x, a=at: np.abs(x - a),
            lambda x, s=size: np.sin(x) + s * 1e-3 * np.sin(1e12 * x),
            lambda x, s=size, a=at: np.sin(x) + s * (x > a),
            lambda x, k=grain: np.round(k * x) / k,
        )
        yield (coarse[member // 2 % 4], x, True) if member < 300 else (others[member % 6], x, False)


def hidden():
    """Yield functions of four numbers: 300 with roundings of float32 beside a slope that has none, 300 of other kinds.

    Those are waves, kinks in a row, or one jump or one pole in the interval that is looked at.
    """
    for member in range(600):
        rng = np.random.default_rng([13, member])
        x, a, speed = rng.normal(size=4), rng.uniform(0.3, 3, 4), 10 ** rng.uniform(6, 8)
        beside, size = x + 2.0**-20 * rng.uniform(-3, 3), 10 ** rng.uniform(-9, -6)
        roundings = (
            lambda x, a=a: x + (a * np.cos(x)).astype(np.float32),
            lambda x, a=a: a * x * x.astype(np.float32),
            lambda x, a=a: np.sin(a * x) + np.tanh(x.astype(np.float32)),
        )
        others = (
            lambda x, s=size, k=speed: x + s * np.sin(k * x),
            lambda x, s=size, k=speed: x + s * np.abs(np.mod(k * x, 2) - 1),
            lambda x, s=size, b=beside: x + s * (x > b),
            lambda x, s=size, b=beside: x + 1e-6 * s / (x - b),
        )
        yield (roundings[member % 3], x, True) if member < 300 else (others[member % 4], x, False)


def line_of_jumps(family):
    told = {True: [], False: []}
    for f, x, jumps in family:
        line = Line(Forward(f), [x], {0: np.where(np.arange(x.size) % 2, 1.25, -0.75)}, None, x.size)
        wide, fine = line.table(constants.WIDE_SPACING), line.table(2.0**-36)
        told[jumps].append(has_jumps(line, wide, fine, np.ones(x.size, bool)) == jumps)
    return f"{sum(told[True])} of 300 with roundings, {sum(told[False])} of 300 without"


class Forward:
    def __init__(self, f):
        self.f = f

    def attempt(self, arrays, size):
        return self.f(arrays[0])


def line_of_stairs(family):
    """Tell how many are told for what they are: with steps of a format's, which shrink with the numbers, or without."""
    told = {True: [], False: []}
    for f, x, steps in family:
        along = {0: np.where(np.arange(x.size) % 2, 1.25, -0.75)}
        line = Line(Forward(f), [x], along, np.ones((1, x.size)), x.size)
        told[steps].append((staircase.steps(line) is not None and own_steps.is_relative(line)) == steps)
    return f"{sum(told[True])} of 300 with steps, {sum(told[False])} of 300 without"


def near_kinks():
    """Yield 1,440 functions with a kink at 10^-12 to 10^-6 of the point, and their derivative there."""
    for member in range(60):
        rng = np.random.default_rng(member)
        x = rng.uniform(0.5, 2)
        for exponent in np.arange(-12, -6, 0.25):
            kink = x + 10**exponent * rng.choice([-1, 1])
            yield (lambda t, k=kink: abs(t - k)), x, float(np.sign(x - kink))


def line_of_near_kinks(family):
    held = []
    for f, x, truth in family:
        d = derivative(without_complex(f), x)
        ends = (d.left, d.right, d.value)
        held.append(not math.isfinite(d.bar) or min(ends) - d.bar <= truth <= max(ends) + d.bar)
    return f"{sum(held)} bars of {len(held)} hold"


def without_complex(f):
    def real(x):
        if isinstance(x, complex):
            raise TypeError("no complex numbers here")
        return f(x)

    return real


def set_constant(name, value):
    """Set a constant in every module that uses it, and the ladders that are made of it."""
    for module in MODULES:
        if hasattr(module, name):
            setattr(module, name, value)
    for ladder, kind in (("STEPS", ""), ("SECOND_STEPS", "SECOND_")):
        first, ratio, levels = (getattr(constants, kind + part) for part in ("FIRST", "RATIO", "LEVELS"))
        steps = few_bits(first * ratio ** -np.arange(levels), constants.STEP_BITS)
        for module in MODULES:
            if hasattr(module, ladder):
                setattr(module, ladder, steps)


def shown(value):
    if isinstance(value, float) and value > 0 and math.log2(value) % 1 == 0 and not 0.1 < value < 10:
        return f"2^{math.log2(value):g}"
    return value


def line(cases, odd, exact):
    bars, digits, lost, told, evaluations = [], [], 0, [], []
    for case in cases:
        d = derivative(case.f if exact else without_complex(case.f), case.x)
        error = float(abs(mpmath.mpf(d.value) - case.truth)) if math.isfinite(d.bar) else math.nan
        lost += math.isnan(error)
        bars.append(error / d.bar if error > 0 and d.bar else 0.0)
        digits.append(-math.log10(d.bar / abs(float(case.truth))) if d.bar and case.truth else 17.0)
        told.append(d.smoothness == "smooth")
        evaluations.append(d.evaluations)
    held = np.mean(np.array(bars) <= 1)
    told += [derivative(f, x).smoothness == kind for f, x, kind in odd]
    return (
        f"{100 * held:5.1f} %, worst {max(bars):8.2g}  {np.median(digits):4.1f} digits  {lost:2} lost  "
        f"{100 * np.mean(told):5.1f} % told  {np.mean(evaluations):5.1f} evaluations"
    )


def main(names):
    start, odd = time.perf_counter(), list(kinks_and_jumps())
    everything = list(thousand.cases())
    mixed = [case for k, case in enumerate(everything) if k % thousand.EACH < 8]
    noisy = [case for case in everything if case.kind in NOISY]
    with np.errstate(all="ignore"):
        for name in names or VALUES:
            used = getattr(constants, name)
            for value in VALUES[name]:
                set_constant(name, value)
                try:
                    if name in OF_STAIRS:
                        told = line_of_stairs(stairs())
                    elif name in OF_NEAR_KINKS:
                        told = line_of_near_kinks(near_kinks())
                    elif name in OF_JUMPS:
                        told = line_of_jumps(hidden())
                    else:
                        told = line(noisy if name in OF_NOISE else mixed, odd, name in OF_COMPLEX)
                except Exception as error:
                    told = f"{type(error).__name__}: {error}"
                mark = "*" if value == used else " "
                print(f"{mark} {name:13} {shown(value)!s:38} {told}", flush=True)
            set_constant(name, used)
    print(f"{time.perf_counter() - start:.0f} seconds")


if __name__ == "__main__":
    main(sys.argv[1:])
