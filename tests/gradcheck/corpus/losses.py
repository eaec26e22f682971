"""Losses: mean or sum, which positions count, the smoothed target, the term of the softmax."""

import numpy as np

TARGETS = np.array([2, 0, 4, 1, 2])
COUNTED = np.array([True, True, False, True, False])
ONE_HOT = np.eye(5)[TARGETS]


def softmax(z):
    p = np.exp(z - z.real.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def log_softmax(z):
    z = z - z.real.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cross_entropy(smoothing=0.0, weights=COUNTED / 3, square=0.0):
    """Mean over the positions that count, with label smoothing and a z-loss."""
    q = (1 - smoothing) * ONE_HOT + smoothing / 5

    def forward(z):
        top = z.real.max(-1)
        total = top + np.log(np.exp(z - top[:, None]).sum(-1))
        return np.array((-(q * log_softmax(z)).sum(-1) * weights + square * total * total * weights).sum())

    return forward


def cross_entropy_backward(q=ONE_HOT, weights=COUNTED / 3, square=0.0, p=softmax):
    def backward(z, dy):
        total = z.max(-1) + np.log(np.exp(z - z.max(-1, keepdims=True)).sum(-1))
        return dy * (p(z) - q + 2 * square * total[:, None] * softmax(z)) * weights[:, None]

    return backward


def register(corpus):
    rng = np.random.default_rng(47)
    z, kind = rng.normal(size=(5, 5)), "loss"
    counted = np.repeat(COUNTED[:, None], 5, 1)
    ce, back = cross_entropy, cross_entropy_backward

    layer = corpus.subject(ce(), z)
    layer.right("cross-entropy", back())
    layer.wrong("cross-entropy: sum for mean", kind, back(weights=COUNTED * 1.0), at={0: counted})
    layer.wrong("cross-entropy: mean over all positions", kind, back(weights=COUNTED / 5), at={0: counted})
    layer.wrong("cross-entropy: ignored positions counted", kind, back(weights=np.full(5, 1 / 3)), at={0: ~counted})
    layer.wrong("cross-entropy: softmax term missing", kind, back(p=lambda z: 0 * z), at={0: counted})
    layer.wrong("cross-entropy: target term missing", kind, back(q=0 * ONE_HOT), at={0: counted & (ONE_HOT > 0)})
    shifted = np.eye(5)[(TARGETS + 1) % 5]
    at = {0: counted & (shifted != ONE_HOT)}
    layer.wrong("cross-entropy: target off by one", kind, back(q=shifted), at=at)
    layer.wrong("cross-entropy: softmax along the batch", kind, back(p=lambda z: softmax(z.T).T), at={0: counted})
    twice = back(p=lambda z: softmax(softmax(z)))
    layer.wrong("cross-entropy: softmax applied twice", kind, twice, at={0: counted})
    layer = corpus.subject(ce(smoothing=0.1), z)
    smooth = 0.9 * ONE_HOT + 0.02
    layer.right("cross-entropy, smoothed", back(q=smooth))
    layer.wrong("cross-entropy, smoothed: smoothing forgotten", kind, back(), at={0: counted})
    others = 0.9 * ONE_HOT + 0.025 * (1 - ONE_HOT)
    layer.wrong("cross-entropy, smoothed: over the other classes", kind, back(q=others), at={0: counted})
    layer = corpus.subject(ce(square=1e-2), z)
    layer.right("cross-entropy, z-loss", back(square=1e-2))
    layer.wrong("cross-entropy, z-loss: z-loss forgotten", kind, back(), at={0: counted})
    layer.wrong("cross-entropy, z-loss: factor two forgotten", kind, back(square=5e-3), at={0: counted})

    a, b = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    layer = corpus.subject(lambda a, b: np.array(((a - b) * (a - b)).mean()), a, b)
    layer.right("mean squared error", lambda a, b, dy: (dy * 2 * (a - b) / 12, dy * 2 * (b - a) / 12))
    layer.wrong(
        "mean squared error: sum for mean", kind, lambda a, b, dy: (dy * 2 * (a - b), dy * 2 * (b - a)), inputs=(0, 1)
    )
    wrong = "mean squared error: same sign for both"
    layer.wrong(wrong, "sign", lambda a, b, dy: (dy * (a - b) / 6, dy * (a - b) / 6), inputs=(1,))
    by_batch = "mean squared error: divided by the batch only"
    layer.wrong(by_batch, kind, lambda a, b, dy: (dy * 2 * (a - b) / 3, dy * 2 * (b - a) / 3), inputs=(0, 1))
    label = rng.uniform(size=(3, 4))
    layer = corpus.subject(lambda x: np.array((np.log(1 + np.exp(x)) - x * label).mean()), a)
    layer.right("binary cross-entropy", lambda x, dy: dy * (sigmoid(x) - label) / 12)
    layer.wrong("binary cross-entropy: label forgotten", kind, lambda x, dy: dy * sigmoid(x) / 12)
    saturated = "binary cross-entropy: sigmoid differentiated once more"
    wrong = lambda x, dy: dy * (sigmoid(x) - label) * sigmoid(x) * (1 - sigmoid(x)) / 12  # noqa: E731
    layer.wrong(saturated, kind, wrong)

    def kl(x, y):
        return np.array((softmax(x) * (log_softmax(x) - log_softmax(y))).sum())

    def kl_backward(weighted):
        def backward(x, y, dy):
            p, gap = softmax(x), log_softmax(x) - log_softmax(y)
            dx = p * (gap - (p * gap).sum(-1, keepdims=True)) if weighted else p - softmax(y)
            return dy * dx, dy * (softmax(y) - p)

        return backward

    layer = corpus.subject(kl, a, b)
    layer.right("divergence of two softmaxes", kl_backward(weighted=True))
    layer.wrong("divergence of two softmaxes: first taken for the target", kind, kl_backward(weighted=False))

    def contrastive(s):
        return np.array(-(np.diag(log_softmax(s)) + np.diag(log_softmax(s.T))).mean() / 2)

    eye = np.eye(5)
    columns = lambda s: softmax(s.T).T  # noqa: E731
    layer = corpus.subject(contrastive, z)
    layer.right("contrastive loss", lambda s, dy: dy * (softmax(s) + columns(s) - 2 * eye) / 10)
    layer.wrong("contrastive loss: rows only", kind, lambda s, dy: dy * (softmax(s) - eye) / 5)

    def hinge(x):
        gap = 1 - x
        return np.array(np.where(gap.real > 0, gap * gap, 0).sum())

    layer = corpus.subject(hinge, a)
    layer.right("squared hinge", lambda x, dy: -2 * dy * np.maximum(1 - x, 0))
    layer.wrong("squared hinge: margin forgotten", kind, lambda x, dy: -2 * dy * (1 - x), at={0: a > 1})
    layer.wrong("squared hinge: derivative of the hinge", kind, lambda x, dy: -1.0 * dy * (x < 1), at={0: a < 1})

    def cosine(a, b):
        root = np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
        return (a * b).sum(-1) / root

    def cosine_backward(projected):
        def backward(a, b, dy):
            na, nb = np.sqrt((a * a).sum(-1)), np.sqrt((b * b).sum(-1))
            c = cosine(a, b)
            da = (b / (na * nb)[:, None] - projected * (c / (na * na))[:, None] * a) * dy[:, None]
            db = (a / (na * nb)[:, None] - (c / (nb * nb))[:, None] * b) * dy[:, None]
            return da, db

        return backward

    layer = corpus.subject(cosine, a, b)
    layer.right("cosine similarity", cosine_backward(projected=True))
    layer.wrong("cosine similarity: norm taken for constant", "constant statistic", cosine_backward(projected=False))
