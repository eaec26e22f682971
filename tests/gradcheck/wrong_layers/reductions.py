"""Sums, means, softmax and losses."""

import numpy as np


def softmax(x, axis=-1):
    e = np.exp(x - x.real.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def logsoftmax(x):
    m = x.real.max(-1, keepdims=True)
    return x - m - np.log(np.exp(x - m).sum(-1, keepdims=True))


def register(wrong):
    rng = np.random.default_rng(503)
    x, q, pos = rng.normal(size=(4, 6)), rng.normal(size=(5, 5)), 0.5 + rng.random(size=(4, 6))
    ids = np.array([1, 4, 0, 5])
    one = np.eye(6)[ids]
    p = softmax(x)
    n = x.shape[1]

    wrong("mean without 1/N", "factor", lambda x: x.mean(1), lambda x, dy: np.repeat(dy[:, None], 6, 1), x)
    wrong("mean by the other length", "factor", lambda x: x.mean(1), lambda x, dy: np.repeat(dy[:, None], 6, 1) / 4, x)
    wrong("sum spread along the other axis", "axis", lambda x: x.sum(0), lambda x, dy: np.repeat(dy[:, None], 5, 1), q)
    wrong(
        "maximum to the minimum",
        "index",
        lambda x: np.take_along_axis(x, x.real.argmax(1)[:, None], 1)[:, 0],
        lambda x, dy: dy[:, None] * (x == x.min(1, keepdims=True)),
        x,
    )
    wrong(
        "maximum to every entry",
        "branch",
        lambda x: np.take_along_axis(x, x.real.argmax(1)[:, None], 1)[:, 0],
        lambda x, dy: dy[:, None] * np.ones_like(x),
        x,
    )
    wrong(
        "variance not centred",
        "mean",
        lambda x: ((x - x.mean(1, keepdims=True)) ** 2).mean(1),
        lambda x, dy: dy[:, None] * 2 * x / n,
        x,
    )
    wrong(
        "deviation not divided by itself",
        "rows",
        lambda x: np.sqrt(((x - x.mean(1, keepdims=True)) ** 2).mean(1)),
        lambda x, dy: dy[:, None] * (x - x.mean(1, keepdims=True)) / n,
        x,
    )
    wrong(
        "logsumexp not normalised", "rows", lambda x: np.log(np.exp(x).sum(1)), lambda x, dy: dy[:, None] * np.exp(x), x
    )
    wrong(
        "unit vectors without projection",
        "projection",
        lambda x: x / np.sqrt((x * x).sum(1, keepdims=True)),
        lambda x, dy: dy / np.sqrt((x * x).sum(1, keepdims=True)),
        x,
    )

    def unit_wrong_sign(x, dy):
        r = np.sqrt((x * x).sum(1, keepdims=True))
        y = x / r
        return (dy + y * (y * dy).sum(1, keepdims=True)) / r

    wrong(
        "unit vectors, projection added",
        "projection",
        lambda x: x / np.sqrt((x * x).sum(1, keepdims=True)),
        unit_wrong_sign,
        x,
    )
    wrong("running sum not reversed", "order", lambda x: np.cumsum(x, 1), lambda x, dy: np.cumsum(dy, 1), x)
    wrong(
        "product not divided",
        "entrywise",
        lambda x: x.prod(1),
        lambda x, dy: (dy * x.prod(1))[:, None] * np.ones_like(x),
        pos,
    )
    wrong("softmax without its sum", "projection", softmax, lambda x, dy: softmax(x) * dy, x)
    wrong("softmax diagonal only", "diagonal", softmax, lambda x, dy: softmax(x) * (1 - softmax(x)) * dy, x)
    wrong(
        "softmax sum over the other axis",
        "axis",
        softmax,
        lambda x, dy: softmax(x) * (dy - (softmax(x) * dy).sum(0, keepdims=True)),
        x,
    )
    wrong(
        "softmax sum not weighted",
        "projection",
        softmax,
        lambda x, dy: softmax(x) * (dy - dy.sum(-1, keepdims=True)),
        x,
    )
    wrong("log-softmax keeps dy alone", "term", logsoftmax, lambda x, dy: dy, x)
    wrong(
        "log-softmax with a mean",
        "factor in a term",
        logsoftmax,
        lambda x, dy: dy - softmax(x) * dy.mean(-1, keepdims=True),
        x,
    )
    wrong("log-softmax forgets dy's sum", "offset", logsoftmax, lambda x, dy: dy - softmax(x), x)

    def cross(z):
        return -(logsoftmax(z) * one).sum() / 4

    wrong("cross-entropy summed", "factor", cross, lambda z, dy: dy * (softmax(z) - one), x)
    wrong("cross-entropy without labels", "term", cross, lambda z, dy: dy * softmax(z) / 4, x)
    wrong("cross-entropy with plus", "term", cross, lambda z, dy: dy * (softmax(z) + one) / 4, x)
    wrong("cross-entropy ignores dy", "ignored", cross, lambda z, dy: (softmax(z) - one) / 4, x)
    wrong("cross-entropy labels shifted", "index", cross, lambda z, dy: dy * (softmax(z) - np.roll(one, 1, 1)) / 4, x)
    wrong("cross-entropy reversed", "sign", cross, lambda z, dy: dy * (one - softmax(z)) / 4, x)
    y = rng.random(size=(4, 6))
    wrong("squared error ignores dy", "ignored", lambda x: ((x - y) ** 2).sum(1), lambda x, dy: 2 * (x - y), x)
    wrong("squared error without difference", "term", lambda x: ((x - y) ** 2).mean(), lambda x, dy: dy * 2 * x / 24, x)
    wrong(
        "binary cross-entropy, slope of s left in",
        "entrywise",
        lambda z: (np.log(1 + np.exp(z)) - y * z).sum(),
        lambda z, dy: dy * (1 / (1 + np.exp(-z)) - y) * np.exp(z) / (1 + np.exp(z)) ** 2,
        x,
    )

    def cosine(a, b):
        return (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))

    def cosine_no_second(a, b, dy):
        r, s = np.sqrt((a * a).sum(1)), np.sqrt((b * b).sum(1))
        c = cosine(a, b)
        return (dy / (r * s))[:, None] * b, dy[:, None] * (a / (r * s)[:, None] - c[:, None] * b / (s * s)[:, None])

    wrong("cosine without its second term", "term", cosine, cosine_no_second, x, pos)
    wrong(
        "kl divergence crosswise",
        "swapped",
        lambda a, b: (a * np.log(a / b)).sum(1),
        lambda a, b, dy: (-dy[:, None] * a / b, dy[:, None] * (np.log(a / b) + 1)),
        pos,
        p + 0.3,
    )
    wrong(
        "entropy without plus one",
        "term",
        lambda a: -(a * np.log(a)).sum(1),
        lambda a, dy: -dy[:, None] * np.log(a),
        pos,
    )
    wrong(
        "mean over both, axis count of one", "factor", lambda x: (x * x * x).mean(), lambda x, dy: dy * 3 * x * x / 6, x
    )
    wrong("centred input gradient not centred", "mean", lambda x: x - x.mean(1, keepdims=True), lambda x, dy: dy, x)
    wrong(
        "centring over the other axis", "axis", lambda x: x - x.mean(1, keepdims=True), lambda x, dy: dy - dy.mean(0), x
    )
    wrong(
        "mask forgotten in a masked mean",
        "mask",
        lambda x: (x * (y > 0.4)).sum(1),
        lambda x, dy: dy[:, None] * np.ones_like(x),
        x,
    )
