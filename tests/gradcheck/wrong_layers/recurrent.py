"""LSTM cell, a plain recurrence through time, a gated linear scan."""
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_cell(bug):
    """x (N=4, D=3), h and c (N=4, H=5), w (3, 20), u (5, 20): the new h and c."""

    def gates(x, h, w, u):
        i, f, o, g = np.split(x @ w + h @ u, 4, 1)
        return sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)

    def forward(x, h, c, w, u):
        i, f, o, g = gates(x, h, w, u)
        new = f * c + i * g
        return o * np.tanh(new), new

    def backward(x, h, c, w, u, dy):
        dh, dc = dy
        i, f, o, g = gates(x, h, w, u)
        t = np.tanh(f * c + i * g)
        through = dh * o * (1 - t**2)
        if bug == "cell forgets its output through h":
            total = dc
        elif bug == "cell's own cotangent dropped":
            total = through
        elif bug == "tanh of the cell taken as linear":
            total = dc + dh * o
        else:
            total = dc + through
        dz = [total * g * i * (1 - i), total * c * f * (1 - f), dh * t * o * (1 - o), total * i * (1 - g**2)]
        if bug == "candidate by the sigmoid's derivative":
            dz[3] = total * i * g * (1 - g)
        if bug == "forget gate's derivative without its slope":
            dz[1] = total * c
        if bug == "input and forget gate exchanged":
            dz[0], dz[1] = dz[1], dz[0]
        dz = np.concatenate(dz, 1)
        dold = total if bug == "old cell not forgotten" else total * f
        return dz @ w.T, dz @ u.T, dold, x.T @ dz, h.T @ dz

    return forward, backward


def recurrence(bug):
    """x (T=6, D=4), w (D=4, H=3), u (H=3, H=3), b (H=3): the states h_t = tanh(x_t w + h_{t-1} u + b)."""

    def forward(x, w, u, b):
        h, states = np.zeros(3), []
        for row in x @ w + b:
            h = np.tanh(row + h @ u)
            states.append(h)
        return np.array(states)

    def backward(x, w, u, b, dy):
        states = forward(x, w, u, b)
        dx, dw, du, db, dh = np.zeros_like(x), np.zeros_like(w), np.zeros_like(u), np.zeros_like(b), np.zeros(3)
        for t in range(5, -1, -1):
            before = states[t - 1] if t else np.zeros(3)
            dz = (dy[t] + dh) * (1 - states[t] ** 2)
            if bug == "slope at the state before":
                dz = (dy[t] + dh) * (1 - before**2)
            if bug == "nothing through time":
                dz = dy[t] * (1 - states[t] ** 2)
            dx[t] = w @ dz
            dw += np.outer(x[t], dz)
            du += np.outer(states[t] if bug == "outer product with the state after" else before, dz)
            if bug == "bias of one step":
                db = dz
            else:
                db += dz
            dh = dz @ u if bug == "recurrent weights untransposed" else u @ dz
        return dx, dw, du, db

    return forward, backward


def gated_scan(bug):
    """a (T=7, D=3), x (T=7, D=3): s_t = sigmoid(a_t) s_{t-1} + x_t."""

    def forward(a, x):
        s, out = np.zeros(3), []
        for f, row in zip(sigmoid(a), x, strict=True):
            s = f * s + row
            out.append(s)
        return np.array(out)

    def backward(a, x, dy):
        f, out = sigmoid(a), forward(a, x)
        da, dx, ds = np.zeros_like(a), np.zeros_like(x), np.zeros(3)
        for t in range(6, -1, -1):
            ds = ds + dy[t]
            dx[t] = ds
            if t:
                da[t] = ds * out[t - 1] * f[t] * (1 - f[t])
            if bug == "gate by the state after":
                da[t] = ds * out[t] * f[t] * (1 - f[t])
            ds = ds * (f[t - 1] if bug == "gate of the step before" else f[t])
            if bug == "suffix sums without the gate":
                ds = ds / f[t]
        if bug == "scan run forwards":
            s = np.zeros(3)
            for t in range(7):
                s = f[t] * s + dy[t]
                dx[t] = s
        return da, dx

    return forward, backward


def register(wrong, bug=True):
    draw = np.random.default_rng(4104)
    layers = (
        (lstm_cell, tuple(draw.normal(size=s) for s in ((4, 3), (4, 5), (4, 5), (3, 20), (5, 20))), (
            ("cell forgets its output through h", "path"), ("cell's own cotangent dropped", "output"),
            ("tanh of the cell taken as linear", "path"), ("candidate by the sigmoid's derivative", "columns"),
            ("forget gate's derivative without its slope", "columns"), ("input and forget gate exchanged", "order"),
            ("old cell not forgotten", "entrywise"))),
        (recurrence, tuple(draw.normal(size=s) for s in ((6, 4), (4, 3), (3, 3), 3)), (
            ("slope at the state before", "shift"), ("nothing through time", "path"),
            ("outer product with the state after", "shift"), ("bias of one step", "overwritten"),
            ("recurrent weights untransposed", "transposed"))),
        (gated_scan, tuple(draw.normal(size=(7, 3)) for _ in range(2)), (
            ("gate by the state after", "shift"), ("gate of the step before", "shift"),
            ("suffix sums without the gate", "entrywise"), ("scan run forwards", "order"))),
    )
    for layer, inputs, bugs in layers:
        for name, kind in bugs if bug else [("without a bug", "")]:
            wrong(f"{layer.__name__}: {name}", kind, *layer(name), *inputs)
