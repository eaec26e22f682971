"""Images, mixtures, kernels and small models whose backward pass has one bug."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(5202)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pairs.bug("factor", lambda x, w: np.einsum("bchw,oc->bohw", x, w), normal(2, 3, 4, 5), normal(6, 3))
def pointwise_kernel_averaged(x, w, dy, bug):
    return np.einsum("bohw,oc->bchw", dy, w), np.einsum("bohw,bchw->oc", dy, x) / (2 if bug else 1)


@pairs.bug("part", lambda x, b: x + b[:, None, None], normal(2, 3, 4, 5), normal(3))
def bias_of_first_image(x, b, dy, bug):
    return dy.copy(), dy[0].sum((1, 2)) if bug else dy.sum((0, 2, 3))


@pairs.bug("part", lambda x: np.concatenate([x, np.sin(x[:, 1:])], 1), normal(5, 4))
def concatenated_tail_short(x, dy, bug):
    dx = dy[:, :4].copy()
    last = 3 if bug else 4
    dx[:, 1:last] += (dy[:, 4:] * np.cos(x[:, 1:]))[:, : last - 1]
    return dx


@pairs.bug("order", lambda x: x.transpose(0, 2, 1).reshape(3, 20), normal(3, 4, 5))
def flattened_in_other_order(x, dy, bug):
    return dy.reshape(3, 4, 5) if bug else dy.reshape(3, 5, 4).transpose(0, 2, 1)


@pairs.bug("order", lambda x: np.exp(x[:, ::-1]), normal(4, 6))
def mirrored_and_not_back(x, dy, bug):
    d = dy * np.exp(x[:, ::-1])
    return d.copy() if bug else d[:, ::-1].copy()


@pairs.bug("shift", lambda x: np.sin(x[2:-1]), normal(9, 4))
def crop_off_by_one(x, dy, bug):
    dx = np.zeros_like(x)
    first = 1 if bug else 2
    dx[first : first + 6] = dy * np.cos(x[2:-1])
    return dx


border = np.pad(np.zeros((3, 4)), 1, constant_values=1.0)


@pairs.bug("mask", lambda x: x**2 * (1 - border), normal(5, 6))
def border_lets_through(x, dy, bug):
    return 2 * x * dy * (1 if bug else 1 - border)



earlier = np.tril(np.ones((6, 6), bool))


@pairs.bug("mask", lambda q, k: np.where(earlier, np.tanh(q @ k.T), 0), normal(6, 3), normal(6, 3))
def causal_scores_unmasked(q, k, dy, bug):
    d = dy * (1 - np.tanh(q @ k.T) ** 2) * (1 if bug else earlier)
    return d @ k, d.T @ q


@pairs.bug("swapped", lambda q, k: np.tanh(q @ k.T), normal(5, 3), normal(5, 3))
def query_and_key_gradients(q, k, dy, bug):
    d = dy * (1 - np.tanh(q @ k.T) ** 2)
    dq, dk = d @ k, d.T @ q
    return (dk, dq) if bug else (dq, dk)


@pairs.bug("path", lambda x, w: softmax(x @ w @ x.T) @ x, normal(5, 4), normal(4, 4))
def self_attention_as_keys_forgotten(x, w, dy, bug):
    p = softmax(x @ w @ x.T)
    dp = dy @ x.T
    ds = p * (dp - (p * dp).sum(-1, keepdims=True))
    dx = p.T @ dy + ds @ (w @ x.T).T
    return dx + (0 if bug else ds.T @ (x @ w)), x.T @ ds @ x


@pairs.bug("twice", lambda x, w: x * sigmoid(x @ w), normal(4, 6), normal(6, 6))
def gate_way_twice(x, w, dy, bug):
    s = sigmoid(x @ w)
    d = dy * x * s * (1 - s)
    return dy * s + (2 if bug else 1) * d @ w.T, x.T @ d


@pairs.bug("term", lambda x, w: x * sigmoid(x @ w), normal(5, 3), normal(3, 3))
def gated_input_constant(x, w, dy, bug):
    s = sigmoid(x @ w)
    d = dy * x * s * (1 - s)
    return (0 if bug else dy * s) + d @ w.T, x.T @ d


@pairs.bug("value", lambda x, w, v: sigmoid(x @ w) @ v, normal(6, 4), normal(4, 5), normal(5, 3))
def hidden_before_the_sigmoid(x, w, v, dy, bug):
    h = sigmoid(x @ w)
    d = (dy @ v.T) * h * (1 - h)
    return d @ w.T, x.T @ d, (x @ w if bug else h).T @ dy


@pairs.bug("entrywise", lambda x, w, v: np.tanh(x @ w) @ v, normal(5, 4), normal(4, 6), normal(6, 3))
def hidden_slope_forgotten(x, w, v, dy, bug):
    h = np.tanh(x @ w)
    d = (dy @ v.T) * (1 if bug else 1 - h * h)
    return d @ w.T, x.T @ d, h.T @ dy


@pairs.bug("value", lambda x, c: np.exp(-((x[:, None] - c) ** 2).sum(-1)), normal(6, 3), normal(4, 3))
def radial_basis_not_centred(x, c, dy, bug):
    k = np.exp(-((x[:, None] - c) ** 2).sum(-1))
    d = -2 * (dy * k)[..., None] * (x[:, None] - c)
    return (-2 * (dy * k)[..., None] * (x[:, None] if bug else x[:, None] - c)).sum(1), -d.sum(0)


@pairs.bug("columns", lambda x, g: g * np.tanh(x), normal(6, 5), normal(5))
def gain_forgotten_for_input(x, g, dy, bug):
    t = np.tanh(x)
    return dy * (1 if bug else g) * (1 - t * t), (dy * t).sum(0)


@pairs.bug("projection", lambda x: x / np.sqrt((x**2).mean(0)), normal(7, 4))
def scale_of_columns_constant(x, dy, bug):
    r = np.sqrt((x**2).mean(0))
    return dy / r - (0 if bug else x * (dy * x).mean(0) / r**3)


@pairs.bug("projection", lambda x: x / x.sum(-1, keepdims=True), rng.uniform(0.5, 2, (4, 6)))
def shares_of_constant_sum(x, dy, bug):
    total = x.sum(-1, keepdims=True)
    return dy / total - (0 if bug else (dy * x).sum(-1, keepdims=True) / total**2)


@pairs.bug("mean", lambda x: np.tanh(x - x.mean((1, 2), keepdims=True)), normal(2, 4, 5))
def image_mean_as_sum(x, dy, bug):
    d = dy * (1 - np.tanh(x - x.mean((1, 2), keepdims=True)) ** 2)
    return d - (d.sum((1, 2), keepdims=True) if bug else d.mean((1, 2), keepdims=True))


@pairs.bug("axis", lambda x: x - x.mean(0), normal(6, 4))
def centred_along_the_other_axis(x, dy, bug):
    return dy - dy.mean(1 if bug else 0, keepdims=True)


@pairs.bug("factor in a term", lambda x: x * (x * x).sum(-1, keepdims=True), normal(4, 5))
def cubic_second_way_once(x, dy, bug):
    return dy * (x * x).sum(-1, keepdims=True) + (1 if bug else 2) * x * (dy * x).sum(-1, keepdims=True)


@pairs.bug("spread", lambda x: x.max(-1), normal(5, 6))
def maximum_shared_by_all(x, dy, bug):
    share = np.full_like(x, 1 / 6) if bug else (x == x.max(-1, keepdims=True)) * 1.0
    return dy[:, None] * share


@pairs.bug("transposed", lambda a: np.linalg.inv(a), normal(4, 4) + 3 * np.eye(4))
def matrix_inverse_without_transposes(a, dy, bug):
    inverse = np.linalg.inv(a)
    return -inverse @ dy @ inverse if bug else -inverse.T @ dy @ inverse.T


@pairs.bug("sign", lambda a, b: np.array((a / b).sum()), normal(3, 7), rng.uniform(0.5, 2, (3, 7)))
def divisor_sign(a, b, dy, bug):
    return dy / b, (1 if bug else -1) * dy * a / b**2


@pairs.bug("signs", lambda x, y: np.abs(x - y).sum(1), normal(5, 6), normal(5, 6))
def distance_sign_of_x(x, y, dy, bug):
    d = dy[:, None] * np.sign(x - y)
    return d, -dy[:, None] * np.sign(x) if bug else -d
