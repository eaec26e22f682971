"""Right for every shape: empty, one, scalar, nested, broadcast, with gradients that are zero by structure."""

import numpy as np


def softmax(x):
    p = np.exp(x - x.real.max(-1, keepdims=True, initial=-np.inf))
    return p / p.sum(-1, keepdims=True)


def softmax_backward(x, dy):
    p = softmax(x)
    return p * (dy - (dy * p).sum(-1, keepdims=True))


def layernorm(x):
    c = x - x.mean(-1, keepdims=True)
    return c / np.sqrt((c * c).mean(-1, keepdims=True) + 1e-5)


def layernorm_backward(x, dy):
    c = x - x.mean(-1, keepdims=True)
    r = 1 / np.sqrt((c * c).mean(-1, keepdims=True) + 1e-5)
    return r * (dy - dy.mean(-1, keepdims=True) - c * r * (dy * c * r).mean(-1, keepdims=True))


def linear(x, w, b):
    return x @ w + b


def linear_backward(x, w, b, dy):
    return dy @ w.T, x.T @ dy, dy.sum(0)


def keys(q, w, b):
    """Attention weights over keys with a bias, which the softmax cancels."""
    return softmax(q @ (np.arange(6).reshape(3, 2) @ w + b).T)


def keys_backward(q, w, b, dy):
    k = np.arange(6).reshape(3, 2) @ w + b
    ds = softmax_backward(q @ k.T, dy)
    dk = ds.T @ q
    return ds @ k, np.arange(6).reshape(3, 2).T @ dk, dk.sum(0)


def register(corpus):
    rng = np.random.default_rng(107)
    x, w, b = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=2)

    def right(name, forward, backward, *inputs, **more):
        corpus.subject(forward, *inputs).right(name, backward, **more)

    right("linear, batch of none", linear, linear_backward, np.zeros((0, 4)), w, b)
    right("linear, batch of one", linear, linear_backward, x[:1], w, b)
    right("layer norm, batch of none", layernorm, layernorm_backward, np.zeros((0, 5)))
    right("layer norm, batch of one", layernorm, layernorm_backward, x[:1])
    right("softmax, batch of none", softmax, softmax_backward, np.zeros((0, 5)))
    right("softmax of one class", softmax, softmax_backward, x[:, :1])
    right("sine of nothing", np.sin, lambda x, dy: dy * np.cos(x), np.zeros((0, 5)))
    right("sine of a number", np.sin, lambda x, dy: dy * np.cos(x), np.array(0.7))
    right("product of two numbers", np.multiply, lambda a, b, dy: (dy * b, dy * a), np.array(0.7), np.array(-2.0))
    right("norm as a number", lambda x: np.sqrt((x * x).sum()), lambda x, dy: dy * x / np.sqrt((x * x).sum()), x)
    right("five axes", lambda x: x * x, lambda x, dy: 2 * dy * x, rng.normal(size=(2, 1, 3, 1, 2)))
    right("number, row and array", lambda s, r, x: s * r + x * r, by_parts, np.array(0.4), x[0], x)
    right("output larger than input", lambda x: x[:, None] * x[None], outer_square, x[0])
    right("linear at integers", linear, linear_backward, np.arange(12.0).reshape(3, 4), np.ones((4, 2)), np.zeros(2))
    right("sine of ones", np.sin, lambda x, dy: dy * np.cos(x), np.ones((2, 3)))
    right("exponential of zeros", np.exp, lambda x, dy: dy * np.exp(x), np.zeros((2, 3)))
    right("square of zeros", lambda x: x * x, lambda x, dy: 2 * dy * x, np.zeros(4))
    right("scale of ones and shift of zeros", affine, affine_backward, x, np.ones(4), np.zeros(4))

    right("three outputs", parts, parts_backward, x)
    right("one output in a tuple", lambda x: (np.sin(x),), lambda x, dy: dy[0] * np.cos(x), x)
    right("mean and variance", moments, moments_backward, x)
    right("identity hands back dy", lambda x: x * 1.0, lambda x, dy: dy, x)
    right("sum hands back dy twice", np.add, lambda a, b, dy: (dy, dy), x, x + 1)
    right("reshape hands back a view of dy", lambda x: x.reshape(4, 3) * 1.0, lambda x, dy: dy.reshape(3, 4), x)
    right(
        "broadcast gradient with stride zero",
        lambda x: x.sum(1),
        lambda x, dy: np.broadcast_to(dy[:, None], x.shape),
        x,
    )

    right("second input not used", lambda a, b: np.sin(a), lambda a, b, dy: (dy * np.cos(a), 0 * b), x, b)
    right("some entries not used", lambda x: x[:, ::2] * 2, unused, x)
    right("key bias cancelled by the softmax", keys, keys_backward, x[:, :2], rng.normal(size=(2, 2)), b)
    right("shift cancelled by the layer norm", lambda x, s: layernorm(x + s), cancelled, x, np.array(0.3))
    right("difference of equals", lambda x, s: (x + s) - (x * 1.0 + s), nothing, x, x[0])
    right("powers of two", lambda x: 2**x, lambda x, dy: dy * 2**x * np.log(2), np.array([-3.0, 0.0, 1.0, 5.0]))

    right("product in Fortran order", linear, linear_backward, np.asfortranarray(x), np.asfortranarray(w), b)
    right(
        "product of transposed views", linear, linear_backward, rng.normal(size=(4, 3)).T, rng.normal(size=(2, 4)).T, b
    )
    right(
        "product of strided views",
        linear,
        linear_backward,
        rng.normal(size=(6, 8))[::2, ::2],
        w,
        rng.normal(size=4)[::2],
    )
    right("layer norm of rows with stride zero", layernorm, layernorm_backward, np.broadcast_to(x[0], (3, 4)))
    corpus.right_vjp("sine as a function of its own", lambda x: (np.sin(x), lambda dy: dy * np.cos(x)), x)
    corpus.right_vjp("linear as a function of its own", linear_vjp, x, w, b)


def by_parts(s, r, x, dy):
    return np.array((dy * r).sum()), (dy * (s + x)).sum(0), dy * r


def outer_square(x, dy):
    return dy @ x + x @ dy


def affine(x, gamma, beta):
    return np.sin(x) * gamma + beta


def affine_backward(x, gamma, beta, dy):
    return dy * np.cos(x) * gamma, (dy * np.sin(x)).sum(0), dy.sum(0)


def parts(x):
    return np.sin(x), x.sum(1), np.array((x * x).sum())


def parts_backward(x, dy):
    return dy[0] * np.cos(x) + dy[1][:, None] + 2 * dy[2] * x


def moments(x):
    c = x - x.mean(0)
    return x.mean(0), (c * c).mean(0)


def moments_backward(x, dy):
    return dy[0] / 3 + 2 * dy[1] * (x - x.mean(0)) / 3


def unused(x, dy):
    grad = np.zeros_like(x)
    grad[:, ::2] = 2 * dy
    return grad


def cancelled(x, s, dy):
    dx = layernorm_backward(x + s, dy)
    return dx, np.array(dx.sum())


def nothing(x, s, dy):
    return np.zeros_like(x), np.zeros_like(s)


def linear_vjp(x, w, b):
    return linear(x, w, b), lambda dy: linear_backward(x, w, b, dy)
