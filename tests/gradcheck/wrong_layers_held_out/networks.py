"""Blocks of networks: dense layers, norms, attention and losses, each with one bug in its backward pass."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(7301)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@pairs.bug("term", lambda x, a: x + np.sin(a * x) ** 2 / a, normal(4, 5), 0.7 + rng.random(5))
def snake_frequency(x, a, dy, bug):
    s = np.sin(2 * a * x)
    da = x * s / a - (0 if bug else np.sin(a * x) ** 2 / a**2)
    return dy * (1 + s), (dy * da).sum(0)


@pairs.bug("path", lambda x, w: x + np.tanh(x @ w), normal(4, 5), normal(5, 5) / 2)
def residual_dense_block(x, w, dy, bug):
    d = dy * (1 - np.tanh(x @ w) ** 2)
    return d @ w.T if bug else dy + d @ w.T, x.T @ d


tokens = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], float)[:, :, None]


@pairs.bug("mask", lambda x: (np.sin(x) * tokens).sum(1) / tokens.sum(1), normal(3, 5, 4))
def sentence_mean_with_padding(x, dy, bug):
    return (dy / tokens.sum(1))[:, None] * np.cos(x) * (1 if bug else tokens)


@pairs.bug("projection", lambda x, g: g * x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5), normal(4, 6), normal(6))
def norm_by_the_root_mean_square(x, g, dy, bug):
    r = np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)
    n, dn = x / r, dy * g
    dx = dn / r if bug else (dn - n * (dn * n).mean(-1, keepdims=True)) / r
    return dx, (dy * n).sum(0)


def standardise(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


@pairs.bug("mean", standardise, normal(5, 7))
def layer_norm_without_affine(x, dy, bug):
    n = standardise(x)
    centred = dy if bug else dy - dy.mean(-1, keepdims=True)
    return (centred - n * (dy * n).mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


@pairs.bug("axis", lambda q, k, v: softmax(q @ k.T / 2) @ v, normal(5, 4), normal(5, 4), normal(5, 3))
def attention_softmax_queries(q, k, v, dy, bug):
    p = softmax(q @ k.T / 2)
    dp = dy @ v.T
    ds = p * (dp - (p * dp).sum(0 if bug else -1, keepdims=True)) / 2
    return ds @ k, ds.T @ q, p.T @ dy


@pairs.bug("factor", lambda q, k: softmax(q @ k.T / np.sqrt(6)), normal(4, 6), normal(5, 6))
def attention_map_scale(q, k, dy, bug):
    p = softmax(q @ k.T / np.sqrt(6))
    ds = p * (dy - (p * dy).sum(-1, keepdims=True))
    return ds @ k / (1 if bug else np.sqrt(6)), ds.T @ q / np.sqrt(6)


@pairs.bug("swapped", lambda a, b: np.tanh(a @ b.T), normal(5, 4) / 2, normal(5, 4) / 2)
def image_text_similarity(a, b, dy, bug):
    d = dy * (1 - np.tanh(a @ b.T) ** 2)
    da, db = d @ b, d.T @ a
    return (db, da) if bug else (da, db)


@pairs.bug("value", lambda x, u, w: np.tanh(x @ u) @ w, normal(6, 3), normal(3, 5), normal(5, 4))
def two_layer_perceptron(x, u, w, dy, bug):
    z = x @ u
    h = np.tanh(z)
    dz = dy @ w.T * (1 - h * h)
    return dz @ u.T, x.T @ dz, (z if bug else h).T @ dy


@pairs.bug("shape", lambda x, w, b: x @ w + b, normal(3, 4, 5), normal(5, 2), normal(2))
def dense_bias_over_time(x, w, b, dy, bug):
    return dy @ w.T, np.einsum("bti,bto->io", x, dy), dy.sum(0) if bug else dy.sum((0, 1))


words = np.array([3, 0, 3, 6, 1, 3, 0])


@pairs.bug("overwritten", lambda e: np.sin(e[words]), normal(8, 4))
def word_embedding(e, dy, bug):
    d = dy * np.cos(e[words])
    de = np.zeros_like(e)
    if bug:
        de[words] = d
    else:
        np.add.at(de, words, d)
    return de


@pairs.bug("part", lambda x, w: np.einsum("nhi,hio->nho", x, w), normal(4, 3, 4), normal(3, 4, 2))
def weights_of_each_head(x, w, dy, bug):
    dx = np.zeros_like(x)
    for h in range(len(w) - 1 if bug else len(w)):
        dx[:, h] = dy[:, h] @ w[h].T
    return dx, np.einsum("nhi,nho->hio", x, dy)


@pairs.bug("dtype", lambda x, g: g * np.tanh(x), normal(5, 6), normal(6))
def layer_scale_in_single(x, g, dy, bug):
    t = np.tanh(x)
    dg = (dy * t).sum(0)
    return dy * g * (1 - t * t), dg.astype(np.float32) if bug else dg


saved = {}


def gated(x, w):
    saved["gate"] = sigmoid(x @ w)
    return x * saved["gate"]


@pairs.bug("stale", gated, normal(4, 5), normal(5, 5))
def self_gating_cache(x, w, dy, bug):
    s = saved["gate"] if bug else sigmoid(x @ w)
    d = dy * x * s * (1 - s)
    return dy * s + d @ w.T, x.T @ d


sides = np.array([1.0, -1.0, -1.0, 1.0, 1.0, -1.0])


@pairs.bug("sign", lambda x, w: np.log1p(np.exp(-sides * (x @ w))).sum(), normal(6, 4), normal(4))
def logistic_loss_weights(x, w, dy, bug):
    d = -dy * sides * sigmoid(-sides * (x @ w))
    return np.outer(d, w), (-d if bug else d) @ x


@pairs.bug("entrywise", lambda x: (x + np.sqrt(x * x + 4)) / 2, 2 * normal(5, 6))
def squareplus(x, dy, bug):
    return dy * (1 + (1 if bug else x) / np.sqrt(x * x + 4)) / 2


classes = np.array([1, 4, 0, 2, 2])


@pairs.bug("ignored", lambda x: -np.log(softmax(x)[np.arange(5), classes]).mean(), normal(5, 6))
def cross_entropy_as_last_layer(x, dy, bug):
    return (1 if bug else dy) * (softmax(x) - np.eye(6)[classes]) / len(x)


centre, variance = normal(6), 0.2 + 3 * rng.random(6)


@pairs.bug("columns", lambda x, g: g * (x - centre) / np.sqrt(variance), normal(5, 6), normal(6))
def batch_norm_in_evaluation(x, g, dy, bug):
    deviation = np.sqrt(variance)
    return dy * g / (1 if bug else deviation), (dy * (x - centre) / deviation).sum(0)


@pairs.bug("spread", lambda x: x.max(1), normal(3, 6, 4))
def largest_over_time(x, dy, bug):
    first = np.arange(6)[:, None] == x.argmax(1)[:, None]
    return dy[:, None] * (np.full(x.shape, 1 / 6) if bug else first)


@pairs.bug("zero", lambda x, t: softmax(x * np.exp(t)[:, None]), normal(4, 5), normal(4) / 3)
def learnt_temperature(x, t, dy, bug):
    e = np.exp(t)[:, None]
    p = softmax(x * e)
    d = p * (dy - (p * dy).sum(-1, keepdims=True)) * e
    return d, np.zeros_like(t) if bug else (d * x).sum(-1)
