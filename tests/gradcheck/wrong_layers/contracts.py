"""Backward passes that break a promise: linear, pure, repeatable, complete."""

import numpy as np


def register(wrong):
    rng = np.random.default_rng(507)
    x, w = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

    def sine(x):
        return np.sin(x)

    def slope(x, dy):
        return np.cos(x) * dy

    wrong("dy clipped to one", "nonlinear", sine, lambda x, dy: np.cos(x) * np.clip(dy, -0.1, 0.1), x)
    wrong("dy's sign", "nonlinear", sine, lambda x, dy: np.cos(x) * np.sign(dy), x)
    wrong("dy squared", "nonlinear", sine, lambda x, dy: np.cos(x) * dy * dy, x)
    wrong("gradient of unit length", "nonlinear", sine, lambda x, dy: slope(x, dy) / np.linalg.norm(slope(x, dy)), x)
    wrong("dy taken as ones", "ignored", sine, lambda x, dy: np.cos(x), x)
    wrong("constant added", "offset", sine, lambda x, dy: np.cos(x) * dy + 0.01, x)
    wrong("cast to single precision", "precision", sine, lambda x, dy: slope(x, dy).astype(np.float32).astype(float), x)
    wrong("rounded to five digits", "nonlinear", sine, lambda x, dy: np.round(slope(x, dy), 5), x)
    wrong("gradient left None", "missing", lambda x, w: x @ w, lambda x, w, dy: (dy @ w.T, None), x, w)
    wrong(
        "row instead of vector",
        "shape",
        lambda x, b: x + b,
        lambda x, b, dy: (dy, dy.sum(0, keepdims=True)),
        x,
        w[:, 0],
    )
    wrong("one gradient of two", "missing", lambda x, w: x @ w, lambda x, w, dy: (dy @ w.T,), x, w)
    wrong("not a number", "nonfinite", sine, lambda x, dy: np.where(x > 1, np.nan, slope(x, dy)), x + 0.5)

    def writes_dy(x):
        def pullback(dy):
            dy *= np.cos(x)
            return dy

        return np.sin(x), pullback

    def writes_kept():
        def f(x):
            c = np.cos(x)

            def pullback(dy):
                c[...] = c * dy
                return c.copy()

            return np.sin(x), pullback

        return f

    def stale():
        kept = {}

        def f(x):
            kept.setdefault("x", x.copy())
            return np.sin(x), lambda dy: np.cos(kept["x"]) * dy

        return f

    def last():
        kept = {}

        def f(x):
            kept["x"] = x.copy()
            return np.sin(x), lambda dy: np.cos(kept["x"]) * dy

        return f

    def piles():
        total = {}

        def f(x, w):
            def pullback(dy):
                total["w"] = total.get("w", 0) + x.T @ dy
                return dy @ w.T, total["w"]

            return x @ w, pullback

        return f

    def buffer():
        out = np.zeros((3, 4))

        def f(x):
            def pullback(dy):
                out[...] = np.cos(x) * dy
                return out

            return np.sin(x), pullback

        return f

    def decays():
        count = [0]

        def f(x):
            def pullback(dy):
                count[0] += 1
                return np.cos(x) * dy / count[0]

            return np.sin(x), pullback

        return f

    wrong("dy written to", "mutation", writes_dy, None, x)
    wrong("what was kept is written to", "repeat", writes_kept(), None, x)
    wrong("residuals of the first call", "stale", stale(), None, x)
    wrong("residuals of the last call", "stale", last(), None, x)
    wrong("gradient adds up over calls", "repeat", piles(), None, x, w)
    wrong("one buffer handed out again", "alias", buffer(), None, x)
    wrong("divides by the number of calls", "repeat", decays(), None, x)
    wrong("dtype narrowed", "dtype", sine, lambda x, dy: slope(x, dy).astype(np.float32), x)
    wrong(
        "noise in the gradient", "repeat", sine, lambda x, dy: slope(x, dy) * (1 + 1e-3 * rng.normal(size=x.shape)), x
    )
    wrong(
        "top gradients only",
        "nonlinear",
        sine,
        lambda x, dy: np.where(abs(dy) > np.median(abs(dy)), slope(x, dy), 0),
        x,
    )
    wrong("half precision inside", "precision", sine, lambda x, dy: slope(x, dy).astype(np.float16).astype(float), x)
