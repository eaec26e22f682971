"""Layer, batch and group norms, cosine similarity."""
import numpy as np

EPS = 1e-3


def layer_norm(bug):
    """x (B=3, T=4, D=6), gain and bias (D=6)."""

    def parts(x):
        rstd = 1 / np.sqrt(x.var(-1, keepdims=True) + EPS)
        return (x - x.mean(-1, keepdims=True)) * rstd, rstd

    def forward(x, gain, bias):
        return parts(x)[0] * gain + bias

    def backward(x, gain, bias, dy):
        n, rstd = parts(x)
        g = dy * gain
        if bug == "gain left out":
            g = dy
        if bug == "variance held fixed":
            dx = rstd * (g - g.mean(-1, keepdims=True))
        elif bug == "mean held fixed":
            dx = rstd * (g - n * (g * n).mean(-1, keepdims=True))
        elif bug == "sum for mean in the projection":
            dx = rstd * (g - g.mean(-1, keepdims=True) - n * (g * n).sum(-1, keepdims=True))
        elif bug == "variance for deviation":
            dx = rstd**2 * (g - g.mean(-1, keepdims=True) - n * (g * n).mean(-1, keepdims=True))
        else:
            dx = rstd * (g - g.mean(-1, keepdims=True) - n * (g * n).mean(-1, keepdims=True))
        dgain, dbias = (dy * n).sum((0, 1)), dy.sum((0, 1))
        if bug == "gain's gradient from the raw input":
            dgain = (dy * x).sum((0, 1))
        if bug == "bias averaged over the tokens":
            dbias = dy.mean((0, 1))
        if bug == "gain and bias exchanged":
            dgain, dbias = dbias, dgain
        return dx, dgain, dbias

    return forward, backward


def batch_norm(bug):
    """x (N=7, C=3, L=4), gain (C=3), with its batch mean as a second output."""

    def parts(x):
        rstd = 1 / np.sqrt(x.var((0, 2), keepdims=True) + EPS)
        return (x - x.mean((0, 2), keepdims=True)) * rstd, rstd

    def forward(x, gain):
        return parts(x)[0] * gain[:, None], x.mean((0, 2))

    def backward(x, gain, dy):
        dy, dmean = dy
        n, rstd = parts(x)
        g = dy * gain[:, None]
        axes = 0 if bug == "statistics over the batch alone" else (0, 2)
        dx = rstd * (g - g.mean(axes, keepdims=True) - n * (g * n).mean(axes, keepdims=True))
        if bug == "unbiased count in the projection":
            count = g.shape[0] * g.shape[2] - 1
            dx = rstd * (g - g.mean(axes, keepdims=True) - n * (g * n).sum(axes, keepdims=True) / count)
        if bug == "mean's gradient not divided":
            dx = dx + dmean[:, None]
        elif bug != "mean's output unused":
            dx = dx + dmean[:, None] / (x.shape[0] * x.shape[2])
        return dx, (dy * n).sum((0, 2))

    return forward, backward


def group_norm(bug):
    """x (N=2, C=6, L=5) in groups of three channels."""

    def forward(x):
        g = x.reshape(2, 2, 15)
        return ((g - g.mean(2, keepdims=True)) / np.sqrt(g.var(2, keepdims=True) + EPS)).reshape(x.shape)

    def backward(x, dy):
        groups = (2, 3, 10) if bug == "three groups of two" else (2, 2, 15)
        g, d = x.reshape(groups), dy.reshape(groups)
        rstd = 1 / np.sqrt(g.var(2, keepdims=True) + EPS)
        n = (g - g.mean(2, keepdims=True)) * rstd
        inner = (d * n).mean(2, keepdims=True)
        if bug == "projection added":
            return (rstd * (d - d.mean(2, keepdims=True) + n * inner)).reshape(x.shape)
        return (rstd * (d - d.mean(2, keepdims=True) - n * inner)).reshape(x.shape)

    return forward, backward


def cosine_similarity(bug):
    """a (M=4, D=5) against b (N=3, D=5): (M, N)."""

    def unit(a):
        return a / np.linalg.norm(a, axis=1, keepdims=True)

    def forward(a, b):
        return unit(a) @ unit(b).T

    def backward(a, b, dy):
        u, v = unit(a), unit(b)
        du, dv = dy @ v, dy.T @ u
        if bug == "second side returned before its norm":
            db = dv
        else:
            db = (dv - v * (dv * v).sum(1, keepdims=True)) / np.linalg.norm(b, axis=1, keepdims=True)
        if bug == "length treated as constant":
            return du / np.linalg.norm(a, axis=1, keepdims=True), db
        if bug == "squared length":
            return (du - u * (du * u).sum(1, keepdims=True)) / (a * a).sum(1, keepdims=True), db
        return (du - u * (du * u).sum(1, keepdims=True)) / np.linalg.norm(a, axis=1, keepdims=True), db

    return forward, backward


def register(wrong, bug=True):
    draw = np.random.default_rng(4102)
    layers = (
        (layer_norm, (draw.normal(size=(3, 4, 6)), draw.normal(size=6), draw.normal(size=6)), (
            ("gain left out", "entrywise"), ("variance held fixed", "projection"), ("mean held fixed", "term"),
            ("sum for mean in the projection", "factor in a term"), ("variance for deviation", "rows"),
            ("gain's gradient from the raw input", "value"), ("bias averaged over the tokens", "factor"),
            ("gain and bias exchanged", "swapped"))),
        (batch_norm, (draw.normal(size=(7, 3, 4)), draw.normal(size=3)), (
            ("statistics over the batch alone", "axis"), ("unbiased count in the projection", "factor in a term"),
            ("mean's gradient not divided", "factor in a term"), ("mean's output unused", "output"))),
        (group_norm, (draw.normal(size=(2, 6, 5)),), (
            ("three groups of two", "axis"), ("projection added", "factor in a term"))),
        (cosine_similarity, (draw.normal(size=(4, 5)), draw.normal(size=(3, 5))), (
            ("second side returned before its norm", "projection"), ("length treated as constant", "projection"),
            ("squared length", "rows"))),
    )
    for layer, inputs, bugs in layers:
        for name, kind in bugs if bug else [("without a bug", "")]:
            wrong(f"{layer.__name__}: {name}", kind, *layer(name), *inputs)
