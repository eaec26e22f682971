"""Backward passes that agree with what a careless numeric derivative says: the wrong answer of another method."""

from math import pi

import numpy as np

WAVE = 2.0**20 * pi  # any difference over a power of two misses it at a point of few bits


def register(corpus):
    rng = np.random.default_rng(97)
    complex_step(corpus, rng)
    differences(corpus, rng)
    special_points(corpus, rng)
    surrogates(corpus, rng)


def complex_step(corpus, rng):
    """The complex step through abs, conj, real, var and norm gives a derivative that is not the function's."""
    kind, x = "complex trap", rng.normal(size=6)
    layer = corpus.subject(lambda x: np.abs(x) ** 2, x)
    layer.right("squared by abs", lambda x, dy: 2 * dy * x)
    layer.wrong("squared by abs: zero, as by the complex step", kind, lambda x, dy: 0 * dy)
    layer = corpus.subject(lambda x: x * x.real, x)
    layer.wrong("squared by real: half, as by the complex step", kind, lambda x, dy: dy * x)
    layer = corpus.subject(lambda x: (x * np.conj(x) + x).real + 0 * x, x)
    layer.right("squared by conj, plus x", lambda x, dy: dy * (2 * x + 1))
    layer.wrong("squared by conj, plus x: zero, as by the complex step", kind, lambda x, dy: 0 * dy)
    layer = corpus.subject(lambda x: np.conj(x) * 3 + np.sin(x), x)
    layer.right("sine plus 3 conj", lambda x, dy: dy * (3 + np.cos(x)))
    layer.wrong("sine plus 3 conj: minus 3, as by the complex step", kind, lambda x, dy: dy * (np.cos(x) - 3))
    layer = corpus.subject(lambda x: x * np.linalg.norm(x), x)
    norm = np.linalg.norm
    layer.right("x times its norm", lambda x, dy: dy * norm(x) + x * (x @ dy) / norm(x))
    layer.wrong("x times its norm: norm held, as by the complex step", kind, lambda x, dy: dy * norm(x))
    layer = corpus.subject(lambda x: x * np.var(x), x)
    layer.right("x times its variance", lambda x, dy: dy * x.var() + (x @ dy) * 2 * (x - x.mean()) / x.size)
    layer.wrong("x times its variance: held, as by the complex step", kind, lambda x, dy: dy * x.var())
    layer = corpus.subject(lambda x: np.sin(x.astype(np.float64)), x)
    layer.wrong("sine behind a cast: zero, as by the complex step", kind, lambda x, dy: 0 * dy)


def differences(corpus, rng):
    """Waves that vanish at all points x + k 2^-j, and ones far smaller than the usual step."""
    kind = "difference trap"
    x = np.array([0.25, -1.5, 0.75, 2.0])
    layer = corpus.subject(lambda x: x + np.sin(WAVE * x) / WAVE, x)
    layer.wrong("fast wave at dyadic points: wave forgotten", kind, lambda x, dy: dy.copy())
    layer = corpus.subject(lambda x: x + np.sin(64 * pi * x) / (64 * pi), x)
    layer.right("wave of 64 pi at dyadic points", lambda x, dy: dy * (1 + np.cos(64 * pi * x)))
    layer.wrong("wave of 64 pi at dyadic points: wave forgotten", kind, lambda x, dy: dy.copy())
    layer = corpus.subject(lambda x: np.tanh(1e4 * (x - 0.3)) / 1e4 + x, np.array([0.3, 0.30001, 1.0]))
    layer.right("narrow step", lambda x, dy: dy * (2 - np.tanh(1e4 * (x - 0.3)) ** 2))
    narrow = "narrow step: step forgotten"
    layer.wrong(narrow, kind, lambda x, dy: dy.copy(), at={0: [True, True, False]})
    point = np.array([3e-7, 1.0, -1.0])
    layer = corpus.subject(lambda x: np.where(x.real > 0, x, 0), point)
    layer.wrong(
        "relu at 3e-7: one half, as by differences", kind, lambda x, dy: dy * [0.5, 1, 0], at={0: [True, False, False]}
    )
    layer.wrong("relu at 3e-7: zero", kind, lambda x, dy: dy * [0, 1, 0], at={0: [True, False, False]})


def special_points(corpus, rng):
    """Right where gamma is one or beta zero, as parameters are at first, and nowhere else."""
    kind, x, w = "special point", rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
    layer = corpus.subject(lambda x, g: np.sin(x) * g, x, np.ones(4))
    forgotten = lambda x, g, dy: (dy * np.cos(x), (dy * np.sin(x)).sum(0))  # noqa: E731
    layer.wrong("scale of ones: scale forgotten for x", kind, forgotten, special_point=True)
    layer = corpus.subject(lambda x, a, b: x + x @ a @ b, x, w, np.zeros((2, 4)))
    adapter = lambda x, a, b, dy: (dy + dy @ b.T @ a.T, 0 * a, (x @ a).T @ dy)  # noqa: E731
    name = "adapter of zeros: no gradient for the other factor"
    layer.wrong(name, kind, adapter, inputs=(1,), special_point=True)
    layer = corpus.subject(lambda x, b: np.tanh(x + b), x, np.zeros(4))
    without = lambda x, b, dy: (dy * (1 - np.tanh(x) ** 2), (dy * (1 - np.tanh(x) ** 2)).sum(0))  # noqa: E731
    layer.wrong("bias of zeros: bias forgotten in the slope", kind, without, inputs=(0, 1), special_point=True)
    layer = corpus.subject(lambda x: x * x * x, np.ones((2, 3)))
    layer.wrong("cube at ones: 3 x", kind, lambda x, dy: 3 * dy * x, special_point=True)


def surrogates(corpus, rng):
    kind, x = "surrogate", rng.normal(size=(3, 4))
    layer = corpus.subject(lambda x: np.round(4 * x) / 4, x)
    layer.right("rounding, gradient zero", lambda x, dy: 0 * dy)
    layer.wrong("rounding: passed straight through", kind, lambda x, dy: dy.copy())
    layer = corpus.subject(lambda x: x * 1.0, x)
    layer.wrong("gradient reversal", kind, lambda x, dy: -0.1 * dy)
    layer.wrong("gradient blocked", kind, lambda x, dy: 0 * dy)
    layer = corpus.subject(np.sign, x)
    layer.wrong("sign: hard tanh in the backward", kind, lambda x, dy: dy * (np.abs(x) < 1), at={0: np.abs(x) < 1})
