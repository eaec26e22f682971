"""GRU cell, moving average, transposed and depthwise convolution, squeeze and excite, resizing, reflected padding."""
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gru_cell(bug):
    """x (N=5, D=3), h (N=5, H=4), wz, wr, wn (D, H), un (H, H): gates of the input alone."""

    def parts(x, h, wz, wr, wn, un):
        z, r = sigmoid(x @ wz), sigmoid(x @ wr)
        return z, r, np.tanh(x @ wn + (r * h) @ un)

    def forward(x, h, wz, wr, wn, un):
        z, _, n = parts(x, h, wz, wr, wn, un)
        return (1 - z) * n + z * h

    def backward(x, h, wz, wr, wn, un, dy):
        z, r, n = parts(x, h, wz, wr, wn, un)
        dn = dy * (1 - z) * (1 - n * n)
        da = dy * (h - n) * z * (1 - z)
        if bug == "update gate turned round":
            da = -da
        if bug == "update gate without the candidate":
            da = dy * h * z * (1 - z)
        drh = dn @ un.T
        if bug == "recurrent matrix untransposed":
            drh = dn @ un
        dr = drh * h * r * (1 - r)
        dh = dy * z + drh * r
        if bug == "carry forgotten":
            dh = drh * r
        if bug == "reset gate forgotten on the way to the state":
            dh = dy * z + drh
        if bug == "carry counted with the candidate's share":
            dh = dy * (1 - z) + drh * r
        du = (h if bug == "candidate's matrix by the state before its reset" else r * h).T @ dn
        dx = da @ wz.T + dr @ wr.T + dn @ wn.T
        if bug == "input through the reset gate forgotten":
            dx = da @ wz.T + dn @ wn.T
        dwz, dwr = x.T @ da, x.T @ dr
        if bug == "gate weights returned in the other order":
            dwz, dwr = dwr, dwz
        return dx, dh, dwz, dwr, x.T @ dn, du

    return forward, backward


def moving_average(bug):
    """x (T=8, C=3), logit of the decay (C=3): m_t = d m_{t-1} + (1 - d) x_t, from nothing."""

    def forward(x, logit):
        d, m, out = sigmoid(logit), np.zeros(3), []
        for row in x:
            m = d * m + (1 - d) * row
            out.append(m)
        return np.array(out)

    def backward(x, logit, dy):
        d, out = sigmoid(logit), forward(x, logit)
        dx, dd, dm = np.zeros_like(x), np.zeros(3), np.zeros(3)
        for t in range(7, -1, -1):
            dm = dm + dy[t]
            dx[t] = dm * (1 if bug == "share of the new value left out" else 1 - d)
            before = out[t - 1] if t else 0
            dd += dm * (before if bug == "decay's effect on the share forgotten" else before - x[t])
            dm = dm * d
            if bug == "carried one step":
                dm = dy[t] * d
        return dx, dd if bug == "decay without its sigmoid" else dd * d * (1 - d)

    return forward, backward


def transposed_convolution(bug):
    """x (N=2, C=3, L=5), w (C=3, F=4, K=4): stride 2."""
    at = 2 * np.arange(5)[:, None] + np.arange(4)

    def forward(x, w):
        y = np.zeros((2, 4, 12))
        np.add.at(y, (slice(None), slice(None), at), np.einsum("ncl,cfk->nflk", x, w))
        return y

    def backward(x, w, dy):
        patches = dy[:, :, at]
        if bug == "windows of stride one":
            patches = dy[:, :, np.arange(5)[:, None] + np.arange(4)]
        if bug == "kernel read backwards":
            return np.einsum("nflk,cfk->ncl", patches, w[:, :, ::-1]), np.einsum("ncl,nflk->cfk", x, patches)
        if bug == "output cropped by one":
            patches = np.concatenate([patches[:, :, :-1], np.zeros((2, 4, 1, 4))], 2)
        dw = np.einsum("ncl,nflk->cfk", x, patches)
        if bug == "kernel averaged over the places":
            dw = dw / 5
        return np.einsum("nflk,cfk->ncl", patches, w), dw

    return forward, backward


def depthwise(bug):
    """x (C=3, H=5, W=6), w (C=3, 2, 3): each channel with a kernel of its own, no padding."""

    def forward(x, w):
        return sum(w[:, i, j, None, None] * x[:, i : i + 4, j : j + 4] for i in range(2) for j in range(3))

    def backward(x, w, dy):
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for i in range(2):
            for j in range(3):
                grad = w[:, i, j, None, None] * dy
                if bug == "assigned, not added":
                    dx[:, i : i + 4, j : j + 4] = grad
                elif bug == "kernel of the first channel for all":
                    dx[:, i : i + 4, j : j + 4] += w[0, i, j] * dy
                elif bug == "middle columns left out":
                    dx[:, i : i + 4, j : j + 4] += grad if j != 1 else 0
                else:
                    dx[:, i : i + 4, j : j + 4] += grad
                row = i + 1 if bug == "window one row lower" and i == 0 else i
                dw[:, i, j] = (x[:, row : row + 4, j : j + 4] * dy).sum((1, 2))
        if bug == "kernel's gradient summed over the channels":
            dw[:] = dw.sum(0)
        return dx, dw

    return forward, backward


def squeeze_excite(bug):
    """x (N=3, C=4, L=5), w (C=4, C=4): x times sigmoid(mean(x) w) by channel."""

    def forward(x, w):
        return x * sigmoid(x.mean(2) @ w)[:, :, None]

    def backward(x, w, dy):
        m = x.mean(2)
        s = sigmoid(m @ w)
        da = (dy * x).sum(2) * s * (1 - s)
        dm = da @ (w if bug == "mixing untransposed" else w.T)
        direct = dy * s[:, :, None]
        if bug == "gate held fixed":
            return direct, m.T @ da
        if bug == "gate's path alone":
            return np.broadcast_to(dm[:, :, None] / 5, x.shape).copy(), m.T @ da
        if bug == "pooled gradient not divided":
            return direct + dm[:, :, None], m.T @ da
        if bug == "pooled gradient to the first place":
            direct[:, :, 0] += dm
            return direct, m.T @ da
        if bug == "direct path twice":
            return 2 * direct + dm[:, :, None] / 5, m.T @ da
        return direct + dm[:, :, None] / 5, m.T @ da

    return forward, backward


def reflected(bug):
    """x (C=2, L=6) padded by two on the left and three on the right, reflected without the edge."""
    at = np.array([2, 1, 0, 1, 2, 3, 4, 5, 4, 3, 2])

    def forward(x):
        return x[:, at]

    def backward(x, dy):
        dx = np.zeros_like(x)
        if bug == "padding cut off":
            return dy[:, 2:8].copy()
        if bug == "edge reflected too":
            np.add.at(dx, (slice(None), np.array([1, 0, 0, 1, 2, 3, 4, 5, 5, 4, 3])), dy)
        elif bug == "buffered addition":
            dx[:, at] += dy
        else:
            np.add.at(dx, (slice(None), at), dy)
        return dx

    return forward, backward


def register(wrong, bug=True):
    draw = np.random.default_rng(7203)
    layers = (
        (gru_cell, tuple(draw.normal(size=s) for s in ((5, 3), (5, 4), (3, 4), (3, 4), (3, 4), (4, 4))), (
            ("update gate turned round", "sign"), ("update gate without the candidate", "path"),
            ("recurrent matrix untransposed", "transposed"), ("carry forgotten", "path"),
            ("reset gate forgotten on the way to the state", "entrywise"),
            ("carry counted with the candidate's share", "value"),
            ("candidate's matrix by the state before its reset", "value"),
            ("input through the reset gate forgotten", "path"),
            ("gate weights returned in the other order", "swapped"))),
        (moving_average, (draw.normal(size=(8, 3)), draw.normal(size=3)), (
            ("share of the new value left out", "columns"), ("decay's effect on the share forgotten", "path"),
            ("carried one step", "path"), ("decay without its sigmoid", "entrywise"))),
        (transposed_convolution, (draw.normal(size=(2, 3, 5)), draw.normal(size=(3, 4, 4))), (
            ("windows of stride one", "index"), ("kernel read backwards", "order"), ("output cropped by one", "part"),
            ("kernel averaged over the places", "factor"))),
        (depthwise, (draw.normal(size=(3, 5, 6)), draw.normal(size=(3, 2, 3))), (
            ("assigned, not added", "overwritten"), ("kernel of the first channel for all", "value"),
            ("middle columns left out", "part"), ("window one row lower", "shift"),
            ("kernel's gradient summed over the channels", "axis"))),
        (squeeze_excite, (draw.normal(size=(3, 4, 5)), draw.normal(size=(4, 4))), (
            ("mixing untransposed", "transposed"), ("gate held fixed", "path"), ("gate's path alone", "path"),
            ("pooled gradient not divided", "factor in a term"), ("pooled gradient to the first place", "spread"),
            ("direct path twice", "twice"))),
        (reflected, (draw.normal(size=(2, 6)),), (
            ("padding cut off", "part"), ("edge reflected too", "index"), ("buffered addition", "overwritten"))),
    )
    for layer, inputs, bugs in layers:
        for name, kind in bugs if bug else [("without a bug", "")]:
            wrong(f"{layer.__name__}: {name}", kind, *layer(name), *inputs)
