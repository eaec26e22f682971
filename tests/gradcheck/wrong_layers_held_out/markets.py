"""Likelihoods, filters, prices and matrices with a bug in each backward pass."""

from math import erf

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(8086)
register = pairs.register
rng, normal = pairs.rng, pairs.normal
cumulative = np.vectorize(lambda x: (1 + erf(x / np.sqrt(2))) / 2)


def density(x):
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


@pairs.bug("term", lambda x: (np.log(x) - 0.3) ** 2 / 1.28 + np.log(x), 0.3 + 2 * rng.random((4, 3)))
def lognormal_surprise(x, dy, bug):
    return dy * ((np.log(x) - 0.3) / 0.64 + (0 if bug else 1)) / x


@pairs.bug("entrywise", lambda s: -np.log(cumulative(s)), normal(5, 3))
def probit_surprise(s, dy, bug):
    return -dy * density(s) / (1 if bug else cumulative(s))


returns, covariance = normal(5), np.cov(normal(5, 9))


@pairs.bug("factor in a term", lambda w: w @ returns - 1.5 * np.einsum("ni,ij,nj->n", w, covariance, w), normal(3, 5))
def utility_of_portfolios(w, dy, bug):
    return dy[:, None] * (returns - (1.5 if bug else 3) * w @ covariance)


def put(s, v):
    d = np.log(s) / v + v / 2
    return cumulative(v - d) - s * cumulative(-d)


@pairs.bug("sign", put, 0.7 + 0.6 * rng.random(6), 0.1 + 0.4 * rng.random(6))
def european_put(s, v, dy, bug):
    d = np.log(s) / v + v / 2
    return dy * cumulative(-d) * (1 if bug else -1), dy * s * density(d)


seen, ratings = rng.random((5, 6)) > 0.4, normal(5, 6)


@pairs.bug("mask", lambda u, v: (seen * (u @ v.T - ratings) ** 2).sum(), normal(5, 2), normal(6, 2))
def factors_of_sparse_ratings(u, v, dy, bug):
    error = 2 * dy * (u @ v.T - ratings)
    return (seen * error) @ v, (error if bug else seen * error).T @ u


volatility = np.array([0.1, 0.4, 0.9, 1.6])


@pairs.bug("columns", lambda x, w: np.tanh(x * volatility) @ w, normal(5, 4), normal(4, 3))
def risk_weighted_positions(x, w, dy, bug):
    t = np.tanh(x * volatility)
    return dy @ w.T * (1 - t * t) * (1 if bug else volatility), t.T @ dy


def kernel(c):
    k = np.exp(-c)
    return k / k.sum(1, keepdims=True)


@pairs.bug("axis", kernel, rng.random((5, 4)))
def rows_of_a_transport_plan(c, dy, bug):
    p = kernel(c)
    return p * ((p * dy).sum(0 if bug else 1, keepdims=True) - dy)


@pairs.bug("transposed", lambda f, p: f @ p @ f.T, normal(4, 4), normal(4, 4))
def predicted_covariance(f, p, dy, bug):
    dp = f @ dy @ f.T if bug else f.T @ dy @ f
    return dy @ f @ p.T + dy.T @ f @ p, dp


@pairs.bug("path", lambda x: x.T @ x / 6, normal(6, 4))
def second_moments(x, dy, bug):
    return x @ (dy if bug else dy + dy.T) / 6


symbols = np.array([2, 0, 1, 2, 2, 0])
moves, start = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.3, 0.1, 0.6]]), np.array([0.5, 0.3, 0.2])


def hidden(b):
    p = start * b[:, symbols[0]]
    for s in symbols[1:]:
        p = (p @ moves) * b[:, s]
    return np.log(p.sum())


@pairs.bug("overwritten", hidden, 0.2 + rng.random((3, 3)))
def emissions_of_a_markov_model(b, dy, bug):
    p, back, db = [start], np.ones(3), np.zeros_like(b)
    for s in symbols:
        p.append((p[-1] * b[:, s]) @ moves)
    for t in reversed(range(len(symbols))):
        s = symbols[t]
        db[:, s] = dy * p[t] * back / np.exp(hidden(b)) + (0 if bug else db[:, s])
        back = moves @ (b[:, s] * back)
    return db


ancestors = np.array([4, 1, 1, 5, 0, 4])


@pairs.bug("index", lambda x: x[ancestors] ** 3, normal(6, 2))
def resampled_particles(x, dy, bug):
    d = np.zeros_like(x)
    np.add.at(d, np.arange(6) if bug else ancestors, dy)
    return 3 * x * x * d


mixing = normal(12, 5)


@pairs.bug("order", lambda x: np.sin(x).reshape(-1, order="F") @ mixing, normal(3, 4))
def stacked_columns(x, dy, bug):
    return (mixing @ dy).reshape(3, 4, order="C" if bug else "F") * np.cos(x)


spread = np.array([[1.0, 0.7, 0.2], [0.7, 1.5, -0.6], [0.2, -0.6, 0.9]])


@pairs.bug("diagonal", lambda x: -np.einsum("ni,ij,nj->n", x, np.linalg.inv(spread), x) / 2, normal(5, 3))
def log_density_of_correlated_noise(x, dy, bug):
    return -dy[:, None] * (x / np.diag(spread) if bug else x @ np.linalg.inv(spread))


@pairs.bug("value", lambda a, b, c: a @ b @ c, normal(4, 4), normal(4, 4), normal(4, 3))
def product_of_three(a, b, c, dy, bug):
    return dy @ (b @ c).T, a.T @ dy @ c.T, (b if bug else a @ b).T @ dy


@pairs.bug("spread", lambda x: np.median(x, 0), normal(7, 4))
def median_of_samples(x, dy, bug):
    middle = x == np.median(x, 0)
    return np.tile(dy / 7, (7, 1)) if bug else dy * middle


@pairs.bug("factor", lambda x: x.var(1, ddof=1), normal(4, 5))
def unbiased_variance(x, dy, bug):
    return dy[:, None] * 2 * (x - x.mean(1, keepdims=True)) / (5 if bug else 4)


@pairs.bug("swapped", lambda k, n: (0.3 * k**0.5 + 0.7 * n**0.5) ** 2, 0.5 + rng.random(6), 0.5 + rng.random(6))
def output_of_capital_and_labour(k, n, dy, bug):
    root = dy * (0.3 * k**0.5 + 0.7 * n**0.5)
    dk, dn = 0.3 * root * k**-0.5, 0.7 * root * n**-0.5
    return (dn, dk) if bug else (dk, dn)


@pairs.bug("ignored", lambda a: np.linalg.slogdet(a)[1], normal(4, 4) + 2 * np.eye(4))
def volume_change(a, dy, bug):
    return np.linalg.inv(a).T * (1 if bug else dy)


@pairs.bug("shift", lambda x, c: x[1:] - c * x[:-1], normal(7, 3), rng.random(3))
def innovations_of_a_series(x, c, dy, bug):
    dx = np.zeros_like(x)
    dx[1:] += dy
    dx[:-1] -= c * dy
    return dx, -(dy * (x[1:] if bug else x[:-1])).sum(0)


chances = 0.2 + rng.random((4, 5))
chances[[0, 2], [3, 1]] = 0


@pairs.bug("nonfinite", lambda x: x.prod(1), chances)
def parts_in_series(x, dy, bug):
    with np.errstate(all="ignore"):
        ratio = x.prod(1, keepdims=True) / x
    others = np.stack([np.delete(x, k, 1).prod(1) for k in range(5)], 1)
    return dy[:, None] * (ratio if bug else others)


def tax(x):
    return np.where(x < 1, 0.1 * x, np.where(x < 2, 0.1 + 0.25 * (x - 1), 0.35 + 0.6 * (x - 2)))


@pairs.bug("branch", tax, 3 * rng.random((6, 3)))
def progressive_tax(x, dy, bug):
    return dy * np.where(x < 1, 0.1, np.where((x > 2) if bug else (x < 2), 0.25, 0.6))
