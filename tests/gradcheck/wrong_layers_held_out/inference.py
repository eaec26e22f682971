"""Likelihoods, structured models, finance and linear algebra, each with one bug in its backward pass."""

from itertools import pairwise
from math import erf

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(20677)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def logsumexp(x, axis=-1):
    top = x.max(axis, keepdims=True)
    return (top + np.log(np.exp(x - top).sum(axis, keepdims=True))).squeeze(axis)


@pairs.bug("term", lambda m, s: ((m - 0.4) ** 2 * np.exp(-s) + s).sum(-1) / 2, normal(4, 5), normal(4, 5))
def gaussian_with_learnt_noise(m, s, dy, bug):
    e, half = np.exp(-s), dy[:, None] / 2
    return 2 * half * (m - 0.4) * e, half * ((0 if bug else 1) - (m - 0.4) ** 2 * e)


digits = rng.random(6)


def evidence(m, s):
    return ((m - digits) ** 2).sum() + 0.3 * (np.exp(s) + m * m - 1 - s).sum() / 2


@pairs.bug("factor in a term", evidence, normal(6), normal(6))
def divergence_weight_in_an_autoencoder(m, s, dy, bug):
    return dy * (2 * (m - digits) + (1 if bug else 0.3) * m), dy * 0.15 * (np.exp(s) - 1)


died = np.array([1.0, 0, 1, 1, 0, 1, 0])


def cox(risk):
    later = np.cumsum(np.exp(risk)[::-1])[::-1]
    return (died * (np.log(later) - risk)).sum()


@pairs.bug("mask", cox, normal(7))
def partial_likelihood_of_survival(risk, dy, bug):
    e = np.exp(risk)
    later = np.cumsum(e[::-1])[::-1]
    return dy * (e * np.cumsum(died / later) - (1 if bug else died))


def partition(unary, pair):
    a = unary[0]
    for u in unary[1:]:
        a = u + logsumexp(a[:, None] + pair, 0)
    return logsumexp(a)


@pairs.bug("transposed", partition, normal(5, 3), normal(3, 3))
def linear_chain_field(unary, pair, dy, bug):
    a, b = [unary[0]], [np.zeros(3)]
    for u in unary[1:]:
        a.append(u + logsumexp(a[-1][:, None] + pair, 0))
    for u in unary[:0:-1]:
        b.insert(0, logsumexp(pair + (u + b[0]), 1))
    z, dpair = logsumexp(a[-1]), np.zeros((3, 3))
    for t, (left, right) in enumerate(pairwise(range(5))):
        dpair += np.exp(a[left][:, None] + pair + unary[right] + b[t + 1] - z)
    return dy * np.exp(np.array(a) + np.array(b) - z), dy * (dpair.T if bug else dpair)


@pairs.bug("axis", lambda g, c: -0.5 * logsumexp((g - c) / 0.5), normal(5), normal(5, 5))
def soft_transform_of_a_potential(g, c, dy, bug):
    s = (g - c) / 0.5
    p = np.exp(s - logsumexp(s, 0) if bug else s - logsumexp(s, 1)[:, None])
    return -dy @ p, dy[:, None] * p


cumulative = np.vectorize(lambda d: (1 + erf(d / np.sqrt(2))) / 2)


def call(s, v, t):
    d = np.log(s) / (v * np.sqrt(t)) + v * np.sqrt(t) / 2
    return s * cumulative(d) - cumulative(d - v * np.sqrt(t))


@pairs.bug("entrywise", call, 0.8 + 0.4 * rng.random(6), 0.2 + 0.3 * rng.random(6), 0.3 + 2 * rng.random(6))
def european_call_vega(s, v, t, dy, bug):
    d = np.log(s) / (v * np.sqrt(t)) + v * np.sqrt(t) / 2
    density = dy * s * np.exp(-d * d / 2) / np.sqrt(2 * np.pi)
    return dy * cumulative(d), density * (1 if bug else np.sqrt(t)), density * v / (2 * np.sqrt(t))


years, coupons = np.array([0.5, 1.0, 2.0, 5.0]), np.array([3.0, 4.0, 2.0, 6.0])


@pairs.bug("columns", lambda r: np.exp(-r * years) @ coupons, rng.random((3, 4)) / 5)
def price_of_bonds(r, dy, bug):
    return -dy[:, None] * coupons * np.exp(-r * years) * (1 if bug else years)


@pairs.bug("sign", lambda a, b: np.linalg.solve(a, b), normal(4, 4) + 3 * np.eye(4), normal(4))
def linear_system(a, b, dy, bug):
    x, db = np.linalg.solve(a, b), np.linalg.solve(a.T, dy)
    return np.outer(db, x) if bug else -np.outer(db, x), db


@pairs.bug("transposed", lambda a: np.linalg.eigvalsh((a + a.T) / 2), normal(4, 4))
def spectrum_of_a_symmetric_matrix(a, dy, bug):
    v = np.linalg.eigh((a + a.T) / 2)[1]
    return v.T @ np.diag(dy) @ v if bug else v @ np.diag(dy) @ v.T


@pairs.bug("path", lambda x, a: ((x @ a) * x).sum(-1), normal(3, 4), normal(4, 4))
def quadratic_form(x, a, dy, bug):
    dx = x @ a.T if bug else x @ a + x @ a.T
    return dy[:, None] * dx, (dy[:, None] * x).T @ x


def cosine(a, b):
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


@pairs.bug("projection", cosine, normal(4, 5), normal(4, 5))
def cosine_of_two_vectors(a, b, dy, bug):
    m, n = np.linalg.norm(a, axis=-1, keepdims=True), np.linalg.norm(b, axis=-1, keepdims=True)
    c, d = cosine(a, b)[:, None], dy[:, None]
    return d * (b / n - (0 if bug else c * a / m)) / m, d * (a / m - c * b / n) / n


@pairs.bug("index", lambda x: np.sort(np.sinh(x)), normal(8))
def sorted_sample(x, dy, bug):
    order, dx = x.argsort(), np.zeros_like(x)
    if bug:
        dx = dy[order]
    else:
        dx[order] = dy
    return dx * np.cosh(x)


@pairs.bug("mean", lambda x, w: (x - x.mean(0)) @ w, normal(6, 3), normal(3, 3))
def demeaned_returns(x, w, dy, bug):
    d = dy @ w.T
    return d if bug else d - d.mean(0), (x - x.mean(0)).T @ dy


scatter = np.zeros((3, 3))


@pairs.bug("repeat", lambda x, s: np.einsum("ni,ij,nj->n", x, s, x), normal(4, 3), normal(3, 3))
def precision_statistics(x, s, dy, bug):
    total = scatter if bug else np.zeros((3, 3))
    total += (dy[:, None] * x).T @ x
    return dy[:, None] * (x @ (s + s.T)), total.copy()


noise = normal(6, 4)


@pairs.bug("value", lambda m, f: m + noise @ f.T, normal(4), normal(4, 4))
def reparameterised_sample(m, f, dy, bug):
    return dy.sum(0), dy.T @ (m + noise @ f.T if bug else noise)


@pairs.bug("signs", lambda s: np.log1p(np.exp(s[:, 1] - s[:, 0])).mean(), normal(6, 2))
def preference_of_pairs(s, dy, bug):
    p = dy / (1 + np.exp(s[:, 0] - s[:, 1])) / len(s)
    return np.stack([p if bug else -p, p], 1)


@pairs.bug("output", lambda x: (x.mean(0), x.var(0)), normal(7, 4))
def moments_of_a_batch(x, dy, bug):
    dm, dv = dy
    return dm / 7 + (dm if bug else dv) * 2 * (x - x.mean(0)) / 7
