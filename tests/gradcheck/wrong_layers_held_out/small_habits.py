"""Small layers whose backward pass has a bad habit, or one bug."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(5203)
normal = pairs.normal


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@pairs.bug("missing", lambda x, w, b: np.sin(x @ w + b), normal(4, 3), normal(3, 5), normal(5))
def one_gradient_short(x, w, b, dy, bug):
    d = dy * np.cos(x @ w + b)
    return (d @ w.T, x.T @ d) if bug else (d @ w.T, x.T @ d, d.sum(0))


@pairs.bug("nonfinite", lambda x: np.sqrt(x * x + 1e-12), np.array([[0.0, 1.5, -0.3], [0.7, 0.0, 2.0]]))
def root_divides_by_zero(x, dy, bug):
    return dy * x / (np.sqrt(x * x) if bug else np.sqrt(x * x + 1e-12))


grid = np.array([[0, 3], [2, 1], [4, 4]])


@pairs.bug("index", lambda x: np.tanh(x)[grid[:, 0], grid[:, 1]], normal(5, 6))
def picked_by_column_and_row(x, dy, bug):
    dx = np.zeros_like(x)
    row, column = grid.T[::-1] if bug else grid.T
    dx[row, column] = dy
    return dx * (1 - np.tanh(x) ** 2)


@pairs.bug("branch", lambda x: np.where(x > 0.5, x**2, np.sin(x)), normal(6, 7))
def condition_at_zero(x, dy, bug):
    return dy * np.where(x > (0 if bug else 0.5), 2 * x, np.cos(x))


@pairs.bug("output", lambda x: (x.sum(0), x.prod(0)), normal(4, 6))
def cotangents_exchanged(x, dy, bug):
    first, second = dy[::-1] if bug else dy
    return first + second * x.prod(0) / x


def penalised(x, w):
    return (np.tanh(x @ w) ** 2).sum() + 0.3 * (w * w).sum()


@pairs.bug("factor in a term", penalised, normal(6, 4), normal(4, 3))
def penalty_without_its_two(x, w, dy, bug):
    h = np.tanh(x @ w)
    d = dy * 2 * h * (1 - h * h)
    return d @ w.T, x.T @ d + dy * (0.3 if bug else 0.6) * w


@pairs.bug("zero", lambda x, t: 1 / (1 + np.exp(2 * (t - x))), normal(6, 4), normal(4))
def threshold_without_gradient(x, t, dy, bug):
    s = 1 / (1 + np.exp(2 * (t - x)))
    d = 2 * dy * s * (1 - s)
    return d, 0 * t if bug else -d.sum(0)


@pairs.bug("offset", lambda x, w: np.tanh(x @ w), normal(5, 4), normal(4, 3))
def penalty_of_the_weight(x, w, dy, bug):
    d = dy * (1 - np.tanh(x @ w) ** 2)
    return d @ w.T, x.T @ d + (0.01 * np.sign(w) if bug else 0)


@pairs.bug("nonlinear", lambda x: np.exp(x), normal(4, 5))
def cotangent_squashed(x, dy, bug):
    return (np.tanh(dy) if bug else dy) * np.exp(x)


@pairs.bug("ignored", lambda x: np.log(np.exp(x).sum()), normal(4, 6))
def log_partition_without_cotangent(x, dy, bug):
    return softmax(x.ravel()).reshape(x.shape) * (1 if bug else dy)


@pairs.bug("precision", lambda x: np.sin(x) ** 2, normal(5, 7))
def slope_in_single_precision(x, dy, bug):
    slope = 2 * np.sin(x) * np.cos(x)
    return dy * (slope.astype(np.float32) if bug else slope)


@pairs.bug("mutation", lambda x: np.maximum(x, 0), normal(6, 5))
def masked_in_place(x, dy, bug):
    if bug:
        dy[x < 0] = 0
        return dy.copy()
    return dy * (x > 0)


@pairs.bug("shape", lambda x, b: x * b, normal(5, 4), normal(1, 4))
def broadcast_axis_lost(x, b, dy, bug):
    return dy * b, (dy * x).sum(0, keepdims=not bug)


@pairs.bug("dtype", lambda x, b: x + b, normal(5, 3).astype(np.float32), normal(3).astype(np.float32))
def bias_of_double_width(x, b, dy, bug):
    return dy.copy(), dy.sum(0).astype(np.float64) if bug else dy.sum(0)


def counting(wrong):
    """Squares whose pullback counts its calls."""

    def layer(x):
        calls = [0]

        def pullback(dy):
            calls[0] += 1
            return 2 * x * dy * (calls[0] if wrong else 1)

        return x * x, pullback

    return layer


def remembering(wrong):
    """Sines that keep their input for the backward pass in one place."""
    kept = []

    def layer(x):
        kept[:] = [x.copy()]

        def pullback(dy):
            return dy * np.cos(kept[0] if wrong else x)

        return np.sin(x), pullback

    return layer


def sharing(wrong):
    """Sums of two arrays whose gradients are one array that is used again."""
    room = np.zeros((4, 3))

    def layer(a, b):
        def pullback(dy):
            room[...] = dy
            return (room, room) if wrong else (room.copy(), room.copy())

        return a + b, pullback

    return layer


def register(found, bug=True):
    pairs.register(found, bug)
    found("slope grows with each call", "repeat", counting(bug), None, normal(4, 6))
    found("one input kept for all calls", "stale", remembering(bug), None, normal(5, 3))
    found("one room for both gradients", "alias", sharing(bug), None, normal(4, 3), normal(4, 3))
