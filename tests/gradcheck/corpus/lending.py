"""Buffers that are handed out twice, and writes to arrays that were only lent."""

import numpy as np


def one_buffer(x):
    buffer = np.empty(x.shape)
    return np.sin(x), lambda dy: np.multiply(dy, np.cos(x), out=buffer)


def one_buffer_for_two(a, b):
    buffer = np.empty(a.shape)

    def pullback(dy):
        da = np.multiply(dy, b, out=buffer)
        return da, np.multiply(dy, a, out=buffer)

    return a * b, pullback


def residual_handed_out(x):
    slope = np.cos(x)

    def pullback(dy):
        np.multiply(dy, np.cos(x), out=slope)
        return slope

    return np.sin(x), pullback


class Workspace:
    """One output array for all calls, of the forward or of the backward pass."""

    def __init__(self, shape):
        self.out = np.empty(shape)

    def forward(self, x):
        if x.dtype != self.out.dtype:
            return np.sin(x)
        return np.sin(x, out=self.out)

    def backward(self, x, dy):
        return np.multiply(dy, np.cos(x), out=self.out)


def register(corpus):
    rng = np.random.default_rng(127)
    x, w = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
    aliases(corpus, x)
    writes(corpus, x, w)


def aliases(corpus, x):
    kind = "aliasing"
    corpus.wrong_vjp("sin: one buffer for all gradients", kind, one_buffer, x, contract="aliases")
    corpus.wrong_vjp("sin: residual handed out as gradient", kind, residual_handed_out, x, contract="aliases")
    corpus.wrong_vjp("product: one buffer for both gradients", kind, one_buffer_for_two, x, x + 1, contract="aliases")
    for part in ("forward", "backward"):
        work = Workspace(x.shape)
        fresh = lambda x, dy: dy * np.cos(x)  # noqa: E731
        forward, backward = (work.forward, fresh) if part == "forward" else (np.sin, work.backward)
        name = f"sin: workspace of the {part} pass reused"
        corpus.subject(forward, x).wrong(name, kind, backward, contract="aliases")


def writes(corpus, x, w):
    kind = "mutation"
    layer = corpus.subject(np.sin, x)

    def into_dy(x, dy):
        return np.multiply(dy, np.cos(x), out=dy)

    def into_x(x, dy):
        np.cos(x, out=x)
        return dy * x

    def and_back(x, dy):
        dy *= 2
        grad = dy * np.cos(x) / 2
        dy /= 2
        return grad

    def one_entry(x, dy):
        dy.reshape(-1)[0] *= np.cos(x.flat[0])
        return np.concatenate([dy.ravel()[:1], dy.ravel()[1:] * np.cos(x.ravel()[1:])]).reshape(x.shape)

    layer.wrong("sin: gradient written into dy", kind, into_dy, contract="writes")
    layer.wrong("sin: slope written into x", kind, into_x, contract="writes")
    layer.wrong("sin: dy doubled and halved", kind, and_back, contract="writes")
    layer.wrong("sin: first entry of dy written", kind, one_entry, contract="writes")

    def step(x, w, dy):
        dw = x.T @ dy
        w -= 1e-3 * dw
        return dy @ w.T, dw

    corpus.subject(lambda x, w: x @ w, x, w).wrong(
        "product: weight updated in the backward pass", kind, step, contract="writes"
    )

    def forward(x):
        x *= 2
        return np.sin(x)

    name = "sin(2 x): forward doubles x in place"
    corpus.subject(forward, x.copy()).wrong(name, kind, lambda x, dy: 2 * dy * np.cos(2 * x), contract="writes")
