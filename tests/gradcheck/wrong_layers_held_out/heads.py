"""Activations, heads, losses and normalisations with a bug in each backward pass."""

from math import erf

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(61553)
register = pairs.register
rng, normal = pairs.rng, pairs.normal
gaussian = np.vectorize(lambda x: (1 + erf(x / np.sqrt(2))) / 2)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@pairs.bug("term", lambda p: (p * np.log(p)).sum(1), 0.1 + rng.random((4, 6)))
def negative_entropy(p, dy, bug):
    return dy[:, None] * (np.log(p) + (0 if bug else 1))


@pairs.bug("axis", lambda s: -np.log(np.diag(softmax(s))).mean(), normal(6, 6))
def contrast_within_batch(s, dy, bug):
    return dy * (softmax(s, 0 if bug else 1) - np.eye(6)) / 6


@pairs.bug("path", lambda x: softmax(x @ x.T) @ x, normal(5, 3))
def parameterless_self_attention(x, dy, bug):
    p = softmax(x @ x.T)
    dp = dy @ x.T
    ds = p * (dp - (p * dp).sum(-1, keepdims=True))
    return (ds + ds.T) @ x + (0 if bug else p.T @ dy)


@pairs.bug("entrywise", lambda x: x * sigmoid(1.702 * x), 2 * normal(4, 7))
def quick_gelu(x, dy, bug):
    if bug:
        return dy * (gaussian(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi))
    s = sigmoid(1.702 * x)
    return dy * (s + 1.702 * x * s * (1 - s))


causal = np.tri(6)


@pairs.bug("mask", lambda q, k, v: (causal * (q @ k.T)) @ v, normal(6, 3), normal(6, 3), normal(6, 4))
def causal_linear_attention(q, k, v, dy, bug):
    ds = dy @ v.T
    held = causal * ds
    return (ds if bug else held) @ k, held.T @ q, (causal * (q @ k.T)).T @ dy


@pairs.bug("factor in a term", lambda w: 0.5 * np.abs(w).sum(0) + 0.8 * (w * w).sum(0), normal(6, 3))
def elastic_net(w, dy, bug):
    return dy * (0.5 * np.sign(w) + (0.8 if bug else 1.6) * w)


@pairs.bug("mean", lambda x, w: x @ (w - w.mean(0)), normal(4, 6), normal(6, 5))
def standardised_kernel(x, w, dy, bug):
    d = x.T @ dy
    return dy @ (w - w.mean(0)).T, d - (d.sum(0) if bug else d.mean(0))


@pairs.bug("projection", lambda x, v, g: x @ (g * v / np.sqrt((v * v).sum(0))), normal(4, 3), normal(3, 5), normal(5))
def weight_and_gain(x, v, g, dy, bug):
    length = np.sqrt((v * v).sum(0))
    n, d = v / length, x.T @ dy
    along = 0 if bug else n * (n * d).sum(0)
    return dy @ (g * n).T, g * (d - along) / length, (n * d).sum(0)


@pairs.bug("shape", lambda x, g: g * np.cos(x), normal(6, 5), normal(1, 5))
def gain_with_leading_axis(x, g, dy, bug):
    return -dy * g * np.sin(x), (dy * np.cos(x)).sum(0, keepdims=not bug)


temperature = np.array([0.4, 1.0, 2.2, 3.5])


@pairs.bug("rows", lambda x: softmax(x / temperature[:, None]), normal(4, 6))
def policy_of_several_explorers(x, dy, bug):
    p = softmax(x / temperature[:, None])
    d = p * (dy - (p * dy).sum(1, keepdims=True))
    return d if bug else d / temperature[:, None]


@pairs.bug("zero", lambda x, p: (x**p).mean(0) ** (1 / p), 0.3 + rng.random((6, 4)), 2 + rng.random(4))
def generalised_mean_pooling(x, p, dy, bug):
    m = (x**p).mean(0)
    y = m ** (1 / p)
    dp = y * ((x**p * np.log(x)).mean(0) / (p * m) - np.log(m) / p**2)
    return dy * y / m * x ** (p - 1) / len(x), np.zeros_like(p) if bug else dy * dp


@pairs.bug("signs", lambda s: np.tanh(s[:4]).mean(0) - np.tanh(s[4:]).mean(0), normal(9, 3))
def critic_of_real_and_fake(s, dy, bug):
    slope = dy * (1 - np.tanh(s) ** 2)
    return np.concatenate([slope[:4] / 4, (1 if bug else -1) * slope[4:] / 5])


teacher = softmax(normal(4, 5))


@pairs.bug("ignored", lambda x: (teacher * np.log(teacher / softmax(x))).sum(), normal(4, 5))
def distilled_student(x, dy, bug):
    d = softmax(x) - teacher
    return d if bug else dy * d


@pairs.bug("offset", lambda x, w: np.tanh(x @ w), normal(5, 4), normal(4, 3))
def code_with_sparsity(x, w, dy, bug):
    h = np.tanh(x @ w)
    d = (dy + (0.1 * np.sign(h) if bug else 0)) * (1 - h * h)
    return d @ w.T, x.T @ d


@pairs.bug("nonlinear", lambda x: np.arctan(x) * 2, normal(5, 4))
def unit_length_of_the_error(x, dy, bug):
    d = 2 * dy / (1 + x * x)
    return d / np.sqrt((d * d).sum()) if bug else d


@pairs.bug("swapped", lambda x, c: x * c[:, :4] + c[:, 4:], normal(5, 4), normal(5, 8))
def modulation_of_features(x, c, dy, bug):
    return dy * c[:, :4], np.concatenate([dy, dy * x] if bug else [dy * x, dy], 1)


def whiten(x):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3)


@pairs.bug("value", lambda x, g, b: g * whiten(x) + b, 1 + 2 * normal(7, 4), normal(4), normal(4))
def batch_norm_in_training(x, g, b, dy, bug):
    n, dn = whiten(x), dy * g
    dx = (dn - dn.mean(0) - n * (n * dn).mean(0)) / np.sqrt(x.var(0) + 1e-3)
    return dx, (dy * (x if bug else n)).sum(0), dy.sum(0)


@pairs.bug("dtype", lambda e: np.tanh(e[[4, 0, 4, 2]]), normal(5, 4))
def half_width_table(e, dy, bug):
    de = np.zeros(e.shape, np.float32 if bug else e.dtype)
    np.add.at(de, [4, 0, 4, 2], dy * (1 - np.tanh(e[[4, 0, 4, 2]]) ** 2))
    return de


@pairs.bug("output", lambda x, a, b: (np.sin(x) @ a, np.sin(x) @ b), normal(6, 4), normal(4, 2), normal(4, 2))
def actor_and_critic(x, a, b, dy, bug):
    da, db = dy
    h = np.sin(x)
    return (da @ a.T + db @ b.T) * np.cos(x), h.T @ da, h.T @ (da if bug else db)
