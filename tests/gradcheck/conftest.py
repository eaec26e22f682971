"""Reports of every kind, made once."""

import dataclasses

import numpy as np
import pytest

import gradcheck


@dataclasses.dataclass(frozen=True)
class Norm:
    """Layer normalisation; `wrong` leaves the last term of dx out."""

    gamma: np.ndarray
    beta: np.ndarray
    wrong: bool = False

    def vjp(self, x):
        centred = x - x.mean(-1, keepdims=True)
        r = 1 / np.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)
        xhat = r * centred

        def pullback(dy):
            dxhat = self.gamma * dy
            last = 0 if self.wrong else xhat * (dxhat * xhat).mean(-1, keepdims=True)
            dx = r * (dxhat - dxhat.mean(-1, keepdims=True) - last)
            axes = tuple(range(x.ndim - 1))
            return Norm((dy * xhat).sum(axes), dy.sum(axes)), dx

        return self.gamma * xhat + self.beta, pullback


def sine(x, at=None):
    """Return sin x and a pullback that is wrong at one entry."""

    def pullback(dy):
        dx = np.cos(x) * dy
        if at is not None:
            dx[at] *= 1.5
        return dx

    return np.sin(x), pullback


def wrong_at(*index):
    def sine_wrong_at_one_entry(x):
        return sine(x, index)

    return sine_wrong_at_one_entry


def narrow(x):
    return np.sin(x.real) + 1e-4 * np.sin(1e12 * x.real), lambda dy: np.cos(x) * dy  # rough below every step


def relu(x):
    return np.where(x.real > 0, x, 0), lambda dy: np.where(x > 0, dy, 0)


def misshapen(x):
    return np.sin(x), lambda dy: (np.cos(x) * dy).sum(0)


def not_a_number(x):
    def pullback(dy):
        dx = np.cos(x) * dy
        dx[0, 1] = np.nan
        return dx

    return np.sin(x), pullback


def noisy(x):
    noisy.calls += 1
    return np.sin(x) + noisy.calls, lambda dy: np.cos(x) * dy


noisy.calls = 0


@pytest.fixture(scope="session")
def normal():
    return lambda *shape: np.random.default_rng(7).standard_normal(shape)


@pytest.fixture(scope="session")
def reports(normal):
    """Return reports by name."""
    gamma, beta = normal(7) + 2, normal(7)
    wide, flat = normal(64) + 2, normal(64)
    x = normal(3, 7)
    return {
        "right": gradcheck.check(Norm(gamma, beta), x),
        "wrong": gradcheck.check(Norm(gamma, beta, wrong=True), x),
        "dense": gradcheck.check(Norm(wide, flat, wrong=True), normal(4, 5, 64)),
        "entry": gradcheck.check(wrong_at(1, 2), normal(3, 4)),
        "sparse": gradcheck.check(wrong_at(4, 3, 50), normal(6, 7, 64)),
        "coarse": gradcheck.check(narrow, normal(3, 4)),
        "kink": gradcheck.check(relu, np.array([[1.0, 0.0, -2.0]])),
        "shape": gradcheck.check(misshapen, normal(3, 4)),
        "nan": gradcheck.check(not_a_number, normal(3, 4)),
        "noisy": gradcheck.check(noisy, normal(3)),
        "scalar": gradcheck.check(lambda t: (np.sin(t), lambda dy: dy), np.array(0.5)),
        "empty": gradcheck.check(sine, np.zeros((0, 3))),
        "zero": gradcheck.check(lambda x, z: (np.sin(x) + 0 * z, lambda dy: (np.cos(x) * dy, 0 * z)), x, normal(3, 7)),
    }
