"""Recurrences, sequence layers and training objectives, each with one mistake in its backward pass."""

import numpy as np
from scipy.special import logsumexp
from wrong_layers_pairs import Pairs

pairs = Pairs(9042)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gates(x, h, w):
    i, f, o, g = np.split(np.concatenate([x, h], 1) @ w, 4, 1)
    return sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)


def lstm(x, h, c, w):
    i, f, o, g = gates(x, h, w)
    c = f * c + i * g
    return o * np.tanh(c), c


@pairs.bug("output", lstm, normal(3, 2), normal(3, 4), normal(3, 4), normal(6, 16))
def lstm_without_the_next_cell(x, h, c, w, dy, bug):  # what comes back from the next step's cell is not used
    i, f, o, g = gates(x, h, w)
    t = np.tanh(f * c + i * g)
    dc = dy[0] * o * (1 - t * t) + (0 if bug else dy[1])
    dz = [dc * g * i * (1 - i), dc * c * f * (1 - f), dy[0] * t * o * (1 - o), dc * i * (1 - g * g)]
    dz = np.concatenate(dz, 1)
    dxh = dz @ w.T
    return dxh[:, :2], dxh[:, 2:], dc * f, np.concatenate([x, h], 1).T @ dz


def minimal_gru(x, h, wz, uz, wn):
    z = sigmoid(x @ wz + h @ uz)
    return (1 - z) * h + z * np.tanh(x @ wn)


@pairs.bug("term", minimal_gru, normal(3, 4), normal(3, 5), normal(4, 5), normal(5, 5), normal(4, 5))
def update_gate_of_the_candidate_only(x, h, wz, uz, wn, dy, bug):  # the gate has n - h, of which n is taken
    z, n = sigmoid(x @ wz + h @ uz), np.tanh(x @ wn)
    da = dy * (n - (0 if bug else h)) * z * (1 - z)
    db = dy * z * (1 - n * n)
    return da @ wz.T + db @ wn.T, dy * (1 - z) + da @ uz.T, x.T @ da, h.T @ da, x.T @ db


def states(x, w, u):
    h = [np.zeros((2, 4))]
    for row in x:
        h.append(np.tanh(row @ w + h[-1] @ u))
    return np.stack(h)


@pairs.bug("part", lambda x, w, u: states(x, w, u)[1:], normal(5, 2, 3), normal(3, 4), normal(4, 4))
def through_time_but_for_the_first_step(x, w, u, dy, bug):  # range(4, 0, -1)
    h, dh = states(x, w, u), np.zeros((2, 4))
    dx, dw, du = np.zeros_like(x), np.zeros_like(w), np.zeros_like(u)
    for t in range(4, 0 if bug else -1, -1):
        dz = (dy[t] + dh) * (1 - h[t + 1] ** 2)
        dx[t], dh = dz @ w.T, dz @ u.T
        dw += x[t].T @ dz
        du += h[t].T @ dz
    return dx, dw, du


def scanned(x, step, a, b, c):
    h = [np.zeros((3, 2))]
    for t in range(6):
        h.append(np.exp(step[t, :, None] * a) * h[-1] + step[t, :, None] * b[t] * x[t, :, None])
    return np.stack(h)


def selective_scan(x, step, a, b, c):
    return np.einsum("tdn,tn->td", scanned(x, step, a, b, c)[1:], c)


@pairs.bug("path", selective_scan, normal(6, 3), rng.random((6, 3)), -rng.random((3, 2)), normal(6, 2), normal(6, 2))
def state_space_step_of_the_decay_only(x, step, a, b, c, dy, bug):  # the step size scales the input as well
    h, g = scanned(x, step, a, b, c), np.zeros((3, 2))
    dx, dstep, da, db = np.zeros_like(x), np.zeros_like(step), np.zeros_like(a), np.zeros_like(b)
    for t in range(5, -1, -1):
        decay = np.exp(step[t, :, None] * a)
        g = g + dy[t, :, None] * c[t]
        dx[t] = step[t] * (g @ b[t])
        db[t] = (step[t] * x[t]) @ g
        dstep[t] = (g * h[t] * decay * a).sum(1) + (0 if bug else x[t] * (g @ b[t]))
        da += g * h[t] * decay * step[t, :, None]
        g = g * decay
    return dx, dstep, da, db, np.einsum("td,tdn->tn", dy, h[1:])


def recurrence(a, x):
    h = [np.zeros(3)]
    for decay, row in zip(a, x, strict=True):
        h.append(decay * h[-1] + row)
    return np.stack(h)


@pairs.bug("shift", lambda a, x: recurrence(a, x)[1:], rng.random((7, 3)), normal(7, 3))
def linear_recurrence_of_the_new_state(a, x, dy, bug):  # the decay multiplied the state before
    h, g, dx = recurrence(a, x), 0, np.zeros_like(x)
    for t in range(6, -1, -1):
        g = dx[t] = dy[t] + g
        g = g * a[t]
    return dx * (h[1:] if bug else h[:-1]), dx


def discounted(r):
    g = r.copy()
    for t in range(4, -1, -1):
        g[:, t] += 0.9 * g[:, t + 1]
    return g


@pairs.bug("transposed", discounted, normal(3, 6))
def discounted_return_from_the_end_again(r, dy, bug):  # the sum over the future stands for that over the past
    return discounted(dy) if bug else discounted(dy[:, ::-1])[:, ::-1]


path = np.array([0, 1, 2, 0, 1, 0, 1])


def forward_scores(e, t):
    a = [e[0]]
    for row in e[1:]:
        a.append(row + logsumexp(a[-1][:, None] + t, 0))
    return a


def chain_loss(e, t):
    return logsumexp(forward_scores(e, t)[-1]) - e[np.arange(7), path].sum() - t[path[:-1], path[1:]].sum()


@pairs.bug("overwritten", chain_loss, normal(7, 3), normal(3, 3))
def random_field_counts_a_transition_once(e, t, dy, bug):  # an indexed -= counts repeated pairs of tags once
    a, de, dt = forward_scores(e, t), np.zeros_like(e), np.zeros_like(t)
    g = softmax(a[-1])
    for s in range(6, 0, -1):
        p, de[s] = softmax(a[s - 1][:, None] + t, 0) * g, g
        dt += p
        g = p.sum(1)
    de[0] = g
    de[np.arange(7), path] -= 1
    if bug:
        dt[path[:-1], path[1:]] -= 1
    else:
        np.subtract.at(dt, (path[:-1], path[1:]), 1)
    return dy * de, dy * dt


classes = np.array([2, 0, 4, 1])
onehot = np.eye(5)[classes]
smooth = 0.9 * onehot + 0.1 / 5


@pairs.bug("value", lambda x: -(smooth * np.log(softmax(x))).sum() / 4, normal(4, 5))
def smoothed_labels_forgotten(x, dy, bug):  # the labels before they were smoothed
    return dy * (softmax(x) - (onehot if bug else smooth)) / 4


sides = np.array([1.0, -1, 1, 1, -1, -1, 1])


def focal(x):
    p = sigmoid(sides * x)
    return -((1 - p) ** 2) * np.log(p)


@pairs.bug("term", focal, normal(7))
def focal_weight_not_derived(x, dy, bug):  # product rule: the derivative of the focusing weight is left out
    p = sigmoid(sides * x)
    return dy * sides * ((0 if bug else 2 * p * (1 - p) ** 2 * np.log(p)) - (1 - p) ** 3)


def contrast(a, b, t):
    s = np.exp(t) * a @ b.T
    return -(np.trace(np.log(softmax(s, 1))) + np.trace(np.log(softmax(s, 0)))) / 8


@pairs.bug("axis", contrast, normal(4, 3), normal(4, 3), np.array(0.3))
def contrastive_pairs_by_rows_twice(a, b, t, dy, bug):  # the softmax over images is taken over captions
    s = np.exp(t) * a @ b.T
    ds = dy * (softmax(s, 1) + softmax(s, 1 if bug else 0) - 2 * np.eye(4)) / 8
    return np.exp(t) * ds @ b, np.exp(t) * ds.T @ a, (ds * s).sum()


def triplet(a, p, n):
    return np.maximum(((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 1, 0).mean()


@pairs.bug("sign", triplet, normal(6, 3), normal(6, 3), normal(6, 3))
def triplet_draws_the_negative(a, p, n, dy, bug):  # the negative is pulled in, not pushed away
    on = dy / 6 * (((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 1 > 0)[:, None]
    return on * 2 * (n - p), on * 2 * (p - a), on * 2 * (a - n) * (-1 if bug else 1)


def huber(y, t):
    r = y - t
    return np.where(abs(r) < 0.5, r * r / 2, 0.5 * (abs(r) - 0.25))


@pairs.bug("branch", huber, normal(4, 5), normal(4, 5))
def huber_slope_of_one_outside(y, t, dy, bug):  # outside, the slope is delta
    dr = dy * np.where(abs(y - t) < 0.5, y - t, (1 if bug else 0.5) * np.sign(y - t))
    return dr, -dr


goals = normal(5, 3)


@pairs.bug("signs", lambda y: np.where(goals > y, 0.8 * (goals - y), 0.2 * (y - goals)), normal(5, 3))
def pinball_falls_on_both_sides(y, dy, bug):  # above the target the loss grows
    return dy * np.where(goals > y, -0.8, -0.2 if bug else 0.2)


noise = normal(3, 4)


def latent(m, v):
    return m + np.exp(v / 2) * noise, (m * m + np.exp(v) - v - 1).sum(1) / 2


@pairs.bug("factor in a term", latent, normal(3, 4), normal(3, 4))
def reparametrised_log_variance_not_halved(m, v, dy, bug):  # the half of exp(v / 2) is missing
    dz, dk = dy[0], dy[1][:, None]
    return dz + dk * m, dz * noise * np.exp(v / 2) * (1 if bug else 0.5) + dk * (np.exp(v) - 1) / 2


truth = (rng.random((3, 8)) < 0.5) * 1.0


@pairs.bug("term", lambda p: 1 - 2 * (p * truth).sum(1) / (p.sum(1) + truth.sum(1)), rng.random((3, 8)))
def dice_of_a_fixed_union(p, dy, bug):  # quotient rule: the denominator's term is left out
    n, d = 2 * (p * truth).sum(1), p.sum(1) + truth.sum(1)
    return (dy * (0 if bug else n / d**2))[:, None] - (dy / d)[:, None] * 2 * truth


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pairs.bug("projection", lambda a, b: (unit(a) * unit(b)).sum(1), normal(4, 5), normal(4, 5))
def cosine_to_a_fixed_length(a, b, dy, bug):  # the length of the first is taken for a constant
    c = (unit(a) * unit(b)).sum(1, keepdims=True)
    da = (unit(b) - (0 if bug else c * unit(a))) / np.linalg.norm(a, axis=1, keepdims=True)
    db = (unit(a) - c * unit(b)) / np.linalg.norm(b, axis=1, keepdims=True)
    return dy[:, None] * da, dy[:, None] * db


lengths = np.array([4, 2, 5])
valid = (np.arange(5) < lengths[:, None])[..., None]
wanted = normal(3, 5, 2)


@pairs.bug("factor", lambda y: (valid * (y - wanted) ** 2).sum() / 11, normal(3, 5, 2))
def padded_error_over_all_steps(y, dy, bug):  # the steps of padding are counted
    return dy * 2 * valid * (y - wanted) / (15 if bug else 11)


words = np.array([0, 2, 5, 1, 1, 4])
bags = np.array([0, 0, 0, 1, 2, 2])
sizes = np.array([3, 1, 2])


def bag_means(w):
    y = np.zeros((3, 4))
    np.add.at(y, bags, w[words])
    return y / sizes[:, None]


@pairs.bug("rows", bag_means, normal(6, 4))
def bag_of_words_summed(w, dy, bug):  # each bag's mean is taken for its sum
    dw = np.zeros_like(w)
    np.add.at(dw, words, (dy if bug else dy / sizes[:, None])[bags])
    return dw


@pairs.bug("shape", lambda x, a, w: x + a * np.tanh(x @ w), normal(4, 3), normal(1), normal(3, 3))
def rezero_scale_keeps_its_axes(x, a, w, dy, bug):  # a sum with keepdims, of shape (1, 1)
    t = np.tanh(x @ w)
    g = dy * a * (1 - t * t)
    da = (dy * t).sum(keepdims=True)
    return dy + g @ w.T, da if bug else da[0], x.T @ g


@pairs.bug("index", lambda x, w: x[np.arange(3), lengths - 1] @ w, normal(3, 5, 2), normal(2, 4))
def last_token_of_the_padding(x, w, dy, bug):  # the gradient goes to the last step of each row, padded or not
    dx = np.zeros_like(x)
    dx[np.arange(3), -1 if bug else lengths - 1] = dy @ w.T
    return dx, x[np.arange(3), lengths - 1].T @ dy


def averaged(x):
    y = [0.3 * x[0]]
    for row in x[1:]:
        y.append(0.7 * y[-1] + 0.3 * row)
    return np.stack(y)


def averaged_back(dy):
    return averaged(dy[::-1])[::-1]


@pairs.bug("order", lambda x: np.concatenate([averaged(x), averaged(x[::-1])[::-1]], 1), normal(6, 2))
def both_directions_not_turned_back(x, dy, bug):  # the second direction's gradient is left reversed
    second = averaged_back(dy[::-1, 2:])
    return averaged_back(dy[:, :2]) + (second if bug else second[::-1])


def standard(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


@pairs.bug("mutation", lambda x, w: standard(x) * w, normal(4, 6), normal(6))
def layer_norm_scales_in_place(x, w, dy, bug):  # dy *= w
    xhat = standard(x)
    dw, g = (dy * xhat).sum(0), dy if bug else dy.copy()
    g *= w
    g = g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True)
    return g / np.sqrt(x.var(-1, keepdims=True) + 1e-5), dw


workspace = np.zeros((2, 3, 4))


@pairs.bug("alias", lambda skip, x: np.concatenate([skip, np.tanh(x)], 1), normal(2, 3, 4), normal(2, 2, 4))
def skip_connection_in_a_workspace(skip, x, dy, bug):  # one array is allocated, and handed out at each call
    workspace[:] = dy[:, :3]
    return workspace if bug else workspace.copy(), dy[:, 3:] * (1 - np.tanh(x) ** 2)


@pairs.bug("nonlinear", lambda x, u: np.tanh(x @ u), normal(4, 3), normal(3, 5))
def cell_clips_its_gradient(x, u, dy, bug):  # exploding gradients are clipped inside the layer
    g = dy * (1 - np.tanh(x @ u) ** 2)
    g = np.clip(g, -0.5, 0.5) if bug else g
    return g @ u.T, x.T @ g
