"""Values that are used twice: a skip, a gate, a shared weight, a second output; one of the paths is forgotten."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    p = np.exp(x - x.real.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def register(corpus):
    rng = np.random.default_rng(79)
    kind = "missing path"
    x, w, u = rng.normal(size=(3, 4)), rng.normal(size=(4, 4)) / 2, rng.normal(size=(4, 4)) / 2

    def residual(skip=1, branch=1):
        def backward(x, w, dy):
            ds = branch * dy * (1 - np.tanh(x @ w) ** 2)
            return skip * dy + ds @ w.T, x.T @ ds

        return backward

    layer = corpus.subject(lambda x, w: x + np.tanh(x @ w), x, w)
    layer.right("residual", residual())
    layer.wrong("residual: skip forgotten", kind, residual(skip=0))
    layer.wrong("residual: branch forgotten", kind, residual(branch=0), inputs=(0, 1))
    layer.wrong("residual: skip counted twice", kind, residual(skip=2))

    def glu(gate=1, value=1):
        def backward(x, w, u, dy):
            g, v = sigmoid(x @ w), x @ u
            dg, dv = gate * dy * v * g * (1 - g), value * dy * g
            return dg @ w.T + dv @ u.T, x.T @ dg, x.T @ dv

        return backward

    layer = corpus.subject(lambda x, w, u: sigmoid(x @ w) * (x @ u), x, w, u)
    layer.right("gated linear unit", glu())
    layer.wrong("gated linear unit: gate detached", kind, glu(gate=0), inputs=(0, 1))
    layer.wrong("gated linear unit: value detached", kind, glu(value=0), inputs=(0, 2))

    def highway(carry):
        def backward(x, w, dy):
            g = sigmoid(x @ w)
            ds = dy * (np.sin(x) - x * carry) * g * (1 - g)
            return dy * (g * np.cos(x) + 1 - g) + ds @ w.T, x.T @ ds

        return backward

    layer = corpus.subject(lambda x, w: sigmoid(x @ w) * np.sin(x) + (1 - sigmoid(x @ w)) * x, x, w)
    layer.right("highway", highway(carry=1))
    layer.wrong("highway: carry gate detached", kind, highway(carry=0), inputs=(0, 1))

    layer = corpus.subject(lambda x, w: np.sin(x @ w) @ w.T, x, w)

    def tied(encoder=1, decoder=1):
        def backward(x, w, dy):
            ds = dy @ w * np.cos(x @ w)
            return ds @ w.T, encoder * x.T @ ds + decoder * dy.T @ np.sin(x @ w)

        return backward

    layer.right("tied autoencoder", tied())
    layer.wrong("tied autoencoder: decoder path forgotten", kind, tied(decoder=0), inputs=(1,))
    layer.wrong("tied autoencoder: encoder path forgotten", kind, tied(encoder=0), inputs=(1,))

    def siamese(a, b, w):
        return ((a @ w - b @ w) ** 2).sum(-1)

    def siamese_backward(second):
        def backward(a, b, w, dy):
            d = 2 * dy[:, None] * (a - b) @ w
            return d @ w.T, -d @ w.T, a.T @ d - second * b.T @ d

        return backward

    layer = corpus.subject(siamese, x, rng.normal(size=(3, 4)), w)
    layer.right("siamese distance", siamese_backward(second=1))
    layer.wrong("siamese distance: weight by one twin", kind, siamese_backward(second=0), inputs=(2,))

    layer = corpus.subject(lambda x, m, w: (np.tanh(x @ w), m * (x @ w)), x, rng.normal(size=(3, 4)), w)

    def decoder(first, second):
        def backward(x, m, w, dy):
            s = x @ w
            ds = dy[first] * (1 - np.tanh(s) ** 2) + dy[second] * m
            return ds @ w.T, dy[second] * s, x.T @ ds

        return backward

    layer.right("two outputs of one product", decoder(0, 1))
    layer.wrong("two outputs of one product: cotangents swapped", "order", decoder(1, 0), inputs=(0, 1, 2))

    experts = rng.normal(size=(2, 4, 4))

    def mixture(x, g):
        return (softmax(g)[:, :, None] * np.einsum("bi,eij->bej", x, experts)).sum(1)

    def mixture_backward(gate):
        def backward(x, g, dy):
            p, out = softmax(g), np.einsum("bi,eij->bej", x, experts)
            dp = np.einsum("bj,bej->be", dy, out)
            return np.einsum("be,bj,eij->bi", p, dy, experts), gate(p, dp)

        return backward

    layer = corpus.subject(mixture, x, rng.normal(size=(3, 2)))
    layer.right("mixture of experts", mixture_backward(lambda p, dp: p * (dp - (p * dp).sum(1, keepdims=True))))
    layer.wrong("mixture of experts: gate without gradient", kind, mixture_backward(lambda p, dp: 0 * dp), inputs=(1,))
    unnormalised = mixture_backward(lambda p, dp: p * dp)
    layer.wrong("mixture of experts: gate not normalised", kind, unnormalised, inputs=(1,))

    layer = corpus.subject(lambda x: x / (x * x).sum(), rng.normal(size=5))
    layer.right("inversion", lambda x, dy: (dy - 2 * x * (x @ dy) / (x @ x)) / (x @ x))
    wrong = "inversion: denominator detached"
    layer.wrong(wrong, "constant statistic", lambda x, dy: dy / (x @ x))
    layer = corpus.subject(
        lambda x: (x - x.flat[x.real.argmin()]) / (x.flat[x.real.argmax()] - x.flat[x.real.argmin()]), x
    )
    extreme = (x == x.max()) | (x == x.min())
    wrong = "scaled to [0, 1]: extremes taken for constants"
    layer.wrong(wrong, "constant statistic", lambda x, dy: dy / (x.max() - x.min()), at={0: extreme})
    layer = corpus.subject(lambda w, v: w @ v / np.sqrt((w * w).sum()), w, x[0])

    def over_norm(projected):
        def backward(w, v, dy):
            s = np.sqrt((w * w).sum())
            y = w @ v / s
            return np.outer(dy, v) / s - projected * (dy @ y) * w / (s * s), dy @ w / s

        return backward

    layer.right("weight over its norm", over_norm(projected=1))
    layer.wrong("weight over its norm: norm detached", "constant statistic", over_norm(projected=0))
