"""Layers of neural networks: norms, attention, embeddings, gates, cells."""

import numpy as np
from scipy.special import erf
from wrong_layers_pairs import Pairs

pairs = Pairs(83017)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def softmax_back(p, g):
    return p * (g - (p * g).sum(-1, keepdims=True))


def standard(x, axis):
    c = x - x.mean(axis, keepdims=True)
    sd = np.sqrt((c * c).mean(axis, keepdims=True) + 1e-5)
    return c / sd, sd


@pairs.bug("mean", lambda x, g, b: standard(x, -1)[0] * g + b, normal(5, 8), 1 + normal(8), normal(8))
def layer_norm_affine(x, g, b, dy, bug):
    h, sd = standard(x, -1)
    dh = dy * g
    m = 0 if bug else dh.mean(-1, keepdims=True)
    dx = (dh - m - h * (dh * h).mean(-1, keepdims=True)) / sd
    return dx, (dy * h).sum(0), dy.sum(0)


@pairs.bug("projection", lambda x: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6), normal(4, 7))
def root_mean_square_norm(x, dy, bug):
    s = np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)
    y = x / s
    return dy / s if bug else (dy - y * (dy * y).mean(-1, keepdims=True)) / s


@pairs.bug("axis", lambda x: standard(x, 0)[0], normal(9, 5))
def batch_norm_training(x, dy, bug):
    h, sd = standard(x, 0)
    a = 1 if bug else 0
    return (dy - dy.mean(a, keepdims=True) - h * (dy * h).mean(a, keepdims=True)) / sd


@pairs.bug("columns", lambda x, g: standard(x, -1)[0] * g, normal(6, 8), 1 + 0.8 * normal(8))
def gain_of_a_layer_norm(x, g, dy, bug):
    h, sd = standard(x, -1)
    dh = dy if bug else dy * g
    return (dh - dh.mean(-1, keepdims=True) - h * (dh * h).mean(-1, keepdims=True)) / sd, (dy * h).sum(0)


def attention(q, k, v):
    return softmax(q @ k.T / np.sqrt(q.shape[1])) @ v


@pairs.bug("transposed", attention, normal(6, 4), normal(6, 4), normal(6, 3))
def self_attention_keys(q, k, v, dy, bug):
    p = softmax(q @ k.T / 2)
    ds = softmax_back(p, dy @ v.T) / 2
    return ds @ k, (ds if bug else ds.T) @ q, p.T @ dy


@pairs.bug("factor", attention, normal(5, 9), normal(7, 9), normal(7, 4))
def cross_attention_queries(q, k, v, dy, bug):
    p = softmax(q @ k.T / 3)
    ds = softmax_back(p, dy @ v.T)
    return ds @ k / (1 if bug else 3), ds.T @ q / 3, p.T @ dy


def heads(x, w):
    return np.concatenate([softmax(a @ a.T) @ a for a in np.split(x @ w, 3, 1)], 1)


@pairs.bug("part", heads, normal(5, 6), 0.5 * normal(6, 6))
def three_head_mixing(x, w, dy, bug):
    da = np.zeros((5, 6))
    a = x @ w
    for h in range(2 if bug else 3):
        s = slice(2 * h, 2 * h + 2)
        p = softmax(a[:, s] @ a[:, s].T)
        ds = softmax_back(p, dy[:, s] @ a[:, s].T)
        da[:, s] = p.T @ dy[:, s] + (ds + ds.T) @ a[:, s]
    return da @ w.T, x.T @ da


tokens = np.array([3, 1, 4, 1, 5, 3, 2, 6])


@pairs.bug("overwritten", lambda e: np.tanh(e[tokens]), normal(8, 4))
def embedding_lookup(e, dy, bug):
    g = dy * (1 - np.tanh(e[tokens]) ** 2)
    de = np.zeros_like(e)
    if bug:
        de[tokens] = g
    else:
        np.add.at(de, tokens, g)
    return de


@pairs.bug("axis", lambda x, w, b: x @ w + b, normal(6, 4), normal(4, 6), normal(6))
def dense_layer_bias(x, w, b, dy, bug):
    return dy @ w.T, x.T @ dy, dy.sum(1 if bug else 0)


@pairs.bug("path", lambda x, w: x + np.maximum(x @ w, 0), normal(5, 6), normal(6, 6))
def residual_block(x, w, dy, bug):
    g = dy * (x @ w > 0)
    return g @ w.T + (0 if bug else dy), x.T @ g


@pairs.bug("path", lambda x, w: np.tanh(x @ w) @ w.T, normal(7, 5), normal(5, 3))
def tied_autoencoder(x, w, dy, bug):
    h = np.tanh(x @ w)
    g = (dy @ w) * (1 - h * h)
    return g @ w.T, dy.T @ h + (0 if bug else x.T @ g)


@pairs.bug("path", lambda x, w: x * sigmoid(x.mean(0) @ w), normal(8, 5), normal(5, 5))
def channels_squeezed(x, w, dy, bug):
    s = sigmoid(x.mean(0) @ w)
    g = (dy * x).sum(0) * s * (1 - s)
    return dy * s + (0 if bug else (w @ g) / len(x)), np.outer(x.mean(0), g)


@pairs.bug("entrywise", lambda x: x * (1 + erf(x / np.sqrt(2))) / 2, 1.5 * normal(6, 7))
def gelu_exact(x, dy, bug):
    c = (1 + erf(x / np.sqrt(2))) / 2
    return dy * (c + x * np.exp(-x * x if bug else -x * x / 2) / np.sqrt(2 * np.pi))


@pairs.bug("branch", lambda x: x * np.clip(x + 3, 0, 6) / 6, 3 * normal(6, 8))
def hard_swish(x, dy, bug):
    return dy * np.where(x < -3, 0, np.where(x > 3, 0 if bug else 1, (2 * x + 3) / 6))


@pairs.bug("swapped", lambda x, a, b: x * a + b, normal(6, 5), normal(5), normal(5))
def modulated_features(x, a, b, dy, bug):
    da, db = (dy * x).sum(0), dy.sum(0)
    return (dy * a, db, da) if bug else (dy * a, da, db)


def cell(z, o, c):
    n = sigmoid(z) * c + np.tanh(z)
    return sigmoid(o) * np.tanh(n), n


@pairs.bug("output", cell, normal(4, 6), normal(4, 6), normal(4, 6))
def memory_cell_step(z, o, c, dy, bug):
    s, t = sigmoid(z), np.tanh(z)
    n = s * c + t
    g = dy[0] * sigmoid(o) * (1 - np.tanh(n) ** 2) + (0 if bug else dy[1])
    so = sigmoid(o)
    return g * (c * s * (1 - s) + 1 - t * t), dy[0] * np.tanh(n) * so * (1 - so), g * s


@pairs.bug("sign", lambda a, n, h: (1 - sigmoid(a)) * n + sigmoid(a) * h, normal(5, 4), normal(5, 4), normal(5, 4))
def update_gate(a, n, h, dy, bug):
    z = sigmoid(a)
    return dy * ((n - h) if bug else (h - n)) * z * (1 - z), dy * (1 - z), dy * z


@pairs.bug("value", lambda x, u, w: np.maximum(x @ u, 0) @ w, normal(6, 4), normal(4, 7), normal(7, 3))
def two_layer_network(x, u, w, dy, bug):
    z = x @ u
    h = np.maximum(z, 0)
    g = (dy @ w.T) * (z > 0)
    return g @ u.T, x.T @ g, (z if bug else h).T @ dy


@pairs.bug("diagonal", lambda a, e: np.einsum("ne,ned->nd", softmax(a), e), normal(5, 4), normal(5, 4, 3))
def weighted_experts(a, e, dy, bug):
    p = softmax(a)
    dp = np.einsum("nd,ned->ne", dy, e)
    return p * (1 - p) * dp if bug else softmax_back(p, dp), p[:, :, None] * dy[:, None]


@pairs.bug("mask", lambda q, k, v: np.tril(q @ k.T) @ v, normal(6, 3), normal(6, 3), normal(6, 4))
def attention_in_running_sums(q, k, v, dy, bug):
    ds = dy @ v.T if bug else np.tril(dy @ v.T)
    return ds @ k, ds.T @ q, np.tril(q @ k.T).T @ dy


@pairs.bug("term", lambda a, b: a * np.tanh(a) * b, normal(5, 4), normal(5, 4))
def self_gated_product(a, b, dy, bug):
    t = np.tanh(a)
    return dy * b * (t + (0 if bug else a * (1 - t * t))), dy * a * t
