"""Bodies, fields, cameras and integrators with a bug in each backward pass."""

import numpy as np
from wrong_layers_pairs import Pairs

pairs = Pairs(330209)
register = pairs.register
rng, normal = pairs.rng, pairs.normal


def stress(e):
    return np.where(np.abs(e) < 0.6, 2 * e, np.sign(e) * (1.2 + 0.3 * (np.abs(e) - 0.6)))


@pairs.bug("branch", stress, normal(6, 5))
def yielding_bar(e, dy, bug):
    return dy * np.where((e if bug else np.abs(e)) < 0.6, 2, 0.3)


@pairs.bug("sign", lambda x, y: np.arctan2(y, x), normal(7), normal(7))
def bearing_of_landmarks(x, y, dy, bug):
    r = x * x + y * y
    return dy * (y if bug else -y) / r, dy * x / r


def flow(z):
    return np.stack([z[:, 1] ** 3, -np.sin(z[:, 0])], 1)


@pairs.bug("signs", flow, 1 + normal(6, 2) / 2)
def field_of_a_hamiltonian(z, dy, bug):
    return np.stack([(1 if bug else -1) * dy[:, 1] * np.cos(z[:, 0]), 3 * dy[:, 0] * z[:, 1] ** 2], 1)


@pairs.bug("transposed", lambda r, v: np.einsum("nji,nj->ni", r, v), normal(4, 3, 3), normal(4, 3))
def velocity_in_the_body_frame(r, v, dy, bug):
    return np.einsum("nj,ni->nji", v, dy), np.einsum("nji,nj->ni" if bug else "nji,ni->nj", r, dy)


@pairs.bug("factor", lambda x: 3.5 * ((x[1:] - x[:-1]) ** 2).sum() / 2, normal(7, 2))
def energy_of_a_chain(x, dy, bug):
    d, dx = x[1:] - x[:-1], np.zeros_like(x)
    dx[1:] += d
    dx[:-1] -= d
    return dy * dx * (1 if bug else 3.5)


stiffness, anchors = 0.2 + 4 * rng.random(6), normal(6, 3)


@pairs.bug("rows", lambda x: -stiffness[:, None] * (x - anchors), normal(6, 3))
def restoring_forces(x, dy, bug):
    return -dy if bug else -dy * stiffness[:, None]


def verlet(x, v):
    after = x + 0.4 * v - 0.08 * x**3
    return after, v - 0.2 * (x**3 + after**3)


@pairs.bug("path", verlet, normal(5), normal(5))
def velocity_verlet(x, v, dy, bug):
    da, dv = dy
    da = da if bug else da - 0.6 * (x + 0.4 * v - 0.08 * x**3) ** 2 * dv
    return da * (1 - 0.24 * x * x) - 0.6 * x * x * dv, 0.4 * da + dv


@pairs.bug("output", lambda r, a: (r * np.cos(a), r * np.sin(a)), normal(6), normal(6))
def polar_to_plane(r, a, dy, bug):
    dx, dh = dy
    return dx * np.cos(a) + (dx if bug else dh) * np.sin(a), r * (dh * np.cos(a) - dx * np.sin(a))


def kick(f, v):
    return f[:, :, None] * (v + 0.7 * np.sin(f))[:, None]


@pairs.bug("value", kick, normal(5, 3), normal(5, 3))
def stress_after_the_kick(f, v, dy, bug):
    after = v + 0.7 * np.sin(f)
    dv = np.einsum("nij,ni->nj", dy, f)
    return np.einsum("nij,nj->ni", dy, v if bug else after) + 0.7 * np.cos(f) * dv, dv


@pairs.bug("term", lambda r: 4 * (r**-12 - r**-6), 0.95 + rng.random(8))
def lennard_jones(r, dy, bug):
    return dy * 4 * (-12 * r**-13 + (0 if bug else 6 * r**-7))


@pairs.bug("entrywise", lambda v, m: m / np.sqrt(1 - v * v), 1.6 * (rng.random(7) - 0.5), normal(7))
def relativistic_energy(v, m, dy, bug):
    g = 1 / np.sqrt(1 - v * v)
    return dy * m * v * g ** (2 if bug else 3), dy * g


def unit(n):
    return n / np.sqrt((n * n).sum(1, keepdims=True))


lamp = np.array([0.3, 0.5, 0.8])


@pairs.bug("axis", lambda n: unit(n) @ np.diag(lamp), normal(5, 3))
def shaded_normals(n, dy, bug):
    u, d = unit(n), dy * lamp
    return (d - u * (u * d).sum(0 if bug else 1, keepdims=True)) / np.sqrt((n * n).sum(1, keepdims=True))


@pairs.bug("shape", lambda p, t: np.sinh(p + t), normal(6, 3) / 2, normal(3) / 2)
def translated_points(p, t, dy, bug):
    d = dy * np.cosh(p + t)
    return d, d.copy() if bug else d.sum(0)


i, j, a, b = np.array([0, 2, 1, 3]), np.array([1, 3, 0, 2]), rng.random(4), rng.random(4)


def bilinear(g):
    upper = (1 - b) * g[i, j] + b * g[i, j + 1]
    return (1 - a) * upper + a * ((1 - b) * g[i + 1, j] + b * g[i + 1, j + 1])


@pairs.bug("index", bilinear, normal(5, 5))
def height_between_grid_points(g, dy, bug):
    d = np.zeros_like(g)
    np.add.at(d, (i, j), (1 - a) * (1 - b) * dy)
    np.add.at(d, (i, j if bug else j + 1), (1 - a) * b * dy)
    np.add.at(d, (i + 1, j), a * (1 - b) * dy)
    np.add.at(d, (i + 1, j + 1), a * b * dy)
    return d


def coulomb(x):
    n, m = np.triu_indices(len(x), 1)
    return (1 / np.sqrt(((x[n] - x[m]) ** 2).sum(1))).sum()


@pairs.bug("part", coulomb, normal(6, 3))
def repelling_charges(x, dy, bug):
    d = np.zeros_like(x)
    for n in range(1 if bug else 0, len(x)):
        away = np.delete(x[n] - x, n, 0)
        d[n] = -dy * (away / (away**2).sum(1, keepdims=True) ** 1.5).sum(0)
    return d


@pairs.bug("zero", lambda x, h: x + h[:, None] * np.cos(x), normal(5, 3), rng.random(5))
def euler_with_own_steps(x, h, dy, bug):
    return dy * (1 - h[:, None] * np.sin(x)), 0 * h if bug else (dy * np.cos(x)).sum(1)


one, other = np.array([0, 0, 1, 2, 3, 0]), np.array([1, 2, 3, 4, 4, 4])


@pairs.bug("overwritten", lambda x: ((x[one] - x[other]) ** 2).sum(1), normal(5, 2))
def squared_lengths_in_a_mesh(x, dy, bug):
    d, g = np.zeros_like(x), 2 * dy[:, None] * (x[one] - x[other])
    if bug:
        d[one] += g
        d[other] -= g
    else:
        np.add.at(d, one, g)
        np.subtract.at(d, other, g)
    return d


@pairs.bug("mean", lambda v: np.exp(v - v.mean(0)), normal(6, 3))
def velocities_about_the_centre(v, dy, bug):
    d = dy * np.exp(v - v.mean(0))
    return d - d.mean(0) / (6 if bug else 1)


@pairs.bug("projection", lambda u, t: t[:, None] * unit(u), normal(5, 3), normal(5))
def thrust_along_a_direction(u, t, dy, bug):
    n, d = unit(u), t[:, None] * dy
    return (d - (0 if bug else n * (n * d).sum(1, keepdims=True))) / np.sqrt((u * u).sum(1))[:, None], (n * dy).sum(1)


@pairs.bug("precision", lambda x: 40 / (1 + (x[:, None] - x[:, :, None]) ** 2).sum(2), normal(3, 5))
def crowding_of_agents(x, dy, bug):
    gap = x[:, None] - x[:, :, None]
    g = -80 * gap * (dy / (1 + gap**2).sum(2) ** 2)[:, :, None]
    g = g.astype(np.float16).astype(float) if bug else g
    return g.sum(1) - g.sum(2)
