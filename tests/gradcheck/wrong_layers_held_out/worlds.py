"""Steps of simulations, kinematics, rendering and signal processing, each with one bug in its backward pass."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(99031)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def arm(q):
    a, b = q[:, 0], q[:, 0] + q[:, 1]
    return np.stack([1.2 * np.cos(a) + 0.8 * np.cos(b), 1.2 * np.sin(a) + 0.8 * np.sin(b)], 1)


@pairs.bug("path", arm, normal(6, 2))
def tip_of_a_two_link_arm(q, dy, bug):
    a, b = q[:, 0], q[:, 0] + q[:, 1]
    upper = 1.2 * (dy[:, 1] * np.cos(a) - dy[:, 0] * np.sin(a))
    lower = 0.8 * (dy[:, 1] * np.cos(b) - dy[:, 0] * np.sin(b))
    return np.stack([upper if bug else upper + lower, lower], 1)


@pairs.bug("sign", lambda r, f: np.cross(r, f), normal(5, 3), normal(5, 3))
def torque_of_forces(r, f, dy, bug):
    return np.cross(f, dy), np.cross(r, dy) if bug else np.cross(dy, r)


conjugate = np.array([1.0, -1.0, -1.0, -1.0])


@pairs.bug("signs", lambda q: conjugate * q / (q * q).sum(-1, keepdims=True), 1 + normal(4, 4) / 2)
def inverse_of_quaternions(q, dy, bug):
    s = (q * q).sum(-1, keepdims=True)
    c = q * conjugate / s
    d = (dy * conjugate - 2 * q * (dy * c).sum(-1, keepdims=True)) / s
    return d * (conjugate if bug else 1)


turn = np.linalg.qr(normal(3, 3))[0]


@pairs.bug("transposed", lambda p: np.sin(p @ turn), normal(7, 3))
def points_in_the_frame_of_a_camera(p, dy, bug):
    d = dy * np.cos(p @ turn)
    return d @ (turn if bug else turn.T)


def pendulum(x, v):
    v = v - 0.3 * np.sin(x)
    return x + 0.5 * v, v


@pairs.bug("path", pendulum, 2 * normal(6), normal(6))
def symplectic_pendulum_step(x, v, dy, bug):
    dx, dv = dy
    total = dv + 0.5 * dx
    return dx - 0.3 * np.cos(x) * (dv if bug else total), total


stiff = normal(4, 4)


@pairs.bug("value", lambda x: x + 0.4 * np.tanh((x + 0.2 * np.tanh(x @ stiff)) @ stiff), normal(3, 4))
def midpoint_rule(x, dy, bug):
    k = np.tanh(x @ stiff)
    m = x + 0.2 * k
    dm = 0.4 * (dy * (1 - np.tanh((x if bug else m) @ stiff) ** 2)) @ stiff.T
    return dy + dm + 0.2 * (dm * (1 - k * k)) @ stiff.T


@pairs.bug("shift", lambda u, c: u - c * (u - np.roll(u, 1)), normal(9), rng.random(9))
def upwind_advection(u, c, dy, bug):
    moved = c * np.roll(dy, -1) if bug else np.roll(c * dy, -1)
    return dy * (1 - c) + moved, -dy * (u - np.roll(u, 1))


@pairs.bug("branch", lambda v: -np.where(np.abs(v) < 1, v, v * np.abs(v)), 2 * normal(8, 2))
def drag_at_two_regimes(v, dy, bug):
    return -dy * np.where(np.abs(v) < 1, 1, (1 if bug else 2) * np.abs(v))


masses = 0.3 + 3 * rng.random(5)


@pairs.bug("rows", lambda v: (masses[:, None] * v * v / 2).sum(), normal(5, 3))
def kinetic_energy(v, dy, bug):
    return dy * v * (masses.mean() if bug else masses[:, None])


def composite(alpha, colour):
    through = np.concatenate([[1], np.cumprod(1 - alpha)[:-1]])
    return (alpha * through) @ colour


@pairs.bug("factor in a term", composite, 0.1 + 0.7 * rng.random(6), normal(6, 3))
def opacity_along_a_ray(alpha, colour, dy, bug):
    through = np.concatenate([[1], np.cumprod(1 - alpha)[:-1]])
    w = alpha * through
    seen = colour @ dy
    behind = np.concatenate([np.cumsum((w * seen)[::-1])[::-1][1:], [0]])
    return through * seen - (-1 if bug else 1) * behind / (1 - alpha), np.outer(w, dy)


@pairs.bug("entrywise", lambda x, y, z: 1.5 * np.stack([x / z, y / z]), normal(6), normal(6), 1.5 + rng.random(6))
def pinhole_projection(x, y, z, dy, bug):
    du, dv = 1.5 * dy
    return du / z, dv / z, -(du * x + dv * y) / (z if bug else z * z)


u, v = 4 * rng.random(8), 4 * rng.random(8)
row, column = u.round().astype(int), v.round().astype(int)


@pairs.bug("index", lambda t: np.sqrt(t)[row, column], 0.3 + rng.random((5, 5)))
def nearest_texel(t, dy, bug):
    dt = np.zeros_like(t)
    np.add.at(dt, (u.astype(int), v.astype(int)) if bug else (row, column), dy)
    return dt / (2 * np.sqrt(t))


@pairs.bug("factor", lambda x: np.abs(np.fft.fft(x)) ** 2, normal(10))
def power_spectrum(x, dy, bug):
    return 2 * np.fft.ifft(dy * np.fft.fft(x)).real * (1 if bug else len(x))


@pairs.bug("spread", lambda x: np.median([x[:-2], x[1:-1], x[2:]], 0), normal(10))
def median_filter(x, dy, bug):
    dx = np.zeros_like(x)
    for i, d in enumerate(dy):
        if bug:
            dx[i : i + 3] += d / 3
        else:
            dx[i + x[i : i + 3].argsort()[1]] += d
    return dx


window, basis = np.hanning(8)[1:7], normal(6, 5)


@pairs.bug("columns", lambda x: (x * window) @ basis, normal(4, 6))
def windowed_frames(x, dy, bug):
    return dy @ basis.T * (1 if bug else window)


def sine_over_angle(x):
    return np.where(x == 0, 1, np.sin(x) / np.where(x == 0, 1, x))


angles = normal(8)
angles[[2, 5]] = 0


@pairs.bug("nonfinite", sine_over_angle, angles)
def cardinal_sine_at_rest(x, dy, bug):
    with np.errstate(all="ignore"):
        slope = (x * np.cos(x) - np.sin(x)) / (x * x)
    return dy * (slope if bug else np.where(x == 0, 0, slope))


@pairs.bug("offset", lambda x, w: x + 0.1 * np.tanh(x @ w), normal(4, 3), normal(3, 3))
def learnt_dynamics_with_decay(x, w, dy, bug):
    d = 0.1 * dy * (1 - np.tanh(x @ w) ** 2)
    return dy + d @ w.T, x.T @ d + (0.05 * w if bug else 0)


def coupled(p):
    return p + 2.5 * np.sin(p - p[:, None]).sum(1)


@pairs.bug("precision", coupled, normal(7))
def phases_of_oscillators(p, dy, bug):
    c = 2.5 * np.cos(p - p[:, None]) * dy[:, None]
    dp = dy + c.sum(0) - c.sum(1)
    return dp.astype(np.float16).astype(float) if bug else dp


matrix = np.eye(5) - 0.25 * normal(5, 5)


@pairs.bug("diagonal", lambda x: np.linalg.solve(matrix, np.sin(x)), normal(5, 2))
def implicit_euler_step(x, dy, bug):
    return (dy / np.diag(matrix)[:, None] if bug else np.linalg.solve(matrix.T, dy)) * np.cos(x)
