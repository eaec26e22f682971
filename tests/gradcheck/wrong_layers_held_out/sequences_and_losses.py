"""Recurrent cells, scans and losses, each with one mistake that can be switched off."""

import numpy as np


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gated_recurrent_unit(draw, bug):
    """x (3, 4), h (3, 5), w (4, 15), u (5, 15), b (15)."""

    def parts(x, h, w, u, b):
        (xr, xz, xn), (hr, hz, hn) = np.split(x @ w + b, 3, 1), np.split(h @ u, 3, 1)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        return r, z, hn, np.tanh(xn + r * hn)

    def forward(x, h, w, u, b):
        _, z, _, n = parts(x, h, w, u, b)
        return (1 - z) * n + z * h

    def backward(x, h, w, u, b, dy):
        r, z, hn, n = parts(x, h, w, u, b)
        # the new state stands in place of the previous one
        before = (1 - z) * n + z * h if bug else h
        dz = dy * (before - n) * z * (1 - z)
        dn = dy * (1 - z) * (1 - n * n)
        dr = dn * hn * r * (1 - r)
        da, dhu = np.concatenate([dr, dz, dn], 1), np.concatenate([dr, dz, dn * r], 1)
        return da @ w.T, dy * z + dhu @ u.T, x.T @ da, h.T @ dhu, da.sum(0)

    return (
        forward, backward, draw.normal(size=(3, 4)), draw.normal(size=(3, 5)),
        0.6 * draw.normal(size=(4, 15)), 0.6 * draw.normal(size=(5, 15)), draw.normal(size=15),
    )


def long_short_term_memory(draw, bug):
    """x (2, 3), h (2, 4), c (2, 4), w (7, 16) to the next h and c."""

    def parts(x, h, c, w):
        i, f, o, g = np.split(np.concatenate([x, h], 1) @ w, 4, 1)
        i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
        return i, f, o, g, f * c + i * g

    def forward(x, h, c, w):
        _, _, o, _, new = parts(x, h, c, w)
        return o * np.tanh(new), new

    def backward(x, h, c, w, dy):
        i, f, o, g, new = parts(x, h, c, w)
        dh, dnew = dy
        t = np.tanh(new)
        # what comes back to the next cell state is not used
        dc = dh * o * (1 - t * t) + (0 if bug else dnew)
        gates = dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o), dc * i * (1 - g * g)
        da = np.concatenate(gates, 1)
        dx, dprevious = np.split(da @ w.T, [3], 1)
        return dx.copy(), dprevious.copy(), dc * f, np.concatenate([x, h], 1).T @ da

    return (
        forward, backward, draw.normal(size=(2, 3)), draw.normal(size=(2, 4)), draw.normal(size=(2, 4)),
        0.7 * draw.normal(size=(7, 16)),
    )


def elman_network(draw, bug):
    """x (T=5, 2, 3), the first state (2, 4), w (3, 4), u (4, 4)."""

    def forward(x, first, w, u):
        h, states = first, []
        for step in x:
            h = np.tanh(step @ w + h @ u)
            states.append(h)
        return np.stack(states)

    def backward(x, first, w, u, dy):
        states = forward(x, first, w, u)
        dx, dw, du, dh = np.zeros_like(x), np.zeros_like(w), np.zeros_like(u), np.zeros_like(first)
        for t in reversed(range(5)):
            da = (dy[t] + dh) * (1 - states[t] ** 2)
            dx[t] = da @ w.T
            dw += x[t].T @ da
            du += (states[t - 1] if t else first).T @ da
            dh = da @ u.T
        # the first state is said to have no gradient
        return dx, np.zeros_like(first) if bug else dh, dw, du

    return (
        forward, backward, draw.normal(size=(5, 2, 3)), draw.normal(size=(2, 4)),
        0.5 * draw.normal(size=(3, 4)), 0.5 * draw.normal(size=(4, 4)),
    )


def minimal_gated_unit(draw, bug):
    """x (T=4, 2, 3), wf and wh (3, 4), uf and uh (4, 4): from a state of zeros to the last state."""

    def states(x, wf, wh, uf, uh):
        h, found = np.zeros((2, 4)), []
        for step in x:
            f = sigmoid(step @ wf + h @ uf)
            n = np.tanh(step @ wh + (f * h) @ uh)
            found.append((h, f, n))
            h = (1 - f) * h + f * n
        return h, found

    def forward(x, wf, wh, uf, uh):
        return states(x, wf, wh, uf, uh)[0]

    def backward(x, wf, wh, uf, uh, dy):
        _, found = states(x, wf, wh, uf, uh)
        dx, dwf, dwh, duf, duh = (np.zeros_like(a) for a in (x, wf, wh, uf, uh))
        dh = dy
        # the loop back ends before the first step
        for t in range(3, 0 if bug else -1, -1):
            h, f, n = found[t]
            dn = dh * f * (1 - n * n)
            dfh = dn @ uh.T
            df = (dh * (n - h) + dfh * h) * f * (1 - f)
            dx[t] = dn @ wh.T + df @ wf.T
            dwf, dwh = dwf + x[t].T @ df, dwh + x[t].T @ dn
            duf, duh = duf + h.T @ df, duh + (f * h).T @ dn
            dh = dh * (1 - f) + dfh * f + df @ uf.T
        return dx, dwf, dwh, duf, duh

    return (
        forward, backward, draw.normal(size=(4, 2, 3)), draw.normal(size=(3, 4)), draw.normal(size=(3, 4)),
        0.6 * draw.normal(size=(4, 4)), 0.6 * draw.normal(size=(4, 4)),
    )


def moving_average(draw, bug):
    """x (T=6, 3), decay (3), first (3): h[t] = a h[t - 1] + (1 - a) x[t] with a = sigmoid(decay)."""

    def forward(x, decay, first):
        a, h, found = sigmoid(decay), first, []
        for step in x:
            h = a * h + (1 - a) * step
            found.append(h)
        return np.stack(found)

    def backward(x, decay, first, dy):
        a, h = sigmoid(decay), forward(x, decay, first)
        dh, d = np.zeros_like(dy), np.zeros_like(first)
        for t in reversed(range(6)):
            d = dy[t] + d
            dh[t] = d
            d = a * d
        # the state of the same step, one too late
        before = h if bug else np.concatenate([first[None], h[:-1]])
        da = (dh * (before - x)).sum(0)
        return (1 - a) * dh, da * a * (1 - a), d

    return forward, backward, draw.normal(size=(6, 3)), draw.normal(size=3), draw.normal(size=3)


def selective_scan(draw, bug):
    """x (T=5, 3), log_rate (3, 2), wd (3, 3), wb and wc (3, 2), skip (3)."""

    def parts(x, log_rate, wd, wb, wc, skip):
        step, b, c = np.logaddexp(0, x @ wd), x @ wb, x @ wc
        decay = np.exp(-step[:, :, None] * np.exp(log_rate))
        h, states = np.zeros((3, 2)), []
        for t in range(5):
            states.append(h)
            h = decay[t] * h + (step[t] * x[t])[:, None] * b[t]
        return step, b, c, decay, np.stack([*states, h])

    def forward(x, log_rate, wd, wb, wc, skip):
        _, _, c, _, h = parts(x, log_rate, wd, wb, wc, skip)
        return np.einsum("tdn,tn->td", h[1:], c) + skip * x

    def backward(x, log_rate, wd, wb, wc, skip, dy):
        step, b, c, decay, h = parts(x, log_rate, wd, wb, wc, skip)
        rate = -np.exp(log_rate)
        dh = np.zeros_like(h[1:])
        d = np.zeros((3, 2))
        for t in reversed(range(5)):
            dh[t] = dy[t][:, None] * c[t] + d
            d = decay[t] * dh[t]
        dexponent = dh * h[:-1] * decay
        dinput = np.einsum("tdn,tn->td", dh, b)
        dstep = (dexponent * rate).sum(-1) + dinput * x
        dlog = (dexponent * step[:, :, None]).sum(0)
        if not bug:  # the exponential that makes the rates is left out
            dlog = dlog * rate
        da = dstep * sigmoid(x @ wd)
        db = np.einsum("tdn,td->tn", dh, step * x)
        dc = np.einsum("tdn,td->tn", h[1:], dy)
        dx = skip * dy + dinput * step + da @ wd.T + db @ wb.T + dc @ wc.T
        return dx, dlog, x.T @ da, x.T @ db, x.T @ dc, (dy * x).sum(0)

    return (
        forward, backward, draw.normal(size=(5, 3)), 0.7 * draw.normal(size=(3, 2)), draw.normal(size=(3, 3)),
        draw.normal(size=(3, 2)), draw.normal(size=(3, 2)), draw.normal(size=3),
    )


def linear_state_space(draw, bug):
    """x (T=5, 2), a (3, 3), b (3, 2), c (2, 3): h[t] = a h[t - 1] + b x[t], y[t] = c h[t]."""

    def states(x, a, b):
        h = [np.zeros(3)]
        for step in x:
            h.append(a @ h[-1] + b @ step)
        return np.stack(h)

    def forward(x, a, b, c):
        return states(x, a, b)[1:] @ c.T

    def backward(x, a, b, c, dy):
        h = states(x, a, b)
        dh, d = np.zeros((5, 3)), np.zeros(3)
        # the way back through time is by the matrix itself
        back = a if bug else a.T
        for t in reversed(range(5)):
            dh[t] = dy[t] @ c + d
            d = back @ dh[t]
        return dh @ b, dh.T @ h[:-1], dh.T @ x, dy.T @ h[1:]

    return (
        forward, backward, draw.normal(size=(5, 2)), 0.5 * draw.normal(size=(3, 3)),
        draw.normal(size=(3, 2)), draw.normal(size=(2, 3)),
    )


def segmentation_scores(draw, bug):
    """Logarithms of the classes' probabilities in every pixel, x (2, C=4, 3, 3), weighted by class."""

    def forward(x, weights):
        return np.log(softmax(x, axis=1)) * weights[:, None, None]

    def backward(x, weights, dy):
        p = softmax(x, axis=1)
        d = dy * weights[:, None, None]
        # summed over the columns of the image in place of the classes
        dx = d - p * d.sum(-1 if bug else 1, keepdims=True)
        return dx, (dy * np.log(p)).sum((0, 2, 3))

    return forward, backward, draw.normal(size=(2, 4, 3, 3)), 0.5 + draw.random(size=4)


def multiclass_hinge(draw, bug):
    labels, rows = np.array([2, 0, 4, 1]), np.arange(4)

    def margins(scores):
        m = np.maximum(0, scores - scores[rows, labels][:, None] + 1)
        m[rows, labels] = 0
        return m

    def forward(scores):
        return margins(scores).sum() / 4

    def backward(scores, dloss):
        ds = (margins(scores) > 0).astype(float)
        count = ds.sum(1)
        # the label's score is pushed the way of the others
        ds[rows, labels] = count if bug else -count
        return dloss * ds / 4

    return forward, backward, draw.normal(size=(4, 5))


def clipped_policy_objective(draw, bug):
    old, gain = 0.4 * draw.normal(size=10), draw.normal(size=10)
    returns = draw.normal(size=10)

    def forward(logp, value):
        ratio = np.exp(logp - old)
        surrogate = np.minimum(ratio * gain, np.clip(ratio, 0.8, 1.2) * gain).mean()
        return 0.5 * ((value - returns) ** 2).mean() - surrogate

    def backward(logp, value, dloss):
        ratio = np.exp(logp - old)
        inside = (ratio > 0.8) & (ratio < 1.2)
        # held back wherever the ratio is clipped, on the side that the minimum lets through as well
        free = inside if bug else np.where(gain > 0, ratio < 1.2, ratio > 0.8)
        return -dloss * np.where(free, ratio * gain, 0) / 10, dloss * (value - returns) / 10

    return forward, backward, old + 0.5 * draw.normal(size=10), draw.normal(size=10)


def triplet_loss(draw, bug):
    def parts(anchor, positive, negative):
        near, far = anchor - positive, anchor - negative
        return near, far, (near * near).sum(1), (far * far).sum(1)

    def forward(anchor, positive, negative):
        _, _, near, far = parts(anchor, positive, negative)
        return np.maximum(near - far + 2, 0).mean()

    def backward(anchor, positive, negative, dloss):
        near, far, a, b = parts(anchor, positive, negative)
        # the margin is forgotten in the condition
        active = (a > b) if bug else (a - b + 2 > 0)
        d = dloss * 2 / 8 * active[:, None]
        return d * (near - far), -d * near, d * far

    return forward, backward, *(draw.normal(size=(8, 3)) for _ in range(3))


def huber_loss(draw, bug):
    def forward(prediction, target):
        d = prediction - target
        return np.where(np.abs(d) <= 1.5, 0.5 * d * d, 1.5 * (np.abs(d) - 0.75)).mean()

    def backward(prediction, target, dloss):
        d = prediction - target
        # the condition is that of the usual threshold of one
        slope = np.where(np.abs(d) <= (1 if bug else 1.5), d, 1.5 * np.sign(d))
        dp = dloss * slope / 15
        return dp, -dp

    return forward, backward, 1.5 * draw.normal(size=(5, 3)), draw.normal(size=(5, 3))


def weighted_cross_entropy(draw, bug):
    labels, weight, rows = np.array([1, 0, 3, 2, 1]), np.array([0.5, 2.0, 1.0, 0.25, 3.0]), np.arange(5)

    def forward(logits, b):
        return -(weight * np.log(softmax(logits + b)[rows, labels])).sum() / weight.sum()

    def backward(logits, b, dloss):
        d = softmax(logits + b)
        d[rows, labels] -= 1
        if not bug:  # the examples' weights are left out
            d = d * weight[:, None]
        d = dloss * d / weight.sum()
        return d, d.sum(0)

    return forward, backward, draw.normal(size=(5, 4)), draw.normal(size=4)


def softmax_regression(draw, bug):
    labels, rows = np.array([1, 0, 2, 2]), np.arange(4)

    def forward(x, w, b):
        return -np.log(softmax(x @ w + b)[rows, labels]).mean()

    def backward(x, w, b, dloss):
        d = softmax(x @ w + b)
        d[rows, labels] -= 1
        # as if the loss were always the last thing: dloss is not used
        d = d / 4 if bug else dloss * d / 4
        return d @ w.T, x.T @ d, d.sum(0)

    return forward, backward, draw.normal(size=(4, 5)), draw.normal(size=(5, 3)), draw.normal(size=3)


def binary_cross_entropy(draw, bug):
    """One logit is large, as of a model that is sure of itself."""
    target = np.array([1.0, 0, 0, 1, 1, 0])

    def forward(logits, weight):
        return weight * (np.logaddexp(0, logits) - target * logits)

    def backward(logits, weight, dy):
        if bug:  # the exponential of the large logit overflows
            with np.errstate(over="ignore", invalid="ignore"):
                p = np.exp(logits) / (1 + np.exp(logits))
        else:
            p = 0.5 * (1 + np.tanh(logits / 2))
        return dy * weight * (p - target), dy * (np.logaddexp(0, logits) - target * logits)

    return forward, backward, np.array([0.3, -1.2, 2.1, 780.0, -0.4, 1.7]), 0.5 + draw.random(size=6)


def contrastive_loss(draw, bug):
    rows = np.arange(4)

    def forward(first, second):
        return -np.log(softmax(first @ second.T / 0.4)[rows, rows]).mean()

    def backward(first, second, dloss):
        d = softmax(first @ second.T / 0.4)
        d[rows, rows] -= 1
        # the temperature is forgotten
        d = dloss * d / 4 / (1 if bug else 0.4)
        return d @ second, d.T @ first

    return forward, backward, 0.6 * draw.normal(size=(4, 3)), 0.6 * draw.normal(size=(4, 3))


def mean_squared_error(draw, bug):
    """x (3, 4, 5) mapped by w (5, 2), the mean over all 24 entries."""
    target = draw.normal(size=(3, 4, 2))

    def forward(x, w):
        return ((x @ w - target) ** 2).mean()

    def backward(x, w, dloss):
        # divided by the number of sequences alone
        d = dloss * 2 * (x @ w - target) / (3 if bug else 24)
        return d @ w.T, np.einsum("nti,nto->io", x, d)

    return forward, backward, draw.normal(size=(3, 4, 5)), draw.normal(size=(5, 2))


def duelling_head(draw, bug):
    def forward(x, value, advantage):
        a = x @ advantage
        return x @ value + a - a.mean(1, keepdims=True)

    def backward(x, value, advantage, dy):
        # the advantages' mean, which was taken off, is forgotten
        da = dy if bug else dy - dy.mean(1, keepdims=True)
        dv = dy.sum(1, keepdims=True)
        return dv @ value.T + da @ advantage.T, x.T @ dv, x.T @ da

    return forward, backward, draw.normal(size=(3, 4)), draw.normal(size=(4, 1)), draw.normal(size=(4, 5))


def logistic_regression(draw, bug):
    target = np.array([1.0, 0, 1, 1, 0, 0])

    def forward(x, w, b):
        z = x @ w + b
        return (np.logaddexp(0, z) - target * z).mean()

    def backward(x, w, b, dloss):
        d = dloss * (sigmoid(x @ w + b) - target) / 6
        dw = x.T @ d
        if bug:  # the gradient of a penalty that the loss does not have
            dw = dw + dloss * 0.1 * w
        return np.outer(d, w), dw, np.array([d.sum()])

    return forward, backward, draw.normal(size=(6, 4)), draw.normal(size=4), draw.normal(size=1)


def independent_recurrence(draw, bug):
    """x (T=6, 4), w (4, 4), u (4): each unit sees its own past."""

    def forward(x, w, u):
        h, found = np.zeros(4), []
        for step in x:
            h = np.tanh(step @ w + u * h)
            found.append(h)
        return np.stack(found)

    def backward(x, w, u, dy):
        h = forward(x, w, u)
        dx, dw, du, d = np.zeros_like(x), np.zeros_like(w), np.zeros_like(u), np.zeros(4)
        for t in reversed(range(6)):
            d = dy[t] + d
            if bug:  # clipped inside the layer, against exploding gradients
                d = np.clip(d, -1, 1)
            da = d * (1 - h[t] ** 2)
            dx[t] = w @ da
            dw += np.outer(x[t], da)
            if t:
                du += da * h[t - 1]
            d = u * da
        return dx, dw, du

    return forward, backward, draw.normal(size=(6, 4)), 0.6 * draw.normal(size=(4, 4)), 0.8 * draw.normal(size=4)


def recurrence_with_its_own_buffers(draw, bug):
    """x (T=4, 3), w (3, 3), u (3, 3): a function that hands its pullback over."""

    def layer(x, w, u):
        h = [np.zeros(3)]
        for step in x:
            h.append(np.tanh(step @ w + h[-1] @ u))
        dw, du = np.zeros((3, 3)), np.zeros((3, 3))

        def pullback(dy):
            if not bug:  # the sums of the weights' gradients are not begun anew
                dw[:], du[:] = 0, 0
            dx, d = np.zeros((4, 3)), np.zeros(3)
            for t in reversed(range(4)):
                da = (dy[t] + d) * (1 - h[t + 1] ** 2)
                dx[t], d = w @ da, u @ da
                dw[:] += np.outer(x[t], da)
                du[:] += np.outer(h[t], da)
            return dx, dw.copy(), du.copy()

        return np.stack(h[1:]), pullback

    return layer, None, draw.normal(size=(4, 3)), 0.6 * draw.normal(size=(3, 3)), 0.6 * draw.normal(size=(3, 3))


def register(wrong, bug=True):
    layers = (
        (gated_recurrent_unit, "value"), (long_short_term_memory, "output"), (elman_network, "zero"),
        (minimal_gated_unit, "part"), (moving_average, "shift"), (selective_scan, "entrywise"),
        (linear_state_space, "transposed"), (segmentation_scores, "axis"), (multiclass_hinge, "signs"),
        (clipped_policy_objective, "branch"), (triplet_loss, "branch"), (huber_loss, "branch"),
        (weighted_cross_entropy, "rows"), (softmax_regression, "ignored"), (binary_cross_entropy, "nonfinite"),
        (contrastive_loss, "factor"), (mean_squared_error, "factor"), (duelling_head, "mean"),
        (logistic_regression, "term"), (independent_recurrence, "nonlinear"),
        (recurrence_with_its_own_buffers, "repeat"),
    )
    for number, (layer, kind) in enumerate(layers):
        wrong(layer.__name__.replace("_", " "), kind, *layer(np.random.default_rng(9400 + number), bug))
