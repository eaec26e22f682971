"""Layers whose backward pass breaks a promise of its own kind: shapes, dtypes, memory, linearity."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(5105)
normal = pairs.normal


def affine(x, w, b):
    return x @ w + b


def affine_backward(x, w, dy):
    return dy @ w.T, x.T @ dy, dy.sum(0)


def shapes(rows, inner, columns):
    return normal(rows, inner), normal(inner, columns), normal(columns)


@pairs.bug("dtype", affine, *(a.astype(np.float32) for a in shapes(6, 3, 4)))
def bias_in_float64(x, w, b, dy, bug):
    dx, dw, db = affine_backward(x, w, dy)
    return dx, dw, dy.sum(0, dtype=np.float64) if bug else db


@pairs.bug("missing", affine, *shapes(5, 4, 3))
def bias_without_gradient(x, w, b, dy, bug):
    dx, dw, db = affine_backward(x, w, dy)
    return dx, dw, None if bug else db


@pairs.bug("mutation", lambda x: np.tanh(x), normal(4, 6))
def cotangent_scaled_in_place(x, dy, bug):
    slope = 1 - np.tanh(x) ** 2
    if bug:
        dy *= slope
        return dy.copy()
    return dy * slope


@pairs.bug("nonfinite", lambda x: np.where(x > 600, x, np.log1p(np.exp(np.minimum(x, 600)))), 800 * normal(3, 4))
def softplus_overflows(x, dy, bug):
    if bug:
        return dy * np.exp(x) / (1 + np.exp(x))
    return dy / (1 + np.exp(-x))


@pairs.bug("nonlinear", lambda x: np.sin(x), normal(5, 4))
def gradient_clipped(x, dy, bug):
    return (np.clip(dy, -0.3, 0.3) if bug else dy) * np.cos(x)


@pairs.bug("nonlinear", lambda x, w: x @ w, normal(5, 4), normal(4, 3))
def weight_gradient_of_unit_length(x, w, dy, bug):
    dw = x.T @ dy
    return dy @ w.T, dw / np.sqrt((dw * dw).sum()) if bug else dw


@pairs.bug("offset", lambda x, w: x @ w, normal(6, 3), normal(3, 5))
def weight_decay_in_gradient(x, w, dy, bug):
    return dy @ w.T, x.T @ dy + (0.05 * w if bug else 0)


target = normal(4, 7)


@pairs.bug("ignored", lambda x: ((x - target) ** 2).mean(), normal(4, 7))
def loss_takes_one_for_cotangent(x, dy, bug):
    return 2 * (x - target) / x.size * (1 if bug else dy)


@pairs.bug("shape", affine, *shapes(7, 3, 5))
def bias_keeps_its_axis(x, w, b, dy, bug):
    dx, dw, db = affine_backward(x, w, dy)
    return dx, dw, db[None] if bug else db


@pairs.bug("precision", lambda x, w: np.tanh(x @ w), normal(4, 6), normal(6, 3))
def product_in_half_precision(x, w, dy, bug):
    d = dy * (1 - np.tanh(x @ w) ** 2)
    narrow = np.float16 if bug else np.float64
    return d @ w.T, (x.T.astype(narrow) @ d.astype(narrow)).astype(np.float64)


def counting(wrong):
    """Sums with a weight gradient that grows with each call of one pullback."""

    def layer(x, w):
        total = np.zeros_like(w)

        def pullback(dy):
            nonlocal total
            total = x.T @ dy + (total if wrong else 0)
            return dy @ w.T, total.copy()

        return x @ w, pullback

    return layer


def keeping(wrong):
    """Tanh with one buffer for all its calls."""
    buffer = {}

    def layer(x):
        y = np.tanh(x)
        buffer["y"] = y.copy()

        def pullback(dy):
            kept = buffer["y"] if wrong else y
            return dy * (1 - kept**2)

        return y.copy(), pullback

    return layer


def filling(wrong):
    """Sines whose gradients lie in one array that each call fills anew."""
    room = np.zeros((3, 5))

    def layer(x):
        def pullback(dy):
            np.multiply(dy, np.cos(x), out=room)
            return room if wrong else room.copy()

        return np.sin(x), pullback

    return layer


def register(found, bug=True):
    pairs.register(found, bug)
    found("weight gradient grows", "repeat", counting(bug), None, normal(5, 3), normal(3, 4))
    found("one buffer for all calls", "stale", keeping(bug), None, normal(4, 5))
    found("one array for all gradients", "alias", filling(bug), None, normal(3, 5))
