"""Recurrent cells and losses, written with their classes before any diagnosis of them was seen."""

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
    rng = np.random.default_rng(9103)
    for name, kind, forward, backward, drawn in LAYERS:
        inputs = [draw(rng) for draw in drawn]
        if kind in ("alias", "repeat"):
            wrong(name, kind, backward(bug), None, *inputs)
        else:
            wrong(name, kind, forward, partial(backward, bug=bug), *inputs)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(s, axis=-1):
    e = np.exp(s - s.real.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def mean_squared_error(p, target):
    d = p - target
    return (d * d).mean()


# The mean over all entries is divided back by the size of the batch alone.
@layer("factor", mean_squared_error, normal(4, 5), normal(4, 5))
def mean_squared_error_by_batch(p, target, dy, bug):
    g = dy * 2 * (p - target) / (4 if bug else 20)
    return g, -g


VALID = np.array([[1, 1, 1, 0], [1, 1, 0, 0]])
TOKENS = np.array([[2, 0, 4, 1], [3, 3, 0, 0]])


def token_loss(logits):
    p = np.take_along_axis(softmax(logits), TOKENS[..., None], -1)[..., 0]
    return -(np.log(p) * VALID).sum() / VALID.sum()


# The mean over the tokens that count is divided back by the number of all.
@layer("factor", token_loss, normal(2, 4, 5))
def token_loss_over_all_tokens(logits, dy, bug):
    count = VALID.size if bug else VALID.sum()
    return dy * (softmax(logits) - np.eye(5)[TOKENS]) * VALID[..., None] / count


# Powers of two: a row's sum is 1 without a rounding, as the formula of the gradient has it.
TEACHER = 2.0 ** -np.array([[3, 1, 5, 2, 5, 4], [2, 5, 1, 4, 5, 3], [5, 4, 3, 1, 2, 5]])


def distillation(student):
    q = softmax(student / 2.5)
    return 2.5**2 * (TEACHER * np.log(TEACHER / q)).sum(-1).mean()


# The square of the temperature before the loss is forgotten.
@layer("factor", distillation, normal(3, 6))
def distillation_without_squared_temperature(student, dy, bug):
    g = dy * (softmax(student / 2.5) - TEACHER) / 2.5 / 3
    return g if bug else 2.5**2 * g


def contrastive_loss(a, b):
    s = a @ b.T
    rows, columns = np.diag(softmax(s, 1)), np.diag(softmax(s, 0))
    return -0.5 * np.log(rows).mean() - 0.5 * np.log(columns).mean()


# Of the two halves of the symmetric loss, the second is taken whole.
@layer("factor in a term", contrastive_loss, normal(4, 3), normal(4, 3))
def contrastive_loss_with_a_whole_half(a, b, dy, bug):
    s = a @ b.T
    rows, columns = (softmax(s, 1) - np.eye(4)) / 4, (softmax(s, 0) - np.eye(4)) / 4
    ds = dy * (0.5 * rows + (1.0 if bug else 0.5) * columns)
    return ds @ b, ds.T @ a


def rotate(w, u, v):
    turned = np.cross(u, v)
    return v + 2 * w[:, None] * turned + 2 * np.cross(u, turned)


# Of the derivative of u x (u x v), the summand (u . v) dy is left out.
@layer("term", rotate, normal(4), normal(4, 3), normal(4, 3))
def rotation_by_quaternion(w, u, v, dy, bug):
    def dot(a, b):
        return (a * b).sum(-1, keepdims=True)

    du = 2 * w[:, None] * np.cross(v, dy) + 2 * dot(dy, u) * v - 4 * dot(dy, v) * u
    if not bug:
        du = du + 2 * dot(u, v) * dy
    dv = dy - 2 * w[:, None] * np.cross(u, dy) + 2 * np.cross(u, np.cross(u, dy))
    return 2 * (np.cross(u, v) * dy).sum(-1), du, dv


def least_squares(a, b):
    return np.linalg.pinv(a) @ b


# The pseudo-inverse goes back by the formula of the inverse, without the summand of what lies outside its range.
@layer("term", least_squares, normal(6, 3), normal(6, 2))
def least_squares_by_the_formula_of_the_inverse(a, b, dy, bug):
    inverse = np.linalg.pinv(a)
    g = dy @ b.T
    da = -inverse.T @ g @ inverse.T
    if not bug:
        da = da + (np.eye(6) - a @ inverse) @ g.T @ inverse @ inverse.T
    return da, inverse.T @ dy


def gru(x, h, wz, wr, wn, un):
    xh = np.concatenate([x, h], axis=1)
    z, r = sigmoid(xh @ wz), sigmoid(xh @ wr)
    n = np.tanh(x @ wn + r * (h @ un))
    return (1 - z) * h + z * n


# The earlier state lacks what comes through the reset gate.
@layer("path", gru, normal(3, 4), normal(3, 5), normal(9, 5), normal(9, 5), normal(4, 5), normal(5, 5))
def gru_state_without_reset_gate(x, h, wz, wr, wn, un, dy, bug):
    xh, hu = np.concatenate([x, h], axis=1), h @ un
    z, r = sigmoid(xh @ wz), sigmoid(xh @ wr)
    n = np.tanh(x @ wn + r * hu)
    dz, dn = dy * (n - h) * z * (1 - z), dy * z * (1 - n * n)
    dr = dn * hu * r * (1 - r)
    from_z, from_r = dz @ wz.T, dr @ wr.T
    dx = dn @ wn.T + from_z[:, :4] + from_r[:, :4]
    dh = dy * (1 - z) + (dn * r) @ un.T + from_z[:, 4:]
    if not bug:
        dh = dh + from_r[:, 4:]
    return dx, dh, xh.T @ dz, xh.T @ dr, x.T @ dn, h.T @ (dn * r)


def probit(x, threshold):
    return 0.5 * (1 + erf((x - threshold) / np.sqrt(2)))


# The density lacks the half in its exponent.
@layer("entrywise", probit, normal(4, 5), normal(5))
def probit_with_a_narrow_density(x, threshold, dy, bug):
    u = x - threshold
    dx = dy * np.exp(-u * u * (1 if bug else 0.5)) / np.sqrt(2 * np.pi)
    return dx, -dx.sum(0)


def lstm(x, h, c, w, b):
    i, f, g, o = np.split(np.concatenate([x, h], axis=1) @ w + b, 4, axis=1)
    new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(new), new


# The output gate gets the cell's state, where its tanh belongs.
@layer("value", lstm, normal(3, 2), normal(3, 4), normal(3, 4), normal(6, 16), normal(16))
def lstm_output_gate_before_tanh(x, h, c, w, b, dy, bug):
    dh, dc = dy
    xh = np.concatenate([x, h], axis=1)
    i, f, g, o = np.split(xh @ w + b, 4, axis=1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    new = f * c + i * g
    squashed = np.tanh(new)
    do = dh * (new if bug else squashed) * o * (1 - o)
    dc = dc + dh * o * (1 - squashed * squashed)
    da = np.concatenate([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), do], axis=1)
    dxh = da @ w.T
    return dxh[:, :2].copy(), dxh[:, 2:].copy(), dc * f, xh.T @ da, da.sum(0)


LENGTHS = np.array([2, 6, 3, 5])
PRESENT = (np.arange(6) < LENGTHS[:, None])[:, :, None]


def pooled(x):
    return (x * PRESENT).sum(1) / LENGTHS[:, None]


# Each sequence is divided by the padded length, where the forward pass takes its own.
@layer("rows", lambda x, w: pooled(x) @ w, normal(4, 6, 3), normal(3, 5))
def pooling_by_padded_length(x, w, dy, bug):
    d = dy @ w.T / (6 if bug else LENGTHS[:, None])
    return d[:, None, :] * PRESENT, pooled(x).T @ dy


NOISE = -np.log(-np.log((np.arange(15.0) * 7 % 15 + 0.5) / 15)).reshape(3, 5)


# p (1 - p) stands for the whole Jacobian of softmax.
@layer("diagonal", lambda logits: softmax((logits + NOISE) / 0.7), normal(3, 5))
def gumbel_softmax_by_its_diagonal(logits, dy, bug):
    p = softmax((logits + NOISE) / 0.7)
    return p * ((1 - p) * dy if bug else dy - (p * dy).sum(-1, keepdims=True)) / 0.7


def policy_gain(reward, logp):
    return (reward - reward.mean(1, keepdims=True)) * np.exp(logp)


# The mean of the group that was taken off goes back as a sum.
@layer("mean", policy_gain, normal(3, 6), normal(3, 6, spread=0.5))
def group_baseline_as_a_sum(reward, logp, dy, bug):
    ratio = np.exp(logp)
    g = dy * ratio
    common = g.sum(1, keepdims=True) if bug else g.mean(1, keepdims=True)
    return g - common, dy * (reward - reward.mean(1, keepdims=True)) * ratio


def weight_norm(x, v, g):
    return x @ (g * v / np.sqrt((v * v).sum(0)))


# The length of each column of v is taken for a constant.
@layer("projection", weight_norm, normal(4, 3), normal(3, 5), normal(5))
def weight_norm_with_constant_length(x, v, g, dy, bug):
    length = np.sqrt((v * v).sum(0))
    unit, dw = v / length, x.T @ dy
    dv = g / length * (dw if bug else dw - unit * (unit * dw).sum(0))
    return dy @ (g * unit).T, dv, (unit * dw).sum(0)


TEXT = np.array([[1, 3, 0, 2, 2], [0, 1, 1, 3, 2]])


def next_token_loss(logits):
    p = np.take_along_axis(softmax(logits[:, :-1]), TEXT[:, 1:, None], -1)
    return -np.log(p).mean()


# The gradient is put at the token that is predicted, one step too late.
@layer("shift", next_token_loss, normal(2, 5, 4))
def next_token_loss_one_step_late(logits, dy, bug):
    g = dy * (softmax(logits[:, :-1]) - np.eye(4)[TEXT[:, 1:]]) / 8
    dlogits = np.zeros_like(logits)
    if bug:
        dlogits[:, 1:] = g
    else:
        dlogits[:, :-1] = g
    return dlogits


def smoothed(x, keep):
    s = [(1 - keep) * x[0]]
    for row in x[1:]:
        s.append(keep * s[-1] + (1 - keep) * row)
    return np.stack(s), s[-1].copy()


# Of states and last state, the cotangent of the last state is not used.
@layer("output", smoothed, normal(6, 3), fixed([0.4, 0.55, 0.75]))
def moving_average_without_last_state(x, keep, dy, bug):
    dstates, dlast = dy
    s, _ = smoothed(x, keep)
    d = np.zeros_like(dlast) if bug else dlast
    dx, dkeep = np.zeros_like(x), np.zeros_like(keep)
    for t in range(len(x) - 1, -1, -1):
        d = d + dstates[t]
        dx[t] = (1 - keep) * d
        dkeep += d * ((s[t - 1] if t else 0) - x[t])
        d = keep * d
    return dx, dkeep


def elman(x, w, u, b):
    h = [np.zeros_like(b)]
    for row in x:
        h.append(np.tanh(row @ w + h[-1] @ u + b))
    return np.stack(h[1:])


# The loop back through time ends before the first step.
@layer("part", elman, normal(5, 3), normal(3, 4), normal(4, 4), normal(4))
def elman_without_its_first_step(x, w, u, b, dy, bug):
    h = np.concatenate([np.zeros((1, 4)), elman(x, w, u, b)])
    dx, dw, du, db, dh = np.zeros_like(x), np.zeros_like(w), np.zeros_like(u), np.zeros_like(b), np.zeros(4)
    for t in range(4, 0 if bug else -1, -1):
        da = (dy[t] + dh) * (1 - h[t + 1] * h[t + 1])
        dx[t], dh = da @ w.T, da @ u.T
        dw += np.outer(x[t], da)
        du += np.outer(h[t], da)
        db += da
    return dx, dw, du, db


# The weights' gradient is added up in a buffer that no second call of the pullback clears.
@layer("repeat", None, normal(4, 3), normal(3, 2), normal(2))
def gradient_added_up_in_a_buffer(bug):
    def linear(x, w, b):
        buffer = np.zeros_like(w)

        def pullback(dy):
            if not bug:
                buffer[...] = 0
            buffer[...] += x.T @ dy
            return dy @ w.T, buffer.copy(), dy.sum(0)

        return x @ w + b, pullback

    return linear


def leaky(x, w):
    h = x @ w
    return np.where(h.real > 0, h, 0.1 * h)


# dy itself is scaled in place.
@layer("mutation", leaky, normal(4, 3), normal(3, 5))
def leaky_layer_in_place(x, w, dy, bug):
    g = dy if bug else dy.copy()
    g[x @ w < 0] *= 0.1
    return g @ w.T, x.T @ g


# Every call writes the gradient into one work space and hands that out without a copy.
@layer("alias", None, normal(3, 4), normal(4, 5), normal(5))
def gradient_handed_out_in_its_work_space(bug):
    def tanh_layer(x, w, b):
        y, space = np.tanh(x @ w + b), np.empty_like(x)

        def pullback(dy):
            da = dy * (1 - y * y)
            np.matmul(da, w.T, out=space)
            return space if bug else space.copy(), x.T @ da, da.sum(0)

        return y, pullback

    return tanh_layer


def calibrated(x, slope, offset):
    return softmax(x * slope + offset)


# The buffer for the slopes is made and never filled.
@layer("zero", calibrated, normal(4, 5), normal(5), normal(5))
def calibration_without_its_slopes(x, slope, offset, dy, bug):
    p = softmax(x * slope + offset)
    ds = p * (dy - (p * dy).sum(-1, keepdims=True))
    dslope = np.zeros_like(slope)
    if not bug:
        dslope += (ds * x).sum(0)
    return ds * slope, dslope, ds.sum(0)


# Weight decay is added in the backward pass.
@layer("offset", lambda x, w, b: x @ w + b, normal(5, 3), normal(3, 4), normal(4))
def linear_with_weight_decay(x, w, b, dy, bug):
    dw = x.T @ dy
    return dy @ w.T, dw + 0.01 * w if bug else dw, dy.sum(0)


SIDES = np.where(np.arange(20) * 7 % 5 < 3, -1.0, 1.0).reshape(4, 5)


def smooth_hinge(score):
    m = SIDES * score
    return np.where(m.real >= 1, 0, np.where(m.real > 0, (1 - m) * (1 - m) / 2, 0.5 - m))


# Between 0 and 1 the slope is -1, as below, where it must be m - 1.
@layer("branch", smooth_hinge, normal(4, 5))
def smooth_hinge_without_its_bend(score, dy, bug):
    m = SIDES * score
    bend = -1 if bug else m - 1
    return dy * SIDES * np.where(m >= 1, 0, np.where(m > 0, bend, -1))
