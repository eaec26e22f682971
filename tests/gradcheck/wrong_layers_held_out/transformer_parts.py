"""Parts of transformers, written with their classes before any diagnosis of them was seen."""

from functools import partial

import numpy as np
from scipy.special import erf

LAYERS = []


def normal(*shape, centre=0.0, spread=1.0):
    return lambda rng: centre + spread * rng.normal(size=shape)


def fixed(value):
    return lambda _: np.array(value)


def layer(kind, forward, *inputs):
    """Take the decorated backward(*inputs, dy, bug) for that of `forward`."""

    def take(backward):
        LAYERS.append((backward.__name__.replace("_", " "), kind, forward, backward, inputs))
        return backward

    return take


def register(wrong, bug=True):
    rng = np.random.default_rng(9101)
    for name, kind, forward, backward, drawn in LAYERS:
        inputs = [draw(rng) for draw in drawn]
        if kind == "stale":
            wrong(name, kind, backward(bug), None, *inputs)
        else:
            wrong(name, kind, forward, partial(backward, bug=bug), *inputs)


def t(x):
    return np.swapaxes(x, -1, -2)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(s):
    e = np.exp(s - s.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_vjp(p, dp):
    return p * (dp - (p * dp).sum(-1, keepdims=True))


def attention(q, k, v):
    return softmax(q @ t(k) / np.sqrt(q.shape[-1])) @ v


# The sum in the softmax's backward runs over the queries, not over the keys.
@layer("axis", attention, normal(2, 4, 3), normal(2, 5, 3), normal(2, 5, 6))
def attention_sum_over_queries(q, k, v, dy, bug):
    root = np.sqrt(q.shape[-1])
    p = softmax(q @ t(k) / root)
    dp = dy @ t(v)
    ds = p * (dp - (p * dp).sum(-2 if bug else -1, keepdims=True)) / root
    return ds @ k, t(ds) @ q, t(p) @ dy


def lora(x, w, a, b):
    return x @ w + 4.0 * (x @ a @ b)


# The scale alpha / r = 4 is forgotten in the gradient of B.
@layer("factor", lora, normal(5, 6), normal(6, 4), normal(6, 2), normal(2, 4))
def lora_scale_of_b(x, w, a, b, dy, bug):
    dx = dy @ w.T + 4.0 * dy @ b.T @ a.T
    db = (x @ a).T @ dy
    return dx, x.T @ dy, 4.0 * x.T @ dy @ b.T, db if bug else 4.0 * db


IDS = np.array([[1, 4, 4, 0, 6], [4, 1, 2, 2, 3]])


def embed(table, position):
    return 2.0 * table[IDS] + position


# Tokens that occur several times: `+=` with a fancy index keeps only one of their rows.
@layer("overwritten", embed, normal(7, 4), normal(5, 4))
def embedding_of_repeated_tokens(table, position, dy, bug):
    dtable = np.zeros_like(table)
    if bug:
        dtable[IDS] += 2.0 * dy
    else:
        np.add.at(dtable, IDS, 2.0 * dy)
    return dtable, dy.sum(0)


def linear_attention(q, k, v):
    return np.tril(q @ t(k)) @ v


# The causal mask is forgotten on the way to the queries.
@layer("mask", linear_attention, normal(2, 4, 3), normal(2, 4, 3), normal(2, 4, 5))
def linear_attention_uncausal_queries(q, k, v, dy, bug):
    full = dy @ t(v)
    ds = np.tril(full)
    return (full if bug else ds) @ k, t(ds) @ q, t(np.tril(q @ t(k))) @ dy


def self_attention(x, wq, wk, wv):
    return attention(x @ wq, x @ wk, x @ wv)


# dx lacks what comes through the values.
@layer("path", self_attention, normal(2, 4, 5), normal(5, 3), normal(5, 3), normal(5, 6))
def self_attention_without_values(x, wq, wk, wv, dy, bug):
    q, k, v = x @ wq, x @ wk, x @ wv
    root = np.sqrt(q.shape[-1])
    p = softmax(q @ t(k) / root)
    ds = softmax_vjp(p, dy @ t(v)) / root
    dq, dk, dv = ds @ k, t(ds) @ q, t(p) @ dy
    dx = dq @ wq.T + dk @ wk.T
    if not bug:
        dx = dx + dv @ wv.T
    return dx, *(np.einsum("btd,bte->de", x, d) for d in (dq, dk, dv))


def merge_heads(h, w):
    b, heads, length, width = h.shape
    return h.transpose(0, 2, 1, 3).reshape(b, length, heads * width) @ w


# The heads are split by a reshape alone, without the transposition of heads and positions.
@layer("order", merge_heads, normal(2, 2, 3, 4), normal(8, 5))
def merged_heads_split_by_reshape(h, w, dy, bug):
    b, heads, length, width = h.shape
    merged = h.transpose(0, 2, 1, 3).reshape(b, length, heads * width)
    d = dy @ w.T
    dh = d.reshape(h.shape) if bug else d.reshape(b, length, heads, width).transpose(0, 2, 1, 3)
    return dh, np.einsum("btd,bte->de", merged, dy)


def layer_norm(x, gamma, beta):
    c = x - x.mean(-1, keepdims=True)
    return gamma * c / np.sqrt((c * c).mean(-1, keepdims=True) + 1e-5) + beta


# gamma is left out of dx.
@layer("columns", layer_norm, normal(3, 2, 7), normal(7, centre=1.0, spread=0.6), normal(7))
def layer_norm_without_gamma(x, gamma, beta, dy, bug):
    c = x - x.mean(-1, keepdims=True)
    std = np.sqrt((c * c).mean(-1, keepdims=True) + 1e-5)
    xhat = c / std
    g = dy if bug else dy * gamma
    dx = (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True)) / std
    return dx, (dy * xhat).sum((0, 1)), dy.sum((0, 1))


def grouped_attention(q, k, v):
    return attention(q, np.repeat(k, 2, axis=0), np.repeat(v, 2, axis=0))


# The heads of a group share a key: its gradient is assigned head by head, where it must be added.
@layer("overwritten", grouped_attention, normal(4, 3, 5), normal(2, 6, 5), normal(2, 6, 4))
def grouped_attention_keys_assigned(q, k, v, dy, bug):
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    root = np.sqrt(q.shape[-1])
    for h in range(4):
        p = softmax(q[h] @ k[h // 2].T / root)
        ds = softmax_vjp(p, dy[h] @ v[h // 2].T) / root
        dq[h] = ds @ k[h // 2]
        if bug:
            dk[h // 2] = ds.T @ q[h]
        else:
            dk[h // 2] += ds.T @ q[h]
        dv[h // 2] += p.T @ dy[h]
    return dq, dk, dv


# dq is formed with the queries in place of the keys.
@layer("value", attention, normal(2, 4, 3), normal(2, 4, 3), normal(2, 4, 2))
def attention_queries_for_keys(q, k, v, dy, bug):
    root = np.sqrt(q.shape[-1])
    p = softmax(q @ t(k) / root)
    ds = softmax_vjp(p, dy @ t(v)) / root
    return ds @ (q if bug else k), t(ds) @ q, t(p) @ dy


# The hidden layer is kept on the module, where the next forward pass overwrites it.
@layer("stale", None, normal(3, 4), normal(4, 5), normal(5, 2))
def hidden_layer_kept_on_the_module(bug):
    module = {}

    def feed_forward(x, w1, w2):
        hidden = module["hidden"] = np.tanh(x @ w1)

        def pullback(dy):
            h = module["hidden"] if bug else hidden
            dh = dy @ w2.T * (1 - h * h)
            return dh @ w1.T, x.T @ dh, h.T @ dy

        return hidden @ w2, pullback

    return feed_forward


def gelu_block(x, w1, w2):
    h = x @ w1
    return (0.5 * h * (1 + erf(h / np.sqrt(2)))) @ w2


def tanh_gelu_slope(h):
    inner = np.sqrt(2 / np.pi) * (h + 0.044715 * h * h * h)
    slope = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * h * h)
    th = np.tanh(inner)
    return 0.5 * (1 + th) + 0.5 * h * (1 - th * th) * slope


# The forward pass takes GELU by erf, the backward pass the slope of its approximation by tanh.
@layer("entrywise", gelu_block, normal(4, 3), normal(3, 6), normal(6, 2))
def gelu_with_the_slope_of_its_approximation(x, w1, w2, dy, bug):
    h = x @ w1
    cdf = 0.5 * (1 + erf(h / np.sqrt(2)))
    slope = tanh_gelu_slope(h) if bug else cdf + h * np.exp(-h * h / 2) / np.sqrt(2 * np.pi)
    dh = dy @ w2.T * slope
    return dh @ w1.T, x.T @ dh, (h * cdf).T @ dy


def linear(x, w, b):
    return x @ w + b


# The bias of the fused projection gets no gradient.
@layer("missing", linear, normal(2, 3, 4), normal(4, 9), normal(9))
def fused_projection_without_bias_gradient(x, w, b, dy, bug):
    return dy @ w.T, np.einsum("btd,bte->de", x, dy), None if bug else dy.sum((0, 1))


def affine(x, gamma, beta):
    return x * gamma + beta


# The sum over batch and positions keeps its axes: (1, 1, 5) where beta is (5,).
@layer("shape", affine, normal(3, 4, 5), normal(5), normal(5))
def shift_with_kept_axes(x, gamma, beta, dy, bug):
    return dy * gamma, (dy * x).sum((0, 1)), dy.sum((0, 1), keepdims=bug)


def scores(q, k, slope):
    return slope[:, None, None] * (q @ t(k))


# The loop over the heads ends one too early: the last head's keys get nothing.
@layer("part", scores, normal(3, 4, 2), normal(3, 5, 2), normal(3))
def scores_without_the_last_head(q, k, slope, dy, bug):
    dk = np.zeros_like(k)
    for h in range(len(slope) - bug):
        dk[h] = slope[h] * dy[h].T @ q[h]
    return slope[:, None, None] * (dy @ k), dk, (dy * (q @ t(k))).sum((1, 2))


def length(x):
    return np.sqrt((x * x).sum(-1, keepdims=True))


def cosine_scores(q, k, scale):
    return scale * ((q / length(q)) @ t(k / length(k)))


# The length of a query is taken for a constant.
@layer("projection", cosine_scores, normal(4, 3), normal(5, 3), fixed(1.7))
def cosine_scores_with_constant_length(q, k, scale, dy, bug):
    nq, nk = length(q), length(k)
    qhat, khat = q / nq, k / nk
    dqhat, dkhat = scale * dy @ khat, scale * dy.T @ qhat
    dq = dqhat / nq if bug else (dqhat - qhat * (qhat * dqhat).sum(-1, keepdims=True)) / nq
    dk = (dkhat - khat * (khat * dkhat).sum(-1, keepdims=True)) / nk
    return dq, dk, (dy * (qhat @ khat.T)).sum()


# Keys and values, which have one shape, are returned in each other's place.
@layer("swapped", attention, normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 4))
def cross_attention_keys_and_values(q, k, v, dy, bug):
    root = np.sqrt(q.shape[-1])
    p = softmax(q @ t(k) / root)
    ds = softmax_vjp(p, dy @ t(v)) / root
    dq, dk, dv = ds @ k, t(ds) @ q, t(p) @ dy
    return (dq, dv, dk) if bug else (dq, dk, dv)


def parallel_block(x, a, b, c, d):
    u = x @ c
    return x + np.tanh(x @ a) @ b + (u * sigmoid(u)) @ d


# Both branches add the skip connection, which is there once.
@layer("twice", parallel_block, normal(3, 4), normal(4, 5), normal(5, 4), normal(4, 6), normal(6, 4))
def parallel_block_with_two_skips(x, a, b, c, d, dy, bug):
    h, u = np.tanh(x @ a), x @ c
    s = sigmoid(u)
    dh, du = dy @ b.T * (1 - h * h), dy @ d.T * (s + u * s * (1 - s))
    from_first = dy + dh @ a.T
    from_second = (dy if bug else 0) + du @ c.T
    return from_first + from_second, x.T @ dh, h.T @ dy, x.T @ du, (u * s).T @ dy


LENGTHS = np.array([2, 6, 4, 3])


def last_token(x, w):
    return x[np.arange(4), LENGTHS - 1] @ w


# Taken from each sequence's last token, put back at the end of the padding.
@layer("index", last_token, normal(4, 6, 3), normal(3, 2))
def last_token_put_at_the_end(x, w, dy, bug):
    dx = np.zeros_like(x)
    dx[np.arange(4), -1 if bug else LENGTHS - 1] = dy @ w.T
    return dx, x[np.arange(4), LENGTHS - 1].T @ dy


# The gradient of the weights is handed over in float32.
@layer("dtype", linear, normal(6, 3), normal(3, 4), normal(4))
def weights_in_single_precision(x, w, b, dy, bug):
    dw = x.T @ dy
    return dy @ w.T, dw.astype(np.float32) if bug else dw, dy.sum(0)


def preference_loss(chosen, rejected):
    m = 0.3 * (chosen - rejected)
    return np.log(1 + np.exp(-m)).mean()


# The rejected answer gets the gradient's sign of the chosen one.
@layer("sign", preference_loss, normal(6), normal(6))
def preference_loss_of_the_rejected(chosen, rejected, dy, bug):
    g = -dy * 0.3 * sigmoid(-0.3 * (chosen - rejected)) / len(chosen)
    return g, g.copy() if bug else -g


# The gradient is clipped to norm 1 on its way.
@layer("nonlinear", lambda x, w: x @ w, normal(4, 3), normal(3, 5))
def projection_with_clipped_gradient(x, w, dy, bug):
    dx = dy @ w.T
    if bug:
        dx = dx * min(1.0, 1.0 / (np.linalg.norm(dx) + 1e-12))
    return dx, x.T @ dy


def rms_norm(x, gamma):
    return gamma * x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)


# The formula of layer norm: a mean is taken off that is not there in RMS norm.
@layer("term", rms_norm, normal(3, 6, centre=0.4), normal(6, centre=1.0, spread=0.5))
def rms_norm_by_the_formula_of_layer_norm(x, gamma, dy, bug):
    rms = np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)
    xhat, g = x / rms, dy * gamma
    dx = g - xhat * (g * xhat).mean(-1, keepdims=True)
    if bug:
        dx = dx - g.mean(-1, keepdims=True)
    return dx / rms, (dy * xhat).sum(0)
