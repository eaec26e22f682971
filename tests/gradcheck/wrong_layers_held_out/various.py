"""Layers of many kinds, written after the diagnosis was."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.real.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def register(wrong):
    rng = np.random.default_rng(701)

    def normal(*shape):
        return rng.normal(size=shape)

    x, y, p = normal(3, 6), normal(3, 6), 0.3 + rng.random(size=(3, 6))
    w, v, s = normal(6, 4), normal(4, 3), normal(4, 4)
    # activations
    wrong(
        "swish: sigmoid of the output",
        "entrywise",
        lambda x: x * sigmoid(x),
        lambda x, dy: dy * (sigmoid(x * sigmoid(x)) + x * sigmoid(x) * (1 - sigmoid(x))),
        x,
    )
    wrong(
        "quick gelu: steepness forgotten in the slope",
        "entrywise",
        lambda x: x * sigmoid(1.702 * x),
        lambda x, dy: dy * (sigmoid(1.702 * x) + x * sigmoid(1.702 * x) * (1 - sigmoid(1.702 * x))),
        x,
    )
    wrong("softplus: slope of tanh", "entrywise", lambda x: np.log(1 + np.exp(x)), lambda x, dy: dy * np.tanh(x), x)
    wrong("reciprocal: minus forgotten", "sign", lambda p: 1 / p, lambda p, dy: dy / p**2, p)
    wrong("reciprocal root: half forgotten", "factor", lambda p: 1 / np.sqrt(p), lambda p, dy: -dy / np.sqrt(p) ** 3, p)
    wrong(
        "threshold at one: kept below", "branch", lambda x: np.where(x.real > 1, x * x, x), lambda x, dy: dy * 2 * x, x
    )
    wrong(
        "leaky: slope on the wrong side",
        "branch",
        lambda x: np.where(x.real > 0, x, 0.2 * x),
        lambda x, dy: dy * np.where(x > 0, 0.2, 1),
        x,
    )
    wrong(
        "celu: negative side passes dy",
        "branch",
        lambda x: np.where(x.real > 0, x, 1.5 * (np.exp(x / 1.5) - 1)),
        lambda x, dy: dy,
        x,
    )
    wrong(
        "squared relu: two forgotten",
        "factor",
        lambda x: np.where(x.real > 0, x * x, 0),
        lambda x, dy: dy * np.where(x > 0, x, 0),
        x,
    )
    wrong(
        "degrees: taken for radians",
        "factor",
        lambda x: np.sin(np.pi / 180 * x),
        lambda x, dy: dy * np.cos(np.pi / 180 * x),
        30 * x,
    )
    wrong("cosh: slope with minus", "sign", np.cosh, lambda x, dy: -np.sinh(x) * dy, x)
    wrong(
        "gated: second factor's gradient without the first",
        "entrywise",
        lambda x, y: x * np.tanh(y),
        lambda x, y, dy: (dy * np.tanh(y), dy * (1 - np.tanh(y) ** 2)),
        x,
        y,
    )
    wrong(
        "difference over sum: second sign",
        "entrywise",
        lambda a, b: (a - b) / (a + b),
        lambda a, b, dy: (dy * 2 * b / (a + b) ** 2, dy * 2 * b / (a + b) ** 2),
        p,
        p + rng.random(size=(3, 6)),
    )
    wrong(
        "minimum of two: gradients crosswise",
        "swapped",
        lambda a, b: np.where(a.real < b.real, a, b),
        lambda a, b, dy: (dy * (a >= b), dy * (a < b)),
        x,
        y,
    )
    # products
    wrong(
        "affine: input by the transposed square",
        "transposed",
        lambda c, s: np.sin(c @ s),
        lambda c, s, dy: ((dy * np.cos(c @ s)) @ s, c.T @ (dy * np.cos(c @ s))),
        normal(3, 4),
        s,
    )
    wrong(
        "chain: inner slope at the output",
        "entrywise",
        lambda x, w: np.tanh(x @ w),
        lambda x, w, dy: (
            (dy * (1 - np.tanh(np.tanh(x @ w)) ** 2)) @ w.T,
            x.T @ (dy * (1 - np.tanh(np.tanh(x @ w)) ** 2)),
        ),
        x,
        w,
    )
    wrong(
        "chain: slope forgotten", "entrywise", lambda x, w: sigmoid(x @ w), lambda x, w, dy: (dy @ w.T, x.T @ dy), x, w
    )
    wrong(
        "chain: slope for the weights only",
        "entrywise",
        lambda x, w: sigmoid(x @ w),
        lambda x, w, dy: (dy @ w.T, x.T @ (dy * sigmoid(x @ w) * (1 - sigmoid(x @ w)))),
        x,
        w,
    )
    wrong(
        "three layers: middle bias averaged",
        "factor",
        lambda x, w, c, v: np.tanh(np.tanh(x @ w) + c) @ v,
        lambda x, w, c, v, dy: (
            lambda h, m: (lambda dm: ((dm * (1 - h * h)) @ w.T, x.T @ (dm * (1 - h * h)), dm.mean(0), m.T @ dy))(
                (dy @ v.T) * (1 - m * m)
            )
        )(np.tanh(x @ w), np.tanh(np.tanh(x @ w) + c)),
        x,
        w,
        normal(4),
        v,
    )
    wrong(
        "three layers: middle slope forgotten",
        "entrywise",
        lambda x, w, c, v: np.tanh(np.tanh(x @ w) + c) @ v,
        lambda x, w, c, v, dy: (
            lambda h, m: (lambda dm: ((dm * (1 - h * h)) @ w.T, x.T @ (dm * (1 - h * h)), dm.sum(0), m.T @ dy))(
                dy @ v.T
            )
        )(np.tanh(x @ w), np.tanh(np.tanh(x @ w) + c)),
        x,
        w,
        normal(4),
        v,
    )
    wrong(
        "autoencoder: decoder's use forgotten",
        "path",
        lambda x, w: np.tanh(x @ w) @ w.T,
        lambda x, w, dy: (lambda h: ((dy @ w * (1 - h * h)) @ w.T, x.T @ (dy @ w * (1 - h * h))))(np.tanh(x @ w)),
        x,
        w,
    )
    wrong("power of a matrix: one of two products", "path", lambda s: s @ s, lambda s, dy: dy @ s.T, s)
    wrong(
        "commutator: sign of the second",
        "term",
        lambda s, t: s @ t - t @ s,
        lambda s, t, dy: (dy @ t.T + t.T @ dy, s.T @ dy - dy @ s.T),
        s,
        normal(4, 4),
    )
    wrong(
        "quadratic energy: half kept twice",
        "factor",
        lambda c: (c @ (s + s.T) * c).sum() / 2,
        lambda c, dy: dy * c @ (s + s.T) / 2,
        normal(3, 4),
    )
    wrong(
        "diagonal scale: gradient not summed over rows",
        "shape",
        lambda x, c: x * c,
        lambda x, c, dy: (dy * c, dy * x),
        x,
        normal(6),
    )
    wrong(
        "low rank: second factor's gradient for the first",
        "swapped",
        lambda a, b: a @ b.T,
        lambda a, b, dy: (dy.T @ a, dy @ b),
        normal(4, 2),
        normal(4, 2),
    )
    wrong(
        "ensemble: weights of the first member only",
        "part",
        lambda x, u: np.einsum("bi,mij->mbj", x, u),
        lambda x, u, dy: (np.einsum("mbj,mij->bi", dy, u), np.stack([x.T @ dy[0], 0 * u[1]])),
        x,
        normal(2, 6, 3),
    )
    wrong(
        "ensemble: input from the first member only",
        "part",
        lambda x, u: np.einsum("bi,mij->mbj", x, u),
        lambda x, u, dy: (dy[0] @ u[0].T, np.einsum("bi,mbj->mij", x, dy)),
        x,
        normal(2, 6, 3),
    )
    # reductions, losses
    labels = np.array([5, 0, 2])
    onehot = np.eye(6)[labels]

    def loss(z):
        return -(np.log(softmax(z)) * onehot).sum(1)

    wrong("cross-entropy by row: ones added", "term", loss, lambda z, dy: dy[:, None] * softmax(z), x)
    wrong("cross-entropy by row: label kept, rest dropped", "term", loss, lambda z, dy: -dy[:, None] * onehot, x)
    wrong("cross-entropy by row: other sign", "sign", loss, lambda z, dy: dy[:, None] * (onehot - softmax(z)), x)
    wrong(
        "cross-entropy by row: labels of the neighbour",
        "index",
        loss,
        lambda z, dy: dy[:, None] * (softmax(z) - np.roll(onehot, 1, 0)),
        x,
    )
    wrong(
        "cross-entropy by row: dy of the first row",
        "part",
        loss,
        lambda z, dy: dy[0] * (softmax(z) - onehot) * (np.arange(3) == 0)[:, None],
        x,
    )
    wrong(
        "smoothing: in the forward only",
        "term",
        lambda z: -(np.log(softmax(z)) * (0.9 * onehot + 0.1 / 6)).sum(),
        lambda z, dy: dy * (softmax(z) - onehot),
        x,
    )
    wrong(
        "binary: labels forgotten",
        "term",
        lambda z: (np.log(1 + np.exp(z)) - 0.3 * z).sum(),
        lambda z, dy: dy * sigmoid(z),
        x,
    )
    wrong(
        "huber: linear part has the slope of the square",
        "branch",
        lambda z: np.where((z * z).real < 0.5, z * z, np.sqrt(2) * np.sqrt(z * z) - 0.5),
        lambda z, dy: 2 * z * dy,
        x,
    )
    wrong(
        "softmax over columns, way back over rows",
        "axis",
        lambda x: softmax(x, 0),
        lambda x, dy: softmax(x, 0) * (dy - (softmax(x, 0) * dy).sum(1, keepdims=True)),
        x,
    )
    wrong(
        "softmax: sum without dy",
        "offset",
        softmax,
        lambda x, dy: softmax(x) * (dy - softmax(x).sum(-1, keepdims=True)),
        x,
    )
    wrong(
        "norm of rows: halved",
        "factor",
        lambda x: np.sqrt((x * x).sum(1)),
        lambda x, dy: (dy / np.sqrt((x * x).sum(1)))[:, None] * x / 2,
        x,
    )
    wrong(
        "norm of rows: norm of all",
        "rows",
        lambda x: np.sqrt((x * x).sum(1)),
        lambda x, dy: dy[:, None] * x / np.sqrt((x * x).sum()),
        x,
    )
    wrong(
        "variance by rows: mean of all",
        "mean",
        lambda x: ((x - x.mean(1, keepdims=True)) ** 2).sum(1),
        lambda x, dy: 2 * dy[:, None] * (x - x.mean()),
        x,
    )
    wrong(
        "centred columns: means of rows taken off",
        "axis",
        lambda x: x - x.mean(0),
        lambda x, dy: dy - dy.mean(1, keepdims=True),
        x,
    )
    wrong(
        "range of rows: smallest forgotten",
        "path",
        lambda x: (
            np.take_along_axis(x, x.real.argmax(1)[:, None], 1) - np.take_along_axis(x, x.real.argmin(1)[:, None], 1)
        ),
        lambda x, dy: dy * (x == x.max(1, keepdims=True)),
        x,
    )
    wrong("sum of columns: average handed back", "factor", lambda x: x.sum(0), lambda x, dy: np.tile(dy / 3, (3, 1)), x)
    # norms
    gain = normal(6)

    def layer(x, g, eps=1e-5):
        c = x - x.mean(-1, keepdims=True)
        return c / np.sqrt((c * c).mean(-1, keepdims=True) + eps) * g

    def layer_back(slip):
        def back(x, g, dy):
            c = x - x.mean(-1, keepdims=True)
            r = 1 / np.sqrt((c * c).mean(-1, keepdims=True) + 1e-5)
            h, d = c * r, dy * g
            m, q = d.mean(-1, keepdims=True), h * (d * h).mean(-1, keepdims=True)
            if slip == "mean of dy without the gain":
                m = dy.mean(-1, keepdims=True)
            if slip == "projection on x":
                q = x * (d * x).mean(-1, keepdims=True)
            if slip == "projection summed":
                q = h * (d * h).sum(-1, keepdims=True)
            if slip == "not divided by the deviation":
                r = np.ones_like(r)
            return r * (d - m - q), (dy * h).sum(0) if slip != "gain from one row" else (dy * h)[0]

        return back

    for slip, kind in {
        "mean of dy without the gain": "mean",
        "projection summed": "projection",
        "not divided by the deviation": "rows",
        "gain from one row": "part",
    }.items():
        wrong(f"layer norm: {slip}", kind, layer, layer_back(slip), x, gain)
    # structure
    wrong(
        "pad left: cropped on the left side too late",
        "shift",
        lambda x: np.concatenate([0 * x[:, :2], x], 1),
        lambda x, dy: dy[:, 1:-1],
        x,
    )
    wrong(
        "transposed and flattened: reshaped back",
        "order",
        lambda x: x.T.ravel() * 1,
        lambda x, dy: dy.reshape(x.shape),
        x,
    )
    wrong("rows reversed: dy as it comes", "order", lambda x: np.exp(x)[::-1] * 1, lambda x, dy: dy * np.exp(x), x)
    wrong("tile: first copy only", "overwritten", lambda x: np.tile(x, (2, 1)), lambda x, dy: dy[:3], x)
    ids = np.array([2, 0, 0, 1, 2])
    wrong(
        "gather: writes over",
        "overwritten",
        lambda x: x[ids] ** 2,
        lambda x, dy: (lambda d: (d.__setitem__(ids, 2 * x[ids] * dy), d)[1])(np.zeros_like(x)),
        x,
    )
    order = np.array([3, 5, 0, 1, 4, 2])
    wrong(
        "shuffled columns: shuffled once more",
        "order",
        lambda x: np.sin(x[:, order]),
        lambda x, dy: (dy * np.cos(x[:, order]))[:, order],
        x,
    )
    wrong("lower triangle: mask forgotten", "mask", lambda s: np.tril(np.sin(s)), lambda s, dy: dy * np.cos(s), s)
    wrong(
        "depthwise: kernel of the next channel",
        "order",
        lambda x, k: x * k,
        lambda x, k, dy: (dy * np.roll(k, 1), (dy * x).sum(0)),
        x,
        normal(6),
    )

    def line(x, k):
        return np.stack([(x[:, i : i + 3] * k).sum(1) for i in range(4)], 1)

    def line_back(slip):
        def back(x, k, dy):
            dx, dk = np.zeros_like(x), np.zeros_like(k)
            for i in range(4):
                dx[:, i : i + 3] += dy[:, i : i + 1] * (k[::-1] if slip == "kernel reversed" else k)
                dk = (dk if slip != "kernel gradient of the last place" else 0) + (
                    x[:, i : i + 3] * dy[:, i : i + 1]
                ).sum(0)
            return dx / (3 if slip == "divided by the kernel's length" else 1), dk

        return back

    for slip, kind in {
        "kernel reversed": "order",
        "kernel gradient of the last place": "part",
        "divided by the kernel's length": "factor",
    }.items():
        wrong(f"filter: {slip}", kind, line, line_back(slip), x, normal(3))

    # sequences
    def run(x, u):
        h, out = np.zeros(3), []
        for row in x:
            h = np.tanh(row + h @ u)
            out.append(h)
        return np.stack(out)

    def run_back(slip):
        def back(x, u, dy):
            hs, d, dx, du = run(x, u), np.zeros(3), np.zeros_like(x), np.zeros_like(u)
            for i in reversed(range(len(x))):
                a = (dy[i] + d) * (1 - hs[i] ** 2)
                dx[i], d = a, a @ (u if slip == "weights not transposed" else u.T)
                if slip == "stops after a step":
                    d = d if i % 2 else 0 * d
                du += np.outer(hs[i - 1], a) if i else 0
            return dx, du * (0 if slip == "recurrent gradient lost" else 1)

        return back

    for slip, kind in {
        "weights not transposed": "transposed",
        "recurrent gradient lost": "zero",
        "stops after a step": "path",
    }.items():
        wrong(f"recurrence: {slip}", kind, run, run_back(slip), normal(4, 3), normal(3, 3))

    def attention(q, k, v):
        return softmax(q @ k.T) @ v

    def attention_back(slip):
        def back(q, k, v, dy):
            a = softmax(q @ k.T)
            da = dy @ v.T
            ds = a * (da - (a * da).sum(-1, keepdims=True))
            return (
                (ds @ k if slip != "queries' gradient from the queries" else ds @ q),
                (ds.T @ q if slip != "keys left out" else 0 * k),
                (a.T @ dy if slip != "values weighted by scores" else (q @ k.T).T @ dy),
            )

        return back

    for slip, kind in {
        "keys left out": "zero",
        "values weighted by scores": "value",
        "queries' gradient from the queries": "value",
    }.items():
        wrong(f"attending: {slip}", kind, attention, attention_back(slip), normal(4, 3), normal(4, 3), normal(4, 2))
    wrong(
        "two heads out: second dropped",
        "output",
        lambda x, w: (x @ w, np.tanh(x)),
        lambda x, w, dy: (dy[0] @ w.T, x.T @ dy[0]),
        x,
        w,
    )
    wrong("value and square: second taken alone", "output", lambda x: (x * 2, x * x), lambda x, dy: 2 * x * dy[1], x)
    # promises
    wrong("small entries of dy cut", "nonlinear", np.exp, lambda x, dy: np.exp(x) * np.where(abs(dy) > 0.3, dy, 0), x)
    wrong("absolute value of dy", "nonlinear", np.exp, lambda x, dy: np.exp(x) * abs(dy), x)
    wrong("dy divided by its mean size", "nonlinear", np.exp, lambda x, dy: np.exp(x) * dy / abs(dy).mean(), x)
    wrong("whole gradient as a number", "shape", np.exp, lambda x, dy: (np.exp(x) * dy).sum(), x)

    def first():
        kept = []

        def f(x):
            kept.append(x.copy())
            return np.exp(x), lambda dy: np.exp(kept[0]) * dy

        return f

    wrong("residual of the very first call", "stale", first(), None, x)
