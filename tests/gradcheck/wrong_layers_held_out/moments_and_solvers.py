"""Normalisations, matrices and distances whose backward pass has one bug."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(5103)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def standard(x, axes=-1, free=0):
    """Return standardised x and what it was divided by."""
    centred = x - x.mean(axes, keepdims=True)
    count = x.size // centred.mean(axes).size
    spread = np.sqrt((centred**2).sum(axes, keepdims=True) / (count - free) + 1e-5)
    return centred / spread, spread


def standard_backward(x, dxhat, axes=-1):
    xhat, spread = standard(x, axes)
    mean = dxhat.mean(axes, keepdims=True)
    return (dxhat - mean - xhat * (dxhat * xhat).mean(axes, keepdims=True)) / spread


@pairs.bug("mean", lambda x: standard(x)[0], normal(4, 7))
def layer_norm_mean_forgotten(x, dy, bug):
    xhat, spread = standard(x)
    mean = 0 if bug else dy.mean(-1, keepdims=True)
    return (dy - mean - xhat * (dy * xhat).mean(-1, keepdims=True)) / spread


@pairs.bug("mean", lambda x: np.exp(x - x.mean(1, keepdims=True)), normal(3, 6))
def centring_by_sum(x, dy, bug):
    d = dy * np.exp(x - x.mean(1, keepdims=True))
    return d - (d.sum(1, keepdims=True) if bug else d.mean(1, keepdims=True))


@pairs.bug("mean", lambda x: x.var(0), normal(8, 5))
def sample_variance_not_centred(x, dy, bug):
    return dy * 2 / 8 * (x if bug else x - x.mean(0))


@pairs.bug("axis", lambda x: standard(x, (2, 3))[0], normal(2, 3, 4, 5))
def instance_norm_over_width(x, dy, bug):
    xhat, spread = standard(x, (2, 3))
    axes = 3 if bug else (2, 3)
    return (dy - dy.mean(axes, keepdims=True) - xhat * (dy * xhat).mean((2, 3), keepdims=True)) / spread


@pairs.bug("value", lambda x, g: g * standard(x, 0)[0], normal(9, 4), normal(4))
def batch_norm_gain_of_input(x, g, dy, bug):
    return standard_backward(x, g * dy, 0), (dy * (x if bug else standard(x, 0)[0])).sum(0)


@pairs.bug("columns", lambda x, g: g * standard(x)[0], normal(3, 8), normal(8))
def gain_of_a_layer_norm_forgotten(x, g, dy, bug):
    return standard_backward(x, dy if bug else g * dy), (dy * standard(x)[0]).sum(0)


@pairs.bug("factor in a term", lambda x: standard(x, 0, free=1)[0], normal(5, 4))
def batch_norm_other_count(x, dy, bug):
    xhat, spread = standard(x, 0, free=1)
    products = (dy * xhat).sum(0) / (5 if bug else 4)
    return (dy - dy.mean(0) - xhat * products) / spread


def rms(x):
    return np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)


@pairs.bug("factor in a term", lambda x: x / rms(x), normal(4, 6))
def rms_norm_product_summed(x, dy, bug):
    r = rms(x)
    products = (dy * x).sum(-1, keepdims=True)
    return dy / r - x * products / (1 if bug else 6) / r**3


def length(x):
    return np.sqrt((x * x).sum(-1, keepdims=True))


@pairs.bug("projection", lambda a, b: (a * b / length(a) / length(b)).sum(-1), normal(3, 5), normal(3, 5))
def cosine_length_constant(a, b, dy, bug):
    u, v = a / length(a), b / length(b)
    cosine = (u * v).sum(-1, keepdims=True)
    du = v - (0 if bug else u * cosine)
    return dy[:, None] * du / length(a), dy[:, None] * (u - v * cosine) / length(b)


@pairs.bug("projection", lambda v, x: x @ (v / length(v)).T, normal(4, 3), normal(7, 3))
def weight_norm_length_constant(v, x, dy, bug):
    w = v / length(v)
    dw = dy.T @ x
    return (dw - (0 if bug else w * (dw * w).sum(-1, keepdims=True))) / length(v), dy @ w


@pairs.bug("rows", lambda v, g: np.sin(g[:, None] * v / length(v)), normal(4, 6), 1 + rng.random(4))
def weight_norm_gain_unscaled(v, g, dy, bug):
    w = v / length(v)
    d = dy * np.cos(g[:, None] * w)
    dv = (d - w * (d * w).sum(-1, keepdims=True)) / length(v)
    return dv * (1 if bug else g[:, None]), (d * w).sum(-1)


@pairs.bug("path", lambda x: x / np.abs(x).max(), normal(4, 5))
def scaled_by_constant_maximum(x, dy, bug):
    top = np.unravel_index(np.abs(x).argmax(), x.shape)
    dx = dy / np.abs(x[top])
    if not bug:
        dx[top] -= (dy * x).sum() * np.sign(x[top]) / x[top] ** 2
    return dx


@pairs.bug("transposed", lambda a: np.linalg.slogdet(a)[1], normal(4, 4) + 3 * np.eye(4))
def log_determinant_inverse(a, dy, bug):
    inverse = np.linalg.inv(a)
    return dy * (inverse if bug else inverse.T)


@pairs.bug("sign", np.linalg.solve, normal(4, 4) + 3 * np.eye(4), normal(4, 6))
def solve_matrix_sign(a, b, dy, bug):
    db = np.linalg.solve(a.T, dy)
    return (db if bug else -db) @ np.linalg.solve(a, b).T, db


@pairs.bug("term", lambda x, a: ((x @ a) * x).sum(-1), normal(5, 4), normal(4, 4))
def quadratic_form_one_side(x, a, dy, bug):
    return dy[:, None] * (x @ (a.T if bug else a + a.T)), np.einsum("b,bi,bj->ij", dy, x, x)


def squares(x, y):
    return ((x[:, None] - y[None]) ** 2).sum(-1)


@pairs.bug("factor in a term", squares, normal(4, 3), normal(6, 3))
def distance_cross_term_once(x, y, dy, bug):
    dx = 2 * dy.sum(1)[:, None] * x - (1 if bug else 2) * dy @ y
    return dx, 2 * dy.sum(0)[:, None] * y - 2 * dy.T @ x


@pairs.bug("path", lambda x: np.exp(-squares(x, x)), normal(5, 3) / 2)
def similarity_of_rows_one_side(x, dy, bug):
    d = dy * np.exp(-squares(x, x))
    d = d if bug else d + d.T
    return -2 * (d.sum(1)[:, None] * x - d @ x)


@pairs.bug("term", lambda p, q: (p * np.log(p / q)).sum(-1), rng.uniform(0.1, 1, (4, 6)), rng.uniform(0.1, 1, (4, 6)))
def divergence_without_one(p, q, dy, bug):
    d = dy[:, None]
    return d * (np.log(p / q) + (0 if bug else 1)), -d * p / q


@pairs.bug("factor in a term", lambda r, a: r**2 * np.cos(a) + np.sin(r), normal(3, 7), normal(3, 7))
def polar_second_term_sign(r, a, dy, bug):
    return dy * (2 * r * np.cos(a) + (-1 if bug else 1) * np.cos(r)), -dy * r**2 * np.sin(a)


@pairs.bug("index", lambda x: np.sort(x, 0), normal(8, 3))
def sort_not_inverted(x, dy, bug):
    places = x.argsort(0)
    return np.take_along_axis(dy, places if bug else places.argsort(0), 0)
