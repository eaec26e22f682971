"""Fifty steps on a loss that is not quadratic: of a matrix and of a vector, by this project and by another."""

import numpy as np

from reference.core import tree
from reference.layers.linear import Linear

STEPS = 50
CLOSE = {"rtol": 1e-10, "atol": 1e-10}  # fifty steps, each of which carries the roundings of all before it


def data(seed=0):
    rng = np.random.default_rng(seed)
    return Linear(w=rng.normal(size=(4, 3)), b=rng.normal(size=3)), rng.normal(size=(7, 4)), rng.normal(size=(7, 3))


def gradient(model, x, y, step):
    """Of 1/2 (tanh(x w + b) - y)^2, on one row after another: noise, as in training."""
    row = slice(step % 7, step % 7 + 1)
    u = np.tanh(x[row] @ model.w + model.b)
    dz = (u - y[row]) * (1 - u * u)
    return Linear(w=x[row].T @ dz, b=dz.sum(axis=0))


def ours(optimizer, rate, change=lambda model, d_model: d_model):
    """Return the numbers after each step; `rate` is a number, or a function of the step."""
    (model, x, y), made = data(), []
    state = optimizer.init(model)
    for step in range(STEPS):
        d_model = change(model, gradient(model, x, y, step))
        model, state = optimizer.step(model, d_model, state, rate(step) if callable(rate) else rate)
        made.append(vector(model))
    return np.array(made)


def vector(model):
    return np.concatenate([leaf.ravel() for _, leaf in tree.leaves(model)])


def moves(path):
    """How far it goes: a path that stands still would agree with anything."""
    return np.abs(np.diff(path, axis=0)).max(axis=0).min()
