"""Broadcasting forward is a sum backward: over the right axes, all of them, keeping the right shape."""

import numpy as np


def register(corpus):
    rng = np.random.default_rng(23)
    kind = "broadcast sum"
    x, column, row = rng.normal(size=(4, 4)), rng.normal(size=(4, 1)), rng.normal(size=4)

    layer = corpus.subject(lambda x, b: x + b, x, row)
    layer.right("bias of a row", lambda x, b, dy: (dy, dy.sum(0)))
    layer.wrong("bias of a row: last row only", kind, lambda x, b, dy: (dy, dy[-1].copy()), inputs=(1,))
    layer.wrong("bias of a row: not summed", "shape", lambda x, b, dy: (dy, dy), contract="shape")
    layer.wrong(
        "bias of a row: summed and kept", "shape", lambda x, b, dy: (dy, dy.sum(0, keepdims=True)), contract="shape"
    )
    layer.wrong("bias of a row: summed to a number", "shape", lambda x, b, dy: (dy, dy.sum()), contract="shape")

    layer = corpus.subject(lambda x, c: x * c, x, column)
    layer.right("column scale", lambda x, c, dy: (dy * c, (dy * x).sum(1, keepdims=True)))
    wrong = "column scale: summed over the wrong axis"
    layer.wrong(wrong, kind, lambda x, c, dy: (dy * c, (dy * x).sum(0)[:, None]), inputs=(1,))
    wrong = "column scale: x forgotten in the sum"
    layer.wrong(wrong, "missing path", lambda x, c, dy: (dy * c, dy.sum(1, keepdims=True)), inputs=(1,))

    layer = corpus.subject(lambda s, x: s * x, np.array(1.3), x)
    layer.right("number times array", lambda s, x, dy: (np.array((dy * x).sum()), s * dy))
    layer.wrong("number times array: one entry only", kind, lambda s, x, dy: (np.array((dy * x)[0, 0]), s * dy))
    layer.wrong("number times array: averaged", kind, lambda s, x, dy: (np.array((dy * x).mean()), s * dy))

    image, gamma = rng.normal(size=(2, 3, 2, 2)), rng.normal(size=(3, 1, 1))
    layer = corpus.subject(lambda x, g: x * g, image, gamma)
    layer.right("channel scale", lambda x, g, dy: (dy * g, (dy * x).sum((0, 2, 3))[:, None, None]))
    wrong = "channel scale: batch not summed"
    layer.wrong(wrong, kind, lambda x, g, dy: (dy * g, (dy * x)[0].sum((1, 2), keepdims=True)), inputs=(1,))
    wrong = "channel scale: summed over height only"
    layer.wrong(wrong, kind, lambda x, g, dy: (dy * g, (dy * x).sum((0, 2))[:, :1, None]), inputs=(1,))

    layer = corpus.subject(lambda a, b: a + b, rng.normal(size=(3, 1)), rng.normal(size=(1, 3)))
    layer.right("two-sided broadcast", lambda a, b, dy: (dy.sum(1, keepdims=True), dy.sum(0, keepdims=True)))
    wrong = "two-sided broadcast: the sums exchanged"
    layer.wrong(wrong, kind, lambda a, b, dy: (dy.sum(0)[:, None], dy.sum(1)[None]), inputs=(0, 1))

    x = rng.normal(size=(2, 3))
    layer = corpus.subject(lambda x: np.tile(x, (2, 1)), x)
    layer.right("tile", lambda x, dy: dy[:2] + dy[2:])
    layer.wrong("tile: first copy only", kind, lambda x, dy: dy[:2].copy())
    layer.wrong("tile: adjoint of repeat", "index", lambda x, dy: dy.reshape(2, 2, 3).sum(1))
    layer = corpus.subject(lambda x: np.repeat(x, 2, axis=0), x)
    layer.right("repeat", lambda x, dy: dy.reshape(2, 2, 3).sum(1))
    layer.wrong("repeat: averaged", kind, lambda x, dy: dy.reshape(2, 2, 3).mean(1))
    layer = corpus.subject(lambda x: np.broadcast_to(x, (4, 2, 3)) * 1.0, x)
    layer.right("broadcast to a batch", lambda x, dy: dy.sum(0))
    layer.wrong("broadcast to a batch: last wins", kind, lambda x, dy: dy[-1].copy())

    layer = corpus.subject(lambda x: x - x.mean(0), x)
    layer.right("centre", lambda x, dy: dy - dy.mean(0))
    layer.wrong("centre: mean along the other axis", kind, lambda x, dy: dy - dy.mean(1, keepdims=True))
    layer.wrong("centre: mean taken for constant", "constant statistic", lambda x, dy: dy.copy())
    layer = corpus.subject(lambda x: ((x[:, None] - x[None]) ** 2).sum(-1), rng.normal(size=(3, 2)))
    distances = lambda x, dy: 2 * ((dy + dy.T)[..., None] * (x[:, None] - x[None])).sum(1)  # noqa: E731
    layer.right("squared distances", distances)
    one = "squared distances: one of the two uses"
    layer.wrong(one, "missing path", lambda x, dy: 2 * (dy[..., None] * (x[:, None] - x[None])).sum(1))
