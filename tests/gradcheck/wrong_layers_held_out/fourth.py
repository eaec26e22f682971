"""Styled instance norm, masked pooling, a two-layer block, cross-attention, triplets, a running product, a smoother."""

import numpy as np

LENGTHS = np.array([3, 5, 2])


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def styled_norm(bug):
    """x (N=2, C=3, H=4, W=5), scale and shift (N=2, C=3): instance norm with a style for each example."""

    def forward(x, scale, shift):
        n = (x - x.mean((2, 3), keepdims=True)) / np.sqrt(x.var((2, 3), keepdims=True) + 1e-3)
        return n * (1 + scale[:, :, None, None]) + shift[:, :, None, None]

    def backward(x, scale, shift, dy):
        r = 1 / np.sqrt(x.var((2, 3), keepdims=True) + 1e-3)
        n = (x - x.mean((2, 3), keepdims=True)) * r
        g = dy * (scale if bug == "one forgotten beside the scale" else 1 + scale)[:, :, None, None]
        axes = (1, 2, 3) if bug == "statistics over the channels too" else (2, 3)
        dx = r * (g - g.mean(axes, keepdims=True) - n * (g * n).mean(axes, keepdims=True))
        if bug == "statistics as constants":
            dx = r * g
        ds = (dy * n).sum((2, 3))
        if bug == "style averaged":
            ds = ds / 20
        if bug == "style shared by the examples":
            ds = np.broadcast_to(ds.sum(0), ds.shape).copy()
        return dx, ds, (-1 if bug == "shift subtracted" else 1) * dy.sum((2, 3))

    return forward, backward


def masked_pooling(bug):
    """x (B=3, T=5, D=4), lengths 3, 5, 2: the mean over the steps that are there, then times w (D=4, F=2)."""
    there = np.arange(5) < LENGTHS[:, None]

    def forward(x, w):
        return (x * there[:, :, None]).sum(1) / LENGTHS[:, None] @ w

    def backward(x, w, dy):
        m = (x * there[:, :, None]).sum(1) / LENGTHS[:, None]
        count = np.full(3, 5) if bug == "divided by the full length" else LENGTHS
        dm = (dy @ w.T) / count[:, None]
        dx = dm[:, None] * there[:, :, None]
        if bug == "padding gets its share":
            dx = np.repeat(dm[:, None], 5, 1)
        if bug == "last step alone":
            dx = dm[:, None] * (np.arange(5) == LENGTHS[:, None] - 1)[:, :, None]
        if bug == "sum for the mean in the matrix":
            m = m * LENGTHS[:, None]
        if bug == "one step too few":
            dx = dm[:, None] * (np.arange(5) < LENGTHS[:, None] - 1)[:, :, None]
        return dx, m.T @ dy

    return forward, backward


def block(bug):
    """x (N=5, D=4), w (D=4, F=6), v (F=6, D=4): x + tanh(x w) v."""

    def forward(x, w, v):
        return x + np.tanh(x @ w) @ v

    def backward(x, w, v, dy):
        h = np.tanh(x @ w)
        dh = dy @ v.T
        da = dh * (1 - h if bug == "slope without its square" else 1 - h * h)
        if bug == "hidden slope forgotten":
            da = dh
        dx = da @ w.T + dy
        if bug == "skip forgotten":
            dx = da @ w.T
        if bug == "branch forgotten":
            dx = dy.copy()
        if bug == "branch halved":
            dx = da @ w.T / 2 + dy
        dv = (x @ w if bug == "hidden before its slope" else h).T @ dy
        dw = x.T @ da
        if bug == "examples averaged in the first matrix":
            dw = dw / 5
        return dx, dw, dv

    return forward, backward


def cross_attention(bug):
    """x (S=4, D=3) looks at m (T=6, D=3) through w (D=3, D=3): softmax(x w m^T / 2) m."""

    def forward(x, m, w):
        return softmax(x @ w @ m.T / 2) @ m

    def backward(x, m, w, dy):
        p = softmax(x @ w @ m.T / 2)
        dp = dy @ m.T
        ds = p * (dp - (p * dp).sum(1, keepdims=True)) / 2
        if bug == "temperature forgotten":
            ds = ds * 2
        if bug == "softmax left linear":
            ds = p * dp / 2
        values, keys = p.T @ dy, ds.T @ (x @ w)
        dm = values + keys
        if bug == "memory as values only":
            dm = values
        if bug == "memory as keys only":
            dm = keys
        if bug == "keys subtracted":
            dm = values - keys
        dx = ds @ m @ (w if bug == "projection not transposed" else w.T)
        return dx, dm, x.T @ (ds @ m)

    return forward, backward


def triplets(bug):
    """anchor, near, far (N=6, D=4): max(0, 1 + |a - n|^2 - |a - f|^2) for each row."""

    def forward(a, n, f):
        d = 1 + ((a - n) ** 2).sum(1) - ((a - f) ** 2).sum(1)
        return np.where(d.real > 0, d, 0)

    def backward(a, n, f, dy):
        d = 1 + ((a - n) ** 2).sum(1) - ((a - f) ** 2).sum(1)
        g = (2 * dy * (d > 0))[:, None]
        if bug == "hinge forgotten":
            g = 2 * dy[:, None]
        if bug == "hinge on the wrong side":
            g = (2 * dy * (d < 0))[:, None]
        if bug == "two of the square forgotten":
            g = g / 2
        da, dn, df = g * (f - n), g * (n - a), g * (a - f)
        if bug == "anchor's far side forgotten":
            da = g * (a - n)
        if bug == "near and far exchanged":
            dn, df = df, dn
        return da, dn, -df if bug == "far pulled" else df

    return forward, backward


def running_product(bug):
    """x (T=6, C=3): its products along the steps."""

    def forward(x):
        return np.cumprod(x, 0)

    def backward(x, dy):
        y = np.cumprod(x, 0)
        g = dy * y
        after = np.cumsum(g[::-1], 0)[::-1]
        if bug == "sums from the start":
            after = np.cumsum(g, 0)
        if bug == "own step alone":
            after = g
        if bug == "own step left out":
            after = after - g
        if bug == "not divided by the factor":
            return after
        return after / (np.roll(x, 1, 0) if bug == "divided by the factor before" else x)

    return forward, backward


def register(wrong, bug=True):
    draw = np.random.default_rng(8404)
    block_inputs = tuple(draw.normal(size=s) for s in ((5, 4), (4, 6), (6, 4)))
    layers = (
        (styled_norm, (draw.normal(size=(2, 3, 4, 5)), draw.normal(size=(2, 3)), draw.normal(size=(2, 3))), (
            ("one forgotten beside the scale", "value"), ("statistics over the channels too", "axis"),
            ("statistics as constants", "projection"), ("style averaged", "factor"),
            ("style shared by the examples", "axis"), ("shift subtracted", "sign"))),
        (masked_pooling, (draw.normal(size=(3, 5, 4)), draw.normal(size=(4, 2))), (
            ("divided by the full length", "rows"), ("padding gets its share", "mask"), ("last step alone", "part"),
            ("sum for the mean in the matrix", "rows"), ("one step too few", "part"))),
        (block, block_inputs, (
            ("slope without its square", "entrywise"), ("hidden slope forgotten", "entrywise"),
            ("skip forgotten", "path"),
            ("branch forgotten", "path"), ("branch halved", "factor in a term"), ("hidden before its slope", "value"),
            ("examples averaged in the first matrix", "factor"))),
        (cross_attention, tuple(draw.normal(size=s) for s in ((4, 3), (6, 3), (3, 3))), (
            ("temperature forgotten", "factor"), ("softmax left linear", "projection"),
            ("memory as values only", "path"),
            ("memory as keys only", "path"), ("keys subtracted", "factor in a term"),
            ("projection not transposed", "transposed"))),
        (triplets, tuple(draw.normal(size=(6, 4)) for _ in range(3)), (
            ("hinge forgotten", "branch"), ("hinge on the wrong side", "branch"),
            ("two of the square forgotten", "factor"),
            ("anchor's far side forgotten", "path"), ("near and far exchanged", "swapped"), ("far pulled", "sign"))),
        (running_product, (draw.uniform(0.5, 2, (6, 3)),), (
            ("sums from the start", "order"), ("own step alone", "path"), ("own step left out", "shift"),
            ("not divided by the factor", "entrywise"), ("divided by the factor before", "entrywise"))),
    )
    for layer, inputs, bugs in layers:
        for name, kind in bugs if bug else [("without a bug", "")]:
            wrong(f"{layer.__name__}: {name}", kind, *layer(name), *inputs)
