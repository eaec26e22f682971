"""Activations, gates and losses whose backward pass has one bug."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(5101)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def logsumexp(x, axis=-1):
    top = x.max(axis, keepdims=True)
    return (top + np.log(np.exp(x - top).sum(axis, keepdims=True))).squeeze(axis)


@pairs.bug("term", lambda x: x * sigmoid(1.5 * x), normal(3, 7))
def swish_gate_constant(x, dy, bug):
    s = sigmoid(1.5 * x)
    return dy * (s if bug else s + 1.5 * x * s * (1 - s))


@pairs.bug("entrywise", lambda x: x * np.tanh(np.log1p(np.exp(x))), normal(4, 6))
def mish_tanh_derivative(x, dy, bug):
    t = np.tanh(np.log1p(np.exp(x)))
    return dy * (t + x * (1 - (t if bug else t * t)) * sigmoid(x))


@pairs.bug("entrywise", lambda u, v: u * np.tanh(v), normal(5, 3), normal(5, 3))
def gate_without_input(u, v, dy, bug):
    t = np.tanh(v)
    return dy * t, dy * (1 if bug else u) * (1 - t * t)


def huber(r):
    return np.where(np.abs(r) < 0.8, r * r / 2, 0.8 * (np.abs(r) - 0.4))


@pairs.bug("branch", huber, 2 * normal(6, 5))
def huber_without_absolute(r, dy, bug):
    return dy * np.where((r if bug else np.abs(r)) < 0.8, r, 0.8 * np.sign(r))


@pairs.bug("branch", lambda x: 1.0507 * np.where(x > 0, x, 1.6733 * np.expm1(x)), normal(4, 9))
def selu_negative_side(x, dy, bug):
    return dy * 1.0507 * np.where(x > 0, 1, (1 if bug else 1.6733) * np.exp(x))


@pairs.bug("branch", lambda x: np.clip(x, -0.7, 1.2), normal(7, 4))
def clip_upper_side_open(x, dy, bug):
    return dy * ((x > -0.7) if bug else (x > -0.7) & (x < 1.2))


@pairs.bug("factor", lambda x: (x * x).mean(), normal(4, 5))
def mean_square_by_rows(x, dy, bug):
    return dy * 2 * x / (len(x) if bug else x.size)


keep = rng.random((6, 8)) > 0.3


@pairs.bug("factor", lambda x: x * keep / 0.7, normal(6, 8))
def dropout_unscaled(x, dy, bug):
    return dy * keep / (1 if bug else 0.7)


@pairs.bug("mask", lambda x: np.tanh(x) * keep / 0.7, normal(6, 8))
def mask_of_a_dropout_forgotten(x, dy, bug):
    return dy * (1 - np.tanh(x) ** 2) * (1 if bug else keep) / 0.7


@pairs.bug("factor", lambda x: softmax(x / 2.5), normal(3, 6))
def softmax_temperature(x, dy, bug):
    p = softmax(x / 2.5)
    return p * (dy - (p * dy).sum(-1, keepdims=True)) / (1 if bug else 2.5)


labels = np.array([2, 0, 4, 1])
smooth = 0.9 * np.eye(5)[labels] + 0.1 / 5


@pairs.bug("value", lambda x: -(smooth * np.log(softmax(x))).sum(-1).mean(), normal(4, 5))
def smoothed_labels_as_hard(x, dy, bug):
    return dy * (softmax(x) - (np.eye(5)[labels] if bug else smooth)) / 4


weights = np.array([0.5, 2.0, 1.3, 3.1, 0.2])
target = normal(7, 5)


@pairs.bug("columns", lambda x: (weights * (x - target) ** 2).mean(), normal(7, 5))
def weighted_square_columns(x, dy, bug):
    return dy * 2 * (1 if bug else weights) * (x - target) / x.size


samples = np.array([0.4, 1.7, 1.0, 2.6])


@pairs.bug("rows", lambda x: (samples * (logsumexp(x) - x[np.arange(4), labels])).sum(), normal(4, 5))
def sample_weights_forgotten(x, dy, bug):
    return dy * (1 if bug else samples[:, None]) * (softmax(x) - np.eye(5)[labels])


side = np.where(rng.random((5, 8)) > 0.5, 1.0, -1.0)


@pairs.bug("signs", lambda s: np.maximum(0, 1 - side * s).sum(), normal(5, 8))
def hinge_without_label(s, dy, bug):
    return -dy * (1 if bug else side) * (side * s < 1)


@pairs.bug("signs", lambda x: np.abs(x).sum(0), normal(6, 4))
def absolute_without_sign(x, dy, bug):
    return np.broadcast_to(dy, x.shape) * (1 if bug else np.sign(x))


def glu(x):
    a, b = np.split(x, 2, -1)
    return a * sigmoid(b)


@pairs.bug("swapped", glu, normal(3, 10))
def glu_halves(x, dy, bug):
    a, b = np.split(x, 2, -1)
    s = sigmoid(b)
    da, db = dy * s, dy * a * s * (1 - s)
    return np.concatenate([db, da] if bug else [da, db], -1)


@pairs.bug("swapped", lambda p, t: (t - p) * np.exp(p), normal(4, 3), normal(4, 3))
def input_and_target_exchanged(p, t, dy, bug):
    dp, dt = dy * np.exp(p) * (t - p - 1), dy * np.exp(p)
    return (dt, dp) if bug else (dp, dt)


@pairs.bug("mask", lambda x, a: np.where(x > 0, x, a * x), normal(6, 5), np.abs(normal(5)))
def prelu_slope_of_all(x, a, dy, bug):
    return dy * np.where(x > 0, 1, a), (dy * (x if bug else np.minimum(x, 0))).sum(0)


@pairs.bug("diagonal", lambda x: x - logsumexp(x)[:, None], normal(4, 7))
def log_softmax_without_sum(x, dy, bug):
    return dy - softmax(x) * (dy if bug else dy.sum(-1, keepdims=True))


@pairs.bug("axis", logsumexp, normal(5, 6))
def logsumexp_other_axis(x, dy, bug):
    return dy[:, None] * softmax(x, 0 if bug else 1)


def focal(x):
    p = sigmoid(x)
    return (-((1 - p) ** 2) * np.log(p)).mean()


@pairs.bug("term", focal, normal(6, 3))
def focal_weight_constant(x, dy, bug):
    p = sigmoid(x)
    weight = 0 if bug else 2 * p * (1 - p) ** 2 * np.log(p)
    return dy * (weight - (1 - p) ** 3) / x.size


@pairs.bug("sign", lambda p, t: np.log(np.cosh(p - t)).sum(-1), normal(3, 8), normal(3, 8))
def log_cosh_target(p, t, dy, bug):
    dp = dy[:, None] * np.tanh(p - t)
    return dp, dp.copy() if bug else -dp
