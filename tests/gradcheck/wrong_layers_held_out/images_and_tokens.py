"""Layers of vision and language models, each with one mistake that can be switched off."""

import numpy as np


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def pixel_shuffle(draw, bug):
    def forward(x):
        return x.reshape(2, 3, 2, 2, 2, 3).transpose(0, 1, 4, 2, 5, 3).reshape(2, 3, 4, 6)

    def backward(x, dy):
        if bug:  # reshaped back without undoing the exchange of the axes
            return dy.reshape(x.shape).copy()
        return dy.reshape(2, 3, 2, 2, 3, 2).transpose(0, 1, 3, 5, 2, 4).reshape(x.shape)

    return forward, backward, draw.normal(size=(2, 12, 2, 3))


def strided_convolution(draw, bug):
    """x (N=2, C=3, 6, 5), w (F=4, C=3, 3, 3), b (F=4): stride 2, padded by 1."""
    taps = [(i, j, slice(i, i + 5, 2), slice(j, j + 5, 2)) for i in range(3) for j in range(3)]

    def pad(x):
        return np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))

    def forward(x, w, b):
        p = pad(x)
        y = sum(np.einsum("nchw,fc->nfhw", p[:, :, r, c], w[:, :, i, j]) for i, j, r, c in taps)
        return y + b[:, None, None]

    def backward(x, w, b, dy):
        p = pad(x)
        dp, dw = np.zeros_like(p), np.zeros_like(w)
        for i, j, r, c in taps:
            dp[:, :, r, c] += np.einsum("nfhw,fc->nchw", dy, w[:, :, i, j])
            dw[:, :, i, j] = np.einsum("nfhw,nchw->fc", dy, p[:, :, r, c])
        # the bias's gradient keeps the axes that were summed over
        db = dy.sum((0, 2, 3), keepdims=bug)
        return dp[:, :, 1:-1, 1:-1].copy(), dw, db

    return forward, backward, draw.normal(size=(2, 3, 6, 5)), draw.normal(size=(4, 3, 3, 3)), draw.normal(size=4)


def overlapping_max_pool(draw, bug):
    """x (2, 7, 7) to (2, 3, 3): windows of 3 by 3, stride 2."""
    windows = [(i, j) for i in range(3) for j in range(3)]

    def forward(x):
        y = np.zeros((2, 3, 3), x.dtype)
        for i, j in windows:
            y[:, i, j] = x[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max((1, 2))
        return y

    def backward(x, dy):
        dx = np.zeros_like(x)
        for n in range(2):
            for i, j in windows:
                k = x[n, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].argmax()
                place = n, 2 * i + k // 3, 2 * j + k % 3
                # assigned where windows that share their maximum must be added
                dx[place] = dy[n, i, j] if bug else dx[place] + dy[n, i, j]
        return dx

    return forward, backward, draw.normal(size=(2, 7, 7))


def maximum_over_time(draw, bug):
    def forward(x, w):
        return x.max(1) @ w

    def backward(x, w, dy):
        dm = dy @ w.T
        if bug:  # the maximum's gradient is shared out over all steps, as of a mean
            dx = np.repeat(dm[:, None] / 6, 6, axis=1)
        else:
            dx = np.zeros_like(x)
            np.put_along_axis(dx, x.argmax(1)[:, None], dm[:, None], 1)
        return dx, x.max(1).T @ dy

    return forward, backward, draw.normal(size=(2, 6, 3)), draw.normal(size=(3, 4))


def batch_norm(draw, bug):
    over = 0, 2, 3

    def normalised(x):
        s = np.sqrt(x.var(over, keepdims=True) + 1e-5)
        return (x - x.mean(over, keepdims=True)) / s, s

    def forward(x, gamma, beta):
        return normalised(x)[0] * gamma[:, None, None] + beta[:, None, None]

    def backward(x, gamma, beta, dy):
        xhat, s = normalised(x)
        dxhat = dy * gamma[:, None, None]
        dx = dxhat - dxhat.mean(over, keepdims=True)
        if not bug:  # the variance is held fixed
            dx = dx - xhat * (dxhat * xhat).mean(over, keepdims=True)
        return dx / s, (dy * xhat).sum(over), dy.sum(over)

    return forward, backward, 2 * draw.normal(size=(4, 3, 2, 2)) + 1, draw.normal(size=3), draw.normal(size=3)


def smoothed_linear(draw, bug):
    """Activations are scaled channel by channel before the product, as for quantised weights."""

    def forward(x, s, w):
        return (x * s) @ w

    def backward(x, s, w, dy):
        d = dy @ w.T
        # the channels' scales are left out of the input's gradient
        dx = d if bug else d * s
        return dx, (d * x).sum(0), (x * s).T @ dy

    return forward, backward, draw.normal(size=(4, 5)), 0.3 + 2 * draw.random(size=5), draw.normal(size=(5, 3))


def rms_norm(draw, bug):
    def forward(x, g):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * g

    def backward(x, g, dy):
        r = np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)
        n = x / r
        inner = (dy * g * n).sum(-1, keepdims=True)
        # the second summand is not divided by the width
        dx = (dy * g - n * (inner if bug else inner / 6)) / r
        return dx, (dy * n).sum((0, 1))

    return forward, backward, draw.normal(size=(2, 3, 6)), draw.normal(size=6)


def standardised_weights(draw, bug):
    def standard(w):
        s = np.sqrt(w.var(0) + 1e-5)
        return (w - w.mean(0)) / s, s

    def forward(x, w, gain):
        return x @ (standard(w)[0] * gain)

    def backward(x, w, gain, dy):
        n, s = standard(w)
        d = x.T @ dy
        dn = d * gain
        dw = dn - n * (dn * n).mean(0)
        if not bug:  # the mean that was taken off the weights is forgotten
            dw = dw - dn.mean(0)
        return dy @ (n * gain).T, dw / s, (d * n).sum(0)

    return forward, backward, draw.normal(size=(3, 6)), draw.normal(size=(6, 4)), draw.normal(size=4)


def masked_mean_pooling(draw, bug):
    real = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], dtype=float)[..., None]

    def forward(x, w):
        return (x * real).sum(1) / real.sum(1) @ w

    def backward(x, w, dy):
        mean = (x * real).sum(1) / real.sum(1)
        d = (dy @ w.T / real.sum(1))[:, None]
        # padded steps get a gradient too
        dx = np.repeat(d, 5, axis=1) if bug else d * real
        return dx, mean.T @ dy

    return forward, backward, draw.normal(size=(3, 5, 4)), draw.normal(size=(4, 2))


def masked_autoencoder(draw, bug):
    """Weights are masked so that an output sees earlier inputs only."""
    hidden = np.array([0, 1, 2, 3, 1, 2])
    first = (np.arange(5)[:, None] <= hidden).astype(float)
    second = (hidden[:, None] < np.arange(5)).astype(float)

    def forward(x, w, b, v):
        return np.tanh(x @ (w * first) + b) @ (v * second)

    def backward(x, w, b, v, dy):
        h = np.tanh(x @ (w * first) + b)
        da = (dy @ (v * second).T) * (1 - h * h)
        # the first weights' gradient is not masked
        dw = x.T @ da if bug else x.T @ da * first
        return da @ (w * first).T, dw, da.sum(0), h.T @ dy * second

    return (
        forward, backward,
        draw.normal(size=(4, 5)), draw.normal(size=(5, 6)), draw.normal(size=6), draw.normal(size=(6, 5)),
    )


def multi_head_attention(draw, bug):
    """x (T=5, 6), wq, wk, wv (6, 6): two heads of width 3."""

    def heads(a):
        return a.reshape(5, 2, 3).transpose(1, 0, 2)

    def merged(a):
        return a.transpose(1, 0, 2).reshape(5, 6)

    def parts(x, wq, wk, wv):
        q, k, v = heads(x @ wq), heads(x @ wk), heads(x @ wv)
        return q, k, v, softmax(q @ k.swapaxes(1, 2) / np.sqrt(3))

    def forward(x, wq, wk, wv):
        _, _, v, p = parts(x, wq, wk, wv)
        return merged(p @ v)

    def backward(x, wq, wk, wv, dy):
        q, k, v, p = parts(x, wq, wk, wv)
        d = heads(dy)
        dp = d @ v.swapaxes(1, 2)
        ds = p * (dp - (p * dp).sum(-1, keepdims=True)) / np.sqrt(3)
        # the keys' gradient by the scores' gradient untransposed
        dk = (ds if bug else ds.swapaxes(1, 2)) @ q
        dq, dk, dv = merged(ds @ k), merged(dk), merged(p.swapaxes(1, 2) @ d)
        return dq @ wq.T + dk @ wk.T + dv @ wv.T, x.T @ dq, x.T @ dk, x.T @ dv

    return forward, backward, draw.normal(size=(5, 6)), *(0.5 * draw.normal(size=(6, 6)) for _ in range(3))


def gated_linear_unit(draw, bug):
    def forward(x, b):
        value, gate = np.split(x + b, 2, axis=-1)
        return value * sigmoid(gate)

    def backward(x, b, dy):
        value, gate = np.split(x + b, 2, axis=-1)
        g = sigmoid(gate)
        halves = dy * g, dy * value * g * (1 - g)
        # the gate's half comes first
        dx = np.concatenate(halves[::-1] if bug else halves, axis=-1)
        return dx, dx.sum(0)

    return forward, backward, draw.normal(size=(3, 8)), draw.normal(size=8)


def swish_gated_feed_forward(draw, bug):
    def forward(x, gate, up, down):
        g = x @ gate
        return (g * sigmoid(g) * (x @ up)) @ down

    def backward(x, gate, up, down, dy):
        g, u = x @ gate, x @ up
        s = sigmoid(g)
        dh = dy @ down.T
        dg, du = dh * u * (s + g * s * (1 - s)), dh * g * s
        dx = dg @ gate.T
        if not bug:  # only the way through the gate comes back to the input
            dx = dx + du @ up.T
        return dx, x.T @ dg, x.T @ du, (g * s * u).T @ dy

    return (
        forward, backward,
        draw.normal(size=(4, 3)), draw.normal(size=(3, 5)), draw.normal(size=(3, 5)), draw.normal(size=(5, 3)),
    )


def squeeze_and_excitation(draw, bug):
    def parts(x, w, v):
        m = x.mean((2, 3))
        h = np.maximum(m @ w, 0)
        return m, h, sigmoid(h @ v)

    def forward(x, w, v):
        return x * parts(x, w, v)[2][:, :, None, None]

    def backward(x, w, v, dy):
        m, h, s = parts(x, w, v)
        da = (dy * x).sum((2, 3)) * s * (1 - s)
        dh = da @ v.T * (h > 0)
        dx = dy * s[:, :, None, None]
        if not bug:  # the way through the squeezed means is left out of the input's gradient
            dx = dx + (dh @ w.T)[:, :, None, None] / 6
        return dx, m.T @ dh, h.T @ da

    return forward, backward, 2 * draw.normal(size=(3, 4, 2, 3)), draw.normal(size=(4, 5)), draw.normal(size=(5, 4))


def embedding(draw, bug):
    """Tokens and positions, scaled by the root of the width."""
    tokens = np.array([[4, 1, 4, 0], [2, 4, 1, 5]])

    def forward(table, places):
        return 2 * table[tokens] + places

    def backward(table, places, dy):
        dt = np.zeros_like(table)
        if bug:  # buffered: of a repeated token the last one alone is kept
            dt[tokens] += 2 * dy
        else:
            np.add.at(dt, tokens, 2 * dy)
        return dt, dy.sum(0)

    return forward, backward, draw.normal(size=(6, 4)), draw.normal(size=(4, 4))


def attention_by_distance(draw, bug):
    """q, k (5, 3), v (5, 2), table (5): a bias for each distance, clipped at two."""
    distance = np.arange(5)[:, None] - np.arange(5)
    places = np.clip(distance, -2, 2) + 2

    def forward(q, k, v, table):
        return softmax(q @ k.T / np.sqrt(3) + table[places]) @ v

    def backward(q, k, v, table, dy):
        p = softmax(q @ k.T / np.sqrt(3) + table[places])
        dp = dy @ v.T
        ds = p * (dp - (p * dp).sum(-1, keepdims=True))
        dtable = np.zeros_like(table)
        # scattered to the distances clipped without the offset
        np.add.at(dtable, np.clip(distance, 0, 4) if bug else places, ds)
        return ds @ k / np.sqrt(3), ds.T @ q / np.sqrt(3), p.T @ dy, dtable

    return (
        forward, backward,
        draw.normal(size=(5, 3)), draw.normal(size=(5, 3)), draw.normal(size=(5, 2)), draw.normal(size=5),
    )


def nearest_upsampling(draw, bug):
    def up(x):
        return x.repeat(2, 2).repeat(2, 3)

    def forward(x, w):
        return np.einsum("nchw,cf->nfhw", up(x), w)

    def backward(x, w, dy):
        d = np.einsum("nfhw,cf->nchw", dy, w)
        # of the four copies of a pixel the first alone
        dx = d[:, :, ::2, ::2].copy() if bug else d.reshape(2, 3, 3, 2, 4, 2).sum((3, 5))
        return dx, np.einsum("nchw,nfhw->cf", up(x), dy)

    return forward, backward, draw.normal(size=(2, 3, 3, 4)), draw.normal(size=(3, 2))


def feature_modulation(draw, bug):
    def forward(x, condition, w, v):
        return x * (1 + condition @ w)[:, None] + (condition @ v)[:, None]

    def backward(x, condition, w, v, dy):
        dscale, dshift = (dy * x).sum(1), dy.sum(1)
        # nothing comes back to the conditioning vector
        dcondition = None if bug else dscale @ w.T + dshift @ v.T
        return dy * (1 + condition @ w)[:, None], dcondition, condition.T @ dscale, condition.T @ dshift

    return (
        forward, backward,
        draw.normal(size=(3, 4, 5)), draw.normal(size=(3, 2)), draw.normal(size=(2, 5)), draw.normal(size=(2, 5)),
    )


def transposed_convolution(draw, bug):
    """x (2, 3, 5), w (3, 4, 3) to (2, 4, 10): stride 2, the first of the 11 places is cut off."""

    def forward(x, w):
        full = np.zeros((2, 4, 11), np.result_type(x, w))
        for k in range(3):
            full[:, :, k : k + 9 : 2] += np.einsum("nct,cf->nft", x, w[:, :, k])
        return full[:, :, 1:].copy()

    def backward(x, w, dy):
        # the place that was cut off is put back at the other end
        full = np.pad(dy, ((0, 0), (0, 0), (0, 1) if bug else (1, 0)))
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for k in range(3):
            d = full[:, :, k : k + 9 : 2]
            dx += np.einsum("nft,cf->nct", d, w[:, :, k])
            dw[:, :, k] = np.einsum("nct,nft->cf", x, d)
        return dx, dw

    return forward, backward, draw.normal(size=(2, 3, 5)), draw.normal(size=(3, 4, 3))


def slot_attention(draw, bug):
    """Slots (3, 4), k (5, 4), v (5, 2): the slots compete for each input."""

    def forward(slots, k, v):
        return softmax(k @ slots.T / 2, axis=1).T @ v

    def backward(slots, k, v, dy):
        p = softmax(k @ slots.T / 2, axis=1)
        dp = v @ dy.T
        # the softmax runs over the inputs in place of the slots
        ds = p * (dp - (p * dp).sum(0 if bug else 1, keepdims=True)) / 2
        return ds.T @ k, ds @ slots, p @ dy

    return forward, backward, draw.normal(size=(3, 4)), draw.normal(size=(5, 4)), draw.normal(size=(5, 2))


def cosine_classifier(draw, bug):
    def unit(a):
        length = np.sqrt((a * a).sum(-1, keepdims=True))
        return a / length, length

    def forward(x, w, scale):
        return scale * (unit(x)[0] @ unit(w)[0].T)

    def backward(x, w, scale, dy):
        (u, a), (n, b) = unit(x), unit(w)
        du, dn = scale * dy @ n, scale * dy.T @ u
        dx = (du - u * (du * u).sum(-1, keepdims=True)) / a
        # the length of a class's weights is held fixed
        dw = dn / b if bug else (dn - n * (dn * n).sum(-1, keepdims=True)) / b
        return dx, dw, np.array([(dy * (u @ n.T)).sum()])

    return forward, backward, draw.normal(size=(3, 5)), draw.normal(size=(4, 5)), np.array([4.0])


def token_mixing(draw, bug):
    """x (2, T=5, C=4), w (5, 6), v (6, 5): a residual network along the tokens."""

    def forward(x, w, v):
        return x + (np.tanh(x.swapaxes(1, 2) @ w) @ v).swapaxes(1, 2)

    def backward(x, w, v, dy):
        t, d = x.swapaxes(1, 2), dy.swapaxes(1, 2)
        h = np.tanh(t @ w)
        da = d @ v.T * (1 - h * h)
        dx = dy + (da @ w.T).swapaxes(1, 2)
        if bug:  # the skip is added by the branch and by the block
            dx = dx + dy
        return dx, np.einsum("nct,nch->th", t, da), np.einsum("nch,nct->ht", h, d)

    return forward, backward, draw.normal(size=(2, 5, 4)), 0.5 * draw.normal(size=(5, 6)), draw.normal(size=(6, 5))


def register(wrong, bug=True):
    layers = (
        (pixel_shuffle, "order"), (strided_convolution, "shape"), (overlapping_max_pool, "overwritten"),
        (maximum_over_time, "spread"), (batch_norm, "projection"), (smoothed_linear, "columns"),
        (rms_norm, "factor in a term"), (standardised_weights, "mean"), (masked_mean_pooling, "mask"),
        (masked_autoencoder, "mask"), (multi_head_attention, "transposed"), (gated_linear_unit, "swapped"),
        (swish_gated_feed_forward, "path"), (squeeze_and_excitation, "path"), (embedding, "overwritten"),
        (attention_by_distance, "index"), (nearest_upsampling, "part"), (feature_modulation, "missing"),
        (transposed_convolution, "shift"), (slot_attention, "axis"), (cosine_classifier, "projection"),
        (token_mixing, "twice"),
    )
    for number, (layer, kind) in enumerate(layers):
        wrong(layer.__name__.replace("_", " "), kind, *layer(np.random.default_rng(9300 + number), bug))
