"""The first 22 cases: weak points of existing checkers, ten bugs they pass and twelve gradients they reject."""

from math import pi, sqrt

import numpy as np
from scipy.special import erf

EPS = 1e-5  # of the layer norm, inside the root
BRANCH = 1e-4  # of the residual branch
WEIGHT = 1e-3  # of the auxiliary loss
FREQUENCIES = 2.0 ** np.arange(10) * pi


def layernorm(x):
    c = x - x.mean(-1, keepdims=True)
    return c / np.sqrt((c * c).mean(-1, keepdims=True) + EPS)


def layernorm_backward(rstd):
    def backward(x, dy):
        c = x - x.mean(-1, keepdims=True)
        r = rstd((c * c).mean(-1, keepdims=True))
        xhat = c * r
        return r * (dy - dy.mean(-1, keepdims=True) - xhat * (dy * xhat).mean(-1, keepdims=True))

    return backward


layernorm_right = layernorm_backward(lambda variance: 1 / np.sqrt(variance + EPS))


def gelu(x):
    return 0.5 * x * (1 + erf(x / sqrt(2)))


def gelu_slope(x):
    return 0.5 * (1 + erf(x / sqrt(2))) + x * np.exp(-x * x / 2) / sqrt(2 * pi)


def gelu_tanh_slope(x):
    k = sqrt(2 / pi)
    t = np.tanh(k * (x + 0.044715 * x * x * x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * k * (1 + 3 * 0.044715 * x * x)


def logsumexp(z):
    top = z.real.max()
    return np.array(top + np.log(np.exp(z - top).sum()))


def logsumexp_backward(z, dy):
    p = np.exp(z - z.max())
    return dy * p / p.sum()


def in_float32(function):
    def narrow(*arrays):
        return function(*(a.astype(np.float32) for a in arrays)).astype(np.float64)

    return narrow


def mutating(x, dy):
    dy *= 2 * x
    return dy


def register(corpus):
    rng = np.random.default_rng(7)
    layer = corpus.subject(layernorm, rng.normal(size=(4, 8)))
    outside = layernorm_backward(lambda variance: 1 / (np.sqrt(variance) + EPS))
    dropped = layernorm_backward(lambda variance: 1 / np.sqrt(variance))
    layer.right("layernorm correct", layernorm_right)
    layer.wrong("layernorm eps outside sqrt", "eps", outside, error=1e-5)
    layer.wrong("layernorm eps dropped", "eps", dropped, error=4e-5)

    layer = corpus.subject(gelu, rng.uniform(0.0, 1.2, size=(12,)))
    layer.right("gelu correct", lambda x, dy: dy * gelu_slope(x))
    name = "gelu erf fwd / tanh bwd (x in [0,1.2])"
    layer.wrong(name, "activation swapped", lambda x, dy: dy * gelu_tanh_slope(x), error=2e-4)

    layer = corpus.subject(lambda x: x + BRANCH * np.tanh(x), rng.normal(size=(10,)))
    name = "residual x+1e-4*tanh(x): branch grad forgotten"
    layer.wrong(name, "missing path", lambda x, dy: dy.copy(), error=1e-4)

    rows, classes = 4, 1200
    logits, target = 0.1 * rng.normal(size=(rows, classes)), rng.integers(0, classes, size=rows)

    def cross_entropy(z):
        top = z.real.max(-1, keepdims=True)
        total = top[:, 0] + np.log(np.exp(z - top).sum(-1))
        return np.array(WEIGHT * np.mean(total - z[np.arange(rows), target]))

    def cross_entropy_backward(z, dy, softmax=True):
        p = np.exp(z - z.max(-1, keepdims=True))
        d = p / p.sum(-1, keepdims=True) if softmax else np.zeros_like(p)
        d[np.arange(rows), target] -= 1
        return dy * WEIGHT * d / rows

    layer = corpus.subject(cross_entropy, logits)
    layer.right("aux CE loss correct", cross_entropy_backward)
    missing = "aux CE loss: softmax term missing entirely"
    layer.wrong(missing, "loss", lambda z, dy: cross_entropy_backward(z, dy, softmax=False))

    x = rng.normal(size=(6,))
    layer = corpus.subject(lambda x: 1e-7 * np.sin(x), x)
    layer.wrong("1e-7*sin(x): gradient has wrong sign", "tiny gradient", lambda x, dy: -1e-7 * np.cos(x) * dy)
    layer = corpus.subject(lambda x: x * x, x)
    layer.wrong("y=x^2, bwd uses g**2", "misuse of dy", lambda x, dy: 2 * x * dy * dy, contract="nonlinear")
    clipped = "y=x^2, bwd uses max(g,0)"
    layer.wrong(clipped, "misuse of dy", lambda x, dy: 2 * x * np.maximum(dy, 0), contract="nonlinear")
    layer.wrong("y=x^2, bwd mutates g in place", "mutation", mutating, contract="writes")
    layer = corpus.subject(lambda x: np.array(0.5 * np.sum(x * x)), x)
    ignored = "scalar loss 0.5*sum x^2, bwd ignores g"
    layer.wrong(ignored, "misuse of dy", lambda x, dy: x.copy(), contract="nonlinear")

    near, at = rng.normal(size=(6,)), rng.normal(size=(6,))
    near[2], at[2] = 3e-7, 0.0
    for name, point in (("relu correct, one |x|=3e-7", near), ("relu correct, one x=0", at)):
        corpus.subject(lambda x: np.where(x.real > 0, x, 0), point).right(name, lambda x, dy: dy * (x > 0))
    layer = corpus.subject(lambda x: 1e8 + np.sin(x), x)
    layer.right("1e8+sin(x) correct (large offset)", lambda x, dy: dy * np.cos(x))
    layer = corpus.subject(logsumexp, 1e6 + rng.normal(size=(16,)))
    layer.right("logsumexp correct, logits ~ 1e6", logsumexp_backward)
    layer = corpus.subject(np.log, 1e-5 * (1 + rng.uniform(size=5)))
    layer.right("log(x) correct at x~1e-5", lambda x, dy: dy / x)
    layer = corpus.subject(lambda x: np.sin(x[:, None] * FREQUENCIES), rng.uniform(0.1, 1, size=(3,)))
    name = "NeRF posenc sin(2^k pi x), k<10, correct"
    layer.right(name, lambda x, dy: (dy * FREQUENCIES * np.cos(x[:, None] * FREQUENCIES)).sum(-1))
    layer = corpus.subject(lambda x: np.sin(x * 1e-3), 1.7e9 + 1e5 * rng.uniform(size=4))
    layer.right("sin(x*1e-3) correct at x~1.7e9 (unix time)", lambda x, dy: dy * 1e-3 * np.cos(x * 1e-3))
    layer = corpus.subject(in_float32(layernorm), rng.normal(size=(4, 8)))
    name = "layernorm correct, computes in float32 inside"
    layer.right(name, in_float32(layernorm_right), narrow=True)
    layer = corpus.subject(lambda x: 1e6 * (x - 0.3) * (x - 0.3), rng.normal(size=(6,)))
    layer.right("large scale 1e6*(x-a)^2 correct", lambda x, dy: dy * 2e6 * (x - 0.3))
