"""An error bar is a claim about the true error; here it is held against 50-digit arithmetic."""

import mpmath
import numpy as np
import pytest
import scipy.special

from gradcheck.adapters import pair
from gradcheck.claims.claim import claim_at
from gradcheck.numeric import complexstep
from gradcheck.numeric.points import cotangents
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Place
from gradcheck.numeric.scales import quantise
from gradcheck.subjects.problem import Problem
from gradcheck.verdict.compare import compare
from gradcheck.verdict.ground import Ground, Known

POINTS = 36
COVERED = 0.995
ANY, POSITIVE, WITHIN = (-3.0, 3.0), (0.05, 8.0), (-0.9, 0.9)
M = mpmath

# A function of NumPy, its derivative in mpmath, and where it is asked
FUNCTIONS = {
    "sin": (np.sin, M.cos, ANY),
    "cos": (np.cos, lambda x: -M.sin(x), ANY),
    "exp": (np.exp, M.exp, (-30.0, 30.0)),
    "log": (np.log, lambda x: 1 / x, POSITIVE),
    "sqrt": (np.sqrt, lambda x: 1 / (2 * M.sqrt(x)), POSITIVE),
    "tanh": (np.tanh, lambda x: M.sech(x) ** 2, ANY),
    "atan": (np.arctan, lambda x: 1 / (1 + x * x), ANY),
    "asin": (np.arcsin, lambda x: 1 / M.sqrt(1 - x * x), WITHIN),
    "sinh": (np.sinh, M.cosh, ANY),
    "cosh": (np.cosh, M.sinh, ANY),
    "asinh": (np.arcsinh, lambda x: 1 / M.sqrt(1 + x * x), ANY),
    "log1p": (np.log1p, lambda x: 1 / (1 + x), WITHIN),
    "expm1": (np.expm1, M.exp, ANY),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2, POSITIVE),
    "cube": (lambda x: x * x * x, lambda x: 3 * x * x, ANY),
    "tenth power": (lambda x: x**10, lambda x: 10 * x**9, ANY),
    "power of 1.5": (lambda x: x * np.sqrt(x), lambda x: M.mpf(3) / 2 * M.sqrt(x), POSITIVE),
    "gaussian": (lambda x: np.exp(-x * x), lambda x: -2 * x * M.exp(-x * x), ANY),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: M.exp(-x) / (1 + M.exp(-x)) ** 2, (-8.0, 8.0)),
    "softplus": (lambda x: np.log1p(np.exp(x)), lambda x: 1 / (1 + M.exp(-x)), (-8.0, 8.0)),
    "silu": (lambda x: x / (1 + np.exp(-x)), lambda x: (1 + M.exp(-x) * (1 + x)) / (1 + M.exp(-x)) ** 2, ANY),
    "erf": (scipy.special.erf, lambda x: 2 / M.sqrt(M.pi) * M.exp(-x * x), ANY),
    "gelu": (
        lambda x: x * (1 + scipy.special.erf(x / np.sqrt(2))) / 2,
        lambda x: M.ncdf(x) + x * M.npdf(x),
        ANY,
    ),
    "gamma": (scipy.special.gamma, lambda x: M.gamma(x) * M.digamma(x), (0.6, 6.0)),
    "log gamma": (lambda x: scipy.special.loggamma(x), M.digamma, (0.6, 6.0)),
    "fast": (lambda x: np.sin(200 * x), lambda x: 200 * M.cos(200 * x), ANY),
    "powers of two": (lambda x: np.sin(64 * np.pi * x), lambda x: C * M.cos(C * x), WITHIN),
    "steep": (lambda x: np.tanh(50 * x), lambda x: 50 * M.sech(50 * x) ** 2, WITHIN),
    "wiggly": (lambda x: x * np.sin(1 / x), lambda x: M.sin(1 / x) - M.cos(1 / x) / x, POSITIVE),
    "runge": (lambda x: 1 / (1 + 25 * x * x), lambda x: -50 * x / (1 + 25 * x * x) ** 2, WITHIN),
    "offset": (lambda x: 1e8 + np.sin(x), M.cos, ANY),
    "composed": (lambda x: np.exp(np.sin(3 * x)), lambda x: 3 * M.cos(3 * x) * M.exp(M.sin(3 * x)), ANY),
    "hypot": (lambda x: np.sqrt(1 + x * x), lambda x: x / M.sqrt(1 + x * x), ANY),
    "cancelling": (  # (x - 1)^7, multiplied out: all that is left near 1 is rounding
        lambda x: ((((((x - 7) * x + 21) * x - 35) * x + 35) * x - 21) * x + 7) * x - 1,
        lambda x: 7 * (x - 1) ** 6,
        (0.3, 2.0),
    ),
    "quotient": (
        lambda x: np.sin(x) / (1 + x * x),
        lambda x: M.cos(x) / (1 + x * x) - 2 * x * M.sin(x) / (1 + x * x) ** 2,
        ANY,
    ),
    "rough": (
        lambda x: np.sin(x) + 1e-9 * np.sin(1e5 * x),
        lambda x: M.cos(x) + M.mpf(1e-9) * 10**5 * M.cos(10**5 * x),
        ANY,
    ),
}
C = M.mpf(float(64 * np.pi))  # the very number that the function of NumPy multiplies with


def errors_in_bars(name, seed):
    """Return, for every point, the true error of real differences and of the complex step in their bars."""
    function, slope, (low, high) = FUNCTIONS[name]
    rng = np.random.default_rng(seed)
    x = quantise(rng.uniform(low, high, POINTS))
    true = [slope(M.mpf(float(v))) for v in x]
    problem = Problem(pair(function, lambda x, dy: np.array([float(t) for t in true]) * dy), (x,), {})
    y, g = problem.forward([x]), cotangents(rng, POINTS, 1)
    exact = complexstep.tried(problem, [x], y, Probe(None))[0] is None
    ground = Ground(problem, Place([x], y, g), claim_at(problem, [x], g, 2.0**-53, 0, rng), exact, map)
    probes = [Probe(0, coordinate=i) for i in range(POINTS)]
    compared, _ = compare(ground, Known(), probes, [True] * POINTS, rng)
    real, complex_ = [], []
    for i, c in enumerate(compared):
        target = true[i] * M.mpf(float(g[0, i])) * M.mpf(c.unit)
        assert np.isfinite(c.real.bar[0]), f"{name}: no estimate at {x[i]}"
        real.append(float(abs(M.mpf(float(c.real.value[0])) - target) / M.mpf(float(c.real.bar[0]))))
        if exact:
            complex_.append(float(abs(M.mpf(float(c.exact[0])) - target) / M.mpf(float(c.exact_bar[0]))))
    return real, complex_


@pytest.fixture(scope="module")
def measured():
    with M.workdps(50):
        return {name: errors_in_bars(name, seed) for seed, name in enumerate(FUNCTIONS)}


def test_the_bar_of_real_differences_covers_the_true_error(measured):
    ratios = np.concatenate([real for real, _ in measured.values()])
    assert ratios.size >= 1000
    missed = {name: max(real) for name, (real, _) in measured.items() if max(real) > 1}
    assert np.mean(ratios <= 1) >= COVERED, missed


def test_the_bar_of_the_complex_step_covers_the_true_error(measured):
    ratios = np.concatenate([exact for _, exact in measured.values() if exact])
    assert ratios.size >= 1000
    missed = {name: max(exact) for name, (_, exact) in measured.items() if exact and max(exact) > 1}
    assert np.mean(ratios <= 1) >= COVERED, missed


def test_no_bar_is_wrong_by_much(measured):
    assert max(max(real) for real, _ in measured.values()) < 10
    assert max(max(exact) for _, exact in measured.values() if exact) < 10
