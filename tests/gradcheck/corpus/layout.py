"""Right for arrays that lie in memory in C order, wrong for a transposed or strided view of the same numbers."""

import numpy as np


def register(corpus):
    rng = np.random.default_rng(73)
    kind = "memory layout"
    weights = rng.normal(size=(3, 4))
    forward = lambda x: np.sin(x) * weights  # noqa: E731
    right = lambda x, dy: dy * np.cos(x) * weights  # noqa: E731
    x = rng.normal(size=(3, 4))

    for point, memory in ((x, "C order"), (np.asfortranarray(x), "Fortran order")):
        layer = corpus.subject(forward, point)
        layer.right(f"weighted sine, {memory}", right)

        def wrong(name, backward, layer=layer, memory=memory):
            layer.wrong(f"weighted sine, {memory}: {name}", kind, backward, contract="layout")

        wrong(
            "x read in memory order", lambda x, dy: (dy.ravel() * np.cos(x.ravel("K")) * weights.ravel()).reshape(3, 4)
        )
        wrong("dy read in memory order", lambda x, dy: dy.ravel("K").reshape(3, 4) * np.cos(x) * weights)
        wrong("filled like x in memory order", like_memory(weights))
    layer = corpus.subject(forward, x)
    name = "weighted sine: transposed unless contiguous"
    unless = lambda x, dy: right(x, dy) if dy.flags.c_contiguous else right(x, dy)[::-1]  # noqa: E731
    layer.wrong(name, kind, unless, contract="layout")
    name = "weighted sine: bytes of dy taken as they lie"
    bytes_of = lambda x, dy: np.frombuffer(dy.tobytes("A")).reshape(3, 4) * np.cos(x) * weights  # noqa: E731
    layer.wrong(name, kind, bytes_of, contract="layout")
    name = "weighted sine: fails on a strided dy"
    cast = lambda x, dy: np.array(memoryview(dy).cast("B").cast("d")).reshape(3, 4) * np.cos(x) * weights  # noqa: E731
    layer.wrong(name, kind, cast, contract="layout")
    name = "weighted sine: reshaped in Fortran order"
    turned = lambda x, dy: dy.ravel().reshape(3, 4, order="F") * np.cos(x) * weights  # noqa: E731
    at = np.arange(12).reshape(3, 4) != np.arange(12).reshape(3, 4, order="F")
    layer.wrong(name, kind, turned, at={0: at})

    turned = rng.normal(size=(4, 3)).T
    layer = corpus.subject(forward, turned)
    layer.right("weighted sine of a transposed view", right)
    layer = corpus.subject(forward, rng.normal(size=(6, 8))[::2, ::2])
    layer.right("weighted sine of a strided view", right)
    layer = corpus.subject(forward, rng.normal(size=(3, 4))[::-1, ::-1])
    layer.right("weighted sine of a reversed view", right)
    row = np.broadcast_to(rng.normal(size=4), (3, 4))
    layer = corpus.subject(forward, row)
    layer.right("weighted sine of a row with stride zero", right)


def like_memory(weights):
    def backward(x, dy):
        grad = dy * np.cos(x) * weights
        return np.reshape(grad.ravel(), x.shape, order="C" if x.flags.c_contiguous else "F")

    return backward
