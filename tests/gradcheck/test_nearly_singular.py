"""Right gradients of linear algebra beside a singular matrix, which differences see little of: none of them fails."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric import extrapolate


def solved(a, b, dy):
    g = np.linalg.solve(a.T, dy)
    return -np.outer(g, np.linalg.solve(a, b)), g


def fitted(a, b):
    return np.linalg.lstsq(a, b, rcond=None)[0]


def fitted_backward(a, b, dy):
    x, inverse = fitted(a, b), np.linalg.pinv(a)
    g = inverse.T @ dy
    return np.outer(b - a @ x, inverse @ g) - np.outer(g, x), g


def hilbert(rng):
    return 1e-3 / (1.0 + np.add.outer(range(10), range(10))), rng.normal(size=10)


def ill(rng):
    u, w = (np.linalg.qr(rng.normal(size=(6, 6)))[0] for _ in range(2))
    return u * np.geomspace(1, 1e-13, 6) @ w, rng.normal(size=6)


def vandermonde(rng):
    return np.vander(np.linspace(0.1, 1, 20), 12), rng.normal(size=20)


@pytest.mark.parametrize(
    ("forward", "backward", "made", "seed"),
    [
        (np.linalg.solve, solved, hilbert, 2),  # slopes of wide steps looked like those of a kink
        (np.linalg.solve, solved, ill, 3),  # what steps see nothing of was asked of them again
        (np.linalg.solve, solved, ill, 6),  # noise was taken for the steps of a format
        (fitted, fitted_backward, vandermonde, 2),  # a complex step that differences refute kept a bar narrow
    ],
)
def test_no_right_one_fails(forward, backward, made, seed):
    report = gradcheck.Checker(seed=seed)(pair(forward, backward), *made(np.random.default_rng(100 + seed)))
    assert report.verdict != "fail", str(report)


def test_no_kink_has_slopes_of_another_mean_than_central_differences(monkeypatch):
    after, seen = extrapolate.with_nearer_kink, []

    def noted(*args):
        seen.append(args[-1])
        return after(*args)

    monkeypatch.setattr(extrapolate, "with_nearer_kink", noted)
    gradcheck.Checker(seed=2)(pair(np.linalg.solve, solved), *hilbert(np.random.default_rng(102)))
    apart = [np.abs((e.low + e.high) / 2 - e.value) / e.bar for e in seen if e.kink.any()]
    assert len(seen) > 10 and all((x[~np.isnan(x)] <= 1).all() for x in apart)
