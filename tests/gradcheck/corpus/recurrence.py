"""Through time: gradients that are cut off, gates without theirs, sums that run the wrong way."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rnn(x, w, u):
    h, states = np.zeros(u.shape[0]), []
    for row in x:
        h = np.tanh(row @ w + h @ u)
        states.append(h)
    return np.stack(states)


def rnn_backward(reach=99, carry=lambda u: u.T, previous=1):
    """Through `reach` steps at most; `previous` says which state the recurrent weight is given."""

    def backward(x, w, u, dy):
        h = np.concatenate([np.zeros((1, u.shape[0])), rnn(x, w, u)])
        dx, dw, du = np.zeros_like(x), np.zeros_like(w), np.zeros_like(u)
        for last in range(len(x)):
            dh = dy[last]
            for i in range(last, max(last - reach, -1), -1):
                ds = dh * (1 - h[i + 1] ** 2)
                dx[i] += ds @ w.T
                dw += np.outer(x[i], ds)
                du += np.outer(h[i + 1 - previous], ds)
                dh = ds @ carry(u)
        return dx, dw, du

    return backward


def gru(x, z, h):
    """The gated step alone: from candidate x and gate logits z to the next states."""
    states = []
    for row, logit in zip(x, z, strict=True):
        g = sigmoid(logit)
        h = (1 - g) * h + g * np.tanh(row)
        states.append(h)
    return np.stack(states)


def gru_backward(gate=1, candidate_only=False, carry=True):
    def backward(x, z, h, dy):
        states = [h, *gru(x, z, h)]
        dx, dz, dh = np.zeros_like(x), np.zeros_like(z), np.zeros_like(h)
        for i in reversed(range(len(x))):
            dh = dh + dy[i]
            g, c = sigmoid(z[i]), np.tanh(x[i])
            dx[i] = dh * g * (1 - c * c)
            dz[i] = gate * dh * (c - (0 if candidate_only else states[i])) * g * (1 - g)
            dh = dh * (1 - g) if carry else np.zeros_like(h)
        return dx, dz, dh

    return backward


def smooth(a, x):
    y, out = 0 * x[0], []
    for value in x:
        y = a * y + (1 - a) * value
        out.append(y)
    return np.array(out)


def smooth_backward(through):
    def backward(a, x, dy):
        y = np.append(0.0, smooth(a, x))
        da, dx, carried = 0.0, np.zeros_like(x), 0.0
        for i in reversed(range(len(x))):
            carried = carried + dy[i] if through else dy[i]
            da += carried * (y[i] - x[i])
            dx[i] = carried * (1 - a)
            carried = carried * a
        return np.array(da), dx

    return backward


def register(corpus):
    rng = np.random.default_rng(83)
    kind = "recurrence"
    x, w, u = rng.normal(size=(5, 2)), rng.normal(size=(2, 3)), rng.normal(size=(3, 3)) / 2
    layer = corpus.subject(rnn, x, w, u)
    early = np.repeat((np.arange(5) < 4)[:, None], 2, 1)
    layer.right("recurrent network", rnn_backward())
    cut = {0: early, 1: np.ones(w.shape), 2: np.ones(u.shape)}
    layer.wrong("recurrent network: one step only", kind, rnn_backward(reach=1), at=cut)
    far = {**cut, 0: np.repeat((np.arange(5) < 3)[:, None], 2, 1)}
    layer.wrong("recurrent network: two steps only", kind, rnn_backward(reach=2), at=far)
    layer.wrong("recurrent network: weight not transposed", kind, rnn_backward(carry=lambda u: u), at=cut)
    wrong = "recurrent network: state after instead of before"
    layer.wrong(wrong, kind, rnn_backward(previous=0), inputs=(2,))

    layer = corpus.subject(gru, rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.normal(size=3))
    layer.right("gated recurrence", gru_backward())
    layer.wrong("gated recurrence: gate without gradient", kind, gru_backward(gate=0), inputs=(1,))
    layer.wrong("gated recurrence: gate sees the candidate only", kind, gru_backward(candidate_only=True), inputs=(1,))
    last = np.repeat((np.arange(4) < 3)[:, None], 3, 1)
    at = {0: last, 1: last, 2: np.ones(3)}
    layer.wrong("gated recurrence: state not carried", kind, gru_backward(carry=False), at=at)

    layer = corpus.subject(smooth, np.array(0.8), rng.normal(size=6))
    layer.right("moving average", smooth_backward(through=True))
    at = {0: np.array(True), 1: np.arange(6) < 5}
    layer.wrong("moving average: each step by itself", kind, smooth_backward(through=False), at=at)

    kind, x = "scan", rng.normal(size=7)
    layer = corpus.subject(np.cumsum, x)
    layer.right("running sum", lambda x, dy: np.cumsum(dy[::-1])[::-1])
    layer.wrong("running sum: not reversed", kind, lambda x, dy: np.cumsum(dy))
    layer.wrong("running sum: passed through", kind, lambda x, dy: dy.copy(), at={0: np.arange(7) < 6})
    exclusive = lambda x, dy: np.cumsum(dy[::-1])[::-1] - dy  # noqa: E731
    layer.wrong("running sum: exclusive", kind, exclusive)
    layer = corpus.subject(np.cumprod, x)
    tail = lambda dy: np.cumsum(dy[::-1])[::-1]  # noqa: E731
    layer.right("running product", lambda x, dy: tail(dy * np.cumprod(x)) / x)
    layer.wrong("running product: not divided by x", kind, lambda x, dy: tail(dy * np.cumprod(x)))
    own = "running product: own step only"
    layer.wrong(own, kind, lambda x, dy: dy * np.cumprod(x) / x, at={0: np.arange(7) < 6})
    decay = np.exp(-0.3 * np.arange(7))
    layer = corpus.subject(lambda x: np.convolve(x, decay)[:7], x)
    back = lambda dy: np.convolve(dy[::-1], decay)[:7][::-1]  # noqa: E731
    layer.right("causal filter", lambda x, dy: back(dy))
    layer.wrong("causal filter: not time-reversed", kind, lambda x, dy: np.convolve(dy, decay)[:7])
