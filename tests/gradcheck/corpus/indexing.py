"""Rows taken by id, sorted, permuted, shifted: the adjoint puts each entry back where it came from, and adds."""

import numpy as np

IDS = np.array([3, 0, 3, 5, 1, 3, 0])  # 3 three times, 0 twice, 2 and 4 never
REPEATED = np.isin(np.arange(6), [0, 3])
ORDER = np.array([2, 0, 3, 1, 4])  # not its own inverse


def scatter(table, ids, dy, assign=False):
    grad = np.zeros_like(table)
    if assign:
        grad[ids] = dy
    else:
        np.add.at(grad, ids, dy)
    return grad


def register(corpus):
    rng = np.random.default_rng(29)
    repeated(corpus, rng)
    ordered(corpus, rng)
    placed(corpus, rng)


def repeated(corpus, rng):
    kind = "repeated ids"
    table = rng.normal(size=(6, 3))
    rows = np.repeat(REPEATED[:, None], 3, 1)
    layer = corpus.subject(lambda t: t[IDS], table)
    layer.right("embedding", lambda t, dy: scatter(t, IDS, dy))
    layer.wrong("embedding: last write wins", kind, lambda t, dy: scatter(t, IDS, dy, assign=True), at={0: rows})
    first = "embedding: first write wins"
    layer.wrong(first, kind, lambda t, dy: scatter(t, IDS[::-1], dy[::-1], assign=True), at={0: rows})
    counts = np.maximum(np.bincount(IDS, minlength=6), 1)[:, None]
    layer.wrong("embedding: repeated rows averaged", kind, lambda t, dy: scatter(t, IDS, dy) / counts, at={0: rows})
    buffered = "embedding: fancy += that adds once"

    def buffer(t, dy):
        grad = np.zeros_like(t)
        grad[IDS] += dy
        return grad

    layer.wrong(buffered, kind, buffer, at={0: rows})
    layer.wrong("embedding: ids off by one", "index", lambda t, dy: scatter(t, (IDS + 1) % 6, dy))
    row = np.repeat((np.arange(6) == 0)[:, None], 3, 1)
    padded = "embedding: row 0 taken for padding"
    layer.wrong(padded, kind, lambda t, dy: scatter(t, IDS, dy) * (np.arange(6) != 0)[:, None], at={0: row})

    layer = corpus.subject(lambda t: t[IDS] @ t.T, table)
    both = lambda t, dy: scatter(t, IDS, dy @ t) + dy.T @ t[IDS]  # noqa: E731
    layer.right("tied embedding", both)
    layer.wrong("tied embedding: output path forgotten", "missing path", lambda t, dy: scatter(t, IDS, dy @ t))
    layer.wrong(
        "tied embedding: input path forgotten", "missing path", lambda t, dy: dy.T @ t[IDS], at={0: counts_of(IDS)}
    )

    layer = corpus.subject(lambda x: segment_mean(x), rng.normal(size=(7, 2)))
    shares = np.bincount(IDS, minlength=6)[IDS][:, None]
    layer.right("mean by segment", lambda x, dy: dy[IDS] / shares)
    wrong = "mean by segment: not divided by the count"
    layer.wrong(wrong, "factor", lambda x, dy: dy[IDS], at={0: np.repeat(REPEATED[IDS][:, None], 2, 1)})

    def put(x, v):
        y = x * 1.0 + 0 * v[0]
        y[IDS[:3]] = v
        return y

    kept = ~np.isin(np.arange(6), [0, 3])
    layer = corpus.subject(put, rng.normal(size=6), rng.normal(size=3))
    last = np.array([False, True, True])  # of the two writes to entry 3 the second stays
    layer.right("overwriting entries", lambda x, v, dy: (dy * kept, dy[IDS[:3]] * last))
    wrong = "overwriting entries: the overwritten value gets a gradient"
    layer.wrong(wrong, kind, lambda x, v, dy: (dy * kept, dy[IDS[:3]]), at={1: ~last})
    wrong = "overwriting entries: what lay below gets a gradient"
    layer.wrong(wrong, kind, lambda x, v, dy: (dy, dy[IDS[:3]] * last), at={0: ~kept})


def counts_of(ids):
    return np.repeat((np.bincount(ids, minlength=6) > 0)[:, None], 3, 1)


def segment_mean(x):
    total = np.zeros((6, x.shape[1]), x.dtype)
    np.add.at(total, IDS, x)
    return total / np.maximum(np.bincount(IDS, minlength=6), 1)[:, None]


def ordered(corpus, rng):
    x = rng.normal(size=(5, 2))
    moved = np.repeat((np.argsort(ORDER) != ORDER)[:, None], 2, 1)
    layer = corpus.subject(lambda x: x[ORDER], x)
    layer.right("permutation", lambda x, dy: dy[np.argsort(ORDER)])
    layer.wrong("permutation: applied again, not inverted", "index", lambda x, dy: dy[ORDER], at={0: moved})
    values = rng.normal(size=9)
    layer = corpus.subject(lambda x: x[np.argsort(x.real)] * np.arange(1, 10), values)
    weights = np.arange(1, 10)
    layer.right("sort", lambda x, dy: (dy * weights)[np.argsort(np.argsort(x))])
    places = np.arange(9)
    at = places[np.argsort(values)] != places[np.argsort(np.argsort(values))]
    layer.wrong("sort: argsort for its inverse", "index", lambda x, dy: (dy * weights)[np.argsort(x)], at={0: at})
    layer.wrong(
        "sort: not put back", "index", lambda x, dy: dy * weights, at={0: np.argsort(np.argsort(values)) != places}
    )
    layer = corpus.subject(lambda x: np.roll(x, 2, axis=0), x)
    layer.right("roll", lambda x, dy: np.roll(dy, -2, axis=0))
    layer.wrong("roll: in the same direction", "index", lambda x, dy: np.roll(dy, 2, axis=0))
    layer.wrong("roll: not enough", "index", lambda x, dy: np.roll(dy, -1, axis=0))
    layer = corpus.subject(lambda x: x[::-1] * 1.5, x)
    layer.wrong(
        "flip: not flipped back", "index", lambda x, dy: 1.5 * dy, at={0: np.arange(10).reshape(5, 2) // 2 != 2}
    )
    cube = rng.normal(size=(3, 3, 3))
    layer = corpus.subject(lambda x: x.transpose(1, 2, 0), cube)
    layer.right("cyclic transpose", lambda x, dy: dy.transpose(2, 0, 1))
    i, j, k = np.indices((3, 3, 3))
    wrong = "cyclic transpose: same axes again"
    layer.wrong(wrong, "transpose", lambda x, dy: dy.transpose(1, 2, 0), at={0: (i != j) | (j != k)})
    layer = corpus.subject(lambda x: x.reshape(4, 2, 3).transpose(1, 0, 2), rng.normal(size=(4, 6)))
    layer.right("split into heads", lambda x, dy: dy.transpose(1, 0, 2).reshape(4, 6))
    home = np.arange(24).reshape(4, 2, 3).transpose(1, 0, 2).reshape(4, 6) != np.arange(24).reshape(4, 6)
    layer.wrong("split into heads: reshaped without transpose", "index", lambda x, dy: dy.reshape(4, 6), at={0: home})
    long = rng.normal(size=200)
    layer = corpus.subject(np.sin, long)
    one = np.arange(200) == 137
    wrong = "one entry of 200 wrong by 1 %"
    layer.wrong(wrong, "index", lambda x, dy: dy * np.cos(x) * (1 + 0.01 * one), at={0: one}, error=1e-2)
    wrong = "one entry of 200 forgotten"
    layer.wrong(wrong, "index", lambda x, dy: dy * np.cos(x) * (1 - one), at={0: one})
    two = (np.arange(200) == 40) | (np.arange(200) == 41)
    swap = np.arange(200)
    swap[[40, 41]] = 41, 40
    layer.wrong("two neighbours of 200 exchanged", "index", lambda x, dy: (dy * np.cos(x))[swap], at={0: two})


def placed(corpus, rng):
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(2, 2))
    layer = corpus.subject(lambda a, b: np.concatenate([a, b, a], 1), a, b)
    layer.right("concatenation", lambda a, b, dy: (dy[:, :3] + dy[:, 5:], dy[:, 3:5]))
    layer.wrong(
        "concatenation: cut off by one", "index", lambda a, b, dy: (dy[:, :3] + dy[:, 5:], dy[:, 2:4]), inputs=(1,)
    )
    layer.wrong("concatenation: second copy forgotten", "missing path", lambda a, b, dy: (dy[:, :3], dy[:, 3:5]))
    layer = corpus.subject(lambda x: np.pad(x, ((1, 1), (2, 0))), a)
    layer.right("padding with zeros", lambda x, dy: dy[1:-1, 2:])
    layer.wrong("padding with zeros: cut at the wrong side", "index", lambda x, dy: dy[1:-1, :3])
    square = rng.normal(size=(4, 4))
    layer = corpus.subject(lambda x: np.tril(x), square)
    layer.right("lower triangle", lambda x, dy: np.tril(dy))
    off = ~np.eye(4, dtype=bool)
    layer.wrong("lower triangle: upper triangle", "index", lambda x, dy: np.triu(dy), at={0: off})
    layer.wrong("lower triangle: diagonal left out", "index", lambda x, dy: np.tril(dy, -1), at={0: ~off})
    layer = corpus.subject(lambda x: x[1:] - x[:-1], rng.normal(size=6))
    layer.right("differences", lambda x, dy: np.append(0.0, dy) - np.append(dy, 0.0))
    wrong = "differences: periodic at the border"
    ends = np.isin(np.arange(6), [0, 5])
    backward = lambda x, dy: np.append(0.0, dy) - np.append(dy, 0.0) + ends * (dy[0] + dy[-1])  # noqa: E731
    layer.wrong(wrong, "index", backward, at={0: ends})
