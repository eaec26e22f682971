"""Images, signals and physics, written with their classes before any diagnosis of them was seen."""

from functools import partial

import numpy as np

LAYERS = []


def normal(*shape, centre=0.0, spread=1.0):
    return lambda rng: centre + spread * rng.normal(size=shape)


def positive(*shape, least=0.4):
    return lambda rng: least + rng.random(size=shape)


def fixed(value):
    return lambda _: np.array(value)


def layer(kind, forward, *inputs):
    """Take the decorated backward(*inputs, dy, bug) for that of `forward`."""

    def take(backward):
        LAYERS.append((backward.__name__.replace("_", " "), kind, forward, backward, inputs))
        return backward

    return take


def register(wrong, bug=True):
    rng = np.random.default_rng(9102)
    for name, kind, forward, backward, drawn in LAYERS:
        inputs = [draw(rng) for draw in drawn]
        wrong(name, kind, forward, partial(backward, bug=bug), *inputs)


def kalman_predict(x, p, a, q):
    return a @ x, a @ p @ a.T + q


# The covariance goes back by A dP A^T, where it must be A^T dP A.
@layer("transposed", kalman_predict, normal(4), normal(4, 4), normal(4, 4), normal(4, 4))
def kalman_covariance(x, p, a, q, dy, bug):
    dx, dp = dy
    back = a @ dp @ a.T if bug else a.T @ dp @ a
    return a.T @ dx, back, np.outer(dx, x) + dp @ a @ p.T + dp.T @ a @ p, dp.copy()


ADVECTION = np.eye(6) + 0.7 * np.eye(6, k=-1) - 0.2 * np.eye(6, k=2)


def implicit_step(u, source):
    return np.linalg.solve(ADVECTION, u + source)


# The backward pass solves with the matrix itself, not with its transpose.
@layer("transposed", implicit_step, normal(6, 3), normal(6, 1))
def implicit_step_of_advection(u, source, dy, bug):
    du = np.linalg.solve(ADVECTION if bug else ADVECTION.T, dy)
    return du, du.sum(1, keepdims=True)


def cofactors(m, signed):
    c = np.empty_like(m)
    for i in range(3):
        for j in range(3):
            rest = np.delete(np.delete(m, i, 1), j, 2)
            minor = rest[:, 0, 0] * rest[:, 1, 1] - rest[:, 0, 1] * rest[:, 1, 0]
            c[:, i, j] = (-1) ** (i + j) * minor if signed else minor
    return c


def determinant(m):
    return (m[:, 0] * cofactors(m, True)[:, 0]).sum(-1)


# The minors stand without their checkerboard of signs.
@layer("signs", determinant, normal(4, 3, 3))
def determinant_by_minors(m, dy, bug):
    return dy[:, None, None] * cofactors(m, not bug)


def windows(x):
    b, h, w = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2).transpose(0, 1, 3, 2, 4).reshape(b, h // 2, w // 2, 4)


def max_pool(x):
    v = windows(x)
    return np.take_along_axis(v, v.real.argmax(-1)[..., None], -1)[..., 0]


# The gradient of each maximum is shared out over its window, as in average pooling.
@layer("spread", max_pool, normal(2, 4, 6))
def max_pool_shared_out(x, dy, bug):
    b, h, w = x.shape
    best = np.eye(4)[windows(x).argmax(-1)]
    d = dy[..., None] * (np.full(4, 0.25) if bug else best)
    return d.reshape(b, h // 2, w // 2, 2, 2).transpose(0, 1, 3, 2, 4).reshape(x.shape)


STEPS = np.arange(8) * 5 / 8


def nearest_resize(x):
    return x[:, np.floor(STEPS).astype(int)]


# The forward pass takes the place below, the backward pass the place that is nearest.
@layer("index", nearest_resize, normal(2, 5, 3))
def nearest_resize_rounded(x, dy, bug):
    dx = np.zeros_like(x)
    places = (np.rint(STEPS) if bug else np.floor(STEPS)).astype(int)
    np.add.at(dx, (slice(None), places), dy)
    return dx


def causal_convolution(x, w):
    padded = np.concatenate([np.zeros_like(x[:, :1]), x], axis=1)
    return padded[:, :-1] @ w[0] + padded[:, 1:] @ w[1]


# The padding is cut off at the wrong end, which moves dx by one step.
@layer("shift", causal_convolution, normal(2, 7, 3), normal(2, 3, 4))
def causal_convolution_cut_at_the_end(x, w, dy, bug):
    padded = np.concatenate([np.zeros_like(x[:, :1]), x], axis=1)
    d = np.zeros_like(padded)
    d[:, :-1] += dy @ w[0].T
    d[:, 1:] += dy @ w[1].T
    dw = np.stack([np.einsum("bti,bto->io", part, dy) for part in (padded[:, :-1], padded[:, 1:])])
    return (d[:, :-1] if bug else d[:, 1:]).copy(), dw


def depth_to_space(x):
    b, _, h, w = x.shape
    return x.reshape(b, 3, 2, 2, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(b, 3, 2 * h, 2 * w)


# The channels go back in the layout (2, 2, 3) of another framework, where they came as (3, 2, 2).
@layer("order", depth_to_space, normal(2, 12, 2, 3))
def depth_to_space_in_another_layout(x, dy, bug):
    b, _, h, w = x.shape
    d = dy.reshape(b, 3, h, 2, w, 2)
    return d.transpose((0, 3, 5, 1, 2, 4) if bug else (0, 1, 3, 5, 2, 4)).reshape(x.shape)


def batch_norm(x, gamma, beta):
    c = x - x.mean((0, 2, 3), keepdims=True)
    xhat = c / np.sqrt((c * c).mean((0, 2, 3), keepdims=True) + 1e-5)
    return gamma[:, None, None] * xhat + beta[:, None, None]


# The means of dx run over each image, those of the forward pass over the whole batch.
@layer("axis", batch_norm, normal(3, 4, 2, 3), normal(4), normal(4))
def batch_norm_means_by_image(x, gamma, beta, dy, bug):
    c = x - x.mean((0, 2, 3), keepdims=True)
    std = np.sqrt((c * c).mean((0, 2, 3), keepdims=True) + 1e-5)
    xhat, g = c / std, dy * gamma[:, None, None]
    axes = (2, 3) if bug else (0, 2, 3)
    dx = (g - g.mean(axes, keepdims=True) - xhat * (g * xhat).mean(axes, keepdims=True)) / std
    return dx, (dy * xhat).sum((0, 2, 3)), dy.sum((0, 2, 3))


def centred(x):
    return x - x.mean(0, keepdims=True) - x.mean(1, keepdims=True) + x.mean()


# Of the two means that were taken off, that of the columns is forgotten.
@layer("mean", lambda x, w: centred(x) * w, normal(5, 6), normal(5, 6))
def double_centring_by_rows_alone(x, w, dy, bug):
    g = dy * w
    return g - g.mean(1, keepdims=True) if bug else centred(g), dy * centred(x)


def neighbours(u):
    return np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1)


def diffusion(u, rate):
    return u + rate * (neighbours(u) - 4 * u)


# The centre of the five-point stencil counts -2, as on a line, where it must be -4.
@layer("factor in a term", diffusion, normal(5, 6), fixed(0.3))
def diffusion_with_the_centre_of_a_line(u, rate, dy, bug):
    du = dy + rate * (neighbours(dy) - (2 if bug else 4) * dy)
    return du, (dy * (neighbours(u) - 4 * u)).sum()


def downsampling_block(x, w, shortcut):
    h = x @ w
    return np.where(h.real > 0, h, 0) + x @ shortcut


# dx lacks what comes through the projected shortcut.
@layer("path", downsampling_block, normal(2, 3, 4, 5), normal(5, 6), normal(5, 6))
def downsampling_block_without_shortcut(x, w, shortcut, dy, bug):
    dh = dy * (x @ w > 0)
    dx = dh @ w.T
    if not bug:
        dx = dx + dy @ shortcut.T
    return dx, np.einsum("bhwi,bhwo->io", x, dh), np.einsum("bhwi,bhwo->io", x, dy)


def u_net(h, w):
    down = (h[:, 0::2] + h[:, 1::2]) / 2 @ w
    return np.concatenate([np.repeat(down, 2, axis=1), h], axis=-1)


# The skip connection's half is added once where it is split off, and once more at the end.
@layer("twice", u_net, normal(2, 4, 3), normal(3, 5))
def u_net_skip_added_again(h, w, dy, bug):
    dup, dskip = dy[..., :5], dy[..., 5:]
    ddown = dup[:, 0::2] + dup[:, 1::2]
    dh = dskip + np.repeat(ddown @ w.T / 2, 2, axis=1)
    if bug:
        dh = dh + dskip
    return dh, np.einsum("bti,bto->io", (h[:, 0::2] + h[:, 1::2]) / 2, ddown)


def gamma_correction(x, gain, gamma):
    return gain * x**gamma


# The power is not lowered by one: gamma x^gamma in place of gamma x^(gamma - 1).
@layer("entrywise", gamma_correction, positive(3, 4, 3), positive(3), positive(3, least=1.4))
def gamma_correction_of_the_same_power(x, gain, gamma, dy, bug):
    dx = dy * gain * gamma * x ** (gamma if bug else gamma - 1)
    return dx, (dy * x**gamma).sum((0, 1)), (dy * gain * x**gamma * np.log(x)).sum((0, 1))


PAIRS = np.triu_indices(5, 1)
ATOMS = 1.6 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])


def lennard_jones(r, depth):
    d = r[PAIRS[0]] - r[PAIRS[1]]
    inverse = 1 / (d * d).sum(-1) ** 3
    return 4 * depth * (inverse * inverse - inverse).sum()


# The forces are returned, which are minus the gradient of the energy.
@layer("sign", lennard_jones, normal(5, 3, centre=ATOMS, spread=0.2), fixed(0.8))
def lennard_jones_forces(r, depth, dy, bug):
    d = r[PAIRS[0]] - r[PAIRS[1]]
    squared = (d * d).sum(-1)
    inverse = 1 / squared**3
    pull = (4 * depth * (-12 * inverse * inverse + 6 * inverse) / squared)[:, None] * d
    dr = np.zeros_like(r)
    np.add.at(dr, PAIRS[0], pull)
    np.add.at(dr, PAIRS[1], -pull)
    return dy * (-dr if bug else dr), dy * 4 * (inverse * inverse - inverse).sum()


def huber(d):
    size = np.where(d.real < 0, -d, d)
    return np.where(size.real < 0.8, d * d / 2, 0.8 * (size - 0.4))


def total_variation(x):
    return huber(x[1:] - x[:-1]).sum() + huber(x[:, 1:] - x[:, :-1]).sum()


# Beyond the threshold of 0.8 the slope is the sign alone, without the threshold.
@layer("branch", total_variation, normal(5, 6))
def huber_variation_of_large_steps(x, dy, bug):
    def slope(d):
        return np.where(np.abs(d) < 0.8, d, (1 if bug else 0.8) * np.sign(d))

    dx, down, across = np.zeros_like(x), slope(x[1:] - x[:-1]), slope(x[:, 1:] - x[:, :-1])
    dx[1:] += down
    dx[:-1] -= down
    dx[:, 1:] += across
    dx[:, :-1] -= across
    return dy * dx


MEAN, STD = np.array([0.48, 0.46, 0.41]), np.array([0.23, 0.61, 1.7])


def standardised(x, gain):
    return gain * (x - MEAN) / STD


# The standard deviation of each channel is left out of dx.
@layer("columns", standardised, normal(2, 3, 4, 3), normal(3))
def image_without_its_deviations(x, gain, dy, bug):
    dx = dy * gain if bug else dy * gain / STD
    return dx, (dy * (x - MEAN) / STD).sum((0, 1, 2))


SEEN = np.array([[1, 1, 1], [1, 1, 0], [0, 0, 0]])[:, :, None, None]


def masked_convolution(x, w):
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    h, v = x.shape[1:3]
    return sum(padded[:, i : i + h, j : j + v] @ (w * SEEN)[i, j] for i in range(3) for j in range(3))


# The taps that the mask holds back get a gradient.
@layer("mask", masked_convolution, normal(2, 4, 5, 2), normal(3, 3, 2, 3))
def masked_convolution_of_all_taps(x, w, dy, bug):
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    h, v = x.shape[1:3]
    d, dw = np.zeros_like(padded), np.zeros_like(w)
    for i in range(3):
        for j in range(3):
            d[:, i : i + h, j : j + v] += dy @ (w * SEEN)[i, j].T
            dw[i, j] = np.einsum("bhvi,bhvo->io", padded[:, i : i + h, j : j + v], dy)
    return d[:, 1:-1, 1:-1].copy(), dw if bug else dw * SEEN


def polar(x, y):
    return np.sqrt(x * x + y * y), np.arctan2(y, x)


# The cotangents of radius and angle are taken in the wrong order.
@layer("output", polar, normal(3, 4), normal(3, 4))
def polar_coordinates_exchanged(x, y, dy, bug):
    dr, dangle = dy[::-1] if bug else dy
    r = np.sqrt(x * x + y * y)
    return dr * x / r - dangle * y / (r * r), dr * y / r + dangle * x / (r * r)


def bilinear_pooling(x, z, u, v, w):
    return (x @ u * (z @ v)) @ w


# In the gradient of U stands x U, where the other factor z V belongs.
@layer("value", bilinear_pooling, normal(4, 5), normal(4, 3), normal(5, 6), normal(3, 6), normal(6, 2))
def bilinear_pooling_with_its_own_factor(x, z, u, v, w, dy, bug):
    a, b, g = x @ u, z @ v, dy @ w.T
    return (g * b) @ u.T, (g * a) @ v.T, x.T @ (g * (a if bug else b)), z.T @ (g * a), (a * b).T @ dy


def spectral_filter(x, w):
    return np.fft.ifft(np.fft.fft(x) * np.fft.fft(w)).real


# The spectrum of dy is rounded to single precision.
@layer("precision", spectral_filter, normal(3, 8), normal(8))
def spectral_filter_in_single_precision(x, w, dy, bug):
    spectrum = np.fft.fft(dy)
    rounded = spectrum.astype(np.complex64).astype(np.complex128) if bug else spectrum
    dx = np.fft.ifft(rounded * np.conj(np.fft.fft(w))).real
    return dx, np.fft.ifft((spectrum * np.conj(np.fft.fft(x))).sum(0)).real


# At the centre of the kernel the slope is 0 / 0.
@layer("nonfinite", lambda s, a: a * np.sinc(s), fixed([[-1.3, 0.0, 0.4], [0.9, 2.2, -0.6]]), normal(3))
def sinc_at_its_centre(s, a, dy, bug):
    with np.errstate(all="ignore"):
        slope = (np.cos(np.pi * s) - np.sinc(s)) / s
    if not bug:
        near = -(np.pi**2) * s / 3 * (1 - (np.pi * s) ** 2 / 10)
        slope = np.where(np.abs(s) < 1e-3, near, slope)
    return dy * a * slope, (dy * np.sinc(s)).sum(0)


def end_point_error(flow, target):
    d = flow - target
    return np.sqrt((d * d).sum(-1) + 1e-6).mean()


# The gradient of the loss is not multiplied by dy, which is taken for one.
@layer("ignored", end_point_error, normal(3, 4, 2), normal(3, 4, 2))
def end_point_error_as_the_last_layer(flow, target, dy, bug):
    d = flow - target
    g = d / np.sqrt((d * d).sum(-1, keepdims=True) + 1e-6) / 12
    return (g, -g) if bug else (dy * g, -dy * g)
