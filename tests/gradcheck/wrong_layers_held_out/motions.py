"""Kinematics, simulation steps, chemistry, geometry, signal chains, and how a gradient is handed over."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(61553)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def turned(x, a):
    c, s = np.cos(a), np.sin(a)
    return np.stack([c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1]], 1)


@pairs.bug("factor in a term", turned, normal(7, 2), normal(7))
def plane_rotation(x, a, dy, bug):
    c, s = np.cos(a), np.sin(a)
    u, v = x.T
    da = dy[:, 0] * (-s * u - c * v) + dy[:, 1] * (c * u + s * v if bug else c * u - s * v)
    return turned(dy, -a), da


def arm(a, b):
    return np.stack([1.2 * np.cos(a) + 0.7 * np.cos(a + b), 1.2 * np.sin(a) + 0.7 * np.sin(a + b)], 1)


@pairs.bug("path", arm, normal(6), normal(6))
def two_link_arm(a, b, dy, bug):
    first = 1.2 * (dy[:, 1] * np.cos(a) - dy[:, 0] * np.sin(a))
    second = 0.7 * (dy[:, 1] * np.cos(a + b) - dy[:, 0] * np.sin(a + b))
    return first if bug else first + second, second


@pairs.bug("projection", lambda q, s: s[:, None] * q / np.linalg.norm(q, axis=1)[:, None], normal(5, 4), normal(5))
def scaled_quaternion(q, s, dy, bug):
    n = np.linalg.norm(q, axis=1)[:, None]
    u = q / n
    along = (u * dy).sum(1)
    return s[:, None] * (dy - (0 if bug else u * along[:, None])) / n, along


@pairs.bug("output", lambda x, v: (x + 0.3 * v, v - 0.3 * np.sin(x + 0.3 * v)), normal(5, 2), normal(5, 2))
def pendulum_step(x, v, dy, bug):
    g = dy[0] - 0.3 * np.cos(x + 0.3 * v) * dy[1]
    return g, 0.3 * g + (dy[0] if bug else dy[1])


@pairs.bug("sign", np.cross, normal(6, 3), normal(6, 3))
def torque(r, f, dy, bug):
    return np.cross(f, dy), np.cross(r, dy) if bug else np.cross(dy, r)


left, right = np.array([0, 1, 2, 3, 0, 1]), np.array([1, 2, 3, 4, 2, 4])


@pairs.bug("overwritten", lambda x: ((x[left] - x[right]) ** 2).sum(1) ** 2, normal(5, 2))
def spring_network(x, dy, bug):
    d = x[left] - x[right]
    g = (4 * dy * (d * d).sum(1))[:, None] * d
    dx = np.zeros_like(x)
    np.add.at(dx, left, g)
    if bug:
        dx[right] -= g
    else:
        np.add.at(dx, right, -g)
    return dx


@pairs.bug("factor in a term", lambda r: 4 * (r**-12 - r**-6), 1 + rng.random((4, 5)))
def pair_potential(r, dy, bug):
    return 4 * dy * (-12 * r**-13 + (1 if bug else 6) * r**-7)


@pairs.bug("term", lambda s, k: 2.5 * s / (k + s), rng.random((6, 3)) + 0.3, rng.random(3) + 0.5)
def enzyme_rate(s, k, dy, bug):
    q = k + s
    return 2.5 * dy * (1 / q - (0 if bug else s / q**2)), -(2.5 * dy * s / q**2).sum(0)


@pairs.bug("swapped", lambda y, x: np.arctan2(y, x), normal(4, 3), normal(4, 3))
def bearing(y, x, dy, bug):
    q = x * x + y * y
    d, e = dy * x / q, -dy * y / q
    return (e, d) if bug else (d, e)


@pairs.bug("entrywise", lambda a: np.arcsin(0.8 * np.sin(a)), normal(5, 6))
def refraction_angle(a, dy, bug):
    c = 1 - (0.8 * np.sin(a)) ** 2
    return dy * 0.8 * np.cos(a) / (c if bug else np.sqrt(c))


@pairs.bug("entrywise", lambda p: p ** (1 / 1.4), 0.2 + 2 * rng.random((5, 4)))
def adiabatic_density(p, dy, bug):
    return dy / 1.4 * p ** (1 / 1.4 if bug else 1 / 1.4 - 1)


@pairs.bug("mask", lambda a, x: np.tril(a) @ x, normal(5, 5), normal(5, 3))
def lower_triangular_product(a, x, dy, bug):
    da = dy @ x.T
    return da if bug else np.tril(da), np.tril(a).T @ dy


@pairs.bug("signs", lambda x: np.log(np.abs(x)).sum(1), np.sign(normal(5, 6)) * (0.4 + rng.random((5, 6))))
def log_scale_of_a_flow(x, dy, bug):
    return dy[:, None] / (np.abs(x) if bug else x)


@pairs.bug("signs", lambda x: np.sinh(x) * (-1.0) ** np.arange(8), normal(3, 8))
def modulated_line(x, dy, bug):
    return dy * np.cosh(x) * (1 if bug else (-1.0) ** np.arange(8))


@pairs.bug("branch", lambda v: np.where(v < 1, 3 * v, v * v + 2), 3 * rng.random((6, 5)))
def drag_in_two_regimes(v, dy, bug):
    return dy * np.where(v < 1, 3, v if bug else 2 * v)


@pairs.bug("factor", lambda m, v: m * (v * v).sum(1) / 2, 0.5 + rng.random(6), normal(6, 3))
def energy_of_masses(m, v, dy, bug):
    return dy * (v * v).sum(1) / 2, (dy * m)[:, None] * v * (2 if bug else 1)


@pairs.bug("value", lambda f, v: (f * v).sum(1), normal(7, 3), normal(7, 3))
def mechanical_power(f, v, dy, bug):
    return dy[:, None] * (f if bug else v), dy[:, None] * f


@pairs.bug("mean", lambda x: np.sin(x - x.mean(0)), normal(6, 3))
def oscillation_about_the_centre(x, dy, bug):
    g = dy * np.cos(x - x.mean(0))
    return g - (g.sum(0) if bug else g.mean(0))


@pairs.bug("twice", lambda x: (x.sum(0), (x * x).sum(0)), normal(6, 4))
def first_and_second_moment(x, dy, bug):
    return (2 if bug else 1) * dy[0] + 2 * x * dy[1]


@pairs.bug("dtype", lambda x: x / (1 + np.abs(x)), normal(5, 5))
def soft_sign(x, dy, bug):
    return (dy / (1 + np.abs(x)) ** 2).astype(np.float32 if bug else np.float64)


@pairs.bug("precision", lambda x, w: np.cos(x) @ w, 2 * normal(6, 9), normal(9, 4))
def cosine_features(x, w, dy, bug):
    g = (dy @ w.T).astype(np.float16).astype(float) if bug else dy @ w.T
    return -np.sin(x) * g, np.cos(x).T @ dy


buffer = np.zeros((6, 4))


@pairs.bug("alias", lambda x: x**3 - x, normal(6, 4))
def double_well_force(x, dy, bug):
    return np.multiply(dy, 3 * x * x - 1, out=buffer if bug else None)


@pairs.bug("mutation", lambda x: np.sqrt(1 + x * x), normal(4, 6))
def energy_at_speed(x, dy, bug):
    g = dy if bug else dy.copy()
    g *= x / np.sqrt(1 + x * x)
    return g.copy()


total = np.zeros((4, 3))


def driven(x, w):
    total[:] = 0
    return np.tanh(x) @ w


@pairs.bug("repeat", driven, normal(5, 4), normal(4, 3))
def accumulated_weights(x, w, dy, bug):
    dw = np.tanh(x).T @ dy
    if bug:
        dw = np.add(total, dw)
        total[:] = dw
    return (dy @ w.T) * (1 - np.tanh(x) ** 2), dw


@pairs.bug("shape", lambda x, b: np.exp(x + b), normal(5, 4), normal(4))
def barrier_crossing(x, b, dy, bug):
    g = dy * np.exp(x + b)
    return g, g.sum(0, keepdims=bool(bug))
