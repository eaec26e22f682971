"""Errors that an absolute tolerance lets through: tiny gradients, and entries that are small beside others."""

import numpy as np

SCALES = np.array([1e6, 1.0, 1e6, 1e3, 1e6])
SMALL = SCALES == 1.0


def softmax(x):
    p = np.exp(x - x.real.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def register(corpus):
    rng = np.random.default_rng(59)
    tiny(corpus, rng)
    hidden(corpus, rng)


def tiny(corpus, rng):
    kind, x = "tiny gradient", rng.normal(size=(3, 4))
    layer = corpus.subject(lambda x: 1e-7 * np.tanh(x), x)
    slope = lambda x: 1e-7 * (1 - np.tanh(x) ** 2)  # noqa: E731
    layer.right("1e-7 tanh", lambda x, dy: dy * slope(x))
    layer.wrong("1e-7 tanh: doubled", kind, lambda x, dy: 2 * dy * slope(x))
    layer.wrong("1e-7 tanh: zero", kind, lambda x, dy: 0 * dy)
    layer.wrong("1e-7 tanh: 1 % too large", kind, lambda x, dy: 1.01 * dy * slope(x), error=1e-2)
    layer = corpus.subject(lambda x: 1e-12 * x * x, x)
    layer.wrong("1e-12 x^2: wrong sign", kind, lambda x, dy: -2e-12 * dy * x)
    layer = corpus.subject(lambda x: np.array(1e-7 * (x * x).mean()), x)
    layer.wrong("mean square of weight 1e-7: not divided by N", kind, lambda x, dy: 2e-7 * dy * x)
    layer = corpus.subject(lambda x: 1e-7 * softmax(x), x)
    layer.wrong("softmax of weight 1e-7: row sum missing", kind, lambda x, dy: 1e-7 * dy * softmax(x))
    w = rng.normal(size=(4, 4))
    layer = corpus.subject(lambda x, w: 1e-7 * x @ w, x, w)
    layer.right("product of weight 1e-7", lambda x, w, dy: (1e-7 * dy @ w.T, 1e-7 * x.T @ dy))
    transposed = "product of weight 1e-7: weight not transposed"
    layer.wrong(transposed, kind, lambda x, w, dy: (1e-7 * dy @ w, 1e-7 * x.T @ dy))
    flat = -np.abs(x) - 16
    layer = corpus.subject(lambda x: np.exp(x) / (1 + np.exp(x)), flat)
    sigmoid = lambda x: np.exp(x) / (1 + np.exp(x))  # noqa: E731
    layer.right("sigmoid at -17", lambda x, dy: dy * sigmoid(x) * (1 - sigmoid(x)))
    layer.wrong("sigmoid at -17: wrong sign", kind, lambda x, dy: -dy * sigmoid(x) * (1 - sigmoid(x)))
    layer.wrong("sigmoid at -17: zero", kind, lambda x, dy: 0 * dy)


def hidden(corpus, rng):
    kind, x = "hidden error", rng.normal(size=5)
    layer = corpus.subject(lambda x: SCALES * np.sin(x), x)
    slope = lambda x, dy: dy * SCALES * np.cos(x)  # noqa: E731
    layer.right("entries of weight 1e6 and 1", slope)
    layer.wrong(
        "entries of weight 1e6 and 1: sign of the small one",
        kind,
        lambda x, dy: slope(x, dy) * (1 - 2 * SMALL),
        at={0: SMALL},
    )
    layer.wrong("entries of weight 1e6 and 1: small one zero", kind, lambda x, dy: slope(x, dy) * ~SMALL, at={0: SMALL})
    layer.wrong(
        "entries of weight 1e6 and 1: small one doubled", kind, lambda x, dy: slope(x, dy) * (1 + SMALL), at={0: SMALL}
    )
    graded = "entries of weight 1e6 and 1: small one 0.1 % off"
    layer.wrong(graded, kind, lambda x, dy: slope(x, dy) * (1 + 1e-3 * SMALL), at={0: SMALL}, error=1e-3)
    layer = corpus.subject(lambda x: np.array((SCALES * x * x).sum()), x)
    summed = "weighted sum of squares: sign of the small one"
    layer.wrong(summed, kind, lambda x, dy: 2 * dy * SCALES * x * (1 - 2 * SMALL), at={0: SMALL})

    a, b = rng.normal(size=4), rng.normal(size=3)
    layer = corpus.subject(lambda a, b: np.append(1e6 * np.sin(a), np.cos(b)), a, b)
    grads = lambda a, b, dy: (1e6 * dy[:4] * np.cos(a), -dy[4:] * np.sin(b))  # noqa: E731
    layer.right("a large and a small input", grads)
    layer.wrong(
        "a large and a small input: the small one zero", kind, lambda a, b, dy: (grads(a, b, dy)[0], 0 * b), inputs=(1,)
    )
    layer = corpus.subject(lambda a, b: np.array(1e6 * (a * a).sum() + (b * b).sum()), a, b)
    wrong = "main loss of 1e6 and a regulariser: the latter doubled"
    layer.wrong(wrong, kind, lambda a, b, dy: (2e6 * dy * a, 4 * dy * b), inputs=(1,))
    layer = corpus.subject(lambda x: x + 1e-6 * np.sin(3 * x), x)
    forgotten = "branch of size 1e-6 forgotten"
    layer.wrong(forgotten, kind, lambda x, dy: dy.copy(), error=3e-6)
    layer = corpus.subject(lambda x: 1e6 * x + np.sin(3 * x), x)
    layer.right("slope of 1e6 with a wave on it", lambda x, dy: dy * (1e6 + 3 * np.cos(3 * x)))
    layer.wrong("slope of 1e6 with a wave on it: wave forgotten", kind, lambda x, dy: 1e6 * dy, error=3e-6)
    mixed = np.array([1e-6, 2e6, 3e-3, 40.0, 5e4])
    layer = corpus.subject(lambda x: x * x, mixed)
    layer.right("square of mixed scales", lambda x, dy: 2 * dy * x)
    layer.wrong(
        "square of mixed scales: smallest one zero", kind, lambda x, dy: 2 * dy * x * (x > 1e-5), at={0: mixed < 1e-5}
    )
