"""Right, though the complex step through the forward would say otherwise, or float32 inside hides the digits."""

import numpy as np


def register(corpus):
    rng = np.random.default_rng(109)
    x, z = rng.normal(size=(3, 4)), rng.normal(size=(4, 4))

    def right(name, forward, backward, *inputs, **more):
        corpus.subject(forward, *inputs).right(name, backward, **more)

    norm = np.linalg.norm
    right("np.abs", np.abs, lambda x, dy: dy * np.sign(x), x)
    right("np.linalg.norm of all", norm, lambda x, dy: dy * x / norm(x), x)
    right("np.linalg.norm by rows", row_norms, lambda x, dy: dy[:, None] * x / row_norms(x)[:, None], x)
    right("np.var", np.var, lambda x, dy: dy * 2 * (x - x.mean()) / x.size, x)
    right("np.std", np.std, lambda x, dy: dy * (x - x.mean()) / (x.size * x.std()), x)
    right("np.std by columns", lambda x: x.std(0), lambda x, dy: dy * (x - x.mean(0)) / (3 * x.std(0)), x)
    right("np.vdot", np.vdot, lambda a, b, dy: (dy * b, dy * a), x[0], x[1])
    right("np.conj", lambda x: np.conj(x) * x, lambda x, dy: 2 * dy * x, x)
    right("real part", lambda x: np.sin(x.real), lambda x, dy: dy * np.cos(x), x)
    right("cast to float", lambda x: np.sin(np.asarray(x, float)), lambda x, dy: dy * np.cos(x), x)
    right("conjugate transpose", lambda a: a.conj().T @ a, lambda a, dy: a @ (dy + dy.T), z)
    right("spectral norm", lambda a: np.linalg.norm(a, 2), spectral, z)
    right("largest eigenvalue", lambda a: np.linalg.eigvalsh(a @ a.T)[-1], top_eigenvalue, z)
    right("np.hypot", np.hypot, lambda a, b, dy: (dy * a / np.hypot(a, b), dy * b / np.hypot(a, b)), x, x + 1)
    right("np.cbrt", np.cbrt, lambda x, dy: dy / (3 * np.cbrt(x) ** 2), np.abs(x) + 0.1)
    right("np.arctan2", np.arctan2, lambda a, b, dy: (dy * b / (a * a + b * b), -dy * a / (a * a + b * b)), x, x + 1)
    right("np.interp", lambda x: np.interp(x, [-5.0, 0.0, 5.0], [1.0, 2.0, -3.0]), slopes, x)
    right(
        "np.where on the value", lambda x: np.where(x > 0, x * x, -x), lambda x, dy: dy * np.where(x > 0, 2 * x, -1), x
    )
    right("power spectrum", lambda x: np.abs(np.fft.rfft(x)) ** 2, spectrum, rng.normal(size=6))
    right("logaddexp", np.logaddexp, lambda a, b, dy: (dy / (1 + np.exp(b - a)), dy / (1 + np.exp(a - b))), x, x[::-1])
    right("loop over python floats", by_hand, lambda x, dy: dy * np.cosh(x), x[0])

    def narrow(x):
        return np.tanh(x.astype(np.float32)).astype(np.float64)

    def narrow_backward(x, dy):
        y = np.tanh(x.astype(np.float32))
        return (dy.astype(np.float32) * (1 - y * y)).astype(np.float64)

    right("tanh in float32 inside", narrow, narrow_backward, x, narrow=True)


def row_norms(x):
    return np.linalg.norm(x, axis=1)


def spectral(a, dy):
    u, _, v = np.linalg.svd(a)
    return dy * np.outer(u[:, 0], v[0])


def top_eigenvalue(a, dy):
    v = np.linalg.eigh(a @ a.T)[1][:, -1]
    return 2 * dy * np.outer(v, v) @ a


def slopes(x, dy):
    return dy * np.where(x < 0, 0.2, -1.0)


def spectrum(x, dy):
    full = np.concatenate([dy, np.zeros(2)]) * np.fft.fft(x)
    return 2 * (np.fft.ifft(full) * 6).real


def by_hand(x):
    import math

    return np.array([math.sinh(value) for value in x])
