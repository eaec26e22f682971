"""What comes back is not a gradient: NaN, another dtype, another shape, another number of arrays."""

import numpy as np


def sigmoid_of_size(x):
    e = np.exp(-np.where(x.real > 0, x, -x))
    return np.where(x.real > 0, 1, e) / (1 + e)


def quietly(backward):
    def quiet(*arrays):
        with np.errstate(all="ignore"):
            return backward(*arrays)

    return quiet


def register(corpus):
    rng = np.random.default_rng(67)
    not_finite(corpus, rng)
    kind, x, w = "dtype", rng.normal(size=(3, 5)), rng.normal(size=(5, 2))
    layer = corpus.subject(np.tanh, x)
    slope = lambda x, dy: dy * (1 - np.tanh(x) ** 2)  # noqa: E731
    for dtype in (np.float32, np.float16, np.complex128):
        name = f"tanh: gradient returned as {np.dtype(dtype).name}"
        layer.wrong(name, kind, lambda x, dy, dtype=dtype: slope(x, dy).astype(dtype), contract="dtype")
    layer.wrong("tanh: gradient returned as objects", kind, lambda x, dy: slope(x, dy).astype(object), contract="dtype")
    layer.wrong(
        "tanh: gradient rounded to integers",
        kind,
        lambda x, dy: np.round(slope(x, dy)).astype(np.int64),
        contract="dtype",
    )
    layer = corpus.subject(lambda x, w: x @ w, x, w)
    narrow = "product: weight gradient returned as float32"
    layer.wrong(narrow, kind, lambda x, w, dy: (dy @ w.T, (x.T @ dy).astype(np.float32)), contract="dtype")

    kind = "shape"
    layer.right("product", lambda x, w, dy: (dy @ w.T, x.T @ dy))
    layer.wrong("product: weight gradient transposed", kind, lambda x, w, dy: (dy @ w.T, dy.T @ x), contract="shape")
    layer.wrong("product: extra axis", kind, lambda x, w, dy: ((dy @ w.T)[None], x.T @ dy), contract="shape")
    layer.wrong("product: flattened", kind, lambda x, w, dy: (dy @ w.T, (x.T @ dy).ravel()), contract="shape")
    layer.wrong(
        "product: one gradient per row",
        kind,
        lambda x, w, dy: (dy @ w.T, x[:, :, None] * dy[:, None]),
        contract="shape",
    )
    layer.wrong("product: one row short", kind, lambda x, w, dy: ((dy @ w.T)[:-1], x.T @ dy), contract="shape")
    layer = corpus.subject(lambda x: x.sum(1), x)
    layer.right("row sums", lambda x, dy: np.repeat(dy[:, None], 5, 1))
    layer.wrong("row sums: shape of dy", kind, lambda x, dy: dy[:, None] * 1.0, contract="shape")
    layer = corpus.subject(lambda x: x[:, 0] * 2, rng.normal(size=(4, 1)))
    layer.wrong("column squeezed: not unsqueezed", kind, lambda x, dy: 2 * dy, contract="shape")
    layer = corpus.subject(lambda s: s * s, np.array(1.7))
    layer.right("square of a number", lambda s, dy: 2 * s * dy)
    layer.wrong("square of a number: array of one", kind, lambda s, dy: np.array([2 * s * dy]), contract="shape")

    kind, a, b = "number of gradients", rng.normal(size=4), rng.normal(size=4)
    layer = corpus.subject(lambda a, b: a * b, a, b)
    layer.right("product of two", lambda a, b, dy: (dy * b, dy * a))
    layer.wrong("product of two: one gradient", kind, lambda a, b, dy: (dy * b,), contract="count")
    layer.wrong("product of two: three gradients", kind, lambda a, b, dy: (dy * b, dy * a, dy), contract="count")
    layer.wrong("product of two: None for the second", kind, lambda a, b, dy: (dy * b, None), contract="count")
    layer.wrong(
        "product of two: returned in the wrong order", "order", lambda a, b, dy: (dy * a, dy * b), inputs=(0, 1)
    )


def not_finite(corpus, rng):
    kind = "not finite"
    far = np.array([-2.0, 0.5, 800.0, -800.0])

    @quietly
    def overflowing(x, dy):
        return dy * np.exp(-x) / (1 + np.exp(-x)) ** 2

    def stable(x, dy):
        y = sigmoid_of_size(x)
        return dy * y * (1 - y)

    layer = corpus.subject(sigmoid_of_size, far)
    layer.right("sigmoid at 800", stable)
    layer.wrong("sigmoid at -800: infinity over infinity", kind, overflowing, contract="nonfinite")
    signed = np.array([1.3, -0.4, 0.8, -2.0, 0.1])
    layer = corpus.subject(lambda x: np.where(x.real > 0, x * np.log(np.where(x.real > 0, x, 1)), 0), signed)
    layer.right("x log x where positive", lambda x, dy: dy * np.where(x > 0, 1 + np.log(np.where(x > 0, x, 1)), 0))
    trap = "x log x where positive: NaN times zero"
    layer.wrong(trap, kind, quietly(lambda x, dy: dy * (x > 0) * (1 + np.log(x))), contract="nonfinite")
    root = np.array([0.7, 0.0, 2.0, 0.0])
    layer = corpus.subject(lambda x: np.sqrt(x * x + 1) * x, root)
    inner = lambda x, dy: dy * (2 * x * x + 1) / np.sqrt(x * x + 1)  # noqa: E731
    layer.right("x sqrt(x^2 + 1) at zero", inner)
    divided = "x sqrt(x^2 + 1) at zero: y over x"
    wrong = quietly(lambda x, dy: dy * (x * np.sqrt(x * x + 1) / x + x * x / np.sqrt(x * x + 1)))
    layer.wrong(divided, kind, wrong, contract="nonfinite")
    x = rng.normal(size=(2, 3))
    layer = corpus.subject(np.tanh, x)
    one = np.arange(6).reshape(2, 3) == 4
    slope = lambda x, dy: dy * (1 - np.tanh(x) ** 2)  # noqa: E731
    layer.wrong("tanh: one NaN", kind, lambda x, dy: np.where(one, np.nan, slope(x, dy)), contract="nonfinite")
    layer.wrong("tanh: one infinity", kind, lambda x, dy: np.where(one, np.inf, slope(x, dy)), contract="nonfinite")
    row = np.array([[0.3, -0.2, 0.9], [0.0, 0.0, 0.0]])
    layer = corpus.subject(lambda x: (x * x).sum(1) / (1 + (x * x).sum(1)), row)
    layer.right("squashed square of a zero row", lambda x, dy: 2 * x * (dy / (1 + (x * x).sum(1)) ** 2)[:, None])
    by_norm = "squashed square of a zero row: unit vector of zero"
    wrong = quietly(lambda x, dy: x / norm(x) * (2 * norm(x)[:, 0] * dy / (1 + (x * x).sum(1)) ** 2)[:, None])
    layer.wrong(by_norm, kind, wrong, contract="nonfinite")


def norm(x):
    return np.sqrt((x * x).sum(1, keepdims=True))
