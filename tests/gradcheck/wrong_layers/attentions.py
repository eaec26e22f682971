"""Attention with masks and heads, rotary positions, a soft mixture of experts."""
import numpy as np

KEEP = np.array([[1, 0, 1, 1, 0, 1, 1]] * 3 + [[1, 1, 1, 0, 1, 0, 1]] * 2, dtype=bool)  # (S, T)


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def split(x, H):
    return x.reshape(x.shape[0], H, -1).swapaxes(0, 1)


def join(x):
    return x.swapaxes(0, 1).reshape(x.shape[1], -1)


def masked_attention(bug):
    """q (S=5, D=6), k (T=7, D=6), v (T=7, E=4); two heads."""
    H = 2

    def weights(q, k):
        s = split(q, H) @ split(k, H).swapaxes(1, 2) / np.sqrt(q.shape[1] / H)
        return softmax(np.where(KEEP, s, -1e9))

    def forward(q, k, v):
        return join(weights(q, k) @ split(v, H))

    def backward(q, k, v, dy):
        p, dh = weights(q, k), split(dy, H)
        scale = np.sqrt(q.shape[1] / H)
        dp = dh @ split(v, H).swapaxes(1, 2)
        if bug == "softmax without its projection":
            ds = p * dp
        elif bug == "softmax by its diagonal":
            ds = p * (1 - p) * dp
        elif bug == "softmax projected along the queries":
            ds = p * (dp - (p * dp).sum(1, keepdims=True))
        else:
            ds = p * (dp - (p * dp).sum(-1, keepdims=True))
        if bug == "scale of all features, not of a head's":
            scale = np.sqrt(q.shape[1])
        dq, dk = ds @ split(k, H) / scale, ds.swapaxes(1, 2) @ split(q, H) / scale
        if bug == "no scale in dk":
            dk = dk * scale
        dv = p.swapaxes(1, 2) @ dh
        if bug == "values by the weights of the other head":
            dv = p[::-1].swapaxes(1, 2) @ dh
        if bug == "values without the weights' mask":
            s = split(q, H) @ split(k, H).swapaxes(1, 2) / scale
            dv = softmax(s).swapaxes(1, 2) @ dh
        if bug == "heads joined without the swap back":
            return dq.reshape(q.shape), join(dk), join(dv)
        return join(dq), join(dk), join(dv)

    return forward, backward


def rotary(bug):
    """x (T=5, D=6): halves turned by angles that grow with the position."""
    T, D = 5, 6
    angle = np.arange(T)[:, None] * 10.0 ** (-np.arange(D // 2) / 3)
    c, s = np.cos(angle), np.sin(angle)

    def forward(x):
        a, b = x[:, :3], x[:, 3:]
        return np.concatenate([a * c - b * s, a * s + b * c], 1)

    def backward(x, dy):
        da, db = dy[:, :3], dy[:, 3:]
        if bug == "turned forward again":
            return np.concatenate([da * c - db * s, da * s + db * c], 1)
        if bug == "halves exchanged":
            return np.concatenate([db * c - da * s, da * c + db * s], 1)
        if bug == "positions counted from one":
            u, v = np.cos(angle + angle[1]), np.sin(angle + angle[1])
            return np.concatenate([da * u + db * v, db * u - da * v], 1)
        return np.concatenate([da * c + db * s, db * c - da * s], 1)

    return forward, backward


def mixture(bug):
    """x (N=6, D=4), gate (D=4, E=3), experts (E=3, D=4, F=5): every expert weighted by the gate."""

    def forward(x, gate, experts):
        return np.einsum("ne,nd,edf->nf", softmax(x @ gate), x, experts)

    def backward(x, gate, experts, dy):
        p = softmax(x @ gate)
        out = np.einsum("nd,edf->nef", x, experts)
        dp = np.einsum("nef,nf->ne", out, dy)
        ds = p * (dp - (p * dp).sum(-1, keepdims=True))
        if bug == "gate's softmax projected over the tokens":
            ds = p * (dp - (p * dp).sum(0, keepdims=True))
        dgate = x.T @ ds
        dexperts = np.einsum("ne,nd,nf->edf", p, x, dy)
        if bug == "experts not weighted by the gate":
            dexperts = np.einsum("nd,nf->df", x, dy)[None].repeat(3, 0)
        dx = np.einsum("ne,nf,edf->nd", p, dy, experts)
        if bug != "input forgets the gate":
            dx = dx + ds @ gate.T
        if bug == "gate's gradient detached":
            dgate = np.zeros_like(gate)
        return dx, dgate, dexperts

    return forward, backward


def register(wrong, bug=True):
    draw = np.random.default_rng(4101)
    q, k, v = (draw.normal(size=s) for s in ((5, 6), (7, 6), (7, 4)))
    layers = (
        (masked_attention, (q, k, v), (
            ("softmax without its projection", "projection"), ("softmax by its diagonal", "diagonal"),
            ("softmax projected along the queries", "axis"), ("scale of all features, not of a head's", "factor"),
            ("no scale in dk", "factor"), ("values by the weights of the other head", "value"),
            ("values without the weights' mask", "mask"), ("heads joined without the swap back", "order"))),
        (rotary, (draw.normal(size=(5, 6)),), (
            ("turned forward again", "transposed"), ("halves exchanged", "order"),
            ("positions counted from one", "shift"))),
        (mixture, (draw.normal(size=(6, 4)), draw.normal(size=(4, 3)), draw.normal(size=(3, 4, 5))), (
            ("gate's softmax projected over the tokens", "axis"), ("experts not weighted by the gate", "entrywise"),
            ("input forgets the gate", "path"), ("gate's gradient detached", "zero"))),
    )
    for layer, inputs, bugs in layers:
        for name, kind in bugs if bug else [("without a bug", "")]:
            wrong(f"{layer.__name__}: {name}", kind, *layer(name), *inputs)
