"""Products, inverses, affine maps and what is made of them."""

import numpy as np


def t(x):
    return np.swapaxes(x, -1, -2)


def relu(x):
    return np.where(x.real > 0, x, 0)


def register(wrong):
    rng = np.random.default_rng(502)
    x, w, b = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    s, s2, x3 = rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), rng.normal(size=(2, 5, 4))

    def product(x, w):
        return x @ w

    def affine(x, w, b):
        return x @ w + b

    wrong("product with w as it stands", "transposed", product, lambda x, w, dy: (dy @ w, t(x) @ dy), x, s)
    wrong("weights' gradient transposed", "transposed", product, lambda x, w, dy: (dy @ t(w), t(dy) @ x), x, s)
    wrong(
        "quadratic form taken as symmetric",
        "transposed",
        lambda x, s: ((x @ s) * x).sum(-1),
        lambda x, s, dy: (2 * dy[:, None] * (x @ s), t(x) @ (dy[:, None] * x)),
        x,
        s,
    )
    wrong(
        "inverse without minus",
        "sign",
        np.linalg.inv,
        lambda a, dy: t(np.linalg.inv(a)) @ dy @ t(np.linalg.inv(a)),
        s + 3 * np.eye(4),
    )
    wrong(
        "inverse without transposes",
        "transposed",
        np.linalg.inv,
        lambda a, dy: -np.linalg.inv(a) @ dy @ np.linalg.inv(a),
        s + 3 * np.eye(4),
    )
    wrong(
        "log determinant not transposed",
        "transposed",
        lambda a: np.log(np.linalg.det(a) ** 2) / 2,
        lambda a, dy: dy * np.linalg.inv(a),
        s + 3 * np.eye(4),
    )
    wrong(
        "outer product crosswise",
        "swapped",
        lambda u, v: u[:, None] * v,
        lambda u, v, dy: (t(dy) @ u, dy @ v),
        rng.normal(size=4),
        rng.normal(size=4),
    )
    wrong("batch averaged", "factor", product, lambda x, w, dy: (dy @ w.T, np.einsum("btd,bte->de", x, dy) / 2), x3, w)
    wrong("last row of the batch only", "part", product, lambda x, w, dy: (dy @ w.T, np.outer(x[-1], dy[-1])), x, w)
    wrong("first of the batch only", "part", product, lambda x, w, dy: (dy @ w.T, x[0].T @ dy[0]), x3, w)
    wrong("bias averaged", "factor", affine, lambda x, w, b, dy: (dy @ w.T, x.T @ dy, dy.mean(0)), x, w, b)
    wrong("bias from one row", "part", affine, lambda x, w, b, dy: (dy @ w.T, x.T @ dy, dy[0]), x, w, b)
    wrong("bias left at zero", "zero", affine, lambda x, w, b, dy: (dy @ w.T, x.T @ dy, np.zeros(3)), x, w, b)
    wrong("bias not summed", "shape", affine, lambda x, w, b, dy: (dy @ w.T, x.T @ dy, dy), x, w, b)
    wrong(
        "bias summed over the other axis",
        "axis",
        affine,
        lambda x, w, b, dy: (dy @ w.T, x.T @ dy, dy.sum(1)),
        x[:4],
        s,
        rng.normal(size=4),
    )
    w2 = rng.normal(size=(3, 4))

    def mlp(x, w, w2):
        return np.tanh(x @ w) @ w2

    def mlp_no_slope(x, w, w2, dy):
        dh = dy @ w2.T
        return dh @ w.T, x.T @ dh, np.tanh(x @ w).T @ dy

    def mlp_preactivation(x, w, w2, dy):
        h = x @ w
        dh = dy @ w2.T * (1 - np.tanh(h) ** 2)
        return dh @ w.T, x.T @ dh, h.T @ dy

    wrong("tanh between two maps forgotten", "entrywise", mlp, mlp_no_slope, x, w, w2)
    wrong("second weights see the preactivation", "value", mlp, mlp_preactivation, x, w, w2)

    def relu_net(x, w, w2):
        return relu(x @ w) @ w2

    def relu_net_no_mask(x, w, w2, dy):
        return dy @ w2.T @ w.T, x.T @ (dy @ w2.T), relu(x @ w).T @ dy

    wrong("relu between two maps forgotten", "branch", relu_net, relu_net_no_mask, x, w, w2)

    def tied(x, s):
        return np.tanh(x @ s) @ s.T

    def tied_once(x, s, dy):
        h = np.tanh(x @ s)
        da = dy @ s * (1 - h**2)
        return da @ s.T, x.T @ da

    wrong("tied weights used once", "path", tied, tied_once, x, s)
    wrong(
        "skip dropped",
        "path",
        lambda x, s: x + np.tanh(x @ s),
        lambda x, s, dy: ((dy * (1 - np.tanh(x @ s) ** 2)) @ s.T, x.T @ (dy * (1 - np.tanh(x @ s) ** 2))),
        x,
        s,
    )
    wrong(
        "branch dropped, skip kept",
        "path",
        lambda x, s: x + np.tanh(x @ s),
        lambda x, s, dy: (dy, x.T @ (dy * (1 - np.tanh(x @ s) ** 2))),
        x,
        s,
    )
    wrong(
        "skip counted twice",
        "twice",
        lambda x, s: x + np.tanh(x @ s),
        lambda x, s, dy: (2 * dy + (dy * (1 - np.tanh(x @ s) ** 2)) @ s.T, x.T @ (dy * (1 - np.tanh(x @ s) ** 2))),
        x,
        s,
    )
    wrong(
        "two weights of one shape crosswise",
        "swapped",
        lambda x, s, s2: np.tanh(x @ s) @ s2,
        lambda x, s, s2, dy: (
            ((dy @ s2.T) * (1 - np.tanh(x @ s) ** 2)) @ s.T,
            np.tanh(x @ s).T @ dy,
            x.T @ ((dy @ s2.T) * (1 - np.tanh(x @ s) ** 2)),
        ),
        x,
        s,
        s2,
    )
    wrong("gram matrix, one factor", "path", lambda x: x @ x.T, lambda x, dy: dy @ x, x)
    wrong(
        "two maps in the wrong order",
        "order",
        lambda x, s, s2: x @ s @ s2,
        lambda x, s, s2, dy: (dy @ s.T @ s2.T, x.T @ dy @ s2.T, s.T @ x.T @ dy),
        x,
        s,
        s2,
    )
    wrong("weight decay in the gradient", "offset", product, lambda x, w, dy: (dy @ w.T, x.T @ dy + 0.1 * w), x, w)
    wrong(
        "trace weighted by rows", "transposed", lambda a, c: np.trace(a @ c), lambda a, c, dy: (dy * c, dy * a.T), s, s2
    )
    wrong(
        "solve with the same side",
        "transposed",
        np.linalg.solve,
        lambda a, r, dy: (-t(np.linalg.inv(a)) @ np.outer(dy, np.linalg.inv(a) @ r), np.linalg.inv(a) @ dy),
        s + 3 * np.eye(4),
        rng.normal(size=4),
    )
    wrong(
        "dense map loses its weights' scale",
        "factor",
        lambda x, w: x @ w / 2,
        lambda x, w, dy: (dy @ w.T / 2, x.T @ dy),
        x,
        w,
    )
    wrong("input gradient left out", "zero", product, lambda x, w, dy: (np.zeros_like(x), x.T @ dy), x, w)
    wrong("weights' gradient is the weights", "axis", product, lambda x, w, dy: (dy @ w.T, w * dy.sum()), x, w)
