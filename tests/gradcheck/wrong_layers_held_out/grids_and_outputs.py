"""Grids, copies and layers with several outputs whose backward pass has one bug."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(5104)
register = pairs.register
normal = pairs.normal


@pairs.bug("factor", lambda x: x.reshape(3, 4, 2, 5, 3).mean((2, 4)), normal(3, 8, 15))
def average_pool_as_sum(x, dy, bug):
    return np.repeat(np.repeat(dy, 2, 1), 3, 2) / (1 if bug else 6)


def windows(x):
    return x.reshape(4, 5, 3)


@pairs.bug("index", lambda x: windows(x).max(-1), normal(4, 15))
def max_pool_first_of_window(x, dy, bug):
    dx = np.zeros((4, 5, 3))
    if bug:
        dx[..., 0] = dy
    else:
        np.put_along_axis(dx, windows(x).argmax(-1)[..., None], dy[..., None], -1)
    return dx.reshape(x.shape)


@pairs.bug("part", lambda x: np.repeat(np.cos(x), 3, 1), normal(5, 4))
def upsampled_last_copy(x, dy, bug):
    copies = dy.reshape(5, 4, 3)
    return -np.sin(x) * (copies[..., -1] if bug else copies.sum(-1))


@pairs.bug("part", lambda x: np.pad(x, ((0, 0), (2, 2)), mode="edge"), normal(3, 7))
def edge_padding_dropped(x, dy, bug):
    dx = dy[:, 2:-2].copy()
    if not bug:
        dx[:, 0] += dy[:, :2].sum(1)
        dx[:, -1] += dy[:, -2:].sum(1)
    return dx


@pairs.bug("order", lambda x: x.reshape(2, 3, 4, 5).transpose(1, 3, 0, 2).reshape(15, 8), normal(6, 20))
def pixel_shuffle_by_reshape(x, dy, bug):
    return dy.reshape(6, 20) if bug else dy.reshape(3, 5, 2, 4).transpose(2, 0, 3, 1).reshape(6, 20)


def strided(x, w):
    return sum(w[k] * x[:, k : k + 11 : 2] for k in range(5))


@pairs.bug("overwritten", strided, normal(4, 15), normal(5))
def strided_kernel_assigned(x, w, dy, bug):
    dx = np.zeros_like(x)
    for k in range(5):
        dx[:, k : k + 11 : 2] = w[k] * dy + (0 if bug else dx[:, k : k + 11 : 2])
    return dx, np.array([(x[:, k : k + 11 : 2] * dy).sum() for k in range(5)])


def kernel(x, w):
    return np.stack([x[:, t : t + 4] @ w for t in range(x.shape[1] - 3)], 1)


@pairs.bug("order", kernel, normal(5, 9), normal(4))
def kernel_not_flipped(x, w, dy, bug):
    dx = np.zeros_like(x)
    for t in range(6):
        dx[:, t : t + 4] += dy[:, t, None] * (w[::-1] if bug else w)
    return dx, sum(dy[:, t] @ x[:, t : t + 4] for t in range(6))


def both_ways(x):
    return np.concatenate([np.tanh(x), np.cumsum(x[:, ::-1], 1)], -1)


@pairs.bug("order", both_ways, normal(3, 6, 4))
def bidirectional_not_turned_back(x, dy, bug):
    first, second = np.split(dy, 2, -1)
    second = np.cumsum(second[:, ::-1], 1)
    if bug:
        second = second[:, ::-1]
    return first * (1 - np.tanh(x) ** 2) + second


@pairs.bug("path", lambda x, e: np.tanh(x @ e) @ e.T, normal(4, 6), normal(6, 3))
def tied_weight_one_use(x, e, dy, bug):
    h = np.tanh(x @ e)
    d = (dy @ e) * (1 - h * h)
    return d @ e.T, dy.T @ h + (0 if bug else x.T @ d)


def block(x, w, v):
    return x + np.tanh(x @ w) @ v


def block_backward(x, w, v, dy, skips):
    h = np.tanh(x @ w)
    d = (dy @ v.T) * (1 - h * h)
    return skips * dy + d @ w.T, x.T @ d, h.T @ dy


@pairs.bug("path", block, normal(4, 5), normal(5, 7), normal(7, 5))
def residual_forgotten(x, w, v, dy, bug):
    return block_backward(x, w, v, dy, 0 if bug else 1)


@pairs.bug("twice", block, normal(3, 6), normal(6, 4), normal(4, 6))
def residual_added_twice(x, w, v, dy, bug):
    return block_backward(x, w, v, dy, 2 if bug else 1)


@pairs.bug("twice", lambda x, w: np.sin(x) + x @ w, normal(4, 5), normal(5, 5))
def projected_way_twice(x, w, dy, bug):
    return dy * np.cos(x) + (2 if bug else 1) * dy @ w.T, x.T @ dy


@pairs.bug("output", lambda x, a, b: (x @ a, np.exp(x @ b / 3)), normal(7, 4), normal(4, 3), normal(4, 3))
def spread_head_with_mean_cotangent(x, a, b, dy, bug):
    mean, other = dy
    spread = np.exp(x @ b / 3) / 3 * other
    return mean @ a.T + spread @ b.T, x.T @ mean, x.T @ (mean if bug else spread)


@pairs.bug("output", lambda x: (np.sin(x), x**2), normal(3, 5))
def second_output_forgotten(x, dy, bug):
    first, second = dy
    return first * np.cos(x) + (0 if bug else 2 * x * second)


@pairs.bug("zero", lambda x, g: (1 + g) * np.tanh(x), normal(4, 6), normal(6))
def gain_left_at_zeros(x, g, dy, bug):
    t = np.tanh(x)
    return dy * (1 + g) * (1 - t * t), np.zeros_like(g) if bug else (dy * t).sum(0)


@pairs.bug("part", lambda q, k: np.einsum("htd,sd->hts", q, k), normal(3, 4, 6), normal(5, 6))
def shared_key_of_first_head(q, k, dy, bug):
    dk = np.einsum("hts,htd->hsd", dy, q)
    return np.einsum("hts,sd->htd", dy, k), dk[0] if bug else dk.sum(0)


@pairs.bug("part", lambda x, e: x + e[:6], normal(3, 6, 4), normal(9, 4))
def positions_but_the_last(x, e, dy, bug):
    de = np.zeros_like(e)
    used = 5 if bug else 6
    de[:used] = dy.sum(0)[:used]
    return dy.copy(), de
