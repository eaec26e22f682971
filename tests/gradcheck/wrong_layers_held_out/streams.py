"""Filters, scans, pooling and message passing with a bug in each backward pass."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(1777)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


basis = np.sqrt(2 / 7) * np.cos(np.pi / 7 * np.outer(np.arange(7), np.arange(7) + 0.5))


@pairs.bug("transposed", lambda x: np.abs(basis @ x), normal(7, 4))
def cosine_transform(x, dy, bug):
    return (basis if bug else basis.T) @ (dy * np.sign(basis @ x))


def decay(x):
    y = x.copy()
    for t in range(1, len(x)):
        y[t] += 0.6 * y[t - 1]
    return y


@pairs.bug("order", lambda x: decay(np.sinh(x)[::-1]), normal(6, 3))
def scan_from_the_end(x, dy, bug):
    d = decay(dy[::-1])
    return (d[::-1] if bug else d) * np.cosh(x)


@pairs.bug("order", lambda x: np.tanh(x).reshape(5, 2, 3).transpose(1, 0, 2), normal(5, 6))
def split_into_heads(x, dy, bug):
    merged = dy.reshape(5, 6) if bug else dy.transpose(1, 0, 2).reshape(5, 6)
    return merged * (1 - np.tanh(x) ** 2)


@pairs.bug("index", lambda x: np.sort(np.exp(x), 1)[:, :-4:-1], normal(4, 7))
def three_largest(x, dy, bug):
    d = np.zeros_like(x)
    if bug:
        d[:, :3] = dy
    else:
        np.put_along_axis(d, x.argsort(1)[:, :-4:-1], dy, 1)
    return d * np.exp(x)


@pairs.bug("index", lambda x, w: sum(w[k] * x[2 * k : 2 * k + 6] for k in range(3)), normal(10), normal(3))
def dilated_taps(x, w, dy, bug):
    dx = np.zeros_like(x)
    for k in range(3):
        start = k if bug else 2 * k
        dx[start : start + 6] += w[k] * dy
    return dx, np.array([x[2 * k : 2 * k + 6] @ dy for k in range(3)])


def memory(f, u):
    c = [u[0]]
    for t in range(1, len(u)):
        c.append(f[t - 1] * c[-1] + u[t])
    return np.array(c)


@pairs.bug("shift", memory, rng.random((5, 3)), normal(6, 3))
def forget_gates_of_a_memory(f, u, dy, bug):
    c, du, df = memory(f, u), dy.copy(), np.zeros_like(f)
    for t in reversed(range(1, len(u))):
        df[t - 1] = du[t] * c[t if bug else t - 1]
        du[t - 1] += f[t - 1] * du[t]
    return df, du


@pairs.bug("shift", lambda x, w: np.convolve(x, w, "same"), normal(11), normal(3))
def convolution_of_same_length(x, w, dy, bug):
    full, padded = np.convolve(dy, w[::-1]), np.pad(x, 1)
    start = 0 if bug else 1
    return full[start : start + 11].copy(), np.array([padded[2 - k : 13 - k] @ dy for k in range(3)])


@pairs.bug("part", lambda x, w: np.log1p((x @ w) ** 2), normal(11, 3), normal(3, 2))
def rows_in_chunks_of_four(x, w, dy, bug):
    dx, d = np.zeros_like(x), dy * 2 * (x @ w) / (1 + (x @ w) ** 2)
    for start in range(0, len(x) - 3 if bug else len(x), 4):
        dx[start : start + 4] = d[start : start + 4] @ w.T
    return dx, x.T @ d


def haar(x):
    return np.concatenate([x[::2] + x[1::2], x[::2] - x[1::2]]) / np.sqrt(2)


@pairs.bug("factor", haar, normal(8, 3))
def wavelet_level(x, dy, bug):
    d = np.empty_like(x)
    d[::2], d[1::2] = dy[:4] + dy[4:], dy[:4] - dy[4:]
    return d / (2 if bug else np.sqrt(2))


near = [[0, 1, 4], [1, 2], [2, 3, 0, 5], [3, 4], [5, 1, 3]]


@pairs.bug("spread", lambda x: np.array([x[n].max(0) for n in near]), normal(6, 4))
def strongest_neighbour(x, dy, bug):
    d = np.zeros_like(x)
    for i, n in enumerate(near):
        if bug:
            d[n] += dy[i] / len(n)
        else:
            d[np.array(n)[x[n].argmax(0)], np.arange(4)] += dy[i]
    return d


links = (rng.random((6, 6)) > 0.6).astype(float)


@pairs.bug("twice", lambda x, w: (x + links @ x) @ w, normal(6, 3), normal(3, 4))
def nodes_with_their_own_message(x, w, dy, bug):
    d = dy @ w.T
    return (2 if bug else 1) * d + links.T @ d, (x + links @ x).T @ dy


centre, deviation = np.array([0.48, 0.46, 0.41]), np.array([0.23, 0.52, 0.9])


@pairs.bug("columns", lambda x: np.tanh((x - centre) / deviation), rng.random((4, 4, 3)))
def standardised_colours(x, dy, bug):
    d = dy * (1 - np.tanh((x - centre) / deviation) ** 2)
    return d if bug else d / deviation


@pairs.bug("path", lambda h, u, v: softmax(np.tanh(h @ u + (h @ v).T)) @ h, normal(5, 3), normal(3, 1), normal(3, 1))
def attention_over_a_graph(h, u, v, dy, bug):
    s = np.tanh(h @ u + (h @ v).T)
    p = softmax(s)
    dp = dy @ h.T
    ds = p * (dp - (p * dp).sum(1, keepdims=True)) * (1 - s * s)
    left, right = ds.sum(1, keepdims=True), ds.sum(0)[:, None]
    return p.T @ dy + (0 if bug else left @ u.T + right @ v.T), h.T @ left, h.T @ right


@pairs.bug("overwritten", lambda x: np.array([x[i : i + 3].max() for i in range(8)]), normal(10))
def overlapping_maxima(x, dy, bug):
    d = np.zeros_like(x)
    for i, g in enumerate(dy):
        top = i + x[i : i + 3].argmax()
        d[top] = g + (0 if bug else d[top])
    return d


velocity = np.zeros((3, 4))


@pairs.bug("repeat", lambda x, w: np.cos(x) @ w, normal(5, 3), normal(3, 4))
def weights_with_momentum(x, w, dy, bug):
    step = velocity if bug else np.zeros((3, 4))
    step *= 0.9
    step += np.cos(x).T @ dy
    return -dy @ w.T * np.sin(x), step.copy()


@pairs.bug("mutation", lambda x: np.log(np.exp(x).sum(1)), normal(4, 6))
def stable_free_energy(x, dy, bug):
    s = x if bug else x.copy()
    s -= s.max(1, keepdims=True)
    return dy[:, None] * np.exp(s) / np.exp(s).sum(1, keepdims=True)


kept = {}


def relax(x, w):
    kept["hidden"] = np.exp(-((x @ w) ** 2))
    return kept["hidden"].sum(1)


@pairs.bug("stale", relax, normal(5, 3), normal(3, 4) / 2)
def radial_units(x, w, dy, bug):
    h = kept["hidden"] if bug else np.exp(-((x @ w) ** 2))
    d = -2 * dy[:, None] * h * (x @ w)
    return d @ w.T, x.T @ d


@pairs.bug("missing", lambda x, h: decay(np.concatenate([h, np.sin(x)])), normal(5, 2), normal(1, 2))
def leaky_units_from_a_first_state(x, h, dy, bug):
    d = decay(dy[::-1])[::-1]
    return d[1:] * np.cos(x), None if bug else d[:1].copy()
