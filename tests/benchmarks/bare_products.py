"""The products of matrices of a training step, which no way of writing it can do without."""

import numpy as np


def products(width, layers, heads, positions, sequences, vocabulary):
    """Every product of matrices that a step has, and nothing else."""
    rows, rng = sequences * positions, np.random.default_rng(2)
    maps = [(width, width, 12 * layers), (width, 4 * width, 2 * layers), (4 * width, width, 2 * layers)]
    given = []
    for d, k, count in [*maps, (width, vocabulary, 1)]:
        x, w, dy = (rng.normal(size=shape).astype(np.float32) for shape in ((rows, d), (d, k), (rows, k)))
        given.append((x, w, dy, np.empty_like(dy), np.empty_like(x), np.empty_like(w), count))
    q = rng.normal(size=(sequences, heads, positions, width // heads)).astype(np.float32)
    kt = np.ascontiguousarray(q.swapaxes(2, 3))
    s, o = q @ kt, np.empty_like(q)

    def step():
        for x, w, dy, y, dx, dw, count in given:
            for _ in range(count):
                np.matmul(x, w, out=y)
                np.matmul(dy, w.T, out=dx)
                np.matmul(x.T, dy, out=dw)
        for _ in range(3 * layers):
            for _ in range(2):
                np.matmul(q, kt, out=s)
                np.matmul(s, q, out=o)
                np.matmul(s.swapaxes(2, 3), q, out=o)

    return step
