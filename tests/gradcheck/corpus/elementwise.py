"""Functions of one entry: the wrong sign, the wrong factor, the wrong rule of differentiation."""

from math import log, pi, sqrt

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def register(corpus):
    rng = np.random.default_rng(11)
    x, b = rng.normal(size=7), rng.uniform(0.5, 2.0, size=7)
    signs(corpus, x, b)
    factors(corpus, rng)
    rules(corpus, x, b)


def signs(corpus, x, b):
    layer = corpus.subject(np.cos, x)
    layer.right("cos", lambda x, dy: -dy * np.sin(x))
    layer.wrong("cos: sine without its minus", "sign", lambda x, dy: dy * np.sin(x))
    layer = corpus.subject(np.tanh, x)
    layer.right("tanh", lambda x, dy: dy * (1 - np.tanh(x) ** 2))
    layer.wrong("tanh: 1 + y^2", "sign", lambda x, dy: dy * (1 + np.tanh(x) ** 2))
    layer = corpus.subject(sigmoid, x)
    layer.right("sigmoid", lambda x, dy: dy * sigmoid(x) * (1 - sigmoid(x)))
    layer.wrong("sigmoid: y (y - 1)", "sign", lambda x, dy: dy * sigmoid(x) * (sigmoid(x) - 1))
    layer = corpus.subject(lambda x: np.exp(-x * x), x)
    layer.right("gaussian", lambda x, dy: -2 * x * dy * np.exp(-x * x))
    layer.wrong("gaussian: inner minus lost", "sign", lambda x, dy: 2 * x * dy * np.exp(-x * x))
    layer = corpus.subject(lambda a, b: a - b, x, b)
    layer.right("subtraction", lambda a, b, dy: (dy, -dy))
    layer.wrong("subtraction: subtrahend without minus", "sign", lambda a, b, dy: (dy, dy), inputs=(1,))
    layer = corpus.subject(lambda a, b: a / b, x, b)
    layer.right("division", lambda a, b, dy: (dy / b, -dy * a / (b * b)))
    layer.wrong("division: divisor without minus", "sign", lambda a, b, dy: (dy / b, dy * a / (b * b)), inputs=(1,))
    layer = corpus.subject(lambda x: np.array([x[0] * x[3] - x[1] * x[2]]), np.append(x[:3], b[0]))
    wrong = "2 x 2 determinant: one cofactor without minus"
    cofactors = np.array([1.0, 1.0, -1.0, 1.0])
    layer.wrong(wrong, "sign", lambda x, dy: dy * cofactors * x[::-1], at={0: np.arange(4) == 1})


def factors(corpus, rng):
    x, w = rng.normal(size=(3, 5)), rng.normal(size=(5, 4))
    layer = corpus.subject(np.sqrt, np.abs(x) + 0.1)
    layer.right("sqrt", lambda x, dy: dy * 0.5 / np.sqrt(x))
    layer.wrong("sqrt: the half forgotten", "factor", lambda x, dy: dy / np.sqrt(x))
    layer = corpus.subject(lambda x: x * x, x)
    layer.wrong("square: the two forgotten", "factor", lambda x, dy: dy * x)
    layer = corpus.subject(lambda x: np.array(0.5 * (x * x).sum()), x)
    layer.wrong("half sum of squares: doubled", "factor", lambda x, dy: 2 * dy * x)
    layer = corpus.subject(lambda x: np.array(x.mean()), x)
    layer.right("mean", lambda x, dy: np.full(x.shape, dy / x.size))
    layer.wrong("mean: not divided by N", "factor", lambda x, dy: np.full(x.shape, dy))
    layer.wrong("mean: divided by N twice", "factor", lambda x, dy: np.full(x.shape, dy / x.size**2))
    layer = corpus.subject(lambda x: np.array(x.sum()), x)
    layer.wrong("sum: divided by N", "factor", lambda x, dy: np.full(x.shape, dy / x.size))
    layer = corpus.subject(lambda x: x.mean(1), x)
    by_rows = "mean over columns: divided by the number of rows"
    layer.wrong(by_rows, "factor", lambda x, dy: np.repeat(dy[:, None], 5, 1) / 3)
    layer = corpus.subject(lambda x, w: x @ w / sqrt(5), x, w)
    right = layer.right
    right("product over sqrt d", lambda x, w, dy: (dy @ w.T / sqrt(5), x.T @ dy / sqrt(5)))
    forgot = "product over sqrt d: scale forgotten for the weight"
    layer.wrong(forgot, "factor", lambda x, w, dy: (dy @ w.T / sqrt(5), x.T @ dy), inputs=(1,))
    squared = "product over sqrt d: divided by d"
    layer.wrong(squared, "factor", lambda x, w, dy: (dy @ w.T / 5, x.T @ dy / 5), inputs=(0, 1))
    layer = corpus.subject(lambda x: np.log(x) / log(10), np.abs(x) + 0.1)
    layer.wrong("log10: ln 10 forgotten", "factor", lambda x, dy: dy / x)
    layer = corpus.subject(lambda x: np.sin(x * (pi / 180)), 50 * x)
    layer.right("sine of degrees", lambda x, dy: dy * pi / 180 * np.cos(x * (pi / 180)))
    layer.wrong("sine of degrees: pi / 180 forgotten", "factor", lambda x, dy: dy * np.cos(x * (pi / 180)))
    layer = corpus.subject(lambda x: x * 1.7 + x, x)
    layer.wrong("input used twice: averaged instead of added", "factor", lambda x, dy: dy * 2.7 / 2)


def rules(corpus, x, b):
    layer = corpus.subject(lambda x: x * x * x, x)
    layer.wrong("cube: 2 x^2", "derivative rule", lambda x, dy: 2 * dy * x * x)
    layer = corpus.subject(np.log, b)
    layer.wrong("log: 1 / x^2", "derivative rule", lambda x, dy: dy / (x * x))
    layer = corpus.subject(lambda x: np.log(1 + x), b)
    layer.wrong("log(1 + x): 1 / x", "derivative rule", lambda x, dy: dy / x)
    layer = corpus.subject(np.arctan, x)
    layer.right("arctan", lambda x, dy: dy / (1 + x * x))
    layer.wrong("arctan: root of the derivative", "derivative rule", lambda x, dy: dy / np.sqrt(1 + x * x))
    layer = corpus.subject(lambda a, b: np.exp(b * np.log(a)), b, x)
    value = lambda a, b, dy: dy * b * a ** (b - 1)  # noqa: E731
    layer.right("power a^b", lambda a, b, dy: (value(a, b, dy), dy * a**b * np.log(a)))
    layer.wrong(
        "power a^b: log a forgotten", "derivative rule", lambda a, b, dy: (value(a, b, dy), dy * a**b), inputs=(1,)
    )
    layer = corpus.subject(lambda a, b: a * b, x, b)
    layer.wrong("product: each factor gets itself", "derivative rule", lambda a, b, dy: (dy * a, dy * b), inputs=(0, 1))
    layer = corpus.subject(lambda x: np.sin(x * x), x)
    chain = "sin(x^2): inner derivative forgotten"
    layer.wrong(chain, "derivative rule", lambda x, dy: dy * np.cos(x * x))
    layer = corpus.subject(lambda x: np.exp(x) * np.sin(x), x)
    both = "exp(x) sin(x): product of the derivatives"
    layer.wrong(both, "derivative rule", lambda x, dy: dy * np.exp(x) * np.cos(x))
