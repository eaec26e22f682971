"""Layers from physics, statistics, transport, graphs and images, each with one mistake in its backward pass."""

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import digamma, gammaln, logsumexp
from wrong_layers_pairs import Pairs

pairs = Pairs(9043)
rng, normal = pairs.rng, pairs.normal


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def potentials(cost):
    f, g = [], [np.zeros(5)]
    for _ in range(3):
        f.append(-0.5 * logsumexp((g[-1] - cost) / 0.5, 1) - 0.5 * np.log(4))
        g.append(-0.5 * logsumexp((f[-1][:, None] - cost) / 0.5, 0) - 0.5 * np.log(5))
    return f, g


@pairs.bug("part", lambda cost: (potentials(cost)[0][-1], potentials(cost)[1][-1]), normal(4, 5))
def sinkhorn_unrolled_but_for_the_first(cost, dy, bug):  # the first of three iterations is left out
    (f, g), (df, dg), dcost = potentials(cost), dy, np.zeros_like(cost)
    for t in range(2, 0 if bug else -1, -1):
        q = softmax((f[t][:, None] - cost) / 0.5, 0)
        p = softmax((g[t] - cost) / 0.5, 1)
        df = df - q @ dg
        dcost += q * dg + p * df[:, None]
        dg, df = -df @ p, 0
    return dcost


def along(x):
    return np.arange(3)[:, None], x.argsort(1)


@pairs.bug("index", lambda a, b: ((np.sort(a, 1) - np.sort(b, 1)) ** 2).mean(1), normal(3, 6), normal(3, 6))
def sliced_transport_sorted_again(a, b, dy, bug):  # where it should scatter by the order, it gathers by it
    g = dy[:, None] * 2 * (np.sort(a, 1) - np.sort(b, 1)) / 6
    da, db = np.zeros_like(a), np.zeros_like(b)
    da[along(a)], db[along(b)] = g, -g
    return (g[along(a)], -g[along(b)]) if bug else (da, db)


def gaussian(x, lower):
    z = solve_triangular(lower, x.T, lower=True)
    return (z * z).sum() / 2 + 5 * np.log(np.diag(lower)).sum()


@pairs.bug("transposed", gaussian, normal(5, 3), np.tril(0.4 * normal(3, 3)) + 1.5 * np.eye(3))
def gaussian_by_its_factor_solved_downwards(x, lower, dy, bug):  # the second solve is not by the transpose
    z = solve_triangular(lower, x.T, lower=True)
    w = solve_triangular(lower, z, lower=True, trans=0 if bug else 1)
    return dy * w.T, dy * (5 * np.diag(1 / np.diag(lower)) - np.tril(w @ z.T))


def kalman(m, p, r, y):
    k = p / (p + r)
    return m + k * (y - m), (1 - k) * p


@pairs.bug("path", kalman, normal(6), 1 + rng.random(6), 1 + rng.random(6), normal(6))
def kalman_variance_with_a_fixed_gain(m, p, r, y, dy, bug):  # the new variance depends on p by the gain too
    k = p / (p + r)
    dk = dy[0] * (y - m)
    dr = -(dk - dy[1] * p) * p / (p + r) ** 2
    dp = dy[1] * (1 - k) + (dk - (0 if bug else dy[1] * p)) * r / (p + r) ** 2
    return dy[0] * (1 - k), dp, dr, dy[0] * k


links = (rng.random((5, 5)) < 0.4) + np.eye(5)
mixing = links / links.sum(1, keepdims=True)


@pairs.bug("transposed", lambda x, w: np.tanh(mixing @ x @ w), normal(5, 3), normal(3, 4))
def graph_convolution_along_the_links(x, w, dy, bug):  # messages come back by the matrix that sent them
    g = dy * (1 - np.tanh(mixing @ x @ w) ** 2)
    return (mixing if bug else mixing.T) @ g @ w.T, (mixing @ x).T @ g


source, target = np.array([0, 1, 2, 3, 4, 0, 1]), np.array([1, 2, 3, 4, 0, 2, 4])


@pairs.bug("path", lambda x, w: (w * ((x[source] - x[target]) ** 2).sum(1)).sum() / 2, normal(5, 2), rng.random(7))
def graph_smoothness_at_the_source(x, w, dy, bug):  # the other end of each edge gets nothing
    d, dx = x[source] - x[target], np.zeros_like(x)
    np.add.at(dx, source, dy * w[:, None] * d)
    if not bug:
        np.subtract.at(dx, target, dy * w[:, None] * d)
    return dx, dy * (d * d).sum(1) / 2


def between(x):
    d = x[None] - x[:, None]
    return d, (d * d).sum(-1, keepdims=True) + 0.3


def gravity(x, m):
    d, q = between(x)
    return (m[:, None] * d / q**1.5).sum(1)


@pairs.bug("factor in a term", gravity, normal(4, 3), 1 + rng.random(4))
def gravity_with_half_the_tide(x, m, dy, bug):  # the inner derivative's 2 is forgotten
    d, q = between(x)
    along_d = (d * dy[:, None]).sum(-1, keepdims=True)
    g = m[:, None] * (dy[:, None] / q**1.5 - (1.5 if bug else 3) * d * along_d / q**2.5)
    return g.sum(0) - g.sum(1), (along_d / q**1.5).sum((0, 2))


def lennard_jones(r, depth):
    return 4 * depth * (r**-12 - r**-6)


@pairs.bug("entrywise", lennard_jones, 0.9 + rng.random(7), np.array(1.3))
def lennard_jones_powers_not_lowered(r, depth, dy, bug):  # r**-12 and r**-6 for r**-13 and r**-7
    dr = dy * 4 * depth * (6 * r**-6 - 12 * r**-12) / (1 if bug else r)
    return dr, (dy * 4 * (r**-12 - r**-6)).sum()


def heated(u, k):
    flux = k * (np.roll(u, -1) - u)
    return u + 0.1 * (flux - np.roll(flux, 1))


@pairs.bug("shift", heated, normal(8), 1 + rng.random(8))
def conductivity_of_the_face_before(u, k, dy, bug):  # a backward for a forward difference
    dflux = 0.1 * (dy - np.roll(dy, -1))
    du = dy + np.roll(dflux * k, 1) - dflux * k
    return du, dflux * (u - np.roll(u, 1) if bug else np.roll(u, -1) - u)


def corners(image, grid):
    i, j = np.floor(grid).astype(int).T
    s, t = (grid - np.floor(grid)).T
    return i, j, s, t, image[i, j], image[i, j + 1], image[i + 1, j], image[i + 1, j + 1]


def sampled(image, grid):
    _, _, s, t, a, b, c, d = corners(image, grid)
    return (1 - s) * ((1 - t) * a + t * b) + s * ((1 - t) * c + t * d)


@pairs.bug("swapped", sampled, normal(5, 6), 0.2 + 3.6 * rng.random((7, 2)))
def sampling_grid_with_x_for_y(image, grid, dy, bug):  # the coordinates' gradients are stacked the other way
    i, j, s, t, a, b, c, d = corners(image, grid)
    dimage = np.zeros_like(image)
    for k, m, part in (0, 0, (1 - s) * (1 - t)), (0, 1, (1 - s) * t), (1, 0, s * (1 - t)), (1, 1, s * t):
        np.add.at(dimage, (i + k, j + m), dy * part)
    ds, dt = (1 - t) * (c - a) + t * (d - b), (1 - s) * (b - a) + s * (d - c)
    return dimage, dy[:, None] * np.stack([dt, ds] if bug else [ds, dt], 1)


times = np.array([-1.3, -0.4, 0, 0.7, 1.6])


@pairs.bug("nonfinite", lambda t, w: np.sinc(t) * w, times + 0, normal(5))
def windowed_sinc_at_its_centre(t, w, dy, bug):  # 0 / 0 at the middle of the filter
    with np.errstate(all="ignore"):
        slope = (np.cos(np.pi * t) - np.sinc(t)) / t
    return dy * w * (slope if bug else np.where(t == 0, 0, slope)), dy * np.sinc(t)


blur = np.array([[1, 2, 1], [2, 5, 2], [1, 2, 0]]) / 16


def blurred(x):
    padded = np.pad(x, 1, mode="reflect")
    return sum(blur[i, j] * padded[i : i + 5, j : j + 4] for i in range(3) for j in range(3))


@pairs.bug("part", blurred, normal(5, 4))
def reflected_border_cut_off(x, dy, bug):  # what the reflected border got is cropped, not folded back
    g = np.zeros((7, 6))
    for i in range(3):
        for j in range(3):
            g[i : i + 5, j : j + 4] += blur[i, j] * dy
    if not bug:
        g[2], g[-3] = g[2] + g[0], g[-3] + g[-1]
        g[:, 2], g[:, -3] = g[:, 2] + g[:, 0], g[:, -3] + g[:, -1]
    return g[1:-1, 1:-1]


@pairs.bug("sign", np.cross, normal(4, 3), normal(4, 3))
def torque_crossed_the_other_way(r, force, dy, bug):  # the cross product does not commute
    return np.cross(dy, force) if bug else np.cross(force, dy), np.cross(dy, r)


def moments(x, y):
    a, b = x.mean(1, keepdims=True), y.mean(1, keepdims=True)
    n = 2 * a * b + 0.1, 2 * ((x - a) * (y - b)).mean(1, keepdims=True) + 0.3
    return a, b, *n, a * a + b * b + 0.1, x.var(1, keepdims=True) + y.var(1, keepdims=True) + 0.3


def similarity(x, y):
    _, _, n, c, d, v = moments(x, y)
    return (n * c / (d * v))[:, 0]


@pairs.bug("value", similarity, rng.random((2, 9)), rng.random((2, 9)))
def structural_similarity_of_x_with_itself(x, y, dy, bug):  # x - mean(x) for y - mean(y) in the covariance
    a, b, n, c, d, v = moments(x, y)
    s = dy[:, None] * n * c / (d * v)
    dx = s * (2 * b / n - 2 * a / d + 2 * ((x - a) if bug else (y - b)) / c - 2 * (x - a) / v) / 9
    return dx, s * (2 * a / n - 2 * b / d + 2 * (x - a) / c - 2 * (y - b) / v) / 9


def student(x, nu):
    return gammaln(nu / 2) - gammaln((nu + 1) / 2) + np.log(nu) / 2 + (nu + 1) / 2 * np.log1p(x * x / nu)


@pairs.bug("term", student, normal(6), 2 + 3 * rng.random(6))
def student_freedom_without_the_root(x, nu, dy, bug):  # the term of log(nu) / 2 is left out
    q = x * x / nu
    dnu = (digamma(nu / 2) - digamma((nu + 1) / 2) + np.log1p(q)) / 2 - (nu + 1) / 2 * q / (nu * (1 + q))
    return dy * (nu + 1) * x / nu / (1 + q), dy * (dnu + (0 if bug else 1 / (2 * nu)))


def centred(k):
    return k - k.mean(0) - k.mean(1, keepdims=True) + k.mean()


@pairs.bug("mean", lambda x: centred(x @ x.T), normal(5, 3))
def kernel_alignment_uncentred(x, dy, bug):  # the centring of the kernel is left out on the way back
    g = dy if bug else centred(dy)
    return (g + g.T) @ x


def pressure(n, t, v):
    return n * 0.0821 * t / (v - n * 0.043) - 3.6 * n * n / v**2


@pairs.bug("missing", pressure, 1 + rng.random(5), 2 + rng.random(5), 3 + rng.random(5))
def real_gas_at_constant_temperature(n, t, v, dy, bug):  # no gradient is returned for the temperature
    free = v - n * 0.043
    dn = dy * (0.0821 * t / free + n * 0.0821 * t * 0.043 / free**2 - 7.2 * n / v**2)
    dv = dy * (7.2 * n * n / v**3 - n * 0.0821 * t / free**2)
    return (dn, dv) if bug else (dn, dy * n * 0.0821 / free, dv)


@pairs.bug("spread", lambda x: x.reshape(3, 4, 3).max(-1), normal(3, 12))
def dilated_image_shares_its_peak(x, dy, bug):  # dy goes to all of a window in equal parts
    cells = x.reshape(3, 4, 3)
    share = 1 / 3 if bug else cells == cells.max(-1, keepdims=True)
    return (dy[..., None] * share * np.ones(3)).reshape(x.shape)


@pairs.bug("dtype", lambda eta: np.exp(eta) - hits * eta, normal(4, 3))
def poisson_deviance_in_single(eta, dy, bug):  # returned in float32
    d = dy * (np.exp(eta) - hits)
    return d.astype(np.float32) if bug else d


hits = rng.poisson(2, (4, 3))


@pairs.bug("precision", lambda x, w: np.logaddexp(0, x @ w), normal(8, 4), normal(4))
def logistic_weights_through_single(x, w, dy, bug):  # one product is computed in float32 and cast back
    g = dy / (1 + np.exp(-x @ w))
    dw = (x.T.astype(np.float32) @ g.astype(np.float32)).astype(float) if bug else x.T @ g
    return g[:, None] * w, dw


seen = np.array([1.0, 0, 1, 1, 0, 1])


def cox(risk):
    return -(seen * (risk - np.log(np.cumsum(np.exp(risk))))).sum()


@pairs.bug("ignored", cox, normal(6))
def proportional_hazards_as_the_last_layer(risk, dy, bug):  # dy is taken for 1
    e = np.exp(risk)
    d = e * np.cumsum((seen / np.cumsum(e))[::-1])[::-1] - seen
    return d if bug else dy * d


def leapfrog(x, v):
    v = v - 0.2 * np.sin(x)
    return x + 0.2 * v, v


@pairs.bug("twice", leapfrog, normal(6), normal(6))
def leapfrog_drifts_twice(x, v, dy, bug):  # the drift's share of the velocity is added once more
    dv = dy[1] + 0.2 * dy[0]
    return dy[0] - 0.2 * np.cos(x) * dv, dv + (0.2 * dy[0] if bug else 0)


def pendulum(bug):
    last = {}

    def energy(x):
        last["x"] = x
        return 1 - np.cos(x), lambda dy: dy * np.sin(last["x"] if bug else x)

    return energy


def regression(bug):
    def predictor(x, w):
        total = np.zeros_like(w)

        def pullback(dy):
            if not bug:
                total[:] = 0
            total[:] += x.T @ dy
            return dy @ w.T, total.copy()

        return x @ w, pullback

    return predictor


angle, design, weights = normal(4, 2), normal(6, 3), normal(3, 2)


def register(found, bug=True):
    pairs.register(found, bug)
    found("pendulum at the last angle", "stale", pendulum(bug), None, angle)  # what another forward pass saved
    found("regression adds up its calls", "repeat", regression(bug), None, design, weights)  # never set to zero
