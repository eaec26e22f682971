"""Convolution, pooling, upsampling, padding."""
import numpy as np


def convolution(bug):
    """x (N=2, C=3, L=11), w (F=4, C=3, K=3), b (F=4); stride 2, dilation 2."""
    stride, dilation, K = 2, 2, 3

    def places(L):
        start = np.arange(0, L - dilation * (K - 1), stride)
        return start[:, None] + dilation * np.arange(K)  # (O, K)

    def forward(x, w, b):
        return np.einsum("ncok,fck->nfo", x[:, :, places(x.shape[2])], w) + b[:, None]

    def backward(x, w, b, dy):
        at = places(x.shape[2])
        dw = np.einsum("ncok,nfo->fck", x[:, :, at], dy)
        if bug == "kernel flipped":
            w = w[:, :, ::-1]
        if bug == "kernel's gradient one step late":
            dw = np.einsum("ncok,nfo->fck", x[:, :, at - 1], dy)
        if bug == "dilation forgotten":
            at = at[:, :1] + np.arange(K)
        if bug == "first example's kernel only":
            dw = np.einsum("ncok,nfo->fck", x[:1, :, at], dy[:1])
        patches = np.einsum("nfo,fck->ncok", dy, w)
        dx = np.zeros_like(x)
        if bug == "overlaps overwritten":
            for o in range(len(at)):
                dx[:, :, at[o]] = patches[:, :, o]
        else:
            np.add.at(dx, (slice(None), slice(None), at), patches)
        if bug == "last window left out":
            dx = np.zeros_like(x)
            np.add.at(dx, (slice(None), slice(None), at[:-1]), patches[:, :, :-1])
        db = dy.sum((0, 2))
        if bug == "bias averaged over the batch":
            db = dy.sum(2).mean(0)
        return dx, dw, db

    return forward, backward


def max_pooling(bug):
    """x (C=3, H=6, W=8), windows of 2 by 4."""

    def windows(x):
        return x.reshape(3, 3, 2, 2, 4).swapaxes(2, 3).reshape(3, 3, 2, 8)

    def back(w):
        return w.reshape(3, 3, 2, 2, 4).swapaxes(2, 3).reshape(3, 6, 8)

    def forward(x):
        return windows(x).max(-1)

    def backward(x, dy):
        w = windows(x)
        hit = w == w.max(-1, keepdims=True)
        if bug == "smallest entry of the window":
            hit = w == w.min(-1, keepdims=True)
        if bug == "spread over the window":
            hit = np.full(w.shape, 1 / 8)
        if bug == "next place of the window":
            hit = np.roll(hit, 1, -1)
        if bug == "windows laid back without the swap":
            return (hit * dy[..., None]).reshape(x.shape)
        return back(hit * dy[..., None])

    return forward, backward


def average_pooling(bug):
    """x (C=2, L=9): mean of windows of four, step two, ends padded by one zero that counts not."""
    L, K = 9, 4
    start = np.arange(-1, L - K + 2, 2)
    at = start[:, None] + np.arange(K)
    inside = (at >= 0) & (at < L)
    count = inside.sum(1)

    def forward(x):
        return (np.where(inside, x[:, at.clip(0, L - 1)], 0)).sum(-1) / count

    def backward(x, dy):
        n = K if bug == "padding counted" else count
        dx = np.zeros_like(x)
        values = np.where(inside, (dy / n)[..., None], 0)
        if bug == "padding sent to the edge":
            values = np.broadcast_to((dy / n)[..., None], values.shape)
        if bug == "not divided":
            values = np.where(inside, dy[..., None], 0)
        np.add.at(dx, (slice(None), at.clip(0, L - 1)), values)
        return dx

    return forward, backward


def upsample(bug):
    """x (C=3, H=4, W=5) nearest, twice as high, three times as wide."""

    def forward(x):
        return x.repeat(2, 1).repeat(3, 2)

    def backward(x, dy):
        blocks = dy.reshape(3, 4, 2, 5, 3)
        if bug == "mean of the block":
            return blocks.mean((2, 4))
        if bug == "corner of the block":
            return blocks[:, :, 0, :, 0].copy()
        if bug == "rows and copies confused":
            return dy.reshape(3, 2, 4, 5, 3).sum((1, 4))
        return blocks.sum((2, 4))

    return forward, backward


def register(wrong, bug=True):
    draw = np.random.default_rng(4103)
    layers = (
        (convolution, tuple(draw.normal(size=s) for s in ((2, 3, 11), (4, 3, 3), 4)), (
            ("kernel flipped", "order"), ("kernel's gradient one step late", "shift"), ("dilation forgotten", "index"),
            ("first example's kernel only", "part"), ("overlaps overwritten", "overwritten"),
            ("last window left out", "part"), ("bias averaged over the batch", "factor"))),
        (max_pooling, (draw.permutation(144).reshape(3, 6, 8) / 20.0,), (
            ("smallest entry of the window", "index"), ("spread over the window", "spread"),
            ("next place of the window", "shift"), ("windows laid back without the swap", "order"))),
        (average_pooling, (draw.normal(size=(2, 9)),), (
            ("padding counted", "columns"), ("padding sent to the edge", "columns"), ("not divided", "columns"))),
        (upsample, (draw.normal(size=(3, 4, 5)),), (
            ("mean of the block", "factor"), ("corner of the block", "overwritten"),
            ("rows and copies confused", "order"))),
    )
    for layer, inputs, bugs in layers:
        for name, kind in bugs if bug else [("without a bug", "")]:
            wrong(f"{layer.__name__}: {name}", kind, *layer(name), *inputs)
