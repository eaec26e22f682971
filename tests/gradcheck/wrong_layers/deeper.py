"""Norms, indices, windows, sequences, promises."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def group(x, g, eps=1e-5):
    z = x.reshape(len(x), 2, 3)
    c = z - z.mean(2, keepdims=True)
    return (c / np.sqrt((c * c).mean(2, keepdims=True) + eps)).reshape(x.shape) * g


def group_back(mean=1.0, project=1.0, averaged=False, over=2, gain=True):
    def back(x, g, dy):
        z, dh = x.reshape(len(x), 2, 3), (dy * g if gain else dy).reshape(len(x), 2, 3)
        c = z - z.mean(2, keepdims=True)
        r = 1 / np.sqrt((c * c).mean(2, keepdims=True) + 1e-5)
        h = c * r
        dx = r * (dh - mean * dh.mean(over, keepdims=True) - project * h * (dh * h).mean(over, keepdims=True))
        dg = (dy * h.reshape(x.shape)).mean(0) if averaged else (dy * h.reshape(x.shape)).sum(0)
        return dx.reshape(x.shape), dg

    return back


def gru(x, h, wz, wr, wn):
    both = np.concatenate([x, h], 1)
    z, r = sigmoid(both @ wz), sigmoid(both @ wr)
    n = np.tanh(np.concatenate([x, r * h], 1) @ wn)
    return (1 - z) * n + z * h


def gru_back(slip):
    def back(x, h, wz, wr, wn, dy):
        both = np.concatenate([x, h], 1)
        z, r = sigmoid(both @ wz), sigmoid(both @ wr)
        last = np.concatenate([x, r * h], 1)
        n = np.tanh(last @ wn)
        dn = dy * (z if slip == "candidate by the wrong gate" else 1 - z) * (1 - n * n)
        dz = dy * ((n - h) if slip == "update gate reversed" else (h - n)) * z * (1 - z)
        dlast = dn @ wn.T
        drh = dlast[:, 3:]
        dr = drh * h * (r if slip == "reset gate slope" else r * (1 - r))
        dboth = dz @ wz.T + dr @ wr.T
        dh = dboth[:, 3:] + drh * r + (0 if slip == "kept state dropped" else dy * z)
        return (
            dlast[:, :3] + dboth[:, :3],
            dh,
            both.T @ dz,
            both.T @ dr,
            (both if slip == "candidate weights see the bare state" else last).T @ dn,
        )

    return back


GRU = {
    "candidate by the wrong gate": "entrywise",
    "update gate reversed": "sign",
    "reset gate slope": "entrywise",
    "kept state dropped": "path",
    "candidate weights see the bare state": "value",
}


def register(wrong):
    rng = np.random.default_rng(602)

    def normal(*shape):
        return rng.normal(size=shape)

    x, g, q = normal(4, 6), normal(6), normal(5, 5)
    wrong("group norm: mean term forgotten", "mean", group, group_back(mean=0), x, g)
    wrong("group norm: projection forgotten", "projection", group, group_back(project=0), x, g)
    wrong("group norm: gain averaged", "factor", group, group_back(averaged=True), x, g)
    wrong("group norm: means over the groups", "axis", group, group_back(over=1), x, g)
    wrong("group norm: gain left out", "entrywise", group, group_back(gain=False), x, g)
    wrong(
        "shift of square rows: other axis",
        "axis",
        lambda q, c: np.tanh(q) + c,
        lambda q, c, dy: (dy * (1 - np.tanh(q) ** 2), dy.sum(1)),
        q,
        normal(5),
    )
    wrong(
        "damped columns: damping forgotten",
        "projection",
        lambda x: x / np.sqrt((x * x).sum(0) + 2),
        lambda x, dy: (lambda r: (dy - x * (dy * x).sum(0) / r**2) / r)(np.sqrt((x * x).sum(0))),
        x,
    )

    def steps_back(x, dy):
        d = np.zeros_like(x)
        d[:-1] += dy
        d[1:] -= dy
        return d

    wrong("differences: reversed", "sign", lambda x: x[1:] - x[:-1], steps_back, x)
    wrong(
        "shuffle of pixels: not transposed back",
        "order",
        lambda x: x.reshape(4, 2, 3).transpose(0, 2, 1).reshape(4, 6),
        lambda x, dy: dy,
        x,
    )

    def frames(x):
        return np.stack([x[:, i : i + 3] for i in (0, 1, 2, 3)], 1)

    def frames_back(x, dy):
        d = np.zeros_like(x)
        for i in range(4):
            d[:, i : i + 3] = dy[:, i]
        return d

    wrong("frames: overlap overwritten", "overwritten", frames, frames_back, x)

    def dilated(x, k):
        return x[:, :2] * k[0] + x[:, 2:4] * k[1] + x[:, 4:] * k[2]

    def dilated_back(x, k, dy):
        d = np.zeros_like(x)
        for i in range(3):
            d[:, i : i + 2] += dy * k[i]
        return d, np.array([(x[:, 2 * i : 2 * i + 2] * dy).sum() for i in range(3)])

    wrong("dilated: dilation forgotten", "shift", dilated, dilated_back, x, normal(3))

    def circular(x, k):
        return sum(k[i] * np.roll(x, i, 1) for i in range(3))

    wrong(
        "circular: rolled the same way",
        "order",
        circular,
        lambda x, k, dy: (
            sum(k[i] * np.roll(dy, i, 1) for i in range(3)),
            np.array([(np.roll(x, i, 1) * dy).sum() for i in range(3)]),
        ),
        x,
        normal(3),
    )

    def pooled(x):
        return np.where(x[:, ::2].real > x[:, 1::2].real, x[:, ::2], x[:, 1::2])

    wrong(
        "pool: always the first of the window",
        "index",
        pooled,
        lambda x, dy: np.stack([dy, 0 * dy], 2).reshape(x.shape),
        x,
    )
    wrong(
        "average of three: divided by two",
        "factor",
        lambda x: (x[:, :4] + x[:, 1:5] + x[:, 2:]) / 3,
        lambda x, dy: sum(np.pad(dy, ((0, 0), (i, 2 - i))) for i in range(3)) / 2,
        x,
    )
    ids = np.array([1, 1, 0, 3, 1])

    def rows_back(t, dy):
        d = np.zeros_like(t)
        np.add.at(d, ids, dy)
        return d / np.maximum(np.bincount(ids, minlength=len(t)), 1)[:, None]

    wrong("lookup: mean over repeated ids", "overwritten", lambda t: t[ids], rows_back, normal(4, 3))
    wrong(
        "halves joined: pieces crosswise",
        "swapped",
        lambda a, b: np.concatenate([np.sin(a), np.sin(b)], 1),
        lambda a, b, dy: (dy[:, 3:] * np.cos(b), dy[:, :3] * np.cos(a)),
        normal(4, 3),
        normal(4, 3),
    )

    def thinned_back(x, dy):
        d = np.zeros_like(x)
        d[:, :3] = dy
        return d

    wrong("every second column: put at the front", "shift", lambda x: x[:, ::2] * 1, thinned_back, x)
    wrong("upper triangle forgotten", "mask", lambda q: np.triu(q, 1) ** 2, lambda q, dy: 2 * q * dy, q)
    keep = rng.random(size=(4, 6)) < 0.7
    wrong("dropout: scaled twice", "factor", lambda x: x * keep / 0.7, lambda x, dy: dy * keep / 0.49, x)
    wrong(
        "dropout: keeps what was dropped too",
        "mask",
        lambda x: np.tanh(x) * keep,
        lambda x, dy: dy * (1 - np.tanh(x) ** 2),
        x,
    )
    wrong(
        "positions: from the first of the batch",
        "part",
        lambda z, p: z * p,
        lambda z, p, dy: (dy * p, (dy * z)[0]),
        normal(3, 2, 4),
        normal(2, 4),
    )
    wrong(
        "outer sum: rows summed for columns",
        "axis",
        lambda a, b: np.exp(a[:, None] + b),
        lambda a, b, dy: ((dy * np.exp(a[:, None] + b)).sum(0), (dy * np.exp(a[:, None] + b)).sum(0)),
        normal(4),
        normal(4),
    )
    wrong(
        "mean of two inputs: half forgotten",
        "factor",
        lambda a, b: (np.sin(a) + b * b) / 2,
        lambda a, b, dy: (dy * np.cos(a), dy * b),
        normal(3),
        normal(3),
    )
    wrong(
        "delayed by two, undone by one",
        "shift",
        lambda x: np.roll(np.sin(x), 2, 1),
        lambda x, dy: np.roll(dy, -1, 1) * np.cos(x),
        x,
    )
    wrong("one column forgotten", "part", lambda x: np.exp(x), lambda x, dy: dy * np.exp(x) * (np.arange(6) != 5), x)

    for slip, kind in GRU.items():
        wrong(
            f"gru: {slip}",
            kind,
            gru,
            gru_back(slip),
            normal(2, 3),
            normal(2, 3),
            normal(6, 3),
            normal(6, 3),
            normal(6, 3),
        )

    def attend(q, k, v):
        return softmax(q @ k.T / 2) @ v

    def attend_back(slip):
        def back(q, k, v, dy):
            w = softmax(q @ k.T / 2)
            dw = dy @ v.T
            ds = w * (dw - (w * dw).sum(0 if slip == "sum over queries" else -1, keepdims=True))
            dk = (ds if slip == "scores not transposed" else ds.T) @ q / 2
            dq = ds @ k * (2 if slip == "scale upside down" else 0.5)
            return dq, dk, w.T @ dy

        return back

    for slip, kind in {
        "sum over queries": "axis",
        "scores not transposed": "transposed",
        "scale upside down": "factor",
    }.items():
        wrong(f"attention: {slip}", kind, attend, attend_back(slip), normal(4, 3), normal(4, 3), normal(4, 2))
    distance = np.abs(np.arange(4)[:, None] - np.arange(4)) * 1.0
    wrong(
        "alibi: distances forgotten",
        "value",
        lambda s, m: s - m * distance,
        lambda s, m, dy: (dy, -dy.sum()),
        normal(4, 4),
        np.array(0.3),
    )
    near = abs(np.arange(5)[:, None] - np.arange(5)) <= 1
    wrong("window: mask forgotten", "mask", lambda q: np.where(near, q * q, 0), lambda q, dy: 2 * q * dy, q)

    def smooth(x):
        out = [x[0]]
        for row in x[1:]:
            out.append(0.6 * out[-1] + 0.4 * row)
        return np.stack(out)

    wrong(
        "moving average: nothing carried back", "path", smooth, lambda x, dy: np.concatenate([dy[:1], 0.4 * dy[1:]]), x
    )
    wrong(
        "mean and variance: variance's cotangent dropped",
        "output",
        lambda x: (x.mean(1), (x * x).mean(1)),
        lambda x, dy: np.repeat(dy[0][:, None], 6, 1) / 6,
        x,
    )
    wrong(
        "sum and product: cotangents crosswise",
        "output",
        lambda a, b: (a + b, a * b),
        lambda a, b, dy: (dy[1] + dy[0] * b, dy[1] + dy[0] * a),
        normal(4),
        normal(4),
    )
    t = np.arange(4)[:, None] * np.array([0.7, 0.2])

    def turn(x, c, s):
        a, b = x[:, :2], x[:, 2:]
        return np.concatenate([a * c - b * s, a * s + b * c], 1)

    wrong(
        "rotary: half the angle back",
        "value",
        lambda x: turn(x, np.cos(t), np.sin(t)),
        lambda x, dy: turn(dy, np.cos(t / 2), -np.sin(t / 2)),
        normal(4, 4),
    )
    wrong(
        "tied: output use dropped",
        "path",
        lambda e: np.tanh(e[:2] @ e.T),
        lambda e, dy: np.concatenate([(dy * (1 - np.tanh(e[:2] @ e.T) ** 2)) @ e, 0 * e[2:]]),
        normal(4, 3),
    )

    wrong(
        "clipped by its norm",
        "nonlinear",
        lambda x: x * x,
        lambda x, dy: (lambda d: d * min(1, 1 / np.linalg.norm(d)))(2 * x * dy),
        x,
    )
    wrong("handed back in single precision", "dtype", lambda x: x * x, lambda x, dy: (2 * x * dy).astype(np.float32), x)
    wrong("dy replaced by ones", "ignored", lambda x: x * x, lambda x, dy: 2 * x, x)
    wrong("column vector for a bias", "shape", lambda x, c: x + c, lambda x, c, dy: (dy, dy.sum(0)[:, None]), x, g)

    def squares(x):
        kept = x.copy()

        def pullback(dy):
            np.multiply(kept, 2 * dy, out=kept)
            return kept.copy()

        return x * x, pullback

    def total():
        grads = {}

        def cubes(x):
            def pullback(dy):
                grads["x"] = grads.get("x", 0) + 3 * x * x * dy
                return grads["x"]

            return x * x * x, pullback

        return cubes

    wrong("residual overwritten by the first call", "repeat", squares, None, x)
    wrong("gradient kept from call to call", "repeat", total(), None, x)
