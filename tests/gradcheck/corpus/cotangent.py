"""What is done to dy: a backward pass is linear in it, whatever its size and sign, and uses all of it."""

import numpy as np


def register(corpus):
    rng = np.random.default_rng(61)
    kind = "misuse of dy"
    layer = corpus.subject(np.sin, rng.normal(size=(3, 4)))

    def nonlinear(name, change):
        layer.wrong(name, kind, lambda x, dy: change(dy) * np.cos(x), contract="nonlinear")

    layer.right("sin", lambda x, dy: dy * np.cos(x))
    nonlinear("sin: dy ignored", np.ones_like)
    nonlinear("sin: absolute value of dy", np.abs)
    nonlinear("sin: sign of dy", np.sign)
    nonlinear("sin: dy |dy|", lambda dy: dy * np.abs(dy))
    nonlinear("sin: dy clamped to [-1, 1]", lambda dy: np.clip(dy, -1, 1))
    nonlinear("sin: dy clamped to [-100, 100]", lambda dy: np.clip(dy, -100, 100))
    nonlinear("sin: dy clipped by its norm", lambda dy: dy / np.maximum(1, np.sqrt((dy * dy).sum())))
    nonlinear("sin: dy normalised", lambda dy: dy / np.abs(dy).max())
    nonlinear("sin: small dy dropped", lambda dy: np.where(np.abs(dy) < 1e-3, 0, dy))
    nonlinear("sin: largest dy kept", lambda dy: np.where(np.abs(dy) == np.abs(dy).max(), dy, 0))
    nonlinear("sin: softplus of dy", lambda dy: np.log1p(np.exp(dy)))
    nonlinear("sin: a constant added to dy", lambda dy: dy + 0.1)
    layer.wrong("sin: weight decay added", kind, lambda x, dy: dy * np.cos(x) + 0.01 * x, contract="nonlinear")

    def linear(name, change, **more):
        layer.wrong(name, kind, lambda x, dy: change(dy) * np.cos(x), **more)

    linear("sin: mean of dy", lambda dy: np.full_like(dy, dy.mean()))
    linear("sin: sum of dy", lambda dy: np.full_like(dy, dy.sum()))
    linear(
        "sin: first row of dy for all", lambda dy: dy[:1] + 0 * dy, at={0: np.repeat([[False], [True], [True]], 4, 1)}
    )
    linear("sin: dy in reverse", lambda dy: dy[::-1, ::-1])
    linear("sin: loss scale of 1024 left in", lambda dy: 1024 * dy)
    layer.wrong(
        "sin: dy not used in half the rows",
        kind,
        lambda x, dy: dy * np.cos(x) * [[1], [0], [1]],
        at={0: np.repeat([[False], [True], [False]], 4, 1)},
    )
    layer = corpus.subject(lambda x: np.array(np.sin(x).sum()), rng.normal(size=5))
    layer.wrong("scalar loss: dy ignored", kind, lambda x, dy: np.cos(x), contract="nonlinear")
    layer.wrong("scalar loss: dy squared", kind, lambda x, dy: dy * dy * np.cos(x), contract="nonlinear")

    layer = corpus.subject(lambda x: (np.sin(x), x * x), rng.normal(size=5))
    layer.right("two outputs", lambda x, dy: dy[0] * np.cos(x) + 2 * dy[1] * x)
    layer.wrong("two outputs: second cotangent forgotten", kind, lambda x, dy: dy[0] * np.cos(x))
    layer.wrong("two outputs: cotangents exchanged", kind, lambda x, dy: dy[1] * np.cos(x) + 2 * dy[0] * x)
    layer.wrong("two outputs: cotangents added", kind, lambda x, dy: (dy[0] + dy[1]) * (np.cos(x) + 2 * x))
