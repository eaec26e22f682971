"""Entry by entry, products, reductions."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log(1 + np.exp(x))


def softmax(x, axis=-1):
    e = np.exp(x - x.real.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def register(wrong):
    rng = np.random.default_rng(601)

    def normal(*shape):
        return rng.normal(size=shape)

    x, p, a, b = normal(4, 5), 0.2 + 0.6 * rng.random(size=(4, 5)), normal(3, 4), 1.2 + rng.random(size=(3, 4))
    wrong(
        "mish: softplus' slope left out",
        "entrywise",
        lambda x: x * np.tanh(softplus(x)),
        lambda x, dy: dy * (np.tanh(softplus(x)) + x * (1 - np.tanh(softplus(x)) ** 2)),
        x,
    )
    wrong(
        "softsign: square forgotten",
        "entrywise",
        lambda x: x / (1 + np.where(x.real > 0, x, -x)),
        lambda x, dy: dy / (1 + abs(x)),
        x,
    )
    wrong(
        "relu6: upper bound forgotten",
        "branch",
        lambda x: np.where(x.real < 0, 0, np.where(x.real > 1, 1, x)),
        lambda x, dy: dy * (x > 0),
        x,
    )
    wrong(
        "hard tanh: lower bound forgotten",
        "branch",
        lambda x: np.where(x.real < -0.5, -0.5, np.where(x.real > 0.5, 0.5, x)),
        lambda x, dy: dy * (x < 0.5),
        x,
    )
    wrong(
        "selu: scale forgotten",
        "factor",
        lambda x: 1.0507 * np.where(x.real > 0, x, 1.6733 * (np.exp(x) - 1)),
        lambda x, dy: dy * np.where(x > 0, 1, 1.6733 * np.exp(x)),
        x,
    )
    wrong("logit: one of two terms", "term", lambda p: np.log(p / (1 - p)), lambda p, dy: dy / p, p)
    wrong("x log x: the one forgotten", "term", lambda p: p * np.log(p), lambda p, dy: dy * np.log(p), p)
    wrong(
        "hypotenuse: not divided",
        "entrywise",
        lambda a, b: np.sqrt(a * a + b * b),
        lambda a, b, dy: (dy * a, dy * b),
        a,
        b,
    )
    wrong(
        "power: logarithm of the exponent",
        "entrywise",
        lambda a, b: np.exp(a * np.log(b)),
        lambda a, b, dy: (dy * b**a * np.log(abs(a)), dy * a * b ** (a - 1)),
        a,
        b,
    )
    wrong(
        "interpolation: weight reversed",
        "sign",
        lambda a, b, t: a + t * (b - a),
        lambda a, b, t, dy: (dy * (1 - t), dy * t, dy * (a - b)),
        a,
        b,
        normal(3, 4),
    )
    wrong(
        "square plus: half forgotten",
        "factor",
        lambda x: (x + np.sqrt(x * x + 4)) / 2,
        lambda x, dy: dy * (1 + x / np.sqrt(x * x + 4)),
        x,
    )
    wrong(
        "soft shrink: threshold forgotten",
        "branch",
        lambda x: np.where(x.real > 0.6, x - 0.6, np.where(x.real < -0.6, x + 0.6, 0)),
        lambda x, dy: dy,
        x,
    )
    wrong("bump: minus forgotten", "sign", lambda x: np.exp(-x * x), lambda x, dy: 2 * x * np.exp(-x * x) * dy, x)
    wrong(
        "angle: second without minus",
        "sign",
        lambda a, b: np.arctan(a / b),
        lambda a, b, dy: (dy * b / (a * a + b * b), dy * a / (a * a + b * b)),
        a,
        b,
    )

    s, w, v = normal(4, 4), normal(5, 3), normal(5, 3)
    wrong(
        "map by the transpose, gradient not",
        "transposed",
        lambda x, s: x @ s.T,
        lambda x, s, dy: (dy @ s, x.T @ dy),
        a,
        s,
    )
    wrong(
        "bilinear form: outer product reversed",
        "transposed",
        lambda u, m, v: u @ m @ v,
        lambda u, m, v, dy: (dy * m @ v, dy * np.outer(v, u), dy * u @ m),
        normal(4),
        s,
        normal(4),
    )
    wrong(
        "two maps: the first not transposed",
        "transposed",
        lambda s, t, c: s @ (t @ c),
        lambda s, t, c, dy: (np.outer(dy, t @ c), np.outer(s @ dy, c), t.T @ s.T @ dy),
        s,
        normal(4, 4),
        normal(4),
    )
    wrong(
        "batched product: second as it stands",
        "transposed",
        lambda c, d: c @ d,
        lambda c, d, dy: (dy @ d, np.swapaxes(c, 1, 2) @ dy),
        normal(2, 3, 4),
        normal(2, 4, 4),
    )
    wrong(
        "row scale: gradient not multiplied",
        "value",
        lambda x, w, r: r[:, None] * (x @ w),
        lambda x, w, r, dy: ((dy * r[:, None]) @ w.T, x.T @ (dy * r[:, None]), dy.sum(1)),
        x,
        w,
        normal(4),
    )
    wrong(
        "three branches, one dropped",
        "mean",
        lambda x: x + np.sin(x) * x.sum(1, keepdims=True),
        lambda x, dy: dy + dy * np.cos(x) * x.sum(1, keepdims=True),
        x,
    )
    wrong("squared norm: two forgotten", "factor", lambda s: (s * s).sum(), lambda s, dy: dy * s, s)
    wrong(
        "vector times matrix on the same side",
        "transposed",
        lambda s, c: s @ c,
        lambda s, c, dy: (np.outer(dy, c), s @ dy),
        s,
        normal(4),
    )
    wrong(
        "detached input",
        "zero",
        lambda x, w: np.tanh(x @ w),
        lambda x, w, dy: (0 * x, x.T @ (dy * (1 - np.tanh(x @ w) ** 2))),
        x,
        w,
    )
    wrong(
        "gated product: gradients crosswise",
        "swapped",
        lambda x, w, v: (x @ w) * np.tanh(x @ v),
        lambda x, w, v, dy: (
            (dy * np.tanh(x @ v)) @ w.T + (dy * (x @ w) * (1 - np.tanh(x @ v) ** 2)) @ v.T,
            x.T @ (dy * (x @ w) * (1 - np.tanh(x @ v) ** 2)),
            x.T @ (dy * np.tanh(x @ v)),
        ),
        x,
        w,
        v,
    )
    wrong(
        "gated product: one factor's path",
        "path",
        lambda x, w, v: (x @ w) * np.tanh(x @ v),
        lambda x, w, v, dy: (
            (dy * np.tanh(x @ v)) @ w.T,
            x.T @ (dy * np.tanh(x @ v)),
            x.T @ (dy * (x @ w) * (1 - np.tanh(x @ v) ** 2)),
        ),
        x,
        w,
        v,
    )
    wrong(
        "weights from all but the first row",
        "part",
        lambda x, w: x @ w,
        lambda x, w, dy: (dy @ w.T, x[1:].T @ dy[1:]),
        x,
        w,
    )
    wrong(
        "learning rate in the gradient",
        "factor",
        lambda x, w: x @ w,
        lambda x, w, dy: (dy @ w.T, 0.01 * x.T @ dy),
        x,
        w,
    )

    wrong(
        "mean of squares: count of the other axis", "factor", lambda x: (x * x).mean(0), lambda x, dy: 2 * x * dy / 5, x
    )
    wrong(
        "weighted mean: not divided by the weights",
        "factor",
        lambda x: (x * p).sum(1) / 3.7,
        lambda x, dy: dy[:, None] * p,
        x,
    )
    wrong(
        "column maximum: spread evenly",
        "spread",
        lambda x: np.take_along_axis(x, x.real.argmax(0)[None], 0)[0],
        lambda x, dy: np.tile(dy / 4, (4, 1)),
        x,
    )
    wrong(
        "minimum: place of the maximum",
        "index",
        lambda x: np.take_along_axis(x, x.real.argmin(1)[:, None], 1)[:, 0],
        lambda x, dy: dy[:, None] * (x == x.max(1, keepdims=True)),
        x,
    )
    wrong(
        "scaled to unit deviation: constant deviation",
        "projection",
        lambda x: x / np.sqrt((x * x).mean(1, keepdims=True)),
        lambda x, dy: dy / np.sqrt((x * x).mean(1, keepdims=True)),
        x,
    )
    wrong(
        "softmin: minus forgotten",
        "sign",
        lambda x: softmax(-x),
        lambda x, dy: softmax(-x) * (dy - (softmax(-x) * dy).sum(-1, keepdims=True)),
        x,
    )
    wrong(
        "logsumexp of columns, softmax of rows",
        "axis",
        lambda x: np.log(np.exp(x).sum(0)),
        lambda x, dy: dy * softmax(x, 1),
        x,
    )
    target = normal(4, 5)
    wrong(
        "mean squared error: summed",
        "factor",
        lambda x: ((x - target) ** 2).mean(),
        lambda x, dy: dy * 2 * (x - target),
        x,
    )
    wrong(
        "absolute error: sign forgotten",
        "signs",
        lambda x: np.where((x - target).real > 0, x - target, target - x).sum(),
        lambda x, dy: dy * np.ones_like(x),
        x,
    )
    wrong(
        "log cosh: difference itself",
        "entrywise",
        lambda x: np.log(np.cosh(x - target)).sum(),
        lambda x, dy: dy * (x - target),
        x,
    )
    wrong(
        "hinge: margin ignored",
        "branch",
        lambda x: np.where((1 - x).real > 0, 1 - x, 0).sum(),
        lambda x, dy: -dy * np.ones_like(x),
        x + 1,
    )
    ids = np.array([3, 0, 1, 4])

    def nll(z):
        return -np.log(softmax(z))[np.arange(4), ids].mean()

    def nll_back(slip):
        def back(z, dy):
            d = softmax(z)
            d[np.arange(4), ids] -= 1
            if slip == "first":
                d[1:] = 0
            return d * dy / 4 * (np.exp(0) if slip != "sum" else 4)

        return back

    wrong("likelihood: first sample only", "part", nll, nll_back("first"), x)
    wrong("perplexity: not multiplied by itself", "factor", lambda z: np.exp(nll(z)), nll_back(""), x)
    wrong(
        "running sum undone along the other axis",
        "axis",
        lambda x: np.cumsum(x, 0),
        lambda x, dy: np.cumsum(dy[:, ::-1], 1)[:, ::-1],
        x,
    )
    wrong(
        "shares: total held constant",
        "mean",
        lambda p: p / p.sum(1, keepdims=True),
        lambda p, dy: dy / p.sum(1, keepdims=True),
        p,
    )
    wrong(
        "divergence: one forgotten",
        "term",
        lambda p: (p * np.log(p / 0.3)).sum(1),
        lambda p, dy: dy[:, None] * np.log(p / 0.3),
        p,
    )
