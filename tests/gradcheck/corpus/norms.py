"""Normalisation: terms of the projection forgotten, epsilon in the wrong place, statistics held constant."""

import numpy as np

EPS = 1e-5


def mean(x, axis=-1):
    return x.mean(axis, keepdims=True)


def centred(x, axis=-1):
    """x minus its mean, and the root of its variance."""
    c = x - mean(x, axis)
    return c, np.sqrt(mean(c * c, axis) + EPS)


def layernorm(x, gamma, beta):
    c, s = centred(x)
    return c / s * gamma + beta


def layernorm_backward(terms=("mean", "product"), gamma_late=False, **replaced):
    """The right backward pass, less the terms not named, with some gradients computed otherwise."""

    def backward(x, gamma, beta, dy):
        c, s = centred(x)
        xhat = c / s
        g = dy if gamma_late else dy * gamma
        dx = g - ("mean" in terms) * mean(g) - ("product" in terms) * xhat * mean(g * xhat)
        if gamma_late:
            dx = dx * gamma
        grads = {"dx": dx / s, "dgamma": (dy * xhat).sum((0, 1)), "dbeta": dy.sum((0, 1))}
        grads |= {name: value(x, xhat, dy) for name, value in replaced.items()}
        return grads["dx"], grads["dgamma"], grads["dbeta"]

    return backward


def rmsnorm(x, gamma, eps=EPS):
    return x / np.sqrt(mean(x * x) + eps) * gamma


def rmsnorm_backward(extra=lambda g, xhat: 0, scale=1.0, root=lambda m: np.sqrt(m + EPS), raw=False):
    def backward(x, gamma, dy):
        s = root(mean(x * x))
        xhat, g = x / s, dy * gamma
        dx = (g - scale * xhat * mean(g * xhat) - extra(g, xhat)) / s
        return dx, (dy * (x if raw else xhat)).sum(0)

    return backward


def l2_normalise(x):
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


def batchnorm(x):
    c, s = centred(x, 0)
    return c / s


def batchnorm_backward(terms=("mean", "product"), axis=0):
    def backward(x, dy):
        c, s = centred(x, 0)
        xhat = c / s
        return (dy - ("mean" in terms) * mean(dy, axis) - ("product" in terms) * xhat * mean(dy * xhat, axis)) / s

    return backward


def standardise(x):
    c = x - mean(x)
    return c / np.sqrt((c * c).sum(-1, keepdims=True) / (x.shape[-1] - 1))


def standardise_backward(ddof):
    def backward(x, dy):
        c = x - mean(x)
        s = np.sqrt((c * c).sum(-1, keepdims=True) / (x.shape[-1] - 1))
        return (dy - mean(dy) - c / s * (dy * c / s).sum(-1, keepdims=True) / (x.shape[-1] - ddof)) / s

    return backward


def weight_norm(v, g):
    return g[:, None] * l2_normalise(v)


def weight_norm_backward(projected=True, shared=False):
    def backward(v, g, dy):
        norm, unit = np.sqrt((v * v).sum(-1, keepdims=True)), l2_normalise(v)
        dg = (dy * unit).sum(-1)
        dv = g[:, None] / norm * (dy - projected * unit * dg[:, None])
        return dv, np.full(g.shape, dg.mean()) if shared else dg

    return backward


def register(corpus):
    rng = np.random.default_rng(17)
    x, gamma, beta = rng.normal(size=(2, 3, 5)), rng.normal(size=5), rng.normal(size=5)
    kind = "norm projection"

    layer = corpus.subject(layernorm, x, gamma, beta)
    layer.right("layer norm", layernorm_backward())
    layer.wrong("layer norm: mean term missing", kind, layernorm_backward(("product",)))
    layer.wrong("layer norm: product term missing", kind, layernorm_backward(("mean",)))
    layer.wrong("layer norm: statistics taken for constant", "constant statistic", layernorm_backward(()))
    layer.wrong("layer norm: gamma applied after the projection", kind, layernorm_backward(gamma_late=True))
    raw = layernorm_backward(dgamma=lambda x, xhat, dy: (dy * x).sum((0, 1)))
    layer.wrong("layer norm: dgamma from x, not from xhat", kind, raw, inputs=(1,))
    last = layernorm_backward(dgamma=lambda x, xhat, dy: (dy * xhat)[-1, -1])
    layer.wrong("layer norm: dgamma of the last row only", "broadcast sum", last, inputs=(1,))
    averaged = layernorm_backward(dbeta=lambda x, xhat, dy: dy.mean((0, 1)))
    layer.wrong("layer norm: dbeta averaged over rows", "broadcast sum", averaged, inputs=(2,))

    layer = corpus.subject(rmsnorm, x[0], gamma)
    layer.right("rms norm", rmsnorm_backward())
    layer.wrong("rms norm: product term missing", kind, rmsnorm_backward(scale=0.0))
    layer.wrong("rms norm: mean term of the layer norm added", kind, rmsnorm_backward(lambda g, xhat: mean(g)))
    layer.wrong("rms norm: sum for mean in the product term", kind, rmsnorm_backward(scale=5.0))
    layer.wrong("rms norm: dgamma without the norm", kind, rmsnorm_backward(raw=True), inputs=(1,))
    outside = rmsnorm_backward(root=lambda m: np.sqrt(m) + EPS)
    layer.wrong("rms norm: eps outside the root", "eps", outside, inputs=(0, 1), error=5e-6)
    layer.wrong("rms norm: eps dropped", "eps", rmsnorm_backward(root=np.sqrt), inputs=(0, 1), error=1e-5)
    layer = corpus.subject(lambda x, gamma: rmsnorm(x, gamma, 1e-2), x[0], gamma)
    layer.wrong("rms norm: eps of another layer", "eps", rmsnorm_backward(), inputs=(0, 1), error=1e-2)

    layer = corpus.subject(l2_normalise, x[0])
    norm = lambda x: np.sqrt((x * x).sum(-1, keepdims=True))  # noqa: E731
    unit = l2_normalise
    layer.right("unit vectors", lambda x, dy: (dy - unit(x) * (dy * unit(x)).sum(-1, keepdims=True)) / norm(x))
    layer.wrong("unit vectors: projection missing", kind, lambda x, dy: dy / norm(x))
    unscaled = "unit vectors: not divided by the norm"
    layer.wrong(unscaled, kind, lambda x, dy: dy - unit(x) * (dy * unit(x)).sum(-1, keepdims=True))

    layer = corpus.subject(batchnorm, rng.normal(size=(6, 3)))
    layer.right("batch norm", batchnorm_backward())
    layer.wrong("batch norm: mean taken for constant", "constant statistic", batchnorm_backward(("product",)))
    layer.wrong("batch norm: variance taken for constant", "constant statistic", batchnorm_backward(("mean",)))
    layer.wrong("batch norm: projected along the features", kind, batchnorm_backward(axis=1))

    layer = corpus.subject(standardise, x[0])
    layer.right("standardise by the sample deviation", standardise_backward(ddof=1))
    layer.wrong("standardise: N for N - 1 in the product term", kind, standardise_backward(ddof=0))

    layer = corpus.subject(weight_norm, x[0], rng.normal(size=3))
    layer.right("weight norm", weight_norm_backward())
    layer.wrong("weight norm: projection missing", kind, weight_norm_backward(projected=False))
    layer.wrong("weight norm: one scale for all rows", "broadcast sum", weight_norm_backward(shared=True), inputs=(1,))
