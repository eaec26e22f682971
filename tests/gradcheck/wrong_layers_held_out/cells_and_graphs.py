"""Recurrent cells, convolutions, poolings and graph layers, each with one bug in its backward pass."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(48112)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def elman(x, u):
    h = [np.zeros(x.shape[1])]
    for step in x:
        h.append(np.tanh(step + u @ h[-1]))
    return np.array(h[1:])


@pairs.bug("shift", elman, normal(6, 4), normal(4, 4) / 2)
def elman_recurrent_weights(x, u, dy, bug):
    h = np.concatenate([np.zeros((1, 4)), elman(x, u)])
    dx, du, carry = np.zeros_like(x), np.zeros_like(u), np.zeros(4)
    for t in reversed(range(len(x))):
        dx[t] = (dy[t] + carry) * (1 - h[t + 1] ** 2)
        du += np.outer(dx[t], h[t + 1 if bug else t])
        carry = u.T @ dx[t]
    return dx, du


@pairs.bug("overwritten", lambda x, a: elman(x, np.diag(a)), normal(5, 4), rng.random(4))
def recurrence_of_independent_units(x, a, dy, bug):
    h = elman(x, np.diag(a))
    dx, da, carry = np.zeros_like(x), np.zeros_like(a), np.zeros(4)
    for t in reversed(range(len(x))):
        dx[t] = (dy[t] + carry) * (1 - h[t] ** 2)
        if t:
            da = dx[t] * h[t - 1] + (0 if bug else da)
        carry = a * dx[t]
    return dx, da


@pairs.bug("path", lambda c, a, p: np.tanh(c) * sigmoid(a + p * c), normal(4, 5), normal(4, 5), normal(5))
def peephole_of_the_output_gate(c, a, p, dy, bug):
    t, o = np.tanh(c), sigmoid(a + p * c)
    da = dy * t * o * (1 - o)
    return dy * o * (1 - t * t) + (0 if bug else da * p), da, (da * c).sum(0)


def update(h, z, n):
    s = sigmoid(z)
    return (1 - s) * h + s * n


@pairs.bug("term", update, normal(3, 6), normal(3, 6), normal(3, 6))
def gru_update_gate(h, z, n, dy, bug):
    s = sigmoid(z)
    return dy * (1 - s), dy * s * (1 - s) * (n if bug else n - h), dy * s


@pairs.bug("order", lambda x, w: np.correlate(x, w, "valid"), normal(12), normal(4))
def temporal_filter(x, w, dy, bug):
    return np.convolve(dy, w[::-1] if bug else w), np.correlate(x, dy, "valid")


def batch_filter(x, w):
    return np.array([np.correlate(row, w, "valid") for row in x])


@pairs.bug("part", batch_filter, normal(4, 8), normal(3))
def filter_of_a_batch(x, w, dy, bug):
    dx = np.array([np.convolve(d, w) for d in dy])
    return dx, sum(np.correlate(x[n], dy[n], "valid") for n in range(1 if bug else len(x)))


@pairs.bug("index", lambda x, w: np.array([x[2 * i : 2 * i + 3] @ w for i in range(5)]), normal(11, 1)[:, 0], normal(3))
def convolution_with_a_stride(x, w, dy, bug):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i, d in enumerate(dy):
        start = i if bug else 2 * i
        dx[start : start + 3] += d * w
        dw += d * x[2 * i : 2 * i + 3]
    return dx, dw


@pairs.bug("factor", lambda x: x.reshape(3, 2, 4, 2).mean((1, 3)), normal(6, 8))
def average_pooling_by_two(x, dy, bug):
    return np.kron(dy, np.ones((2, 2))) / (2 if bug else 4)


def shuffle(x):
    return x.reshape(2, 2, 3, 4).transpose(2, 0, 3, 1).reshape(6, 8)


@pairs.bug("order", lambda x: shuffle(np.tanh(x)), normal(4, 3, 4))
def depth_to_space(x, dy, bug):
    blocks = dy.reshape(3, 2, 4, 2).transpose((3, 1, 0, 2) if bug else (1, 3, 0, 2))
    return blocks.reshape(4, 3, 4) * (1 - np.tanh(x) ** 2)


edges = (rng.random((6, 6)) > 0.5).astype(float)


@pairs.bug("transposed", lambda x, w: edges @ x @ w, normal(6, 3), normal(3, 4))
def directed_graph_convolution(x, w, dy, bug):
    return (edges if bug else edges.T) @ dy @ w.T, (edges @ x).T @ dy


degree = 1 + edges.sum(0)


@pairs.bug("rows", lambda x: edges @ (x / degree[:, None]), normal(6, 4))
def random_walk_propagation(x, dy, bug):
    return edges.T @ dy / (1 if bug else degree[:, None])


@pairs.bug("mask", lambda x: sigmoid(x @ x.T) * edges, normal(6, 3))
def link_scores_of_known_edges(x, dy, bug):
    s = sigmoid(x @ x.T)
    d = dy * s * (1 - s) * (1 if bug else edges)
    return (d + d.T) @ x


@pairs.bug("twice", lambda x, w: np.tanh(x @ w) @ w.T, normal(5, 4), normal(4, 3) / 2)
def autoencoder_with_tied_weights(x, w, dy, bug):
    h = np.tanh(x @ w)
    dz = dy @ w * (1 - h * h)
    return dz @ w.T, x.T @ dz + (2 if bug else 1) * dy.T @ h


@pairs.bug("axis", lambda x: x * sigmoid(x.mean(1))[:, None], normal(5, 5))
def squeeze_and_excite(x, dy, bug):
    g = sigmoid(x.mean(1))
    dg = (dy * x).sum(0 if bug else 1)
    return dy * g[:, None] + (dg * g * (1 - g) / 5)[:, None]


@pairs.bug("nonlinear", lambda x: np.cumsum(np.sin(x), 0), normal(7, 4))
def clipped_accumulation(x, dy, bug):
    carry, dx = np.zeros(4), np.zeros_like(x)
    for t in reversed(range(len(x))):
        carry = carry + dy[t]
        dx[t] = (np.clip(carry, -1, 1) if bug else carry) * np.cos(x[t])
    return dx


@pairs.bug("mutation", lambda x, w: np.maximum(x @ w, 0), normal(5, 3), normal(3, 6))
def rectified_dense_in_place(x, w, dy, bug):
    d = dy if bug else dy.copy()
    d *= x @ w > 0
    return d @ w.T, x.T @ d


@pairs.bug("missing", lambda x, r: np.tanh(x[:, :, None] + r), normal(3, 4), normal(4, 5))
def relative_position_bias(x, r, dy, bug):
    d = dy * (1 - np.tanh(x[:, :, None] + r) ** 2)
    return d.sum(2), None if bug else d.sum(0)
