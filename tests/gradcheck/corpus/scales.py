"""Right at every scale: offsets, wide ranges, steep and fast functions, saturation."""

from math import pi

import numpy as np

FAST = 2.0 ** np.arange(8) * pi


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    p = np.exp(x - x.real.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def softmax_backward(x, dy):
    p = softmax(x)
    return p * (dy - (dy * p).sum(-1, keepdims=True))


def layernorm(x):
    c = x - x.mean(-1, keepdims=True)
    return c / np.sqrt((c * c).mean(-1, keepdims=True))


def layernorm_backward(x, dy):
    c = x - x.mean(-1, keepdims=True)
    s = np.sqrt((c * c).mean(-1, keepdims=True))
    return (dy - dy.mean(-1, keepdims=True) - c / s * (dy * c / s).mean(-1, keepdims=True)) / s


def logsumexp(z):
    top = z.real.max(-1, keepdims=True)
    return top[..., 0] + np.log(np.exp(z - top).sum(-1))


def register(corpus):
    rng = np.random.default_rng(103)
    x = rng.normal(size=(3, 4))

    def right(name, forward, backward, *inputs):
        corpus.subject(forward, *inputs).right(name, backward)

    for size in (1e-6, 1e-3, 1e3, 1e6):
        right(f"layer norm of inputs of size {size:.0e}", layernorm, layernorm_backward, size * x)
        right(f"product of inputs of size {size:.0e}", np.multiply, lambda a, b, dy: (dy * b, dy * a), size * x, x + 1)
    right(
        "sine of weight 1e6 over inputs of 1e-6",
        lambda x: 1e6 * np.sin(1e6 * x),
        lambda x, dy: 1e12 * dy * np.cos(1e6 * x),
        1e-6 * x,
    )
    offsets(right, rng, x)
    right("log at 1e-5, 1 and 1e5", np.log, lambda x, dy: dy / x, np.array([1e-5, 1.0, 1e5]))
    right("square root at 1e-8 and 1e8", np.sqrt, lambda x, dy: dy / (2 * np.sqrt(x)), np.array([1e-8, 3.0, 1e8]))
    right("reciprocal at 1e-4 and 1e4", lambda x: 1 / x, lambda x, dy: -dy / (x * x), np.array([1e-4, -2.0, 1e4]))
    mixed = np.array([1e-6, -3e-4, 0.2, 70.0, -2e4, 1e6])
    right("sine of mixed scales", lambda x: np.sin(x), lambda x, dy: dy * np.cos(x), mixed)
    right("cube of mixed scales", lambda x: x * x * x, lambda x, dy: 3 * dy * x * x, mixed)
    right("inverse tangent of mixed scales", np.arctan, lambda x, dy: dy / (1 + x * x), mixed)
    right("asinh of mixed scales", np.arcsinh, lambda x, dy: dy / np.sqrt(1 + x * x), mixed)
    right("sine of 200 x", lambda x: np.sin(200 * x), lambda x, dy: 200 * dy * np.cos(200 * x), x)
    right("sine of 10,000 x", lambda x: np.sin(1e4 * x), lambda x, dy: 1e4 * dy * np.cos(1e4 * x), x)
    encoding = lambda x, dy: (dy * FAST * np.cos(x[..., None] * FAST)).sum(-1)  # noqa: E731
    right("positional encoding of eight octaves", lambda x: np.sin(x[..., None] * FAST), encoding, x[0])
    steep = lambda x, dy: 300 * dy * sigmoid(300 * x) * (1 - sigmoid(300 * x))  # noqa: E731
    right("steep sigmoid", lambda x: sigmoid(300 * x), steep, x / 100)
    right("exponential at 20", np.exp, lambda x, dy: dy * np.exp(x), 20 + x)
    right("exponential of exponential", lambda x: np.exp(np.exp(x)), lambda x, dy: dy * np.exp(x + np.exp(x)), x)
    right(
        "gaussian at five deviations",
        lambda x: np.exp(-x * x / 2),
        lambda x, dy: -dy * x * np.exp(-x * x / 2),
        5 + x / 10,
    )
    right("tenth power", lambda x: x**10, lambda x, dy: 10 * dy * x**9, x + 2)
    runge = lambda x, dy: -50 * dy * x / (1 + 25 * x * x) ** 2  # noqa: E731
    right("runge's function", lambda x: 1 / (1 + 25 * x * x), runge, x)
    right("near a pole", lambda x: 1 / (1 - x), lambda x, dy: dy / (1 - x) ** 2, np.array([0.999, 0.99, 1.001, 0.0]))
    right(
        "near the end of the domain", np.arcsin, lambda x, dy: dy / np.sqrt(1 - x * x), np.array([0.9999, -0.999, 0.5])
    )
    saturation(right, x)


def offsets(right, rng, x):
    right("sine with an offset of 1e6", lambda x: 1e6 + np.sin(x), lambda x, dy: dy * np.cos(x), x)
    right(
        "sine with one offset of 1e8", lambda x: np.sin(x) + 1e8 * (np.arange(4) == 1), lambda x, dy: dy * np.cos(x), x
    )
    right("square beside 1e6", lambda x: (x - 1e6) * (x - 1e6), lambda x, dy: 2 * dy * (x - 1e6), 1e6 + x)
    right("layer norm of inputs offset by 1e4", layernorm, layernorm_backward, 1e4 + x)
    right("softmax of logits near 1e6", softmax, softmax_backward, 1e6 + x)
    right("log-sum-exp near 1e6, by rows", logsumexp, lambda x, dy: dy[:, None] * softmax(x), 1e6 + x)
    right("log-sum-exp near -1e6, by rows", logsumexp, lambda x, dy: dy[:, None] * softmax(x), x - 1e6)
    day = lambda t: 2 * pi / 86400 * t  # noqa: E731
    stamps = 1.7e9 + 1e5 * rng.uniform(size=3)
    right(
        "time of day in seconds since 1970",
        lambda t: np.sin(day(t)),
        lambda t, dy: 2 * pi / 86400 * dy * np.cos(day(t)),
        stamps,
    )
    right(
        "difference of large numbers",
        lambda a, b: (a - b) * 1.5,
        lambda a, b, dy: (1.5 * dy, -1.5 * dy),
        1e6 + x,
        1e6 - x,
    )


def saturation(right, x):
    dominant = x + 16 * (np.arange(4) == 2)
    right("softmax with one dominant logit", softmax, softmax_backward, dominant)
    right("softmax with one dominant row", softmax, softmax_backward, x * np.array([[1.0], [60.0], [1.0]]))
    right("sigmoid between -30 and 30", sigmoid, lambda x, dy: dy * sigmoid(x) * sigmoid(-x), np.linspace(-30, 30, 7))
    right("tanh at 10", np.tanh, lambda x, dy: dy / np.cosh(x) ** 2, np.array([10.0, -10.0, 0.5, 6.0]))
    right("log-sum-exp with one dominant logit", logsumexp, lambda x, dy: dy[:, None] * softmax(x), dominant)
    right("gradient of 1e-7", lambda x: 1e-7 * np.sin(x), lambda x, dy: 1e-7 * dy * np.cos(x), x)
    right("gradient of 1e-100", lambda x: 1e-100 * np.sin(x), lambda x, dy: 1e-100 * dy * np.cos(x), x)
    right("gradient of 1e100", lambda x: 1e100 * np.sin(x), lambda x, dy: 1e100 * dy * np.cos(x), x)
