"""Attention, recurrence, several outputs."""

import numpy as np


def t(x):
    return np.swapaxes(x, -1, -2)


def softmax(s):
    e = np.exp(s - s.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attend(q, k, v, mask=None):
    s = q @ t(k) / np.sqrt(q.shape[-1])
    return softmax(s if mask is None else np.where(mask, s, -1e9)) @ v


def attend_back(scale_q=True, scale_k=True, jacobian=True, weights=True, causal=None, swap=False):
    def back(q, k, v, dy):
        s = q @ t(k) / np.sqrt(q.shape[-1])
        p = softmax(s if causal is None else np.where(causal, s, -1e9))
        dp = dy @ t(v)
        ds = p * (dp - (p * dp).sum(-1, keepdims=True)) if jacobian else p * dp
        c = np.sqrt(q.shape[-1])
        dq, dk = ds @ k / (c if scale_q else 1), t(ds) @ q / (c if scale_k else 1)
        dv = t(p) @ dy if weights else p @ dy
        return (dq, dv, dk) if swap else (dq, dk, dv)

    return back


def register(wrong):
    rng = np.random.default_rng(506)
    q, k, v = (rng.normal(size=(4, 3)) for _ in range(3))
    causal = np.tril(np.ones((4, 4), bool))
    wrong("attention scale forgotten for queries", "factor", attend, attend_back(scale_q=False), q, k, v)
    wrong("attention scale forgotten", "factor", attend, attend_back(scale_q=False, scale_k=False), q, k, v)
    wrong("attention without the softmax sum", "projection", attend, attend_back(jacobian=False), q, k, v)
    wrong("attention weights not transposed", "transposed", attend, attend_back(weights=False), q, k, v)
    wrong("attention keys and values crosswise", "swapped", attend, attend_back(swap=True), q, k, v)
    wrong(
        "causal mask forgotten on the way back", "mask", lambda q, k, v: attend(q, k, v, causal), attend_back(), q, k, v
    )
    x, w, u = rng.normal(size=(4, 2, 3)), rng.normal(size=(3, 3)), rng.normal(size=(3, 3))

    def unroll(x, w, u):
        h, hs = np.zeros((2, 3)), []
        for step in x:
            h = np.tanh(step @ w + h @ u)
            hs.append(h)
        return np.stack(hs)

    def unroll_back(carry=True, slope=True, overwrite=False, current=False):
        def back(x, w, u, dy):
            hs = unroll(x, w, u)
            dx, dw, du, dh = np.zeros_like(x), np.zeros_like(w), np.zeros_like(u), np.zeros((2, 3))
            for i in reversed(range(4)):
                dh = dh + dy[i] if carry else dy[i]
                da = dh * (1 - hs[i] ** 2) if slope else dh
                last = hs[i] if current else (hs[i - 1] if i else np.zeros((2, 3)))
                dx[i], dh = da @ w.T, da @ u.T
                if overwrite:
                    dw = x[i].T @ da
                else:
                    dw += x[i].T @ da
                du += last.T @ da
            return dx, dw, du

        return back

    wrong("recurrence does not carry back", "path", unroll, unroll_back(carry=False), x, w, u)
    wrong("recurrence without tanh's slope", "entrywise", unroll, unroll_back(slope=False), x, w, u)
    wrong("recurrence keeps one step's weights", "part", unroll, unroll_back(overwrite=True), x, w, u)
    wrong("recurrence sees the state after", "value", unroll, unroll_back(current=True), x, w, u)
    angle = np.arange(4)[:, None] * np.array([1.0, 0.3])
    pairs = rng.normal(size=(4, 4))

    def rotate(x, sign=1):
        a, b, c, s = x[:, ::2], x[:, 1::2], np.cos(angle), sign * np.sin(angle)
        return np.stack([a * c - b * s, a * s + b * c], 2).reshape(4, 4)

    wrong("rotary turned the same way", "order", rotate, lambda x, dy: rotate(dy), pairs)
    heads = rng.normal(size=(4, 6))
    wrong(
        "heads merged without transposing",
        "order",
        lambda x: x.reshape(4, 2, 3).transpose(1, 0, 2).copy(),
        lambda x, dy: dy.reshape(4, 6),
        heads,
    )
    wrong(
        "second output's cotangent dropped",
        "output",
        lambda x: (np.sin(x), x * x),
        lambda x, dy: np.cos(x) * dy[0],
        heads,
    )
    wrong(
        "two cotangents taken crosswise",
        "output",
        lambda x: (np.sin(x), x * x),
        lambda x, dy: np.cos(x) * dy[1] + 2 * x * dy[0],
        heads,
    )
    wrong(
        "first output's cotangent used for both",
        "output",
        lambda x: (np.sin(x), x * x),
        lambda x, dy: (np.cos(x) + 2 * x) * dy[0],
        heads,
    )
    wrong(
        "queries, keys, values split in another order",
        "swapped",
        lambda q, k, v: np.concatenate([q, k, v], 1),
        lambda q, k, v, dy: (dy[:, 3:6], dy[:, :3], dy[:, 6:]),
        q,
        k,
        v,
    )
    wrong(
        "gated unit, both halves of one",
        "path",
        lambda x: x[:, :3] * np.tanh(x[:, 3:]),
        lambda x, dy: np.concatenate([dy * np.tanh(x[:, 3:]), 0 * dy], 1),
        heads,
    )
    wrong(
        "mixing weights detached",
        "zero",
        lambda a, v: softmax(a) @ v,
        lambda a, v, dy: (np.zeros_like(a), t(softmax(a)) @ dy),
        rng.normal(size=(4, 4)),
        v,
    )
    wrong(
        "positions' gradient not summed over the batch",
        "part",
        lambda x, p: x + p,
        lambda x, p, dy: (dy, dy[0]),
        x,
        rng.normal(size=(2, 3)),
    )
    wrong(
        "last step's loss only",
        "part",
        lambda x: np.tanh(x),
        lambda x, dy: np.where(np.arange(4)[:, None, None] == 3, 1, 0) * (1 - np.tanh(x) ** 2) * dy,
        x,
    )
    wrong(
        "both directions, one forgotten",
        "path",
        lambda x: np.cumsum(x, 0) + np.cumsum(x[::-1], 0)[::-1],
        lambda x, dy: np.cumsum(dy[::-1], 0)[::-1],
        heads,
    )
