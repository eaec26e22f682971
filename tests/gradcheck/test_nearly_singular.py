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


def of_condition(rng, size, condition):
    u, w = (np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(2))
    return u * np.geomspace(1, 1 / condition, size) @ w


def ill(rng):
    return of_condition(rng, 6, 1e13), rng.normal(size=6)


def tall(rng):
    return np.vstack([of_condition(rng, 10, 1e13) for _ in range(2)]), rng.normal(size=20)


def singular_values(a):
    return np.linalg.svd(a, compute_uv=False)


def of_singular_values(a, dy):
    u, _, w = np.linalg.svd(a)
    return u * dy @ w


def vandermonde(rng):
    return np.vander(np.linspace(0.1, 1, 20), 12), rng.normal(size=20)


@pytest.mark.parametrize(
    ("forward", "backward", "made", "seed"),
    [
        (np.linalg.solve, solved, hilbert, 2),  # slopes of wide steps looked like those of a kink
        (np.linalg.solve, solved, ill, 3),  # what steps see nothing of was asked of them again
        (np.linalg.solve, solved, ill, 6),  # noise was taken for the steps of a format
        (fitted, fitted_backward, tall, 1),  # the steps of a factorisation round more than one rounding of each entry
        (fitted, fitted_backward, tall, 2),  # the errors of y change smoothly, and no table shows them
        (fitted, fitted_backward, vandermonde, 2),  # a complex step that differences refute kept a bar narrow
    ],
)
def test_no_right_one_fails(forward, backward, made, seed):
    report = gradcheck.Checker(seed=seed)(pair(forward, backward), *made(np.random.default_rng(100 + seed)))
    assert report.verdict != "fail", str(report)


@pytest.mark.parametrize(
    ("size", "condition", "seed"),
    [
        (3, 1e14, 0),  # what was seen to bend within a step was taken for a kink afterwards
        (3, 1e14, 1),  # the claim changes to one side alone
        (6, 1e14, 2),  # taken for a kink nearer than all steps, an entry was contradicted
        (10, 1e12, 0),  # the smallest values mix nearer than all steps, and change a claim by less than a quarter
    ],
)
def test_the_smallest_singular_values_do_not_fail_and_a_wrong_factor_does(size, condition, seed):
    a = of_condition(np.random.default_rng(100 + seed), size, condition)
    report = gradcheck.Checker(seed=seed)(pair(singular_values, of_singular_values), a)
    assert report.verdict != "fail", str(report)
    wrong = pair(singular_values, lambda a, dy: 1.1 * of_singular_values(a, dy))
    assert gradcheck.Checker(seed=seed)(wrong, a).verdict == "fail"


def test_no_kink_has_slopes_of_another_mean_than_central_differences(monkeypatch):
    after, seen = extrapolate.with_nearer_kink, []

    def noted(*args):
        seen.append(args[-1])
        return after(*args)

    monkeypatch.setattr(extrapolate, "with_nearer_kink", noted)
    gradcheck.Checker(seed=2)(pair(np.linalg.solve, solved), *hilbert(np.random.default_rng(102)))
    apart = [np.abs((e.low + e.high) / 2 - e.value) / e.bar for e in seen if e.kink.any()]
    assert len(seen) > 10 and all((x[~np.isnan(x)] <= 1).all() for x in apart)
