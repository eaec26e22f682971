"""A thousand functions of one number, each with a point and its derivative there to 40 digits.

Twenty-five kinds with forty members each, whose parameters are drawn at random; with the same seed they are the same.
"""

from dataclasses import dataclass

import mpmath
import numpy as np
import scipy.special

EACH = 40
DIGITS = 80


@dataclass(frozen=True)
class Case:
    kind: str
    f: object  # of a NumPy scalar, or of an array of them
    x: float
    truth: object  # mpmath's number


def erf(x):
    return mpmath.erf(x) if isinstance(x, mpmath.mpf) else scipy.special.erf(x)


def at_distance(rng, low, high):
    """A distance from a singularity or a kink, over orders of magnitude, on either side."""
    return float(10 ** rng.uniform(low, high) * rng.choice([-1.0, 1.0]))


def sine(rng):
    a, b = rng.uniform(0.5, 4, 2)
    return (lambda x, m: m.sin(a * x + b)), rng.uniform(-3, 3)


def exponential(rng):
    a = rng.uniform(-3, 3)
    return (lambda x, m: m.exp(a * x)), rng.uniform(-10, 10)


def logarithm(rng):
    return (lambda x, m: m.log(x)), 10 ** rng.uniform(-3, 3)


def power(rng):
    return (lambda x, m: x * m.sqrt(x)), 10 ** rng.uniform(-3, 3)


def polynomial(rng):
    c = [float(v) for v in rng.normal(size=7)]

    def f(x, m):
        y = 0 * x
        for v in c:
            y = y * x + v
        return y

    return f, rng.uniform(-3, 3)


def rational(rng):
    a, b = rng.uniform(0.5, 3, 2)
    return (lambda x, m: (a * x + 1) / (b + x * x)), rng.uniform(-4, 4)


def gaussian(rng):
    a = rng.uniform(0.3, 3)
    return (lambda x, m: m.exp(-a * x * x)), rng.uniform(-3, 3)


def saturating(rng):
    a = rng.uniform(0.5, 20)
    return (lambda x, m: m.tanh(a * x)), rng.uniform(-0.9, 0.9)


def gelu(rng):
    return (lambda x, m: x * (1 + erf(x * 0.7)) / 2), rng.uniform(-3, 3)


def softplus(rng):
    return (lambda x, m: m.log(1 + m.exp(x))), rng.uniform(-8, 8)


def composed(rng):
    a, b = rng.uniform(1, 4, 2)
    return (lambda x, m: m.exp(m.sin(a * x)) / (1.5 + m.cos(b * x))), rng.uniform(-3, 3)


def cancelled(rng):
    """The sum that is left of seven powers near 1."""
    return (lambda x, m: ((((((x - 7) * x + 21) * x - 35) * x + 35) * x - 21) * x + 7) * x - 1), rng.uniform(0.3, 2)


def saturated(rng):
    """1 + tanh, far to the left: what is left of numbers near 1."""
    return (lambda x, m: 1 + m.tanh(x)), rng.uniform(-14, -3)


def fast(rng):
    a = 10 ** rng.uniform(1, 3)
    return (lambda x, m: m.sin(a * x)), rng.uniform(-3, 3)


def octaves(rng):
    """Waves whose periods are powers of two, at points of few bits."""
    a = float(2 ** rng.integers(3, 9) * np.pi)
    return (lambda x, m: m.sin(a * x)), float(rng.integers(1, 64)) / 64


def chirp(rng):
    return (lambda x, m: x * m.sin(1 / x)), 10 ** rng.uniform(-1.5, 1)


def rough(rng):
    a = 10 ** rng.uniform(-12, -8)
    return (lambda x, m: m.sin(x) + a * m.sin(1e5 * x)), rng.uniform(-3, 3)


def offset(rng):
    a = 10 ** rng.uniform(3, 9)
    return (lambda x, m: a + m.sin(x)), rng.uniform(-3, 3)


def far(rng):
    """A wave of length 1, at a large number."""
    return (lambda x, m: m.sin(x)), 10 ** rng.uniform(1, 6)


def tiny(rng):
    """A function of size 1, at a small number."""
    a = rng.uniform(0.5, 2)
    return (lambda x, m: m.exp(a * x)), at_distance(rng, -14, -1)


def pole(rng):
    c = rng.uniform(0.5, 3)
    return (lambda x, m: 1 / (x - c)), c + at_distance(rng, -5, -0.5)


def branch(rng):
    c = rng.uniform(0.5, 3)
    return (lambda x, m: m.sqrt(x - c)), c + abs(at_distance(rng, -6, 0))


def bent(rng):
    """A kink beside the point."""
    c, a, b = rng.uniform(0.5, 3, 3)
    x = c + at_distance(rng, -7, -0.5)

    def f(x, m):
        return m.sin(a * x) + (b * (x - c) if np.real(x) > c else 0 * x)

    return f, x


def jumping(rng):
    """A jump beside the point."""
    c, a = rng.uniform(0.5, 3, 2)
    x = c + at_distance(rng, -7, -0.5)
    return (lambda x, m: m.exp(a * x) + (1 if np.real(x) > c else 0)), x


def single(rng):
    """Computed in float32, from a float32 number."""
    a = rng.uniform(0.5, 4)

    def f(x, m):
        return m.sin(a * x) if m is mpmath else np.float64(np.sin(np.float32(a) * np.float32(x)))

    a = float(np.float32(a))
    return f, float(np.float32(rng.uniform(-3, 3)))


KINDS = [
    sine, exponential, logarithm, power, polynomial, rational, gaussian, saturating, gelu, softplus, composed,
    cancelled, saturated, fast, octaves, chirp, rough, offset, far, tiny, pole, branch, bent, jumping, single,
]  # fmt: skip


def cases(seed=0, each=EACH):
    """Yield the functions, a kind after the other."""
    for number, kind in enumerate(KINDS):
        for member in range(each):
            f, x = kind(np.random.default_rng([seed, number, member]))
            x = float(x)
            with mpmath.workdps(DIGITS):
                h = abs(mpmath.mpf(x)) * mpmath.mpf(10) ** -25 + mpmath.mpf(10) ** -35
                ahead, behind = f(mpmath.mpf(x) + h, mpmath), f(mpmath.mpf(x) - h, mpmath)
                yield Case(kind.__name__, lambda x, f=f: f(x, np), x, (ahead - behind) / (2 * h))
