"""Lookups, sequences and attention whose backward pass has one bug."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(5102)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


ids = np.array([[3, 0, 5, 3], [1, 3, 0, 2], [5, 5, 4, 0]])


def scattered(places, dy):
    dw = np.zeros((7, 5))
    np.add.at(dw, places, dy)
    return dw


@pairs.bug("overwritten", lambda w: w[ids], normal(7, 5))
def embedding_assigned(w, dy, bug):
    dw = scattered(ids, dy)
    if bug:
        dw[ids] = dy
    return dw


@pairs.bug("mask", lambda w: w[ids] * (ids != 0)[..., None], normal(7, 5))
def embedding_padding_moves(w, dy, bug):
    return scattered(ids, dy * (1 if bug else (ids != 0)[..., None]))


@pairs.bug("index", lambda w: w[ids + 1], normal(7, 5))
def embedding_offset_forgotten(w, dy, bug):
    return scattered(ids if bug else ids + 1, dy)


@pairs.bug("factor", lambda w: np.sqrt(5) * w[ids], normal(7, 5))
def embedding_scale_forgotten(w, dy, bug):
    return scattered(ids, dy) * (1 if bug else np.sqrt(5))


lengths = np.array([4, 2, 6])


@pairs.bug("index", lambda x: np.tanh(x)[np.arange(3), lengths - 1], normal(3, 6, 4))
def last_step_of_all(x, dy, bug):
    dx = np.zeros_like(x)
    dx[np.arange(3), -1 if bug else lengths - 1] = dy
    return dx * (1 - np.tanh(x) ** 2)


valid = (np.arange(6) < lengths[:, None])[..., None]


@pairs.bug("rows", lambda x: (x * valid).sum(1) / lengths[:, None], normal(3, 6, 4))
def mean_over_padded_length(x, dy, bug):
    return valid * (dy / (6 if bug else lengths[:, None]))[:, None]


def later(x):
    return np.concatenate([np.zeros_like(x[:1]), x[:-1]])


def earlier(x):
    return np.concatenate([x[1:], np.zeros_like(x[:1])])


@pairs.bug("shift", lambda x: 0.7 * x + 0.3 * later(x), normal(8, 5))
def token_shift_again(x, dy, bug):
    return 0.7 * dy + 0.3 * (later if bug else earlier)(dy)


@pairs.bug("order", lambda x: np.cumsum(np.sin(x), 1), normal(4, 7))
def cumulative_sum_forwards(x, dy, bug):
    sums = np.cumsum(dy, 1) if bug else np.cumsum(dy[:, ::-1], 1)[:, ::-1]
    return np.cos(x) * sums


def moving(x, a):
    y, last = [], np.zeros_like(x[0])
    for step in x:
        last = a * last + (1 - a) * step
        y.append(last)
    return np.array(y)


@pairs.bug("term", moving, normal(6, 3), rng.uniform(0.3, 0.8, 3))
def moving_average_decay(x, a, dy, bug):
    y, dx, da, dh = moving(x, a), np.zeros_like(x), np.zeros_like(a), np.zeros_like(a)
    for t in reversed(range(len(x))):
        dh = dh + dy[t]
        dx[t] = (1 - a) * dh
        da += dh * ((y[t - 1] if t else 0) - (0 if bug else x[t]))
        dh = a * dh
    return dx, da


def recurrent(x, u):
    h = [np.zeros(u.shape[0])]
    for step in x:
        h.append(np.tanh(step + h[-1] @ u))
    return np.array(h)


def recurrent_backward(x, u, dy, bug):
    h, dx, du, dh = recurrent(x, u), np.zeros_like(x), np.zeros_like(u), np.zeros(u.shape[0])
    for t in reversed(range(len(x))):
        dx[t] = (dh + dy[t]) * (1 - h[t + 1] ** 2)
        du += np.outer(h[t + 1] if bug == "state" else h[t], dx[t])
        dh = 0 * dh if bug == "cut" else dx[t] @ (u if bug == "plain" else u.T)
    return dx, du


@pairs.bug("shift", lambda x, u: recurrent(x, u)[1:], normal(7, 4), normal(4, 4) / 2)
def recurrent_state_of_now(x, u, dy, bug):
    return recurrent_backward(x, u, dy, bug and "state")


@pairs.bug("transposed", lambda x, u: recurrent(x, u)[1:], normal(5, 4), normal(4, 4) / 2)
def recurrent_weight_transposed(x, u, dy, bug):
    return recurrent_backward(x, u, dy, bug and "plain")


@pairs.bug("path", lambda x, u: recurrent(x, u)[1:], normal(6, 3), normal(3, 3) / 2)
def recurrent_cut_in_time(x, u, dy, bug):
    return recurrent_backward(x, u, dy, bug and "cut")


angles = np.arange(6)[:, None] / 10.0 ** np.arange(4)


def turned(x, a):
    first, second = np.split(x, 2, -1)
    return np.concatenate([first * np.cos(a) - second * np.sin(a), first * np.sin(a) + second * np.cos(a)], -1)


@pairs.bug("transposed", lambda x: turned(x, angles), normal(3, 6, 8))
def rotary_turned_again(x, dy, bug):
    return turned(dy, angles if bug else -angles)


@pairs.bug("term", lambda a, n, h: (1 - sigmoid(a)) * n + sigmoid(a) * h, *normal(3, 4, 6))
def update_gate_candidate(a, n, h, dy, bug):
    z = sigmoid(a)
    return dy * (h - (0 if bug else n)) * z * (1 - z), dy * (1 - z), dy * z


def cell(i, f, c):
    new = f * c + i
    return np.tanh(new), new


@pairs.bug("output", cell, *normal(3, 5, 3))
def cell_state_beside_output(i, f, c, dy, bug):
    dh, dc = dy
    d = (0 if bug else dc) + dh * (1 - np.tanh(f * c + i) ** 2)
    return d, d * c, d * f


def attention(q, k, v):
    return softmax(q @ k.T / np.sqrt(5)) @ v


def attention_backward(q, k, v, dy, bug):
    s = q @ k.T / np.sqrt(5)
    p = softmax(s)
    dp = dy @ v.T
    ds = p * (dp - (dp * p).sum(-1, keepdims=True))
    dq = ds @ k / (1 if bug == "scale" else np.sqrt(5))
    return dq, ds.T @ q / np.sqrt(5), (s if bug == "scores" else p).T @ dy


@pairs.bug("factor", attention, normal(4, 5), normal(6, 5), normal(6, 3))
def attention_query_unscaled(q, k, v, dy, bug):
    return attention_backward(q, k, v, dy, bug and "scale")


@pairs.bug("value", attention, normal(4, 5), normal(6, 5), normal(6, 3))
def attention_values_by_scores(q, k, v, dy, bug):
    return attention_backward(q, k, v, dy, bug and "scores")
