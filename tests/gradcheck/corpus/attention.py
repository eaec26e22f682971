"""Attention: the scale, the row sum of the softmax, masks, heads, and which of q, k, v gets which gradient."""

from math import sqrt

import numpy as np

HIDDEN = -1e9


def t(x):
    return x.swapaxes(-1, -2)


def softmax(s):
    p = np.exp(s - s.real.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def softmax_backward(p, dp, axis=-1):
    return p * (dp - (dp * p).sum(axis, keepdims=True))


def attention(mask=True, bias=0.0):
    """Over (..., T, d) queries and (..., S, d) keys; the mask is True where visible."""

    def forward(q, k, v):
        return softmax(np.where(mask, q @ t(k) / sqrt(q.shape[-1]) + bias, HIDDEN)) @ v

    return forward


def attention_backward(mask=True, bias=0.0, scale=sqrt, ds=softmax_backward, dv=lambda p, s, dy: t(p) @ dy):
    """The right backward pass, unless one of its pieces is replaced."""

    def backward(q, k, v, dy):
        s = np.where(mask, q @ t(k) / sqrt(q.shape[-1]) + bias, HIDDEN)
        p = softmax(s)
        d = ds(p, dy @ t(v)) / scale(q.shape[-1])
        return d @ k, t(d) @ q, dv(p, s, dy)

    return backward


def heads(x, h):
    return x.reshape(x.shape[0], h, -1).swapaxes(0, 1)


def merge(x):
    return x.swapaxes(0, 1).reshape(x.shape[1], -1)


def multi_head(q, k, v):
    return merge(attention()(heads(q, 2), heads(k, 2), heads(v, 2)))


def multi_head_backward(split=heads, join=merge):
    def backward(q, k, v, dy):
        grads = attention_backward()(heads(q, 2), heads(k, 2), heads(v, 2), split(dy, 2))
        return tuple(join(g) for g in grads)

    return backward


def grouped(q, k, v):
    """Two heads of queries share one of keys and values."""
    return attention()(q, k[None], v[None])


def grouped_backward(group):
    def backward(q, k, v, dy):
        dq, dk, dv = attention_backward()(q, k[None], v[None], dy)
        return dq, group(dk), group(dv)

    return backward


def register(corpus):
    rng = np.random.default_rng(41)
    plain(corpus, rng)
    masked(corpus, rng)
    q, k, v = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    kind = "attention"
    layer = corpus.subject(multi_head, q, k, v)
    layer.right("multi-head attention", multi_head_backward())
    permuted = multi_head_backward(split=lambda x, h: heads(x, h)[::-1])
    layer.wrong("multi-head attention: heads of dy permuted", kind, permuted, inputs=(0, 1, 2))
    interleaved = multi_head_backward(join=lambda x: x.transpose(1, 2, 0).reshape(x.shape[1], -1))
    middle = {i: np.tile([False, True, True, False], (len(x), 1)) for i, x in enumerate((q, k, v))}
    layer.wrong("multi-head attention: heads interleaved when merged", kind, interleaved, at=middle)

    layer = corpus.subject(grouped, rng.normal(size=(2, 3, 4)), k, v)
    layer.right("grouped-query attention", grouped_backward(lambda g: g.sum(0)))
    layer.wrong(
        "grouped-query attention: mean over the group", kind, grouped_backward(lambda g: g.mean(0)), inputs=(1, 2)
    )
    layer.wrong("grouped-query attention: first head only", kind, grouped_backward(lambda g: g[0]), inputs=(1, 2))

    x, w = rng.normal(size=(3, 4)), rng.normal(size=(3, 4, 4)) / 2

    def shared(x, w):
        return attention()(x @ w[0], x @ w[1], x @ w[2])

    def shared_backward(used):
        def backward(x, w, dy):
            grads = attention_backward()(x @ w[0], x @ w[1], x @ w[2], dy)
            dx = sum(grads[i] @ w[i].T for i in used)
            return dx, np.stack([x.T @ g for g in grads])

        return backward

    layer = corpus.subject(shared, x, w)
    layer.right("self-attention", shared_backward((0, 1, 2)))
    layer.wrong("self-attention: query path only", "missing path", shared_backward((0,)))
    layer.wrong("self-attention: key path forgotten", "missing path", shared_backward((0, 2)))


def plain(corpus, rng):
    q, k, v = rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    kind = "attention"
    right = attention_backward()
    layer = corpus.subject(attention(), q, k, v)
    layer.right("attention", right)
    layer.wrong("attention: scale forgotten", kind, attention_backward(scale=lambda d: 1), inputs=(0, 1))
    layer.wrong("attention: scaled by d, not its root", kind, attention_backward(scale=lambda d: d), inputs=(0, 1))
    layer.wrong("attention: row sum missing", kind, attention_backward(ds=lambda p, dp: p * dp), inputs=(0, 1))
    columns = attention_backward(ds=lambda p, dp: softmax_backward(p, dp, axis=-2))
    layer.wrong("attention: softmax differentiated by columns", kind, columns, inputs=(0, 1))
    from_scores = attention_backward(dv=lambda p, s, dy: t(s) @ dy)
    layer.wrong("attention: dv from the scores", kind, from_scores, inputs=(2,))
    layer.wrong(
        "attention: dv with p not transposed", kind, attention_backward(dv=lambda p, s, dy: p @ dy), inputs=(2,)
    )

    def changed(change):
        return lambda q, k, v, dy: change(*right(q, k, v, dy))

    layer.wrong("attention: dk and dq swapped", "order", changed(lambda dq, dk, dv: (dk, dq, dv)), inputs=(0, 1))
    layer.wrong("attention: dk and dv swapped", "order", changed(lambda dq, dk, dv: (dq, dv, dk)), inputs=(1, 2))
    layer.wrong("attention: no gradient for q", kind, changed(lambda dq, dk, dv: (0 * dq, dk, dv)), inputs=(0,))
    layer.wrong("attention: no gradient for k", kind, changed(lambda dq, dk, dv: (dq, 0 * dk, dv)), inputs=(1,))
    layer.wrong("attention: no gradient for v", kind, changed(lambda dq, dk, dv: (dq, dk, 0 * dv)), inputs=(2,))


def masked(corpus, rng):
    q, k, v = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    causal = np.tri(4, 5, 1, dtype=bool)
    kind = "mask"
    layer = corpus.subject(attention(causal), q, k, v)
    layer.right("causal attention", attention_backward(causal))
    cut = np.repeat(~causal.all(1)[:, None], 3, 1)  # the queries that do not see everything
    at = {0: cut, 1: np.ones(k.shape), 2: np.ones(v.shape)}
    layer.wrong("causal attention: mask ignored", kind, attention_backward(), at=at)
    late = attention_backward(np.tri(4, 5, 2, dtype=bool))
    layer.wrong("causal attention: mask off by one", kind, late, at=at)
    early = attention_backward(np.tri(4, 5, 0, dtype=bool))
    layer.wrong("causal attention: diagonal hidden", kind, early, inputs=(0, 1, 2))
    upside = attention_backward(~causal)
    layer.wrong("causal attention: mask upside down", kind, upside, inputs=(0, 1, 2))
    padding = np.arange(5) < 3
    hidden = np.repeat(~padding[:, None], 3, 1)
    layer = corpus.subject(attention(padding), q, k, v)
    layer.right("padded attention", attention_backward(padding))
    leak = attention_backward(padding, dv=lambda p, s, dy: t(np.where(padding, p, 0.2)) @ dy)
    layer.wrong("padded attention: dv leaks into padding", kind, leak, at={2: hidden})
