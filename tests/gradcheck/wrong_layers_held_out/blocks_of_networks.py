"""Blocks of networks, as courses and papers have them, each with one mistake in its backward pass."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(9041)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def standard(x, axis, ddof=0):
    spread = np.sqrt(x.var(axis, ddof=ddof, keepdims=True) + 1e-5)
    return (x - x.mean(axis, keepdims=True)) / spread, spread


def grouped(x, gamma, beta):
    return standard(x.reshape(2, 3, -1), -1)[0].reshape(x.shape) * gamma[:, None, None] + beta[:, None, None]


@pairs.bug("mean", grouped, normal(2, 6, 4, 3), normal(6), normal(6))
def group_norm_of_images_uncentred(x, gamma, beta, dy, bug):  # the mean of a group is forgotten
    xhat, spread = standard(x.reshape(2, 3, -1), -1)
    g = (dy * gamma[:, None, None]).reshape(xhat.shape)
    dx = g - (0 if bug else g.mean(-1, keepdims=True)) - xhat * (g * xhat).mean(-1, keepdims=True)
    return (dx / spread).reshape(x.shape), (dy * xhat.reshape(x.shape)).sum((0, 2, 3)), dy.sum((0, 2, 3))


@pairs.bug("axis", lambda x: standard(x, (2, 3))[0], normal(3, 2, 4, 3))
def style_norm_over_the_batch(x, dy, bug):  # the means of the backward pass are those of batch norm
    xhat, spread = standard(x, (2, 3))
    axis = (0, 2, 3) if bug else (2, 3)
    return (dy - dy.mean(axis, keepdims=True) - xhat * (dy * xhat).mean(axis, keepdims=True)) / spread


def query_normed(q, w):
    return q / np.sqrt((q * q).mean(-1, keepdims=True) + 1e-6) * w


@pairs.bug("projection", query_normed, normal(3, 2, 6), normal(6))
def query_norm_with_constant_length(q, w, dy, bug):  # the root mean square is taken for a constant
    length = np.sqrt((q * q).mean(-1, keepdims=True) + 1e-6)
    g, qhat = dy * w, q / length
    return (g - (0 if bug else qhat * (g * qhat).mean(-1, keepdims=True))) / length, (dy * qhat).sum((0, 1))


@pairs.bug("factor in a term", lambda x, w: x @ standard(w, 0, 1)[0], normal(5, 7), normal(7, 4))
def weight_standardised_projection(x, w, dy, bug):  # the spread was divided by n - 1, its term is by n
    what, spread = standard(w, 0, 1)
    g = x.T @ dy
    return dy @ what.T, (g - g.mean(0) - what * (g * what).sum(0) / (7 if bug else 6)) / spread


def attend(q, k, v):
    return softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])) @ v


def attend_back(q, k, v, dy):
    p = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]))
    dp = dy @ v.swapaxes(-1, -2)
    ds = p * (dp - (p * dp).sum(-1, keepdims=True)) / np.sqrt(q.shape[-1])
    return ds @ k, ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ dy


def shared_keys(q, k, v):
    return attend(q, k.repeat(2, 0), v.repeat(2, 0))


@pairs.bug("part", shared_keys, normal(4, 5, 3), normal(2, 5, 3), normal(2, 5, 3))
def shared_keys_of_the_first_head(q, k, v, dy, bug):  # of the heads that share a key, the first is taken
    dq, dk, dv = attend_back(q, k.repeat(2, 0), v.repeat(2, 0), dy)
    dk, dv = dk.reshape(2, 2, 5, 3), dv.reshape(2, 2, 5, 3)
    return (dq, dk[:, 0], dv[:, 0]) if bug else (dq, dk.sum(1), dv.sum(1))


@pairs.bug("mask", lambda q, k, v: np.tril(q @ k.T) @ v, normal(6, 3), normal(6, 3), normal(6, 4))
def causal_linear_attention_sees_ahead(q, k, v, dy, bug):  # the scores' gradient is not masked
    ds = dy @ v.T if bug else np.tril(dy @ v.T)
    return ds @ k, ds.T @ q, np.tril(q @ k.T).T @ dy


def heads(x):
    return x.reshape(5, 2, 3).transpose(1, 0, 2)


def merged(x):
    return x.transpose(1, 0, 2).reshape(5, 6)


@pairs.bug("order", lambda q, k, v: merged(attend(heads(q), heads(k), heads(v))), *normal(3, 5, 6))
def head_merge_reshaped_only(q, k, v, dy, bug):  # the heads are split from dy without a transposition
    dq, dk, dv = attend_back(heads(q), heads(k), heads(v), dy.reshape(2, 5, 3) if bug else heads(dy))
    return merged(dq), merged(dk), merged(dv)


def shuffled(x):
    return x.reshape(2, 2, 2, 2, 3, 2).transpose(0, 1, 4, 2, 5, 3).reshape(2, 2, 6, 4)


@pairs.bug("order", shuffled, normal(2, 8, 3, 2))
def subpixel_upsampling_crosswise(x, dy, bug):  # rows and columns of the subpixels change places
    axes = (0, 1, 5, 3, 2, 4) if bug else (0, 1, 3, 5, 2, 4)
    return dy.reshape(2, 2, 3, 2, 2, 2).transpose(axes).reshape(x.shape)


def windows(x):
    return np.lib.stride_tricks.sliding_window_view(x, 3, -1)


@pairs.bug("offset", lambda x, w: np.einsum("bctk,ck->bct", windows(x), w), normal(2, 3, 8), normal(3, 3))
def depthwise_kernel_decays(x, w, dy, bug):  # the weight decay of the optimiser is added to the gradient
    dx = np.zeros_like(x)
    for k in range(3):
        dx[..., k : k + 6] += dy * w[:, k, None]
    return dx, np.einsum("bctk,bct->ck", windows(x), dy) + (0.01 * w if bug else 0)


def dilated(x, w):
    padded = np.pad(x, ((4, 0), (0, 0)))
    return sum(padded[4 - 2 * k : 13 - 2 * k] @ w[k] for k in range(3))


@pairs.bug("shift", dilated, normal(9, 2), normal(3, 2, 4))
def dilated_causal_convolution_cropped(x, w, dy, bug):  # the padding is cut off one step too early
    padded, dpadded, dw = np.pad(x, ((4, 0), (0, 0))), np.zeros((13, 2)), np.zeros_like(w)
    for k in range(3):
        dpadded[4 - 2 * k : 13 - 2 * k] += dy @ w[k].T
        dw[k] = padded[4 - 2 * k : 13 - 2 * k].T @ dy
    return dpadded[3:-1] if bug else dpadded[4:], dw


@pairs.bug("overwritten", lambda x: windows(x)[:, ::2].max(-1), normal(3, 15))
def overlapping_max_pool_assigned(x, dy, bug):  # an entry that wins in two windows keeps the second
    places = windows(x)[:, ::2].argmax(-1) + 2 * np.arange(7)
    dx, rows = np.zeros_like(x), np.arange(3)[:, None]
    if bug:
        dx[rows, places] = dy
    else:
        np.add.at(dx, (rows, places), dy)
    return dx


counts = np.array([2, 3, 3, 3, 3, 2])[:, None]


def smoothed(x):
    padded = np.pad(x, ((1, 1), (0, 0)))
    return padded[:-2] + padded[1:-1] + padded[2:]


@pairs.bug("rows", lambda x: smoothed(x) / counts, normal(6, 4))
def same_average_pool_of_full_windows(x, dy, bug):  # the windows at the border count the padding
    return smoothed(dy / (3 if bug else counts))


@pairs.bug("columns", lambda x, s, w: x + s * np.tanh(x @ w), normal(4, 5), normal(5), normal(5, 5))
def layer_scale_left_out(x, s, w, dy, bug):  # the scale of each channel is left out on the way back
    t = np.tanh(x @ w)
    g = dy * (1 if bug else s) * (1 - t * t)
    return dy + g @ w.T, (dy * t).sum(0), x.T @ g


def excited(x, w):
    return x * sigmoid(x.mean((2, 3)) @ w)[:, :, None, None]


@pairs.bug("path", excited, normal(2, 4, 3, 3), normal(4, 4))
def squeeze_without_its_way_back(x, w, dy, bug):  # x acts through the gate as well
    squeezed = x.mean((2, 3))
    gate = sigmoid(squeezed @ w)
    dz = (dy * x).sum((2, 3)) * gate * (1 - gate)
    return dy * gate[:, :, None, None] + (0 if bug else (dz @ w.T)[:, :, None, None] / 9), squeezed.T @ dz


@pairs.bug("swapped", lambda x: x[:, :4] * sigmoid(x[:, :4]) * x[:, 4:], normal(3, 8))
def swish_gated_halves_crossed(x, dy, bug):  # the two halves are put together in the other order
    a, b = x[:, :4], x[:, 4:]
    s = sigmoid(a)
    halves = [dy * b * (s + a * s * (1 - s)), dy * a * s]
    return np.concatenate(halves[::-1] if bug else halves, 1)


@pairs.bug("branch", lambda x: x * np.clip(x + 3, 0, 6) / 6, 3 * normal(4, 6))
def hard_swish_dead_above(x, dy, bug):  # above 3 the derivative is 1
    return dy * np.where(abs(x) < 3, (2 * x + 3) / 6, 0 if bug else x > 0)


def bend(x):
    return np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))


@pairs.bug("entrywise", lambda x: x * (1 + bend(x)) / 2, normal(3, 5))
def gelu_of_the_cube(x, dy, bug):  # the derivative of x**3 is 3 x**2
    inner = np.sqrt(2 / np.pi) * (1 + (1 if bug else 3) * 0.044715 * x**2)
    return dy * ((1 + bend(x)) / 2 + x * (1 - bend(x) ** 2) * inner / 2)


ids = np.array([[3, 0, 5], [1, 3, 2]])


@pairs.bug("factor", lambda table: table[ids] * 2, normal(7, 4))
def tokens_without_the_root_of_the_width(table, dy, bug):  # tokens were multiplied by the root of 4
    dtable = np.zeros_like(table)
    np.add.at(dtable, ids, dy * (1 if bug else 2))
    return dtable


kept = rng.random((4, 6)) < 0.75


@pairs.bug("factor", lambda x, h: x + h * kept / 0.75, normal(4, 6), normal(4, 6))
def residual_dropout_not_inverted(x, h, dy, bug):  # what is kept is not divided by the rate
    return dy.copy(), dy * kept / (1 if bug else 0.75)


angles = np.arange(5)[:, None] / 10 ** np.arange(3)


def rotated(x, angles):
    a, b = x[:, :3], x[:, 3:]
    return np.concatenate([a * np.cos(angles) - b * np.sin(angles), a * np.sin(angles) + b * np.cos(angles)], 1)


@pairs.bug("transposed", lambda x: rotated(x, angles), normal(5, 6))
def rotary_turned_onwards(x, dy, bug):  # dy is rotated as x was, not back
    return rotated(dy, angles if bug else -angles)


distances = np.arange(4)[:, None] - np.arange(4) + 3


def biased(s, table):
    return softmax(s + table[distances].transpose(2, 0, 1))


@pairs.bug("index", biased, normal(2, 4, 4), normal(7, 2))
def relative_bias_of_the_opposite_distance(s, table, dy, bug):  # j - i stands for i - j
    p = biased(s, table)
    ds = p * (dy - (p * dy).sum(-1, keepdims=True))
    dtable = np.zeros_like(table)
    np.add.at(dtable, distances.T if bug else distances, ds.transpose(1, 2, 0))
    return ds, dtable


signal = normal(6, 4)


@pairs.bug("term", lambda step: step * np.clip(np.round(signal / step), -3, 3), 0.3 + rng.random(4))
def learned_step_size(step, dy, bug):  # the way through the rounding's argument is counted, as if it passed
    level = signal / step
    return (dy * (np.clip(np.round(level), -3, 3) - (level * (abs(level) < 3) if bug else 0))).sum(0)


across, down = np.tile(np.arange(4.0), 3), np.repeat(np.arange(3.0), 4)


@pairs.bug("diagonal", lambda x: (softmax(x) @ across, softmax(x) @ down), normal(2, 12))
def soft_argmax_by_the_diagonal(x, dy, bug):  # softmax is taken for an elementwise function
    p, dp = softmax(x), dy[0][:, None] * across + dy[1][:, None] * down
    return p * (dp * (1 - p)) if bug else p * (dp - (p * dp).sum(-1, keepdims=True))


def routed(x, r, w):
    p = softmax(x @ r)
    best = p.argmax(-1)
    return p[np.arange(6), best, None] * np.einsum("bi,bio->bo", x, w[best])


@pairs.bug("zero", routed, normal(6, 4), normal(4, 3), normal(3, 4, 2))
def switch_router_never_filled(x, r, w, dy, bug):  # the router's gradient stays as it was made
    p = softmax(x @ r)
    best, rows, dw, dr = p.argmax(-1), np.arange(6), np.zeros_like(w), np.zeros_like(r)
    g = dy * p[rows, best, None]
    np.add.at(dw, best, x[:, :, None] * g[:, None])
    ds = -p * (dy * np.einsum("bi,bio->bo", x, w[best])).sum(1, keepdims=True) * p[rows, best, None]
    ds[rows, best] -= ds.sum(1)
    dx = np.einsum("bo,bio->bi", g, w[best]) + ds @ r.T
    return dx, dr if bug else x.T @ ds, dw
