"""Smooth activations whose derivative is easily taken for a neighbour's."""

from math import pi, sqrt

import numpy as np
from scipy.special import erf

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
K = sqrt(2 / pi)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gelu(x):
    return 0.5 * x * (1 + erf(x / sqrt(2)))


def gelu_slope(x):
    return 0.5 * (1 + erf(x / sqrt(2))) + x * np.exp(-x * x / 2) / sqrt(2 * pi)


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(K * (x + 0.044715 * x * x * x)))


def gelu_tanh_slope(x, inner=3 * 0.044715):
    t = np.tanh(K * (x + 0.044715 * x * x * x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * K * (1 + inner * x * x)


def softplus(x):
    return np.where(x.real > 0, x, 0) + np.log(1 + np.exp(-np.where(x.real > 0, x, -x)))


def mish_slope(x):
    t = np.tanh(softplus(x))
    return t + x * (1 - t * t) * sigmoid(x)


def silu_slope(x):
    return sigmoid(x) * (1 + x * (1 - sigmoid(x)))


def softmax(x):
    p = np.exp(x - x.real.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def softmax_backward(x, dy):
    p = softmax(x)
    return p * (dy - (dy * p).sum(-1, keepdims=True))


def register(corpus):
    rng = np.random.default_rng(13)
    x = 1.5 * rng.normal(size=(3, 4))
    swapped = "activation swapped"

    layer = corpus.subject(gelu, x)
    layer.wrong("gelu: tanh form differentiated", swapped, lambda x, dy: dy * gelu_tanh_slope(x), error=5e-4)
    layer.wrong("gelu: derivative of silu(1.702 x)", swapped, lambda x, dy: dy * silu_slope(1.702 * x))
    layer.wrong("gelu: density term forgotten", "missing path", lambda x, dy: dy * 0.5 * (1 + erf(x / sqrt(2))))
    layer = corpus.subject(gelu_tanh, x)
    layer.right("gelu, tanh form", lambda x, dy: dy * gelu_tanh_slope(x))
    layer.wrong("gelu, tanh form: exact form differentiated", swapped, lambda x, dy: dy * gelu_slope(x), error=5e-4)
    three = "gelu, tanh form: the three of the cube forgotten"
    layer.wrong(three, "factor", lambda x, dy: dy * gelu_tanh_slope(x, inner=0.044715))

    layer = corpus.subject(lambda x: x * sigmoid(x), x)
    layer.right("silu", lambda x, dy: dy * silu_slope(x))
    layer.wrong("silu: gate taken for constant", "missing path", lambda x, dy: dy * sigmoid(x))
    layer.wrong("silu: derivative of softplus x", swapped, lambda x, dy: dy * sigmoid(x) * (1 + x))
    layer = corpus.subject(softplus, x)
    layer.right("softplus", lambda x, dy: dy * sigmoid(x))
    layer.wrong("softplus: tanh", swapped, lambda x, dy: dy * np.tanh(x))
    layer = corpus.subject(lambda x: x * np.tanh(softplus(x)), x)
    layer.right("mish", lambda x, dy: dy * mish_slope(x))
    layer.wrong("mish: derivative of silu", swapped, lambda x, dy: dy * silu_slope(x))
    layer = corpus.subject(lambda x: SELU_SCALE * np.where(x.real > 0, x, SELU_ALPHA * (np.exp(x) - 1)), x)
    layer.right("selu", lambda x, dy: dy * SELU_SCALE * np.where(x > 0, 1, SELU_ALPHA * np.exp(x)))
    layer.wrong("selu: derivative of elu", swapped, lambda x, dy: dy * np.where(x > 0, 1, np.exp(x)))
    layer = corpus.subject(np.tanh, x)
    layer.wrong("tanh: derivative of sigmoid", swapped, lambda x, dy: dy * sigmoid(x) * (1 - sigmoid(x)))
    from_output = "tanh: derivative formula fed with x for y"
    layer.wrong(from_output, "derivative rule", lambda x, dy: dy * (1 - x * x))

    layer = corpus.subject(softmax, x)
    layer.right("softmax", softmax_backward)
    layer.wrong("softmax: derivative of sigmoid", swapped, lambda x, dy: dy * softmax(x) * (1 - softmax(x)))
    layer.wrong("softmax: row sum missing", "missing path", lambda x, dy: dy * softmax(x))
    layer = corpus.subject(lambda x: np.log(softmax(x)), x)
    layer.right("log softmax", lambda x, dy: dy - softmax(x) * dy.sum(-1, keepdims=True))
    layer.wrong("log softmax: derivative of softmax", swapped, softmax_backward)
    unsummed = "log softmax: upstream not summed"
    layer.wrong(unsummed, "broadcast sum", lambda x, dy: dy - softmax(x) * dy)
