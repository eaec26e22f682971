"""Biased and bilinear layers, losses of distributions, interpolation, a sliding window, a tree of gates."""

import numpy as np

SEGMENT = np.array([0, 2, 0, 1, 2, 2, 0])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def highway(bug):
    """x (N=5, D=4), w and v (D, D), b (D): sigmoid(x w + b) tanh(x v) + (1 - gate) x."""

    def forward(x, w, v, b):
        g = sigmoid(x @ w + b)
        return g * np.tanh(x @ v) + (1 - g) * x

    def backward(x, w, v, b, dy):
        g, h = sigmoid(x @ w + b), np.tanh(x @ v)
        da, db = dy * (h - x) * g * (1 - g), dy * g * (1 - h * h)
        dx = da @ w.T + db @ v.T + dy * (1 - g)
        if bug == "carry forgotten":
            dx = da @ w.T + db @ v.T
        if bug == "gate's path forgotten":
            dx = db @ v.T + dy * (1 - g)
        if bug == "transform's path counted twice":
            dx = dx + db @ v.T
        if bug == "gate's matrix not transposed":
            dx = da @ w + db @ v.T + dy * (1 - g)
        if bug == "gate ignores what it takes from the carry":
            da = dy * h * g * (1 - g)
        if bug == "transform without tanh's slope":
            db = dy * g
        if bug == "bias of the first example":
            return dx, x.T @ da, x.T @ db, da[0]
        return dx, x.T @ da, x.T @ (h * db if bug == "output for slope" else db), da.sum(0)

    return forward, backward


def segments(bug):
    """x (N=7, D=3), weight (N=7): weighted means of three segments."""

    def forward(x, weight):
        y, n = np.zeros((3, 3), dtype=x.dtype), np.zeros(3, dtype=weight.dtype)
        np.add.at(y, SEGMENT, x * weight[:, None])
        np.add.at(n, SEGMENT, weight)
        return y / n[:, None]

    def backward(x, weight, dy):
        n = np.bincount(SEGMENT, weight)
        d = (dy / n[:, None])[SEGMENT]
        y = forward(x, weight)
        if bug == "counts for weights' sums":
            d = (dy / np.bincount(SEGMENT)[:, None])[SEGMENT]
        if bug == "segments one too high":
            d = (dy / n[:, None])[(SEGMENT + 1) % 3]
        if bug == "only the last of each segment":
            last = np.array([3, 5, 6])
            d = np.where(np.isin(np.arange(7), last)[:, None], d, 0)
        dw = (d * x).sum(1) if bug == "normaliser held fixed" else (d * (x - y[SEGMENT])).sum(1)
        return d if bug == "weights forgotten" else d * weight[:, None], dw

    return forward, backward


def gaussian(bug):
    """mean and log-variance (N=6, D=4): KL divergence to the standard normal by row, and a sample."""
    noise = np.random.default_rng(5).normal(size=(6, 4))

    def forward(m, s):
        return (m * m + np.exp(s) - s - 1).sum(1) / 2, m + np.exp(s / 2) * noise

    def backward(m, s, dy):
        dk, dz = dy
        dm, ds = dk[:, None] * m + dz, dk[:, None] * (np.exp(s) - 1) / 2 + dz * noise * np.exp(s / 2) / 2
        if bug == "sample's gradient not passed on":
            return dk[:, None] * m, dk[:, None] * (np.exp(s) - 1) / 2
        if bug == "half of the log-variance forgotten":
            ds = dk[:, None] * (np.exp(s) - 1) / 2 + dz * noise * np.exp(s / 2)
        if bug == "mean and variance exchanged":
            return ds, dm
        if bug == "noise forgotten":
            ds = dk[:, None] * (np.exp(s) - 1) / 2 + dz * np.exp(s / 2) / 2
        if bug == "divergence's square doubled":
            dm = dk[:, None] * m * 2 + dz
        return dm, ds

    return forward, backward


def interpolate(bug):
    """x (C=3, L=5) linearly onto eight places, ends aligned."""
    place = np.linspace(0, 4, 8)
    left = np.minimum(place.astype(int), 3)
    t = place - left

    def forward(x):
        return x[:, left] * (1 - t) + x[:, left + 1] * t

    def backward(x, dy):
        dx = np.zeros_like(x)
        weights = (t, 1 - t) if bug == "weights exchanged" else (1 - t, t)
        if bug == "nearest neighbour":
            weights = (np.round(1 - t), 1 - np.round(1 - t))
        np.add.at(dx, (slice(None), left), dy * weights[0])
        if bug == "right neighbours left out":
            return dx
        if bug == "right neighbours assigned":
            dx[:, left + 1] = dy * weights[1]
            return dx
        np.add.at(dx, (slice(None), left + 1), dy * weights[1])
        return dx

    return forward, backward


def window_attention(bug):
    """q, k (T=6, D=3), v (T=6, E=2): each place sees itself and the two before."""
    lag = np.arange(6)[:, None] - np.arange(6)
    seen = (lag >= 0) & (lag < 3)

    def forward(q, k, v):
        return softmax(np.where(seen, q @ k.T, -np.inf)) @ v

    def backward(q, k, v, dy):
        mask = lag >= 0 if bug == "window forgotten" else seen
        p = softmax(np.where(mask, q @ k.T, -np.inf))
        dp = dy @ v.T
        ds = p * (dp - (p * dp).sum(1, keepdims=True))
        if bug == "weights held fixed":
            ds = p * dp
        if bug == "projection along the keys' axis":
            ds = p * (dp - (p * dp).sum(0, keepdims=True))
        dk = ds @ q if bug == "scores not transposed for the keys" else ds.T @ q
        if bug == "queries for keys":
            return ds @ q, dk, p.T @ dy
        if bug == "values one step late":
            return ds @ k, dk, np.roll(p.T @ dy, 1, 0)
        return ds @ k, dk, p.T @ dy

    return forward, backward


def standardised_product(bug):
    """x (N=6, D=3), w (D=3, F=5): (x w) with each column made to have mean 0 and length 1."""

    def forward(x, w):
        c = x @ w - (x @ w).mean(0)
        return c / np.sqrt((c * c).sum(0))

    def backward(x, w, dy):
        c = x @ w - (x @ w).mean(0)
        n = np.sqrt((c * c).sum(0))
        y = c / n
        inner = (dy * y).sum(0)
        if bug == "projection over the features":
            inner = (dy * y).sum(1, keepdims=True)
        if bug == "length held fixed":
            inner = 0
        dc = (dy - y * inner) / (n * n if bug == "squared length" else n)
        da = dc if bug == "mean held fixed" else dc - dc.mean(0)
        return da @ w.T, x.T @ da

    return forward, backward


def register(wrong, bug=True):
    draw = np.random.default_rng(9303)
    layers = (
        (highway, tuple(draw.normal(size=s) for s in ((5, 4), (4, 4), (4, 4), 4)), (
            ("carry forgotten", "path"), ("gate's path forgotten", "path"), ("transform's path counted twice", "twice"),
            ("gate's matrix not transposed", "transposed"), ("gate ignores what it takes from the carry", "path"),
            ("transform without tanh's slope", "entrywise"), ("bias of the first example", "part"),
            ("output for slope", "entrywise"))),
        (segments, (draw.normal(size=(7, 3)), draw.uniform(0.5, 2, 7)), (
            ("counts for weights' sums", "rows"), ("segments one too high", "index"),
            ("only the last of each segment", "part"), ("normaliser held fixed", "path"),
            ("weights forgotten", "entrywise"))),
        (gaussian, (draw.normal(size=(6, 4)), draw.normal(size=(6, 4))), (
            ("sample's gradient not passed on", "output"), ("half of the log-variance forgotten", "factor in a term"),
            ("mean and variance exchanged", "swapped"), ("noise forgotten", "entrywise"),
            ("divergence's square doubled", "factor in a term"))),
        (interpolate, (draw.normal(size=(3, 5)),), (
            ("weights exchanged", "value"), ("nearest neighbour", "value"), ("right neighbours left out", "path"),
            ("right neighbours assigned", "overwritten"))),
        (window_attention, (draw.normal(size=(6, 3)), draw.normal(size=(6, 3)), draw.normal(size=(6, 2))), (
            ("window forgotten", "mask"), ("weights held fixed", "projection"),
            ("projection along the keys' axis", "axis"),
            ("scores not transposed for the keys", "transposed"), ("queries for keys", "value"),
            ("values one step late", "shift"))),
        (standardised_product, (draw.normal(size=(6, 3)), draw.normal(size=(3, 5))), (
            ("projection over the features", "axis"), ("length held fixed", "projection"),
            ("squared length", "columns"),
            ("mean held fixed", "term"))),
    )
    for layer, inputs, bugs in layers:
        for name, kind in bugs if bug else [("without a bug", "")]:
            wrong(f"{layer.__name__}: {name}", kind, *layer(name), *inputs)
