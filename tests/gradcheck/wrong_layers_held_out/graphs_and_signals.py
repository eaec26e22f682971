"""Graphs, signals, samplers and clouds of points whose backward pass has one bug."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(5201)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


source, sink = np.array([0, 2, 1, 4, 3, 2, 0]), np.array([1, 1, 3, 0, 2, 4, 3])
links = np.zeros((5, 5))
links[sink, source] = rng.uniform(0.5, 2, 7)
degrees = links.sum(1, keepdims=True)


@pairs.bug("transposed", lambda x: links @ np.tanh(x), normal(5, 3))
def messages_along_the_links(x, dy, bug):
    return ((links if bug else links.T) @ dy) * (1 - np.tanh(x) ** 2)


@pairs.bug("rows", lambda x: links @ x / degrees, normal(5, 4))
def degrees_forgotten(x, dy, bug):
    return links.T @ (dy if bug else dy / degrees)


@pairs.bug("overwritten", lambda x: x[source] * x[sink], normal(5, 3))
def products_of_linked_nodes(x, dy, bug):
    dx = np.zeros_like(x)
    if bug:
        dx[source] = dy * x[sink]
    else:
        np.add.at(dx, source, dy * x[sink])
    np.add.at(dx, sink, dy * x[source])
    return dx


@pairs.bug("path", lambda x: x[source] - np.sin(x[sink]), normal(5, 4))
def differences_at_the_source_alone(x, dy, bug):
    dx = np.zeros_like(x)
    np.add.at(dx, source, dy)
    if not bug:
        np.add.at(dx, sink, -dy * np.cos(x[sink]))
    return dx


@pairs.bug("index", lambda x: np.exp(x[source]), normal(5, 3))
def edges_to_the_sink(x, dy, bug):
    dx = np.zeros_like(x)
    np.add.at(dx, sink if bug else source, dy * np.exp(x[source]))
    return dx


def segment_mean(x):
    return np.stack([x[sink == k].mean(0) for k in range(5)])


@pairs.bug("factor", lambda x: segment_mean(x), normal(7, 4))
def segment_means_over_all(x, dy, bug):
    counts = np.bincount(sink)[sink][:, None]
    return dy[sink] / counts / (7 if bug else 1)


@pairs.bug("rows", lambda x: segment_mean(np.sin(x)), normal(7, 3))
def segment_means_as_sums(x, dy, bug):
    counts = np.bincount(sink)[sink][:, None]
    return dy[sink] * np.cos(x) / (1 if bug else counts)


@pairs.bug("value", lambda x, w: np.maximum(x @ w, 0) ** 2, normal(6, 4), normal(4, 3))
def weight_sees_squared_input(x, w, dy, bug):
    d = dy * 2 * np.maximum(x @ w, 0)
    return d @ w.T, (x * x if bug else x).T @ d


mixing = normal(6, 6)


@pairs.bug("order", lambda x: np.cumsum(x, 0) @ mixing, normal(5, 6))
def integrated_the_wrong_way(x, dy, bug):
    d = dy @ mixing.T
    return np.cumsum(d, 0) if bug else np.cumsum(d[::-1], 0)[::-1]


@pairs.bug("shift", lambda x: x[:, 1:] * x[:, :-1], normal(4, 7))
def product_of_neighbours_shifted(x, dy, bug):
    dx = np.zeros_like(x)
    dx[:, 1:] += dy * (x[:, 1:] if bug else x[:, :-1])
    dx[:, :-1] += dy * x[:, 1:]
    return dx


@pairs.bug("sign", lambda x: np.diff(x, axis=1), normal(3, 8))
def difference_sign(x, dy, bug):
    dx = np.zeros_like(x)
    dx[:, 1:] += dy
    dx[:, :-1] -= dy
    return -dx if bug else dx


@pairs.bug("part", lambda x: np.diff(x, axis=0) ** 2, normal(7, 4))
def total_variation_last_row(x, dy, bug):
    d = 2 * dy * np.diff(x, axis=0)
    dx = np.zeros_like(x)
    dx[:-1] -= d
    dx[1:-1] += d[:-1]
    if not bug:
        dx[-1] += d[-1]
    return dx


window = np.hanning(8)[1:-1]


@pairs.bug("columns", lambda x: np.sin(x * window), normal(5, 6))
def window_not_applied_again(x, dy, bug):
    return dy * np.cos(x * window) * (1 if bug else window)


def spectrum(x):
    n = np.arange(6)
    angle = 2 * np.pi * np.outer(n, n) / 6
    return x @ np.cos(angle[:, :4]), x @ np.sin(angle[:, 1:3])


@pairs.bug("output", spectrum, normal(5, 6))
def imaginary_part_forgotten(x, dy, bug):
    n = np.arange(6)
    angle = 2 * np.pi * np.outer(n, n) / 6
    return dy[0] @ np.cos(angle[:, :4]).T + (0 if bug else dy[1] @ np.sin(angle[:, 1:3]).T)


@pairs.bug("factor in a term", lambda x: x**2 - 0.5 * np.roll(x, 1, 1) ** 2, normal(3, 7))
def leak_of_the_neighbour(x, dy, bug):
    return 2 * x * (dy - (1 if bug else 0.5) * np.roll(dy, -1, 1))


@pairs.bug("term", lambda m, s: m + 0.7 * np.exp(s) - np.exp(2 * s) / 5, normal(4, 6), normal(4, 6))
def variance_penalty_forgotten(m, s, dy, bug):
    return dy.copy(), dy * (0.7 * np.exp(s) - (0 if bug else 0.4 * np.exp(2 * s)))


noise = normal(4, 5)


@pairs.bug("entrywise", lambda m, s: m + noise * np.log1p(np.exp(s)), normal(4, 5), normal(4, 5))
def sampled_spread_without_noise(m, s, dy, bug):
    return dy.copy(), dy * (1 if bug else noise) * sigmoid(s)


@pairs.bug("term", lambda m, s: (np.exp(s) + m**2 - 1 - s).sum(-1) / 2, normal(5, 3), normal(5, 3))
def divergence_log_forgotten(m, s, dy, bug):
    return dy[:, None] * m, dy[:, None] * (np.exp(s) - (0 if bug else 1)) / 2


@pairs.bug("factor", lambda x: np.log(np.cosh(3 * x)) / 3, normal(4, 7))
def scaled_log_cosh(x, dy, bug):
    return dy * np.tanh(3 * x) * (3 if bug else 1)


@pairs.bug("axis", lambda x: softmax(x, 0), normal(6, 4))
def slots_compete_along_the_other_axis(x, dy, bug):
    p = softmax(x, 0)
    return p * (dy - (p * dy).sum(1 if bug else 0, keepdims=True))


@pairs.bug("diagonal", lambda x: softmax(x) @ mixing, normal(3, 6))
def softmax_as_sigmoids(x, dy, bug):
    p, d = softmax(x), dy @ mixing.T
    return p * (1 - p) * d if bug else p * (d - (p * d).sum(-1, keepdims=True))


@pairs.bug("mean", lambda a: a - a.mean(-1, keepdims=True) + np.tanh(a), normal(4, 6))
def advantage_mean_forgotten(a, dy, bug):
    return dy * (2 - np.tanh(a) ** 2) - (0 if bug else dy.mean(-1, keepdims=True))


def ratio(r, a):
    return np.minimum(r * a, np.clip(r, 0.8, 1.2) * a)


@pairs.bug("branch", ratio, rng.uniform(0.5, 1.5, (6, 5)), normal(6, 5))
def clipped_ratio_by_the_ratio_alone(r, a, dy, bug):
    free = (r > 0.8) & (r < 1.2) if bug else np.where(a > 0, r < 1.2, r > 0.8)
    return dy * a * free, dy * np.where(r * a < np.clip(r, 0.8, 1.2) * a, r, np.clip(r, 0.8, 1.2))
