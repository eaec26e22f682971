"""Between scores and values: a soft cap, a position bias, dropout, masks of any use."""

import numpy as np


def t(x):
    return x.swapaxes(-1, -2)


def softmax(s):
    p = np.exp(s - s.real.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def softmax_backward(p, dp):
    return p * (dp - (dp * p).sum(-1, keepdims=True))


def register(corpus):
    rng = np.random.default_rng(113)
    q, k, v = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    cap(corpus, q, k, v)
    position_bias(corpus, rng)
    dropout(corpus, q, k, v, rng.uniform(size=(4, 5)) < 0.7)
    masks(corpus, rng.normal(size=(3, 4)), np.array([[1, 0, 1, 1], [0, 1, 0, 0], [1, 1, 0, 0]], bool))


def cap(corpus, q, k, v):
    def capped(q, k, v):
        return softmax(2 * np.tanh(q @ t(k) / 2)) @ v

    def capped_backward(slope):
        def backward(q, k, v, dy):
            y = np.tanh(q @ t(k) / 2)
            p = softmax(2 * y)
            d = softmax_backward(p, dy @ t(v)) * slope(y)
            return d @ k, t(d) @ q, t(p) @ dy

        return backward

    layer = corpus.subject(capped, q, k, v)
    layer.right("attention, soft-capped", capped_backward(lambda y: 1 - y * y))
    wrong = "attention, soft-capped: slope of the cap forgotten"
    layer.wrong(wrong, "attention", capped_backward(lambda y: 1), inputs=(0, 1))


def position_bias(corpus, rng):
    bias = rng.normal(size=7)
    offsets = np.arange(4)[:, None] - np.arange(4) + 3

    def biased(b, s):
        return softmax(s + b[offsets])

    def biased_backward(add):
        def backward(b, s, dy):
            ds = softmax_backward(softmax(s + b[offsets]), dy)
            db = np.zeros_like(b)
            if add:
                np.add.at(db, offsets, ds)
            else:
                db[offsets] = ds
            return db, ds

        return backward

    layer = corpus.subject(biased, bias, rng.normal(size=(4, 4)))
    layer.right("relative position bias", biased_backward(add=True))
    corners = np.isin(np.arange(7), [0, 6])  # the offsets that occur once
    wrong = "relative position bias: last write wins"
    layer.wrong(wrong, "repeated ids", biased_backward(add=False), at={0: ~corners})


def dropout(corpus, q, k, v, keep):
    kind = "mask"

    def dropped(q, k, v):
        return softmax(q @ t(k)) * keep / 0.7 @ v

    def dropped_backward(through, values):
        def backward(q, k, v, dy):
            p = softmax(q @ t(k))
            d = softmax_backward(p, dy @ t(v) * through)
            return d @ k, t(d) @ q, t(p * values) @ dy

        return backward

    drop = keep / 0.7
    layer = corpus.subject(dropped, q, k, v)
    layer.right("attention dropout", dropped_backward(drop, drop))
    layer.wrong("attention dropout: mask forgotten in the backward", kind, dropped_backward(1, drop), inputs=(0, 1))
    layer.wrong("attention dropout: dv from the undropped weights", kind, dropped_backward(drop, 1), inputs=(2,))
    layer.wrong("attention dropout: not rescaled", kind, dropped_backward(keep, keep), inputs=(0, 1, 2))


def masks(corpus, x, m):
    kind = "mask"
    layer = corpus.subject(lambda x: np.where(m, x, 0.0) * 2, x)
    layer.wrong("fill under a mask: mask forgotten", kind, lambda x, dy: 2 * dy, at={0: ~m})
    layer.wrong("fill under a mask: mask upside down", kind, lambda x, dy: 2 * dy * ~m)
    mean = lambda x: (x * m).sum(1) / m.sum(1)  # noqa: E731
    layer = corpus.subject(mean, x)
    layer.right("mean over a mask", lambda x, dy: dy[:, None] * m / m.sum(1, keepdims=True))
    layer.wrong("mean over a mask: divided by the full length", kind, lambda x, dy: dy[:, None] * m / 4, at={0: m})
    wrong = "mean over a mask: hidden entries share"
    layer.wrong(wrong, kind, lambda x, dy: dy[:, None] / m.sum(1, keepdims=True) + 0 * x, at={0: ~m})
