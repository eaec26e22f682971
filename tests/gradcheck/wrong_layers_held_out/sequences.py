"""Convolutions, poolings, recurrences, filters and other work on sequences and images."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(40961)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


@pairs.bug("order", lambda x, k: np.convolve(x, k, "valid"), normal(15), normal(4))
def convolution_kernel(x, k, dy, bug):
    dk = np.convolve(x, dy[::-1], "valid")
    return np.convolve(dy, k[::-1], "full"), dk[::-1] if not bug else dk


def conv2(x, w):
    return np.array([[(x[i : i + 3, j : j + 3] * w).sum() for j in range(5)] for i in range(4)])


@pairs.bug("part", conv2, normal(6, 7), normal(3, 3))
def image_filter(x, w, dy, bug):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(3 if bug else 4):
        for j in range(5):
            dx[i : i + 3, j : j + 3] += dy[i, j] * w
            dw += dy[i, j] * x[i : i + 3, j : j + 3]
    return dx, dw


@pairs.bug("factor", lambda x: x.reshape(3, 2, 4, 2).mean((1, 3)), normal(6, 8))
def average_pooling(x, dy, bug):
    return dy.repeat(2, 0).repeat(2, 1) / (2 if bug else 4)


def running_max(x):
    return np.array([x[i : i + 3].max() for i in range(len(x) - 2)])


@pairs.bug("overwritten", running_max, normal(20))
def overlapping_maximum(x, dy, bug):
    dx = np.zeros_like(x)
    for i in range(len(dy)):
        k = i + x[i : i + 3].argmax()
        dx[k] = dy[i] if bug else dx[k] + dy[i]
    return dx


@pairs.bug("overwritten", lambda x: np.stack([x[3 * i : 3 * i + 6] for i in range(5)]) ** 2, normal(18))
def frames_of_a_signal(x, dy, bug):
    dx = np.zeros_like(x)
    for i in range(5):
        s = slice(3 * i, 3 * i + 6)
        g = 2 * dy[i] * x[s]
        if bug:
            dx[s] = g
        else:
            dx[s] += g
    return dx


def leaky(x, a):
    y, last = [], np.zeros(a.shape)
    for v in x:
        last = a * last + v
        y.append(last)
    return np.array(y)


@pairs.bug("shift", leaky, normal(9, 3), np.array([0.3, 0.6, -0.5]))
def leaky_integrator_rate(x, a, dy, bug):
    y = leaky(x, a)
    before = y if bug else np.vstack([0 * a, y[:-1]])
    dx, da, g = np.zeros_like(x), np.zeros_like(a), 0
    for t in range(len(x) - 1, -1, -1):
        g = dy[t] + (a * g if t < len(x) - 1 else 0)
        dx[t] = g
        da += g * before[t]
    return dx, da


def recurrent(x, u, w):
    h, out = np.zeros(w.shape[0]), []
    for v in x:
        h = np.tanh(v @ u + h @ w)
        out.append(h)
    return np.array(out)


def recurrent_back(x, u, w, dy, carry):
    h = np.vstack([np.zeros(len(w)), recurrent(x, u, w)])
    dx, du, dw, g = np.zeros_like(x), np.zeros_like(u), np.zeros_like(w), np.zeros(len(w))
    for t in range(len(x) - 1, -1, -1):
        a = (dy[t] + carry * g) * (1 - h[t + 1] ** 2)
        dx[t], g = u @ a, w @ a
        du += np.outer(x[t], a)
        dw += np.outer(h[t], a)
    return dx, du, dw


@pairs.bug("path", recurrent, normal(7, 3), normal(3, 4), 0.6 * normal(4, 4))
def plain_recurrent_network(x, u, w, dy, bug):
    return recurrent_back(x, u, w, dy, 0 if bug else 1)


@pairs.bug("order", lambda x, u, w: recurrent(x[::-1], u, w)[::-1], normal(6, 3), normal(3, 4), 0.5 * normal(4, 4))
def backward_direction_network(x, u, w, dy, bug):
    dx, du, dw = recurrent_back(x[::-1], u, w, dy[::-1], 1)
    return (dx if bug else dx[::-1]), du, dw


@pairs.bug("factor", lambda x: np.abs(np.fft.fft(x)) ** 2, normal(16))
def spectral_power(x, dy, bug):
    g = 2 * np.fft.ifft(dy * np.fft.fft(x)).real
    return g if bug else g * len(x)


place = np.array([0, 0, 1, 2, 2, 4, 5, 6, 6])
part = np.array([0.2, 0.7, 0.4, 0.1, 0.8, 0.5, 0.9, 0.3, 0.6])


@pairs.bug("index", lambda x: x[place] * (1 - part) + x[place + 1] * part, normal(8))
def linear_interpolation(x, dy, bug):
    dx = np.zeros_like(x)
    np.add.at(dx, place, dy * (1 - part))
    np.add.at(dx, place + (0 if bug else 1), dy * part)
    return dx


window = np.hanning(10)[1:-1]


@pairs.bug("columns", lambda f: (f * window) @ np.cos(np.outer(np.arange(8), np.arange(5))), normal(6, 8))
def windowed_cosines(f, dy, bug):
    return (dy @ np.cos(np.outer(np.arange(8), np.arange(5))).T) * (1 if bug else window)


@pairs.bug("shift", lambda x: np.vstack([np.zeros((1, 4)), np.exp(x[:-1])]), normal(8, 4))
def delayed_tokens(x, dy, bug):
    dx = np.zeros_like(x)
    dx[:-1] = (dy[:-1] if bug else dy[1:]) * np.exp(x[:-1])
    return dx


@pairs.bug("index", lambda x, k: sum(k[i] * x[2 * i : 2 * i + 9] for i in range(3)), normal(13), normal(3))
def dilated_convolution(x, k, dy, bug):
    dx = np.zeros_like(x)
    for i in range(3):
        s = i if bug else 2 * i
        dx[s : s + 9] += k[i] * dy
    return dx, np.array([dy @ x[2 * i : 2 * i + 9] for i in range(3)])


@pairs.bug("spread", lambda x: x.max(0), normal(7, 5))
def peak_over_time(x, dy, bug):
    return np.tile(dy / len(x), (len(x), 1)) if bug else dy * (x == x.max(0))


lengths = np.array([2, 6, 4, 3, 5])
valid = np.arange(6) < lengths[:, None]


@pairs.bug("rows", lambda x: (x * valid).sum(1) / lengths, normal(5, 6))
def mean_of_padded_sequences(x, dy, bug):
    return (dy / (6 if bug else lengths))[:, None] * valid


@pairs.bug("mask", lambda x: np.where(valid, np.sin(x), 0).sum(1), normal(5, 6))
def sum_of_padded_sequences(x, dy, bug):
    return dy[:, None] * np.cos(x) * (1 if bug else valid)


@pairs.bug("zero", lambda x, w: np.log(np.abs(np.fft.rfft(x * w)) ** 2 + 1), normal(12), 1 + 0.3 * normal(12))
def learned_window_spectrum(x, w, dy, bug):
    f = np.fft.rfft(x * w)
    full = np.zeros(12, complex)
    full[:7] = dy * f / (np.abs(f) ** 2 + 1)
    g = 24 * np.fft.ifft(full).real
    return g * w, np.zeros_like(w) if bug else g * x


kept = {}


def pooled(x, w):
    kept["h"] = np.tanh(x @ w)
    return kept["h"].sum(0)


@pairs.bug("stale", pooled, normal(6, 4), normal(4, 5))
def kept_activations(x, w, dy, bug):
    h = kept["h"] if bug else np.tanh(x @ w)
    g = dy * (1 - h * h)
    return g @ w.T, x.T @ g


@pairs.bug("twice", lambda x: x + np.pad(x, ((1, 0), (0, 0)))[:-1] ** 2, normal(7, 3))
def echo_of_a_square(x, dy, bug):
    later = np.pad(dy, ((0, 1), (0, 0)))[1:]
    return (2 if bug else 1) * dy + later * 2 * x
