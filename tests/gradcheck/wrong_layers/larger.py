"""Blocks and losses as they stand in models: several steps, several parameters, one slip."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(s):
    e = np.exp(s - s.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def relu(x):
    return np.where(x.real > 0, x, 0)


def lstm(x, h, c, w, u):
    z = x @ w + h @ u
    i, f, o, g = (z[:, 3 * k : 3 * k + 3] for k in range(4))
    new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(new), new


def lstm_back(slip):
    def back(x, h, c, w, u, dy):
        dh, dc = dy
        z = x @ w + h @ u
        i, f, o = (sigmoid(z[:, 3 * k : 3 * k + 3]) for k in range(3))
        g = np.tanh(z[:, 9:])
        new = f * c + i * g
        t = np.tanh(new)
        dn = (0 if slip == "cell cotangent dropped" else dc) + (
            0
            if slip == "output not through the cell"
            else dh * o * (1 if slip == "tanh slope of the cell" else 1 - t * t)
        )
        df = dn * (new if slip == "forget gate sees the new cell" else c) * f * (1 - f)
        di = dn * g * (i if slip == "input gate slope" else i * (1 - i))
        do = dh * (new if slip == "output gate sees the bare cell" else t) * o * (1 - o)
        dg = dn * i * (1 - g if slip == "candidate slope" else 1 - g * g)
        dz = np.concatenate([di, df, dg, do] if slip == "gates stacked in another order" else [di, df, do, dg], 1)
        d_c = dn * (i if slip == "cell kept by the input gate" else f)
        return dz @ w.T, dz @ u.T, d_c, x.T @ dz, (h.T @ dz if slip != "recurrent weights see x" else x.T @ dz)

    return back


LSTM = {
    "cell cotangent dropped": "output",
    "output not through the cell": "path",
    "tanh slope of the cell": "entrywise",
    "forget gate sees the new cell": "value",
    "input gate slope": "entrywise",
    "output gate sees the bare cell": "value",
    "candidate slope": "entrywise",
    "gates stacked in another order": "order",
    "cell kept by the input gate": "entrywise",
    "recurrent weights see x": "value",
}


def heads(x):
    return x.reshape(len(x), 2, -1).transpose(1, 0, 2)


def merge(x):
    return x.transpose(1, 0, 2).reshape(x.shape[1], -1)


def multihead(x, wq, wk, wv, wo):
    q, k, v = heads(x @ wq), heads(x @ wk), heads(x @ wv)
    return merge(softmax(q @ k.transpose(0, 2, 1) / np.sqrt(2)) @ v) @ wo


def multihead_back(slip):
    def back(x, wq, wk, wv, wo, dy):
        q, k, v = heads(x @ wq), heads(x @ wk), heads(x @ wv)
        p = softmax(q @ k.transpose(0, 2, 1) / np.sqrt(2))
        dm = dy @ wo.T
        da = dm.reshape(2, len(x), 2) if slip == "heads cut without transposing" else heads(dm)
        dp = da @ v.transpose(0, 2, 1)
        ds = p * (dp - (p * dp).sum(-1, keepdims=True)) / (2 if slip == "divided by the width" else np.sqrt(2))
        dq, dk, dv = ds @ k, ds.transpose(0, 2, 1) @ q, p.transpose(0, 2, 1) @ da
        if slip == "keys not transposed":
            dk = ds @ q
        dq, dk, dv = merge(dq), merge(dk), merge(dv)
        dx = dq @ wq.T + dk @ wk.T + (0 if slip == "values' path dropped" else dv @ wv.T)
        dwo = merge(p @ v).T @ dy if slip != "output weights see the values" else merge(v).T @ dy
        out = dx, x.T @ dq, x.T @ dk, x.T @ dv, dwo
        return (out[0], out[2], out[1], *out[3:]) if slip == "query and key weights crosswise" else out

    return back


MULTIHEAD = {
    "heads cut without transposing": "order",
    "divided by the width": "factor",
    "keys not transposed": "transposed",
    "values' path dropped": "path",
    "output weights see the values": "value",
    "query and key weights crosswise": "swapped",
}


def strided(x, k, b):
    return np.stack([sum(x[:, s + i] * k[i] for i in range(3)) for s in (0, 2, 4)], 1) + b


def strided_back(slip):
    def back(x, k, b, dy):
        dx, dk = np.zeros_like(x), np.zeros_like(k)
        for n, s in enumerate((0, 1, 2) if slip == "stride forgotten" else (0, 2, 4)):
            for i in range(3):
                if slip == "overlap overwritten":
                    dx[:, s + i] = dy[:, n] * k[i]
                else:
                    dx[:, s + i] += dy[:, n] * k[i]
                dk[i] += (x[:, s + i] * dy[:, n]).sum() if slip != "kernel from the first window" or n == 0 else 0
        return dx, dk, (dy.sum() if slip != "bias averaged over places" else dy.mean(1).sum())

    return back


STRIDED = {
    "stride forgotten": "shift",
    "overlap overwritten": "overwritten",
    "kernel from the first window": "part",
    "bias averaged over places": "factor",
}


def classifier(x, w, b, v, c, labels):
    z = relu(x @ w + b) @ v + c
    return -np.log(softmax(z))[np.arange(len(x)), labels].mean()


def classifier_back(labels, slip):
    def back(x, w, b, v, c, dy):
        a = x @ w + b
        h = relu(a)
        dz = softmax(h @ v + c)
        dz[np.arange(len(x)), labels] -= 1
        dz = dz * dy / (1 if slip == "batch length forgotten" else len(x))
        dh = dz @ v.T
        da = dh * (1 if slip == "rectifier forgotten" else (h > 0) if slip != "mask of the wrong side" else (a < 0))
        dw = x.T @ da + (0.01 * w if slip == "decay of one matrix" else 0)
        return (
            da @ w.T,
            dw,
            da.sum(0),
            (h if slip != "hidden before the rectifier" else a).T @ dz,
            dz.sum(0) if slip != "last bias is zero" else 0 * c,
        )

    return back


CLASSIFIER = {
    "batch length forgotten": "factor",
    "rectifier forgotten": "branch",
    "mask of the wrong side": "branch",
    "decay of one matrix": "offset",
    "hidden before the rectifier": "value",
    "last bias is zero": "zero",
}


def register(wrong):
    rng = np.random.default_rng(508)

    def normal(*shape):
        return rng.normal(size=shape)

    for slip, kind in LSTM.items():
        wrong(
            f"lstm: {slip}",
            kind,
            lstm,
            lstm_back(slip),
            normal(2, 3),
            normal(2, 3),
            normal(2, 3),
            normal(3, 12) / 2,
            normal(3, 12) / 2,
        )
    for slip, kind in MULTIHEAD.items():
        wrong(
            f"heads: {slip}",
            kind,
            multihead,
            multihead_back(slip),
            normal(3, 4),
            normal(4, 4),
            normal(4, 4),
            normal(4, 4),
            normal(4, 4),
        )
    for slip, kind in STRIDED.items():
        wrong(f"strided: {slip}", kind, strided, strided_back(slip), normal(2, 7), normal(3), np.array(0.3))
    labels = np.array([0, 2, 1, 2, 0])
    for slip, kind in CLASSIFIER.items():
        wrong(
            f"classifier: {slip}",
            kind,
            lambda x, w, b, v, c: classifier(x, w, b, v, c, labels),
            classifier_back(labels, slip),
            normal(5, 4),
            normal(4, 6),
            normal(6),
            normal(6, 3),
            normal(3),
        )
    x, a, pos = normal(4, 5), normal(5), 0.5 + rng.random(size=(4, 5))
    adjacency = (rng.random(size=(4, 4)) < 0.5) * 1.0
    w = normal(5, 3)
    wrong(
        "graph: adjacency not transposed",
        "transposed",
        lambda x, w: adjacency @ x @ w,
        lambda x, w, dy: (adjacency @ dy @ w.T, (adjacency @ x).T @ dy),
        x,
        w,
    )
    wrong(
        "graph: weights see the nodes alone",
        "value",
        lambda x, w: adjacency @ x @ w,
        lambda x, w, dy: (adjacency.T @ dy @ w.T, x.T @ dy),
        x,
        w,
    )
    wrong(
        "prelu: slope's gradient of both sides",
        "branch",
        lambda x, a: np.where(x.real > 0, x, a * x),
        lambda x, a, dy: (dy * np.where(x > 0, 1, a), (dy * x).sum(0)),
        x,
        a,
    )
    wrong(
        "prelu: slope's gradient of the other side",
        "branch",
        lambda x, a: np.where(x.real > 0, x, a * x),
        lambda x, a, dy: (dy * np.where(x > 0, 1, a), (dy * np.maximum(x, 0)).sum(0)),
        x,
        a,
    )
    wrong(
        "scale and shift: shift scaled",
        "value",
        lambda x, a: x * 2 + a,
        lambda x, a, dy: (2 * dy, (dy * x).sum(0)),
        x,
        a,
    )

    def distance(p, q):
        return np.sqrt(((p[:, None] - q[None]) ** 2).sum(-1))

    def distance_back(slip):
        def back(p, q, dy):
            d = distance(p, q)
            e = (dy / (1 if slip == "norm" else d))[..., None] * (p[:, None] - q[None])
            return e.sum(1), e.sum(0) if slip == "sign" else -e.sum(0)

        return back

    wrong("distance: second without minus", "sign", distance, distance_back("sign"), x, normal(3, 5))
    wrong("distance: not divided by itself", "rows", distance, distance_back("norm"), x, normal(3, 5))
    wrong(
        "kernel: twice the width forgotten",
        "factor",
        lambda x: np.exp(-(x * x).sum(1) / 8),
        lambda x, dy: -(dy * np.exp(-(x * x).sum(1) / 8))[:, None] * x,
        x,
    )
    noise = normal(4, 5)
    wrong(
        "sampled: half of the log variance",
        "factor",
        lambda m, s: m + np.exp(s / 2) * noise,
        lambda m, s, dy: (dy, dy * np.exp(s / 2) * noise),
        x,
        normal(4, 5),
    )
    wrong(
        "sampled: noise forgotten",
        "entrywise",
        lambda m, s: m + np.exp(s) * noise,
        lambda m, s, dy: (dy, dy * np.exp(s)),
        x,
        normal(4, 5),
    )
    wrong(
        "prior: one forgotten",
        "term",
        lambda m, s: (np.exp(s) + m * m - 1 - s).sum() / 2,
        lambda m, s, dy: (dy * m, dy * np.exp(s) / 2),
        x,
        normal(4, 5),
    )
    wrong(
        "focal: modulating factor held constant",
        "entrywise",
        lambda z: -((1 - sigmoid(z)) ** 2 * np.log(sigmoid(z))).sum(),
        lambda z, dy: -dy * (1 - sigmoid(z)) ** 3,
        x,
    )
    mask = (rng.random(size=(4, 5)) < 0.5) * 1.0

    def dice(p):
        return 1 - 2 * (p * mask).sum() / (p.sum() + mask.sum())

    wrong("dice: denominator held constant", "term", dice, lambda p, dy: -2 * dy * mask / (p.sum() + mask.sum()), pos)
    wrong(
        "coupling: scale's path forgotten",
        "path",
        lambda x: np.concatenate([x[:, :2], x[:, 2:4] * np.exp(np.tanh(x[:, :2]))], 1),
        lambda x, dy: np.concatenate([dy[:, :2], dy[:, 2:] * np.exp(np.tanh(x[:, :2])), 0 * x[:, 4:]], 1),
        x,
    )
    wrong(
        "contrastive: temperature forgotten",
        "factor",
        lambda a, b: np.log(softmax(a @ b.T / 0.5)),
        lambda a, b, dy: (
            (dy - softmax(a @ b.T / 0.5) * dy.sum(-1, keepdims=True)) @ b,
            (dy - softmax(a @ b.T / 0.5) * dy.sum(-1, keepdims=True)).T @ a,
        ),
        x / 2,
        normal(3, 5) / 2,
    )
    wrong(
        "gated sum: gate's path forgotten",
        "zero",
        lambda x, g: x * sigmoid(g),
        lambda x, g, dy: (dy * sigmoid(g), 0 * g),
        x,
        normal(4, 5),
    )
    wrong(
        "bag of embeddings: mean taken for sum",
        "factor",
        lambda e: np.stack([e[[0, 1]].mean(0), e[[2, 4]].mean(0)]),
        lambda e, dy: np.stack([dy[0], dy[0], dy[1], 0 * dy[0], dy[1]]),
        normal(5, 3),
    )
    wrong(
        "euler steps: one step back only",
        "path",
        lambda x: x + 0.1 * np.sin(x) + 0.1 * np.sin(x + 0.1 * np.sin(x)),
        lambda x, dy: dy * (1 + 0.1 * np.cos(x + 0.1 * np.sin(x))),
        x,
    )
    wrong(
        "logits centred in the forward only",
        "mean",
        lambda z: np.tanh(z - z.mean(-1, keepdims=True)),
        lambda z, dy: dy * (1 - np.tanh(z - z.mean(-1, keepdims=True)) ** 2),
        x,
    )
    wrong(
        "residual scale forgotten",
        "factor",
        lambda x, w: x @ w * 0.25,
        lambda x, w, dy: (dy @ w.T, x.T @ dy * 0.25),
        x,
        w,
    )
    wrong(
        "swish with beta: beta's sigmoid slope",
        "entrywise",
        lambda x, a: x * sigmoid(a * x),
        lambda x, a, dy: (
            dy * (sigmoid(a * x) + a * x * sigmoid(a * x) * (1 - sigmoid(a * x))),
            (dy * x * x * sigmoid(a * x)).sum(0),
        ),
        x,
        a,
    )
    wrong(
        "column means over rows instead",
        "axis",
        lambda x: np.tanh(x - x.mean(0)),
        lambda x, dy: (lambda d: d - d.mean(1, keepdims=True))(dy * (1 - np.tanh(x - x.mean(0)) ** 2)),
        normal(5, 5),
    )
    wrong(
        "log of a product's path dropped",
        "path",
        lambda a, b: a * b + np.sin(a),
        lambda a, b, dy: (dy * np.cos(a), dy * a),
        x,
        pos,
    )
    wrong(
        "sorted values not put back",
        "order",
        lambda x: np.take_along_axis(x, np.argsort(x.real, 1), 1),
        lambda x, dy: np.take_along_axis(dy, np.argsort(x, 1), 1),
        x,
    )
