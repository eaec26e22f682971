"""Layers in double precision that compute a part in single: what goes back is right, by the numbers that went forth.

A layer is a function of a rounding `r`, which returns (forward, backward, pushforward, shapes of the inputs).
"""

import numpy as np


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(r):
    """The softmax alone is narrow, as in most models of language."""

    def p(q, k):
        return r(softmax(r(q @ k.T / 2)))

    def backward(q, k, v, dy):
        dp = dy @ v.T
        ds = p(q, k) * (dp - (dp * p(q, k)).sum(-1, keepdims=True)) / 2
        return ds @ k, ds.T @ q, p(q, k).T @ dy

    def push(q, k, v, dq, dk, dv):
        ds = (dq @ k.T + q @ dk.T) / 2
        return p(q, k) * (ds - (ds * p(q, k)).sum(-1, keepdims=True)) @ v + p(q, k) @ dv

    return lambda q, k, v: p(q, k) @ v, backward, push, [(3, 4)] * 3


def product(r):
    def push(x, w, dx, dw):
        return dx * w + r(x) * dw

    return lambda x, w: r(x) * w, lambda x, w, dy: (dy * w, dy * r(x)), push, [(3, 4)] * 2


def linear(r):
    def push(x, w, dx, dw):
        return dx @ w + r(x) @ dw

    return lambda x, w: r(x) @ w, lambda x, w, dy: (dy @ w.T, r(x).T @ dy), push, [(5, 4), (4, 3)]


def rms_norm(r):
    def parts(x):
        z = r(x)
        s = r(1 / np.sqrt(r((z * z).mean(-1, keepdims=True)) + 1e-6))
        return r(z * s), s

    def backward(x, w, dy):
        n, s = parts(x)
        dn = dy * w
        return s * (dn - n * (dn * n).mean(-1, keepdims=True)), (dy * n).sum(0)

    def push(x, w, dx, dw):
        n, s = parts(x)
        return s * (dx - n * (dx * n).mean(-1, keepdims=True)) * w + n * dw

    return lambda x, w: parts(x)[0] * w, backward, push, [(3, 4), (4,)]


def block(r):
    """The same beside its input, whose slope of 1 the smallest differences show alone."""
    forward, backward, push, shapes = rms_norm(r)

    def back(x, w, dy):
        dx, dw = backward(x, w, dy)
        return dx + dy, dw

    return lambda x, w: x + forward(x, w), back, lambda x, w, dx, dw: dx + push(x, w, dx, dw), shapes


def residual(r):
    def along(x, d):
        return d * (1 + np.cos(x))

    return lambda x: x + r(np.sin(r(x))), along, along, [(3, 4)]


def halves(r):
    """Some outputs are narrow, others are not."""

    def backward(x, dy):
        return dy[: x.size] * np.cos(x) - dy[x.size :] * np.sin(x)

    def push(x, dx):
        return np.append(np.cos(x) * dx, -np.sin(x) * dx)

    return lambda x: np.append(np.sin(x), r(np.cos(x))), backward, push, [(6,)]


def gated(r):
    def s(g):
        return 1 / (1 + np.exp(-r(g)))

    def backward(x, g, b, dy):
        return dy * s(g), dy * x * s(g) * (1 - s(g)), dy.sum(0)

    def push(x, g, b, dx, dg, db):
        return dx * s(g) + x * s(g) * (1 - s(g)) * dg + db

    return lambda x, g, b: x * s(g) + b, backward, push, [(3, 4), (3, 4), (4,)]


def summed(r):
    def push(a, b, da, db):
        return 2 * (a @ da) + 2 * (b @ db)

    def forward(a, b):
        return (a * a).sum() + r((r(b) ** 2).sum())

    return forward, lambda a, b, dy: (2 * a * dy, 2 * b * dy), push, [(5,), (4,)]


LAYERS = (attention, product, linear, rms_norm, block, residual, halves, gated, summed)
