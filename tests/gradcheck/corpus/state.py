"""Backward passes that remember: stale residuals, counters, sums over calls."""

import numpy as np


class Remembers:
    """Keeps the residual of the last forward only, as stateful layers do."""

    def forward(self, x):
        self.x = x
        return np.sin(x)

    def backward(self, x, dy):
        return dy * np.cos(self.x)


class Norm:
    """A whole layer with stale residuals: xhat and the deviation of the last forward."""

    def forward(self, x, gamma):
        c = x - x.mean(-1, keepdims=True)
        self.s = np.sqrt((c * c).mean(-1, keepdims=True) + 1e-5)
        self.xhat = c / self.s
        return self.xhat * gamma

    def backward(self, x, gamma, dy):
        g = dy * gamma
        dx = (g - g.mean(-1, keepdims=True) - self.xhat * (g * self.xhat).mean(-1, keepdims=True)) / self.s
        return dx, (dy * self.xhat).sum(0)


class Accumulates:
    def __init__(self, w):
        self.dw = np.zeros(w.shape)

    def backward(self, x, w, dy):
        self.dw = self.dw + x.T @ dy
        return dy @ w.T, self.dw


class Shared:
    """A residual kept once for all calls."""

    def vjp(self, x):
        self.slope = np.cos(x)
        return np.sin(x), lambda dy: dy * self.slope


def once(x):
    residual = [np.cos(x)]
    return np.sin(x), lambda dy: dy * residual.pop() if residual else np.zeros_like(dy)


def raising(x):
    residual = [np.cos(x)]
    return np.sin(x), lambda dy: dy * residual.pop()


def counting(x):
    calls = []

    def pullback(dy):
        calls.append(1)
        return dy * np.cos(x) * len(calls)

    return np.sin(x), pullback


def growing(x):
    total = np.zeros(x.shape)

    def pullback(dy):
        nonlocal total
        total = total + dy * np.cos(x)
        return total

    return np.sin(x), pullback


def first_dy(x):
    seen = []

    def pullback(dy):
        seen.append(dy)
        return seen[0] * np.cos(x)

    return np.sin(x), pullback


def register(corpus):
    rng = np.random.default_rng(71)
    x, gamma, w = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(4, 2))
    kind = "state"
    corpus.wrong_vjp("sin: residual shared by all calls", kind, Shared().vjp, x, contract="stale")
    shared = Remembers()
    corpus.subject(shared.forward, x).wrong(
        "sin: residual of the last forward", kind, shared.backward, contract="stale"
    )
    norm = Norm()
    corpus.subject(norm.forward, x, gamma).wrong(
        "layer norm: residuals of the last forward", kind, norm.backward, contract="stale"
    )
    memo = {}
    by_shape = lambda x, dy: dy * memo.setdefault(x.shape, np.cos(x))  # noqa: E731
    corpus.subject(np.sin, x).wrong("sin: residual remembered by shape", kind, by_shape, contract="stale")
    sums = Accumulates(w)
    name = "product: weight gradients accumulate"
    corpus.subject(lambda x, w: x @ w, x, w).wrong(name, kind, sums.backward, contract="repeats")
    corpus.wrong_vjp("sin: zero on the second call", kind, once, x, contract="repeats")
    corpus.wrong_vjp("sin: exception on the second call", kind, raising, x, contract="repeats")
    corpus.wrong_vjp("sin: calls counted", kind, counting, x, contract="repeats")
    corpus.wrong_vjp("sin: gradients of all calls added", kind, growing, x, contract="repeats")
    corpus.wrong_vjp("sin: first dy used for ever", kind, first_dy, x, contract="nonlinear")
    noise = np.random.default_rng(1)
    name = "sin: another dropout mask at each call"
    masked = lambda x, dy: dy * np.cos(x) * (noise.uniform(size=x.shape) < 0.5) * 2  # noqa: E731
    corpus.subject(np.sin, x).wrong(name, kind, masked, contract="repeats")
