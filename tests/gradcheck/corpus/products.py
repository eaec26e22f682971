"""Matrix products with square factors, where a forgotten transpose keeps the shape; einsums with swapped letters."""

import numpy as np


def register(corpus):
    rng = np.random.default_rng(19)
    square(corpus, rng)
    batched(corpus, rng)


def square(corpus, rng):
    x, w, b, s = rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), rng.normal(size=4), rng.normal(size=(4, 4))
    off = ~np.eye(4, dtype=bool)

    layer = corpus.subject(lambda x, w, b: x @ w + b, x, w, b)
    layer.right("linear, square", lambda x, w, b, dy: (dy @ w.T, x.T @ dy, dy.sum(0)))
    plain = "linear: weight not transposed"
    layer.wrong(plain, "transpose", lambda x, w, b, dy: (dy @ w, x.T @ dy, dy.sum(0)))
    swapped = "linear: weight gradient transposed"
    layer.wrong(swapped, "transpose", lambda x, w, b, dy: (dy @ w.T, dy.T @ x, dy.sum(0)), at={1: off})
    bare = "linear: x not transposed for the weight"
    layer.wrong(bare, "transpose", lambda x, w, b, dy: (dy @ w.T, x @ dy, dy.sum(0)), inputs=(1,))
    left = "linear: weight on the left"
    layer.wrong(left, "transpose", lambda x, w, b, dy: (w.T @ dy, x.T @ dy, dy.sum(0)))
    axis = "linear: bias summed over the wrong axis"
    layer.wrong(axis, "broadcast sum", lambda x, w, b, dy: (dy @ w.T, x.T @ dy, dy.sum(1)), inputs=(2,))
    mean = "linear: bias averaged over the batch"
    layer.wrong(mean, "broadcast sum", lambda x, w, b, dy: (dy @ w.T, x.T @ dy, dy.mean(0)), inputs=(2,))
    order = "linear: gradients of x and w in the wrong order"
    layer.wrong(order, "order", lambda x, w, b, dy: (x.T @ dy, dy @ w.T, dy.sum(0)), inputs=(0, 1))

    layer = corpus.subject(lambda a: a @ a.T, x)
    layer.right("gram matrix", lambda a, dy: (dy + dy.T) @ a)
    layer.wrong("gram matrix: one of the two uses", "missing path", lambda a, dy: dy @ a)
    layer.wrong("gram matrix: upstream taken for symmetric", "transpose", lambda a, dy: 2 * dy @ a)
    layer = corpus.subject(lambda a: a @ a, x)
    layer.right("square of a matrix", lambda a, dy: dy @ a.T + a.T @ dy)
    layer.wrong("square of a matrix: 2 dy a^T", "transpose", lambda a, dy: 2 * dy @ a.T)
    layer = corpus.subject(lambda u, a: np.array(u @ a @ u), b, s)
    layer.right("quadratic form", lambda u, a, dy: (dy * (a + a.T) @ u, dy * np.outer(u, u)))
    half = "quadratic form: matrix taken for symmetric"
    layer.wrong(half, "transpose", lambda u, a, dy: (2 * dy * a @ u, dy * np.outer(u, u)))
    layer = corpus.subject(lambda u, a, v: np.array(u @ a @ v), b, s, w[0])
    layer.right("bilinear form", lambda u, a, v, dy: (dy * a @ v, dy * np.outer(u, v), dy * u @ a))
    bilinear = "bilinear form: outer product transposed"
    layer.wrong(bilinear, "transpose", lambda u, a, v, dy: (dy * a @ v, dy * np.outer(v, u), dy * u @ a), at={1: off})
    layer = corpus.subject(lambda a, b: np.array(np.einsum("ij,ji->", a, b)), x, s)
    layer.right("trace of a product", lambda a, b, dy: (dy * b.T, dy * a.T))
    layer.wrong(
        "trace of a product: not transposed", "transpose", lambda a, b, dy: (dy * b, dy * a), at={0: off, 1: off}
    )
    layer = corpus.subject(lambda u, v: u[:, None] * v, b, w[0])
    layer.right("outer product", lambda u, v, dy: (dy @ v, u @ dy))
    layer.wrong("outer product: axes swapped", "transpose", lambda u, v, dy: (v @ dy, dy @ u), inputs=(0, 1))


def batched(corpus, rng):
    a, b = rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 3, 3))
    e = np.einsum

    layer = corpus.subject(lambda a, b: e("nij,njk->nik", a, b), a, b)
    layer.right("batched product", lambda a, b, dy: (e("nik,njk->nij", dy, b), e("nij,nik->njk", a, dy)))
    letters = "batched product: letters of b not swapped"
    layer.wrong(letters, "einsum", lambda a, b, dy: (e("nik,nkj->nij", dy, b), e("nij,nik->njk", a, dy)))
    over = "batched product: summed over the batch"
    mixed = lambda a, b, dy: (e("nik,njk->nij", dy, b), e("nij,mik->njk", a, dy))  # noqa: E731
    layer.wrong(over, "einsum", mixed, inputs=(1,))
    reverse = "batched product: .T reverses all axes"
    cube = corpus.subject(lambda a, b: a @ b, rng.normal(size=(3, 3, 3)), rng.normal(size=(3, 3, 3)))
    cube.wrong(reverse, "transpose", lambda a, b, dy: (dy @ b.T, a.swapaxes(1, 2) @ dy))

    x, t, y = rng.normal(size=3), rng.normal(size=(3, 3, 3)), rng.normal(size=3)
    layer = corpus.subject(lambda x, t, y: e("i,kij,j->k", x, t, y), x, t, y)

    def tensor(dx="k,kij,j->i", dt="i,k,j->kij", dy="i,kij,k->j"):
        return lambda x, t, y, g: (e(dx, g, t, y), e(dt, x, g, y), e(dy, x, t, g))

    first, second, _ = np.indices((3, 3, 3))
    layer.right("bilinear layer", tensor())
    layer.wrong("bilinear layer: contracted over the other index", "einsum", tensor(dx="k,kij,i->j"))
    layer.wrong("bilinear layer: tensor axes permuted", "einsum", tensor(dt="i,k,j->ikj"), at={1: first != second})
    layer.wrong("bilinear layer: output index on the wrong axis", "einsum", tensor(dy="i,ikj,k->j"), inputs=(2,))

    x, w = rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 2, 2))
    layer = corpus.subject(lambda x, w: e("bti,ihd->bthd", x, w), x, w)
    layer.right("projection into heads", lambda x, w, dy: (e("bthd,ihd->bti", dy, w), e("bti,bthd->ihd", x, dy)))
    heads = "projection into heads: head and width swapped"
    layer.wrong(heads, "einsum", lambda x, w, dy: (e("bthd,idh->bti", dy, w), e("bti,bthd->ihd", x, dy)))
    short = "projection into heads: first batch only"
    layer.wrong(
        short, "einsum", lambda x, w, dy: (e("bthd,ihd->bti", dy, w), e("ti,thd->ihd", x[0], dy[0])), inputs=(1,)
    )

    layer = corpus.subject(lambda a: e("ii->i", a), a[0])
    layer.right("diagonal", lambda a, dy: np.diag(dy))
    spread = np.ones((3, 3)) - np.eye(3)
    layer.wrong("diagonal: spread over the rows", "einsum", lambda a, dy: np.tile(dy, (3, 1)), at={0: spread})
    layer = corpus.subject(np.kron, a[0], b[0])

    def kron(letters):
        def backward(a, b, dy):
            blocks = dy.reshape(3, 3, 3, 3)
            return e(f"{letters},kl->ij", blocks, b), e(f"{letters},ij->kl", blocks, a)

        return backward

    layer.right("kronecker product", kron("ikjl"))
    layer.wrong("kronecker product: blocks read in the wrong order", "einsum", kron("ijkl"), inputs=(0, 1))
