"""Second differences, and the second derivatives that follow from them."""

import math

import numpy as np
import pytest

from gradcheck.numeric.curvature import curvatures, second
from gradcheck.numeric.plain import Plain
from gradcheck.numeric.probe import Along
from gradcheck.numeric.slopes import Spot


def spotted(f, x):
    plain = Plain(f, x, "hessian")
    _, y, roundoff = plain.first()
    return plain, Spot(plain.point, y, roundoff, np.zeros(len(y)), False)


@pytest.mark.parametrize(
    ("f", "x", "true"),
    [(math.exp, 0.3, math.exp(0.3)), (math.sin, 1, -math.sin(1)), (lambda x: x**3, 2.0, 12.0), (math.log, 0.5, -4.0)],
)
def test_a_second_difference_is_the_second_derivative(f, x, true):
    plain, spot = spotted(f, x)
    found = second(plain, spot, Along(None, vectors=(np.array(1.0),)), np.zeros(1))
    assert abs(found.value - true) <= found.bar < 1e-5 and not found.jump


def test_a_kink_is_a_jump_of_the_first_derivative():
    plain, spot = spotted(lambda x: abs(x) + x, 0.0)
    assert second(plain, spot, Along(None, vectors=(np.array(1.0),)), np.zeros(1)).jump


def test_noise_makes_wider_bars():
    plain, spot = spotted(math.exp, 0.3)
    quiet, noisy = (second(plain, spot, Along(None, vectors=(np.array(1.0),)), np.full(1, u)).bar for u in (0, 1e-10))
    assert noisy > 100 * quiet


def test_columns_are_symmetric_and_mixed_entries_have_the_bars_of_all_three_differences():
    plain, spot = spotted(lambda x: math.exp(x[0]) * math.sin(x[1]), np.array([0.5, 1.0]))
    a, b = curvatures(plain, spot, list(plain.entries()))
    y, z = math.exp(0.5) * math.sin(1.0), math.exp(0.5) * math.cos(1.0)
    found, bars = np.array([a.slopes.value, b.slopes.value]), np.array([a.slopes.bar, b.slopes.bar])
    assert (np.abs(found - [[y, z], [z, -y]]) <= bars).all() and found[0, 1] == found[1, 0]
    both = second(plain, spot, Along(None, vectors=(np.ones(2),)), np.zeros(1)).bar[0]
    assert bars[0, 1] >= 0.99 * (both + bars[0, 0] + bars[1, 1]) / 2 and not a.exact
