"""At a kink every subgradient is right; beside one, only the slope of the side."""

import numpy as np

where = np.where


def relu(x):
    return where(x.real > 0, x, 0)


def hot(shape, places, dy):
    grad = np.zeros(shape)
    grad[np.arange(shape[0]), places] = dy
    return grad


def row_max(x):
    return x[np.arange(x.shape[0]), x.real.argmax(1)]


def register(corpus):
    rng = np.random.default_rng(101)
    zeros = np.array([-1.0, 0.0, 2.0, 0.0, -0.5])
    layer = corpus.subject(relu, zeros)
    for slope in (0.0, 0.5, 1.0):
        choice = lambda x, dy, slope=slope: dy * where(x > 0, 1, where(x < 0, 0, slope))  # noqa: E731
        layer.right(f"relu at zero, slope {slope}", choice)
    layer = corpus.subject(np.abs, zeros)
    layer.right("abs at zero, slope 0", lambda x, dy: dy * np.sign(x))
    layer.right("abs at zero, slope 1", lambda x, dy: dy * where(x < 0, -1, 1))
    layer = corpus.subject(lambda x: where(x.real > 0, x, 0.2 * x), zeros)
    layer.right("leaky relu at zero", lambda x, dy: dy * where(x > 0, 1, 0.2))
    layer = corpus.subject(lambda x: where(x.real > 1, 1, where(x.real < -1, -1, x)), np.array([-1.0, 1.0, 0.3, 4.0]))
    layer.right("clip at its bounds, slope 1", lambda x, dy: dy * (np.abs(x) <= 1))
    layer.right("clip at its bounds, slope 0", lambda x, dy: dy * (np.abs(x) < 1))
    layer = corpus.subject(lambda x: np.array(np.abs(x).sum()), zeros)
    layer.right("sum of absolute values at zero", lambda x, dy: dy * np.sign(x))
    w = rng.normal(size=(5, 3))
    layer = corpus.subject(lambda x, w: relu(x) @ w, zeros[None], w)
    layer.right("relu at zero before a product", lambda x, w, dy: (dy @ w.T * (x > 0), relu(x).T @ dy))
    layer = corpus.subject(lambda x, b: relu(x + b), np.array([[0.5, -1.0], [2.0, 0.3]]), np.array([-0.5, 1.0]))
    mask = lambda x, b: x + b > 0  # noqa: E731
    layer.right("relu of a sum that is zero", lambda x, b, dy: (dy * mask(x, b), (dy * mask(x, b)).sum(0)))

    ties = np.array([[1.0, 3.0, 3.0, -2.0], [0.5, 0.5, 0.5, 0.5], [2.0, -1.0, 0.0, 1.0]])
    tied = np.array([[0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]], bool)
    layer = corpus.subject(row_max, ties)
    layer.right("maximum with ties, to the first", lambda x, dy: hot(x.shape, x.argmax(1), dy))
    layer.right("maximum with ties, to the last", lambda x, dy: hot(x.shape, 3 - x[:, ::-1].argmax(1), dy))
    even = lambda x: (x == x.max(1, keepdims=True)) / (x == x.max(1, keepdims=True)).sum(1, keepdims=True)  # noqa: E731
    layer.right("maximum with ties, shared", lambda x, dy: dy[:, None] * even(x))
    every = lambda x, dy: dy[:, None] * (x == x.max(1, keepdims=True))  # noqa: E731
    layer.wrong("maximum with ties: the whole gradient to each", "branch", every, at={0: tied})
    layer = corpus.subject(lambda a, b: where(a.real >= b.real, a, b), ties[0], np.array([1.0, 2.0, 3.0, -2.0]))
    layer.right("maximum of two, equal, to the first", lambda a, b, dy: (dy * (a >= b), dy * (a < b)))
    layer.right("maximum of two, equal, shared", lambda a, b, dy: (dy * share(a, b), dy * share(b, a)))
    layer = corpus.subject(lambda x: np.sort(x.real), np.array([2.0, 1.0, 1.0, 3.0]))
    layer.right("sort with ties", lambda x, dy: dy[np.argsort(np.argsort(x, kind="stable"))])
    layer = corpus.subject(lambda x: x.reshape(-1, 2).max(1), np.array([1.0, 1.0, 0.0, 2.0, 5.0, 5.0]))
    layer.right("max pool with ties", lambda x, dy: hot((3, 2), x.reshape(-1, 2).argmax(1), dy).ravel())
    layer = corpus.subject(lambda x: np.array(np.sqrt((x * x).sum())), np.zeros(3))
    layer.right("norm at the origin, gradient zero", lambda x, dy: dy * x / (np.sqrt((x * x).sum()) or 1.0))
    pieces = np.array([-1.0, 1.0, 0.4, -2.0])
    layer = corpus.subject(lambda x: where(np.abs(x) < 1, x * x / 2, np.abs(x) - 0.5), pieces)
    layer.right("huber where its pieces meet", lambda x, dy: dy * np.clip(x, -1, 1))

    close = np.array([3e-7, -3e-7, 1e-4, -1e-5, 1.0])
    layer = corpus.subject(relu, close)
    layer.right("relu beside zero", lambda x, dy: dy * (x > 0))
    layer = corpus.subject(np.abs, close)
    layer.right("abs beside zero", lambda x, dy: dy * np.sign(x))
    layer = corpus.subject(lambda x: np.clip(x, -1, 1), np.array([1 + 3e-7, 1 - 3e-7, -1 + 1e-6, 0.2]))
    layer.right("clip beside its bound", lambda x, dy: dy * (np.abs(x) < 1))
    near = np.array([[1.0, 1.0 + 3e-7, 0.0], [2.0 + 1e-6, 1.0, 2.0]])
    layer = corpus.subject(row_max, near)
    layer.right("maximum, nearly tied", lambda x, dy: hot(x.shape, x.argmax(1), dy))
    layer = corpus.subject(lambda x: x * relu(x), zeros)
    layer.right("squared relu at zero", lambda x, dy: 2 * dy * relu(x))
    layer = corpus.subject(np.floor, np.array([0.3, 1.7, -2.5, 1e-4]))
    layer.right("floor between integers", lambda x, dy: 0 * dy)


def share(a, b):
    return where(a > b, 1, where(a < b, 0, 0.5))
