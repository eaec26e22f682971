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


@pytest.mark.parametrize("count", [100, 400])
@pytest.mark.parametrize("name", FORMS)
def test_among_ordinary_entries_those_of_which_little_is_left_contradict_no_right_slope(name, count):
    forward, slope = FORMS[name]
    rng = np.random.default_rng(count)
    x = rng.uniform(0.4, 2, count) * rng.choice([-1e-4, 1e-4], count)
    x[[7, 70]] = 5.4e-8, -1.9e-9

    def near(x):
        """The slope of what is written: the half, and what there is beside it at 1e-4."""
        return slope(x) + {"(1 - cos x) / x": -x * x / 8, "(exp x - 1) / x": x / 3 + x * x / 8}.get(name, 0)

    def own(x):
        """Where numbers cancel in what is claimed as well it is the half."""
        return np.where(np.abs(x) < 1e-6, 0.5, slope(x)) if name == "its slope written out" else near(x)

    for seed in range(2):
        assert verdict(forward, own, x, seed) != "fail"
    assert verdict(forward, lambda x: 1.5 * own(x), x) != "pass"
