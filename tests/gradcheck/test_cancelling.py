"""Small differences of larger numbers, written out: a right gradient never fails, and a wrong one never passes."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair

FORMS = {
    "exp x - 1 - x": (lambda x: np.exp(x) - 1 - x, np.expm1),
    "the same, its slope written out": (lambda x: np.exp(x) - 1 - x, lambda x: np.exp(x) - 1),
    "log(1 + x) - x": (lambda x: np.log(1 + x) - x, lambda x: -x / (1 + x)),
    "sqrt(1 + x) - 1": (lambda x: np.sqrt(1 + x) - 1, lambda x: 0.5 / np.sqrt(1 + x)),
    "x - tanh x": (lambda x: x - np.tanh(x), lambda x: np.tanh(x) ** 2),
    "(1 - cos x) / x": (lambda x: (1 - np.cos(x)) / x, lambda x: 0.5 + 0 * x),
    "its slope written out": (lambda x: (1 - np.cos(x)) / x, lambda x: np.sin(x) / x - (1 - np.cos(x)) / (x * x)),
    "(exp x - 1) / x": (lambda x: (np.exp(x) - 1) / x, lambda x: 0.5 + 0 * x),
}


def verdict(forward, slope, x, seed=0):
    return gradcheck.Checker(seed=seed)(pair(forward, lambda x, dy: dy * slope(x)), x).verdict


def small(size, seed):
    return size * np.random.default_rng(seed).uniform(1, 2, 4) * [1, -1, 1, 1]


@pytest.mark.parametrize("size", [1e-8, 1e-10, 1e-14, 1e-18])
@pytest.mark.parametrize("name", FORMS)
def test_a_right_slope_does_not_fail(name, size):
    for seed in range(4):
        for dtype in (np.float64, np.float32):
            assert verdict(*FORMS[name], small(size, seed).astype(dtype), seed) != "fail"


@pytest.mark.parametrize("size", [1e-8, 1e-14])
@pytest.mark.parametrize("name", FORMS)
def test_half_as_much_more_does_not_pass(name, size):
    forward, slope = FORMS[name]
    assert verdict(forward, lambda x: 1.5 * slope(x), small(size, 0)) != "pass"


def test_where_numbers_do_not_cancel_both_are_told():
    x = small(0.5, 1)
    for forward, slope in FORMS.values():
        assert verdict(forward, slope, x) == ("fail" if slope(x).max() == 0.5 else "pass")
        assert verdict(forward, lambda x, slope=slope: 1.01 * slope(x), x) == "fail"
