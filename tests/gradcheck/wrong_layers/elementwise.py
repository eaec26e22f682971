"""Entry by entry: activations, arithmetic, their branches."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def register(wrong):
    rng = np.random.default_rng(501)
    x = rng.normal(size=(3, 5))
    a, b = rng.normal(size=(4, 3)), 1.5 + rng.random(size=(4, 3))
    wrong("tanh at its output", "entrywise", np.tanh, lambda x, dy: dy * (1 - np.tanh(np.tanh(x)) ** 2), x)
    wrong("sigmoid without 1 - s", "entrywise", sigmoid, lambda x, dy: dy * sigmoid(x), x)
    wrong("sigmoid slope of x", "entrywise", sigmoid, lambda x, dy: dy * x * (1 - x), x)
    wrong("relu lets all through", "branch", lambda x: np.where(x > 0, x, 0), lambda x, dy: dy, x)
    wrong("relu mask inverted", "branch", lambda x: np.where(x > 0, x, 0), lambda x, dy: dy * (x < 0), x)
    wrong("leaky slope forgotten", "branch", lambda x: np.where(x > 0, x, 0.1 * x), lambda x, dy: dy * (x > 0), x)
    wrong(
        "elu keeps the minus one",
        "branch",
        lambda x: np.where(x.real > 0, x, np.exp(x) - 1),
        lambda x, dy: dy * np.where(x > 0, 1, np.exp(x) - 1),
        x,
    )
    wrong(
        "gelu without the density",
        "term",
        lambda x: x * 0.5 * (1 + np.tanh(0.8 * x)),
        lambda x, dy: dy * 0.5 * (1 + np.tanh(0.8 * x)),
        x,
    )
    wrong("silu without its second term", "term", lambda x: x * sigmoid(x), lambda x, dy: dy * sigmoid(x), x)
    wrong("clip lets all through", "branch", lambda x: np.where(abs(x.real) < 0.8, x, 0.8), lambda x, dy: dy, x)
    wrong("abs without sign", "signs", lambda x: np.where(x.real > 0, x, -x), lambda x, dy: dy, x)
    wrong("exp as a power", "entrywise", np.exp, lambda x, dy: dy * x, x)
    wrong("log multiplied", "entrywise", np.log, lambda x, dy: dy * x, b)
    wrong("root without the half", "factor", np.sqrt, lambda x, dy: dy / np.sqrt(x), b)
    wrong("square without the two", "factor", lambda x: x * x, lambda x, dy: dy * x, x)
    wrong("cube with a cube", "entrywise", lambda x: x * x * x, lambda x, dy: 3 * x**3 * dy, x)
    wrong("sine with minus", "sign", np.sin, lambda x, dy: -np.cos(x) * dy, x)
    wrong("cosine without minus", "sign", np.cos, lambda x, dy: np.sin(x) * dy, x)
    wrong("quotient without minus", "sign", lambda a, b: a / b, lambda a, b, dy: (dy / b, dy * a / b**2), a, b)
    wrong("quotient without square", "entrywise", lambda a, b: a / b, lambda a, b, dy: (dy / b, -dy * a / b), a, b)
    wrong("product handed out crosswise", "swapped", lambda a, b: a * b, lambda a, b, dy: (dy * a, dy * b), a, b)
    wrong(
        "softplus without its sharpness",
        "factor",
        lambda x: np.log(1 + np.exp(3 * x)),
        lambda x, dy: dy * sigmoid(3 * x),
        x,
    )
    wrong(
        "softplus slope without sharpness inside",
        "entrywise",
        lambda x: np.log(1 + np.exp(3 * x)) / 3,
        lambda x, dy: dy * sigmoid(x),
        x,
    )
    wrong("log1p with a plain log's slope", "entrywise", np.log1p, lambda x, dy: dy / x, b)
    wrong(
        "erf without its constant",
        "factor",
        lambda x: 2 / np.sqrt(np.pi) * (x - x * x * x / 3 + x**5 / 10),
        lambda x, dy: dy * (1 - x * x + x**4 / 2),
        0.3 * x,
    )
    wrong("arctan with the wrong sign inside", "entrywise", np.arctan, lambda x, dy: dy / (1 - x * x), 0.4 * x)
    wrong("two powers, one forgotten", "entrywise", lambda x: x**4 / 4, lambda x, dy: dy * x * x, x)
    wrong(
        "huber never clipped",
        "branch",
        lambda x: np.where(abs(x.real) < 0.7, x * x / 2, 0.7 * (abs(x) - 0.35)),
        lambda x, dy: dy * x,
        x,
    )
    wrong(
        "gate slope forgotten",
        "entrywise",
        lambda a, b: a * sigmoid(b),
        lambda a, b, dy: (dy * sigmoid(b), dy * a),
        a,
        b - 2,
    )
    wrong("scale added instead of multiplied", "term", lambda x: x * (x + 2), lambda x, dy: dy * x, x)
    wrong(
        "sum of squares counts a path twice", "twice", lambda x: x + np.sin(x), lambda x, dy: 2 * dy + np.cos(x) * dy, x
    )
    wrong(
        "maximum gives both",
        "branch",
        lambda a, b: np.where(a.real > b.real, a, b),
        lambda a, b, dy: (dy, dy),
        a,
        a + rng.normal(size=a.shape),
    )
    wrong(
        "normal density with plus", "sign", lambda x: np.exp(-x * x / 2), lambda x, dy: dy * x * np.exp(-x * x / 2), x
    )
