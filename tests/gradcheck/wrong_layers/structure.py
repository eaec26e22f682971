"""Indices, shapes, windows, convolutions."""

import numpy as np


def register(wrong):
    rng = np.random.default_rng(505)
    x, q = rng.normal(size=(4, 6)), rng.normal(size=(5, 5))
    table, ids = rng.normal(size=(5, 3)), np.array([0, 2, 2, 4, 2])

    def lookup_lost(w, dy):
        d = np.zeros_like(w)
        d[ids] += dy
        return d

    wrong("embedding loses repeated ids", "overwritten", lambda w: w[ids], lookup_lost, table)
    wrong("roll in the same direction", "shift", lambda x: np.roll(x, 1, 1), lambda x, dy: np.roll(dy, 1, 1), x)
    wrong("roll not undone", "shift", lambda x: np.roll(x, 2, 0), lambda x, dy: dy, x)

    def pad(x):
        return np.concatenate([np.zeros((1, x.shape[1]), x.dtype), x, np.zeros((1, x.shape[1]), x.dtype)])

    wrong("padding cropped off by one", "shift", pad, lambda x, dy: dy[:-2], x)
    wrong(
        "concatenation crosswise",
        "swapped",
        lambda a, b: np.concatenate([a, b]),
        lambda a, b, dy: (dy[4:], dy[:4]),
        x,
        x + 1,
    )
    wrong("reshaped where it is transposed", "order", lambda x: x.T.copy(), lambda x, dy: dy.reshape(x.shape), x)
    cube = rng.normal(size=(3, 3, 3))
    wrong(
        "axes permuted the same way twice",
        "order",
        lambda x: x.transpose(1, 2, 0),
        lambda x, dy: dy.transpose(1, 2, 0),
        cube,
    )
    wrong("nearest upsampling, one copy", "overwritten", lambda x: np.repeat(x, 2, 1), lambda x, dy: dy[:, ::2], x)
    wrong("repeat undone as tile", "order", lambda x: np.repeat(x, 2, 1), lambda x, dy: dy[:, :6] + dy[:, 6:], x)
    wrong(
        "average pool without its half",
        "factor",
        lambda x: x.reshape(4, 3, 2).mean(2),
        lambda x, dy: np.repeat(dy, 2, 1),
        x,
    )

    def pool(x):
        w = x.reshape(4, 3, 2)
        return np.take_along_axis(w, w.real.argmax(2)[..., None], 2)[..., 0]

    wrong("maximum pool spread over its window", "branch", pool, lambda x, dy: np.repeat(dy, 2, 1), x)
    wrong("maximum pool averaged", "spread", pool, lambda x, dy: np.repeat(dy, 2, 1) / 2, x)
    wrong("flip not undone", "order", lambda x: x[:, ::-1] * 1, lambda x, dy: dy, x)

    def conv(x, k):
        return sum(x[:, i : i + 4] * k[i] for i in range(3))

    def conv_back(flip=False, shift=0, dk=None):
        def back(x, k, dy):
            dx = np.zeros_like(x)
            for i in range(3):
                dx[:, i : i + 4] += dy * (k[2 - i] if flip else k[i])
            d = np.array([(x[:, i : i + 4] * dy).sum() for i in range(3)])
            return np.roll(dx, shift, 1), d if dk is None else dk(d)

        return back

    k = rng.normal(size=3)
    wrong("convolution with a flipped kernel", "order", conv, conv_back(flip=True), x, k)
    wrong("convolution shifted", "shift", conv, conv_back(shift=1), x, k)
    wrong("convolution's kernel gradient reversed", "order", conv, conv_back(dk=lambda d: d[::-1].copy()), x, k)
    image, kk = rng.normal(size=(5, 6)), rng.normal(size=(3, 3))

    def conv2(x, k):
        return sum(x[i : i + 3, j : j + 4] * k[i, j] for i in range(3) for j in range(3))

    def conv2_back(turn=False, transposed=False, overwrite=False):
        def back(x, k, dy):
            dx, dk = np.zeros_like(x), np.zeros_like(k)
            for i in range(3):
                for j in range(3):
                    if overwrite:
                        dx[i : i + 3, j : j + 4] = dy * k[i, j]
                    else:
                        dx[i : i + 3, j : j + 4] += dy * (k[2 - i, 2 - j] if turn else k[i, j])
                    dk[i, j] = (x[i : i + 3, j : j + 4] * dy).sum()
            return dx, dk.T.copy() if transposed else dk

        return back

    wrong("image convolution with a turned kernel", "order", conv2, conv2_back(turn=True), image, kk)
    wrong("image convolution, kernel gradient transposed", "transposed", conv2, conv2_back(transposed=True), image, kk)
    wrong("overlapping windows overwritten", "overwritten", conv2, conv2_back(overwrite=True), image, kk)
    keep = rng.random(size=x.shape) < 0.6
    wrong("dropout mask forgotten", "mask", lambda x: x * keep / 0.6, lambda x, dy: dy / 0.6, x)
    wrong("dropout without its scale", "factor", lambda x: x * keep / 0.6, lambda x, dy: dy * keep, x)
    wrong("dropout drawn anew", "mask", lambda x: x * keep / 0.6, lambda x, dy: dy * np.roll(keep, 1, 0) / 0.6, x)
    wrong("dropout complement", "mask", lambda x: x * keep, lambda x, dy: dy * ~keep, x)
    order = np.array([2, 0, 4, 1, 5, 3])
    wrong("permutation not inverted", "order", lambda x: x[:, order], lambda x, dy: dy[:, order], x)

    def difference(x):
        return x[:, 1:] - x[:, :-1]

    def difference_back(x, dy):
        d = np.zeros_like(x)
        d[:, 1:] = dy
        return d

    wrong("differences, one side only", "path", difference, difference_back, x)
    wrong(
        "scatter reads a neighbour",
        "shift",
        lambda x: x[:, 1:5] ** 2,
        lambda x, dy: 2 * x * np.pad(dy, ((0, 0), (0, 2))),
        x,
    )
    wrong(
        "broadcast gain not summed",
        "shape",
        lambda x, g: x * g,
        lambda x, g, dy: (dy * g, dy * x),
        x,
        rng.normal(size=6),
    )
    wrong(
        "broadcast gain summed over the other axis",
        "axis",
        lambda x, g: x * g,
        lambda x, g, dy: (dy * g, (dy * x).sum(1)),
        q,
        rng.normal(size=5),
    )
    wrong(
        "column gain summed as a row",
        "axis",
        lambda x, g: x * g[:, None],
        lambda x, g, dy: (dy * g[:, None], (dy * x).sum(0)),
        q,
        rng.normal(size=5),
    )
    wrong(
        "scalar gain averaged",
        "factor",
        lambda x, g: x * g,
        lambda x, g, dy: (dy * g, (dy * x).mean()),
        x,
        np.array(0.7),
    )
    wrong(
        "stacked in the other order",
        "swapped",
        lambda a, b: np.stack([a, b], 1),
        lambda a, b, dy: (dy[:, 1], dy[:, 0]),
        x,
        x + 2,
    )
    wrong(
        "last row never reached",
        "part",
        lambda x: x * x,
        lambda x, dy: np.concatenate([2 * x[:-1] * dy[:-1], 0 * x[-1:]]),
        x,
    )
    wrong(
        "one column with a slip",
        "part",
        lambda x: np.sin(x),
        lambda x, dy: np.cos(x) * dy * np.array([1, 1, 1, 0.5, 1, 1]),
        x,
    )
    wrong(
        "segments' gradient divided by the count",
        "rows",
        lambda x: np.stack([x[:1].sum(0), x[1:].sum(0)]),
        lambda x, dy: np.stack([dy[0], dy[1] / 3, dy[1] / 3, dy[1] / 3]),
        x,
    )
    weights = np.array([0.3, 0.7])
    wrong(
        "interpolation weights crosswise",
        "order",
        lambda x: weights[0] * x[:, ::2] + weights[1] * x[:, 1::2],
        lambda x, dy: np.stack([weights[1] * dy, weights[0] * dy], 2).reshape(4, 6),
        x,
    )
    wrong("triangle of the output forgotten", "mask", lambda a: np.tril(a), lambda a, dy: dy, q)
    wrong(
        "gradient only of the last window",
        "overwritten",
        lambda x: np.stack([x[:, :3], x[:, 3:], x[:, :3] * 2]),
        lambda x, dy: np.concatenate([2 * dy[2], dy[1]], 1),
        x,
    )
