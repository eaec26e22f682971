"""Relative errors from 1e-2 to 1e-7: uniform, in one entry, in a random pattern, along one direction."""

from math import sqrt

import numpy as np

LEVELS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)


def softmax(x):
    p = np.exp(x - x.real.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def softmax_backward(x, dy):
    p = softmax(x)
    return p * (dy - (dy * p).sum(-1, keepdims=True))


def rmsnorm(x):
    return x / np.sqrt((x * x).mean(-1, keepdims=True))


def rmsnorm_backward(x, dy):
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True))
    return r * (dy - x * r * (dy * x * r).mean(-1, keepdims=True))


def dense(x, w):
    return np.tanh(x @ w)


def dense_backward(x, w, dy):
    ds = dy * (1 - np.tanh(x @ w) ** 2)
    return ds @ w.T, x.T @ ds


def energy(x):
    return np.array(0.5 * (x * x).sum() + np.sin(x).sum())


def register(corpus):
    rng = np.random.default_rng(53)
    x, w = rng.normal(size=(3, 5)), rng.normal(size=(5, 4)) / 2
    one = np.arange(20).reshape(5, 4) == 13
    pattern = rng.choice([-1.0, 1.0], size=x.shape)
    for level in LEVELS:
        uniform(corpus, level, x)
        entry(corpus, level, x, w, one)
        random_pattern(corpus, level, x, pattern)
        direction(corpus, level, x)


def uniform(corpus, level, x):
    layer = corpus.subject(softmax, x)
    name = f"softmax, every entry {level:.0e} too large"
    layer.wrong(name, "relative error", lambda x, dy: (1 + level) * softmax_backward(x, dy), error=level)


def entry(corpus, level, x, w, one):
    layer = corpus.subject(dense, x, w)

    def backward(x, w, dy):
        dx, dw = dense_backward(x, w, dy)
        return dx, dw * (1 + level * one)

    name = f"dense layer, one weight {level:.0e} too large"
    layer.wrong(name, "relative error", backward, at={1: one}, error=level)


def random_pattern(corpus, level, x, pattern):
    layer = corpus.subject(rmsnorm, x)
    name = f"rms norm, {level:.0e} up or down at random"
    layer.wrong(name, "relative error", lambda x, dy: rmsnorm_backward(x, dy) * (1 + level * pattern), error=level)


def direction(corpus, level, x):
    layer = corpus.subject(energy, x)

    def backward(x, dy):
        slope = x + np.cos(x)
        return dy * (slope + level * sqrt((slope * slope).mean()))

    name = f"energy, a constant of {level:.0e} added"
    layer.wrong(name, "relative error", backward, error=level)
