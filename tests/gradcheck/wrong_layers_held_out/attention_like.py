"""Grouped-query attention with a bias by distance, linear attention, contrastive loss, focal and other losses."""
import numpy as np

LABELS = np.array([1, 3, 0, 2, 3, 1])
PAD = np.array([1, 1, 1, 0, 1, 0], dtype=bool)


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def grouped_attention(bug):
    """q (H=4, S=5, D=3), k (G=2, S=5, D=3), v (G=2, S=5, E=2), slope (H=4): causal, a bias by distance."""
    distance = np.arange(5)[:, None] - np.arange(5)
    past = distance >= 0

    def weights(q, k, slope):
        s = q @ k.repeat(2, 0).swapaxes(1, 2) / np.sqrt(3) - slope[:, None, None] * distance
        return softmax(np.where(past, s, -np.inf))

    def forward(q, k, v, slope):
        return weights(q, k, slope) @ v.repeat(2, 0)

    def backward(q, k, v, slope, dy):
        p = weights(q, k, slope)
        dp = dy @ v.repeat(2, 0).swapaxes(1, 2)
        ds = p * (dp - (p * dp).sum(-1, keepdims=True))
        dq = ds @ k.repeat(2, 0) / np.sqrt(3)
        dk = ds.swapaxes(1, 2) @ q / np.sqrt(3)
        dv = p.swapaxes(1, 2) @ dy
        if bug == "values by untransposed weights":
            dv = p @ dy
        if bug == "one query head of each group":
            return dq, dk[::2].copy(), dv[::2].copy(), -(ds * distance).sum((1, 2))
        if bug == "groups interleaved":
            return dq, dk[:2] + dk[2:], dv[:2] + dv[2:], -(ds * distance).sum((1, 2))
        dk, dv = dk.reshape(2, 2, 5, 3).sum(1), dv.reshape(2, 2, 5, 2).sum(1)
        if bug == "averaged over a group's query heads":
            dk, dv = dk / 2, dv / 2
        dslope = -(ds * distance).sum((1, 2))
        if bug == "slope's sign":
            dslope = -dslope
        if bug == "one slope for all heads":
            dslope = np.full(4, dslope.sum())
        if bug == "key's scale squared":
            dk = dk / np.sqrt(3)
        return dq, dk, dv, dslope

    return forward, backward


def linear_attention(bug):
    """q (S=6, D=3), k (S=6, D=3), v (S=6, E=4), positive features exp, causal, not normalised."""

    def forward(q, k, v):
        state = np.cumsum(np.exp(k)[:, :, None] * v[:, None], 0)
        return np.einsum("sd,sde->se", np.exp(q), state)

    def backward(q, k, v, dy):
        fq, fk = np.exp(q), np.exp(k)
        state = np.cumsum(fk[:, :, None] * v[:, None], 0)
        outer = fq[:, :, None] * dy[:, None]
        after = np.cumsum(outer[::-1], 0)[::-1]
        if bug == "states summed forwards":
            after = np.cumsum(outer, 0)
        if bug == "own step left out of the suffix":
            after = after - outer
        if bug == "no sum over the steps":
            after = outer
        dq = np.einsum("se,sde->sd", dy, state) * fq
        if bug == "feature map of the queries not differentiated":
            dq = dq / fq
        dk = np.einsum("sde,se->sd", after, v) * fk
        if bug == "keys' features by the queries":
            dk = dk / fk * fq
        return dq, dk, np.einsum("sde,sd->se", after, fk)

    return forward, backward


def contrastive(bug):
    """a and b (N=5, D=3): mean cross-entropy of a b^T / 0.3, both ways."""

    def forward(a, b):
        s = a @ b.T / 0.3
        return -(np.log(np.diag(softmax(s))) + np.log(np.diag(softmax(s.T)))).mean() / 2

    def backward(a, b, dy):
        s = a @ b.T / 0.3
        rows, columns = softmax(s) - np.eye(5), (softmax(s.T) - np.eye(5)).T
        ds = dy * (rows + columns) / 10
        if bug == "one way only":
            ds = dy * rows / 10
        if bug == "second way untransposed":
            ds = dy * (rows + columns.T) / 10
        if bug == "positives alone":
            ds = ds * np.eye(5)
        if bug == "summed, not averaged":
            ds = ds * 5
        if bug == "the temperature forgotten":
            ds = ds * 0.3
        return ds @ b / 0.3, ds.T @ a / 0.3

    return forward, backward


def focal(bug):
    """logits (N=6, C=4): -(1 - p)^2 log p of the label, summed over the rows that are no padding."""

    def forward(z):
        p = softmax(z)[np.arange(6), LABELS]
        return -(PAD * (1 - p) ** 2 * np.log(p)).sum()

    def backward(z, dy):
        s = softmax(z)
        p = s[np.arange(6), LABELS][:, None]
        slope = 2 * (1 - p) * np.log(p) - (1 - p) ** 2 / p
        if bug == "modulation held fixed":
            slope = -((1 - p) ** 2) / p
        if bug == "logarithm held fixed":
            slope = 2 * (1 - p) * np.log(p)
        dz = dy * PAD[:, None] * slope * p * (np.eye(4)[LABELS] - s)
        if bug == "padding counted":
            dz = dy * slope * p * (np.eye(4)[LABELS] - s)
        if bug == "label's logit alone":
            dz = dz * np.eye(4)[LABELS]
        if bug == "other logits with the label's sign":
            dz = np.where(np.eye(4)[LABELS] == 1, dz, -dz)
        return dz

    return forward, backward


def register(wrong, bug=True):
    draw = np.random.default_rng(7201)
    layers = (
        (grouped_attention, tuple(draw.normal(size=s) for s in ((4, 5, 3), (2, 5, 3), (2, 5, 2), 4)), (
            ("values by untransposed weights", "transposed"), ("one query head of each group", "part"),
            ("groups interleaved", "index"), ("averaged over a group's query heads", "factor"),
            ("slope's sign", "sign"),
            ("one slope for all heads", "axis"), ("key's scale squared", "factor"))),
        (linear_attention, tuple(draw.normal(size=s) for s in ((6, 3), (6, 3), (6, 4))), (
            ("states summed forwards", "order"), ("own step left out of the suffix", "shift"),
            ("no sum over the steps", "path"), ("feature map of the queries not differentiated", "entrywise"),
            ("keys' features by the queries", "entrywise"))),
        (contrastive, (draw.normal(size=(5, 3)), draw.normal(size=(5, 3))), (
            ("one way only", "path"), ("second way untransposed", "transposed"), ("positives alone", "diagonal"),
            ("summed, not averaged", "factor"), ("the temperature forgotten", "factor"))),
        (focal, (draw.normal(size=(6, 4)),), (
            ("modulation held fixed", "path"), ("logarithm held fixed", "path"), ("padding counted", "mask"),
            ("label's logit alone", "part"), ("other logits with the label's sign", "signs"))),
    )
    for layer, inputs, bugs in layers:
        for name, kind in bugs if bug else [("without a bug", "")]:
            wrong(f"{layer.__name__}: {name}", kind, *layer(name), *inputs)
