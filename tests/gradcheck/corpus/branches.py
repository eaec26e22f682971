"""Functions in pieces: the gradient of the side that was not taken, of both, or of none."""

import numpy as np


def huber(x, d=1.0):
    return np.where(x * x < d * d, 0.5 * x * x, d * (np.where(x > 0, x, -x) - 0.5 * d))


def register(corpus):
    rng = np.random.default_rng(31)
    kind = "branch"
    x = np.array([-2.3, -1.4, -0.7, -0.2, 0.1, 0.6, 0.9, 1.8, 3.1, 6.7])
    where = np.where

    layer = corpus.subject(lambda x: where(x.real > 0, x, 0), x)
    layer.right("relu", lambda x, dy: dy * (x > 0))
    layer.wrong("relu: the wrong side", kind, lambda x, dy: dy * (x < 0))
    layer.wrong("relu: masked by y >= 0", kind, lambda x, dy: dy * (np.maximum(x, 0) >= 0), at={0: x < 0})
    layer.wrong("relu: masked by dy", kind, lambda x, dy: where(dy > 0, dy, 0), contract="nonlinear")
    layer = corpus.subject(lambda x: where(x.real > 0, x, 0.1 * x), x)
    layer.right("leaky relu", lambda x, dy: dy * where(x > 0, 1, 0.1))
    layer.wrong("leaky relu: slope on the wrong side", kind, lambda x, dy: dy * where(x > 0, 0.1, 1))
    layer.wrong("leaky relu: slope forgotten", kind, lambda x, dy: dy * (x > 0), at={0: x < 0})
    layer.wrong("leaky relu: slope of another layer", kind, lambda x, dy: dy * where(x > 0, 1, 0.11), at={0: x < 0})
    layer = corpus.subject(lambda x: where(x.real > 1, 1, where(x.real < -1, -1, x)), x)
    layer.right("clip", lambda x, dy: dy * (np.abs(x) < 1))
    layer.wrong("clip: gradient outside", kind, lambda x, dy: dy * (np.abs(x) > 1))
    layer.wrong("clip: passed straight through", "surrogate", lambda x, dy: dy.copy(), at={0: np.abs(x) > 1})
    layer.wrong("clip: lower bound forgotten", kind, lambda x, dy: dy * (x < 1), at={0: x < -1})
    layer = corpus.subject(lambda x: where(x.real > 6, 6, where(x.real > 0, x, 0)), x)
    layer.right("relu6", lambda x, dy: dy * ((x > 0) & (x < 6)))
    layer.wrong("relu6: ceiling forgotten", kind, lambda x, dy: dy * (x > 0), at={0: x > 6})
    layer = corpus.subject(lambda x: where(x.real > 0, x, -x), x)
    layer.right("absolute value", lambda x, dy: dy * np.sign(x))
    layer.wrong("absolute value: sign forgotten", kind, lambda x, dy: dy.copy(), at={0: x < 0})
    layer = corpus.subject(lambda x: where(x.real > 0, x, 1.5 * (np.exp(x) - 1)), x)
    layer.right("elu", lambda x, dy: dy * where(x > 0, 1, 1.5 * np.exp(x)))
    layer.wrong("elu: y for y + alpha", kind, lambda x, dy: dy * where(x > 0, 1, 1.5 * (np.exp(x) - 1)), at={0: x < 0})
    layer = corpus.subject(huber, x)
    layer.right("huber", lambda x, dy: dy * np.clip(x, -1, 1))
    layer.wrong("huber: quadratic everywhere", kind, lambda x, dy: dy * x, at={0: np.abs(x) > 1})
    layer.wrong("huber: sign everywhere", kind, lambda x, dy: dy * np.sign(x), at={0: np.abs(x) < 1})
    layer = corpus.subject(lambda x: where(x.real > 0.5, x - 0.5, where(x.real < -0.5, x + 0.5, 0 * x)), x)
    layer.right("soft threshold", lambda x, dy: dy * (np.abs(x) > 0.5))
    layer.wrong("soft threshold: derivative everywhere", kind, lambda x, dy: dy.copy(), at={0: np.abs(x) < 0.5})
    layer = corpus.subject(np.floor, x)
    layer.wrong("floor: passed straight through", "surrogate", lambda x, dy: dy.copy())

    a, b, c = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(3, 4)) > 0
    layer = corpus.subject(lambda a, b: where(a.real > b.real, a, b), a, b)
    layer.right("maximum of two", lambda a, b, dy: (dy * (a > b), dy * (a <= b)))
    layer.wrong("maximum of two: exchanged", kind, lambda a, b, dy: (dy * (a < b), dy * (a >= b)), inputs=(0, 1))
    both = "maximum of two: both get the whole gradient"
    layer.wrong(both, kind, lambda a, b, dy: (dy, dy), at={0: a < b, 1: a > b})
    split = "maximum of two: shared between both"
    layer.wrong(split, kind, lambda a, b, dy: (dy / 2, dy / 2), inputs=(0, 1))
    layer = corpus.subject(lambda a, b: where(c, a, b), a, b)
    layer.right("selection", lambda a, b, dy: (dy * c, dy * ~c))
    layer.wrong("selection: the other way round", kind, lambda a, b, dy: (dy * ~c, dy * c), inputs=(0, 1))
    layer.wrong("selection: one side unmasked", kind, lambda a, b, dy: (dy * c, dy), at={1: c})
    layer = corpus.subject(lambda x, s: where(x.real > 0, x, s * x), x, np.array(0.3))
    layer.right("prelu", lambda x, s, dy: (dy * where(x > 0, 1, s), np.array((dy * x * (x < 0)).sum())))
    slope = "prelu: slope gradient from the positive side"
    wrong = lambda x, s, dy: (dy * where(x > 0, 1, s), np.array((dy * x * (x > 0)).sum()))  # noqa: E731
    layer.wrong(slope, kind, wrong, inputs=(1,))

    def largest(x):
        return x[np.arange(3), x.real.argmax(1)]

    def one_hot(index, dy):
        grad = np.zeros(a.shape)
        grad[np.arange(3), index] = dy
        return grad

    hot, cold = one_hot(a.argmax(1), 1.0) > 0, one_hot(a.argmin(1), 1.0) > 0
    layer = corpus.subject(largest, a)
    layer.right("maximum of a row", lambda x, dy: one_hot(x.argmax(1), dy))
    layer.wrong("maximum of a row: smallest instead", kind, lambda x, dy: one_hot(x.argmin(1), dy), at={0: hot | cold})
    layer.wrong("maximum of a row: spread evenly", kind, lambda x, dy: np.repeat(dy[:, None], 4, 1) / 4)
    magnitude = np.array([[0.3, -1.2, 0.5], [-0.9, 0.2, 0.4]])
    layer = corpus.subject(lambda x: x[np.arange(2), x.real.argmax(1)], magnitude)

    def by_size(x, dy):
        grad = np.zeros_like(x)
        grad[np.arange(2), np.abs(x).argmax(1)] = dy
        return grad

    at = {0: np.array([[False, True, True], [True, False, True]])}
    layer.wrong("maximum of a row: largest magnitude", kind, by_size, at=at)

    def top_two(x):
        return np.sort(x.real, axis=1)[:, 1] + np.sort(x.real, axis=1)[:, 2]

    second = magnitude == np.median(magnitude, axis=1, keepdims=True)
    layer = corpus.subject(top_two, magnitude)
    layer.right("sum of the two largest", lambda x, dy: dy[:, None] * (x > x.min(1, keepdims=True)))
    largest_only = "sum of the two largest: the largest only"
    layer.wrong(largest_only, kind, lambda x, dy: dy[:, None] * (x == x.max(1, keepdims=True)), at={0: second})
