"""Where there is no one slope, that is what is said."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.reports.advice import for_gradient

X = np.array([0.0, 0.3, -0.7, 1.2])
ROWS = np.array([[0.3, -0.2, 0.9], [2.0, 2.0, 2.0], [1.1, 0.4, -0.6]])

STEEP = {
    "a square root": (np.sqrt, lambda x, dy: dy * 0.5 / np.sqrt(np.where(x > 0, x, 1)) * (x > 0), np.abs(X)),
    "a cube root": (np.cbrt, lambda x, dy: dy / (3 * np.where(x == 0, 1, np.cbrt(x) ** 2)) * (x != 0), X),
    "an arc cosine": (
        np.arccos,
        lambda x, dy: -dy / np.sqrt(np.maximum(1 - x * x, 1e-300)) * (x < 1),
        np.array([1, 0.2, -0.5]),
    ),
}


@pytest.mark.parametrize("name", STEEP)
def test_an_infinite_slope_is_no_matter_of_small_terms_or_of_a_narrow_format(name):
    forward, backward, x = STEEP[name]
    report = gradcheck.check(pair(forward, backward), x)
    (gradient,) = report.gradients
    assert gradient.verdict == "inconclusive" and gradient.reason.startswith("the slope is infinite"), str(report)
    assert "at which it is finite" in for_gradient(gradient)
    assert "moves in steps" not in str(report)


def test_a_kink_of_one_row_is_no_matter_of_a_narrow_format():
    def backward(x, dy):
        spread = 3 * np.maximum(x.std(1, keepdims=True), 1e-12)
        return dy[:, None] * (x - x.mean(1, keepdims=True)) / spread

    report = gradcheck.check(pair(lambda x: x.std(1), backward), ROWS)
    (gradient,) = report.gradients
    assert gradient.verdict == "inconclusive" and gradient.reason.startswith("a kink lies there"), str(report)
    assert "beside the kink" in for_gradient(gradient)


def test_what_is_too_coarse_is_still_said_to_be():
    report = gradcheck.check(pair(lambda x: np.round(np.sinh(x) * 1e4) / 1e4, lambda x, dy: dy * np.cosh(x)), X + 2)
    assert "infinite" not in str(report) and "kink lies" not in str(report)
