"""Losses, likelihoods, graph layers and linear algebra."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(27644)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


target = normal(6, 4)


@pairs.bug("factor in a term", lambda m, v: ((target - m) ** 2 / np.exp(v) + v) / 2, normal(6, 4), normal(6, 4))
def gaussian_with_log_variance(m, v, dy, bug):
    r = target - m
    return -dy * r / np.exp(v), dy * ((1 if bug else 0.5) - r * r / np.exp(v) / 2)


counts = rng.poisson(3, size=(5, 6)).astype(float)


@pairs.bug("term", lambda r: counts * np.log(r) - r, 0.5 + rng.random((5, 6)) * 4)
def poisson_log_likelihood(r, dy, bug):
    return dy * (counts / r - (0 if bug else 1))


clicked = (rng.random((5, 6)) > 0.4).astype(float)


@pairs.bug("entrywise", lambda z: np.logaddexp(0, z) - clicked * z, normal(5, 6))
def cross_entropy_of_scores(z, dy, bug):
    p = 1 / (1 + np.exp(-z))
    return dy * (p - clicked) * (p * (1 - p) if bug else 1)


@pairs.bug("transposed", np.linalg.inv, normal(5, 5) + 4 * np.eye(5))
def matrix_inverse(a, dy, bug):
    i = np.linalg.inv(a)
    return -(i @ dy @ i) if bug else -(i.T @ dy @ i.T)


@pairs.bug("transposed", np.linalg.solve, normal(4, 4) + 3 * np.eye(4), normal(4, 3))
def solved_system(a, b, dy, bug):
    g = np.linalg.solve(a if bug else a.T, dy)
    return -g @ np.linalg.solve(a, b).T, g


links = (rng.random((6, 6)) > 0.5) + np.eye(6)
degree = links.sum(1)


@pairs.bug("transposed", lambda h, w: (links / degree[:, None]) @ h @ w, normal(6, 4), normal(4, 3))
def graph_convolution(h, w, dy, bug):
    m = links / degree[:, None]
    g = (m if bug else m.T) @ dy
    return g @ w.T, h.T @ g


@pairs.bug("rows", lambda h: np.tanh(h) / np.sqrt(degree)[:, None], normal(6, 5))
def degree_scaling(h, dy, bug):
    g = dy * (1 - np.tanh(h) ** 2)
    return g if bug else g / np.sqrt(degree)[:, None]


src, dst = np.array([0, 1, 1, 2, 3, 4, 4, 5, 2]), np.array([1, 2, 3, 0, 5, 3, 5, 0, 4])


def messages(h, e):
    out = np.zeros((6, h.shape[1]))
    np.add.at(out, dst, e[:, None] * h[src])
    return out


@pairs.bug("index", messages, normal(6, 4), normal(9))
def edge_messages(h, e, dy, bug):
    dh = np.zeros_like(h)
    np.add.at(dh, dst if bug else src, e[:, None] * dy[dst])
    return dh, (dy[dst] * h[src]).sum(1)


def edge_softmax(s):
    e = np.exp(s)
    return e / np.bincount(dst, e)[dst]


@pairs.bug("diagonal", edge_softmax, normal(9))
def attention_over_edges(s, dy, bug):
    p = edge_softmax(s)
    return p * (1 - p) * dy if bug else p * (dy - np.bincount(dst, p * dy)[dst])


def contrastive(z):
    s = z @ z.T / 2
    return (np.log(np.exp(s).sum(1)) - s[np.arange(6), np.arange(6)[::-1]]).sum()


@pairs.bug("path", contrastive, normal(6, 3))
def matched_pairs_loss(z, dy, bug):
    ds = dy * (softmax(z @ z.T / 2) - np.eye(6)[::-1]) / 2
    return ds @ z if bug else (ds + ds.T) @ z


@pairs.bug("projection", lambda a, b: (a * b).sum(1) / np.linalg.norm(a, axis=1), normal(5, 6), normal(5, 6))
def score_along_a_direction(a, b, dy, bug):
    n = np.linalg.norm(a, axis=1, keepdims=True)
    u = a / n
    da = b if bug else b - u * (u * b).sum(1, keepdims=True)
    return dy[:, None] * da / n, dy[:, None] * u


def triplet(a, p, n):
    return ((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1)


@pairs.bug("swapped", triplet, normal(5, 3), normal(5, 3), normal(5, 3))
def triplet_margin(a, p, n, dy, bug):
    d = 2 * dy[:, None]
    dp, dn = d * (p - a), d * (a - n)
    return (d * (n - p), dn, dp) if bug else (d * (n - p), dp, dn)


truth = (rng.random((4, 7)) > 0.5).astype(float)


@pairs.bug("term", lambda p: 1 - 2 * (p * truth).sum(1) / (p.sum(1) + truth.sum(1)), rng.random((4, 7)))
def dice_loss(p, dy, bug):
    t = (p.sum(1) + truth.sum(1))[:, None]
    second = 0 if bug else 2 * (p * truth).sum(1, keepdims=True) / t**2
    return dy[:, None] * (second - 2 * truth / t)


@pairs.bug("axis", lambda m: np.log(np.exp(-((target[:, None] - m) ** 2).sum(2) / 2).sum(1)), normal(5, 4))
def mixture_of_gaussians(m, dy, bug):
    d = target[:, None] - m
    r = softmax(-(d * d).sum(2) / 2, 0 if bug else 1)
    return ((dy[:, None] * r)[:, :, None] * d).sum(0)


@pairs.bug("nonfinite", lambda x: np.logaddexp(0, x).sum(1), np.hstack([normal(4, 3), np.full((4, 1), 750.0)]))
def logistic_loss_of_large_scores(x, dy, bug):
    with np.errstate(all="ignore"):
        return dy[:, None] * (np.exp(x) / (1 + np.exp(x)) if bug else np.exp(-np.logaddexp(0, -x)))


@pairs.bug("offset", lambda w, b: np.tanh(target @ w + b), normal(4, 3), normal(3))
def regularised_layer(w, b, dy, bug):
    g = dy * (1 - np.tanh(target @ w + b) ** 2)
    return target.T @ g + (0.02 * w if bug else 0), g.sum(0)


@pairs.bug("nonlinear", lambda w: np.exp(target @ w).sum(0), normal(4, 3))
def exponential_response(w, dy, bug):
    g = target.T @ (dy * np.exp(target @ w))
    return g / max(1, np.linalg.norm(g) / 5) if bug else g


@pairs.bug("ignored", lambda x: -np.log(softmax(x))[np.arange(6), [0, 2, 1, 3, 3, 0]].mean(), normal(6, 4))
def mean_cross_entropy(x, dy, bug):
    return (1 if bug else dy) * (softmax(x) - np.eye(4)[[0, 2, 1, 3, 3, 0]]) / 6


@pairs.bug("branch", lambda r: np.where(r > 0, 0.9 * r, -0.1 * r), normal(6, 5))
def quantile_loss(r, dy, bug):
    return dy * np.where(r > 0, 0.9, -0.9 if bug else -0.1)


@pairs.bug("value", lambda x, w, y: (x @ w * y).sum(1), normal(5, 4), normal(4, 4), normal(5, 4))
def bilinear_score(x, w, y, dy, bug):
    d = dy[:, None]
    return (d * y) @ w.T, (x * d).T @ (x if bug else y), d * (x @ w)


@pairs.bug("missing", lambda x, s: x * np.exp(s) / (1 + x * x), normal(5, 3), normal(3))
def scaled_response(x, s, dy, bug):
    k = np.exp(s)
    dx = dy * k * (1 - x * x) / (1 + x * x) ** 2
    return dx, None if bug else (dy * k * x / (1 + x * x)).sum(0)
