"""What wide differences depart from small ones by: in steps everywhere, at kinks here and there, or as f bends."""

import numpy as np
import pytest
from narrow import brain, half

from gradcheck.numeric.tabulate import Line
from gradcheck.verdict.departures import SMALL, WIDE, departure

N = 300
X = np.random.default_rng(5).uniform(0.5, 2, N)
UP = {0: np.ones(N)}


class Counted:
    """A function of one array, and how often it was asked."""

    def __init__(self, f):
        self.f, self.asked = f, 0

    def attempt(self, arrays, size):
        self.asked += 1
        return np.broadcast_to(self.f(arrays[0]), size)


def along(f, direction=UP, wide=WIDE, g=None):
    """What is found along a line of one output, the mean of all."""
    counted = Counted(lambda x: np.mean(f(x), keepdims=True))
    return departure(Line(counted, [X], direction, np.ones((1, 1)) if g is None else g, 1), wide), counted


@pytest.mark.parametrize("wide", [WIDE, 2.0**-6])
@pytest.mark.parametrize("scale", [1.0, -1e-3])
def test_a_mean_in_a_format_of_few_bits_departs_and_everywhere(scale, wide):
    found, counted = along(lambda x: x + scale * half(8 * np.mean(x)), wide=wide)
    assert abs(found.size[0] / (8 * abs(scale)) - 1) < 0.1 and abs(found.slope[0] - 1) < 1e-6
    assert counted.asked == 6 and found.is_everywhere(0) and counted.asked == 8


@pytest.mark.parametrize("few", [brain, half])
def test_so_it_does_beside_kinks_that_are_less_than_it(few):
    found, _ = along(lambda x: np.maximum(x, 1) + few(np.mean(x)) + x * x * x)
    assert found.size[0] > 0.9 and found.is_everywhere(0)


def test_so_it_does_where_f_bends_more_than_it():
    found, _ = along(lambda x: half(np.mean(x)) + 80 * (x - X) * (x - X))
    assert found.size[0] > 0.9 and found.is_everywhere(0)


@pytest.mark.parametrize("kink", [-0.9, -0.4, -0.1, 0.1, 0.4, 0.9])
def test_one_kink_departs_but_not_over_the_other_side_of_the_point(kink):
    found, _ = along(lambda x: np.maximum(x - X - kink * WIDE, 0))
    assert found.size[0] > 0 and not found.is_everywhere(0)


def test_a_rise_to_the_left_and_a_fall_to_the_right_are_everywhere_too_as_what_is_rounded_may_bend():
    found, _ = along(lambda x: half(10 * np.mean(x - X) ** 2 + 1))
    assert found.is_everywhere(0)


@pytest.mark.parametrize(("part", "is_everywhere"), [(0.059, False), (0.066, True)])
def test_to_one_side_it_rises_a_sixteenth_as_much_at_the_least_as_to_the_other(part, is_everywhere):
    def stair(x):
        t = float(np.mean(x - X)) / WIDE
        return np.sum([t > -0.5, part * (t > 0.5)])

    assert along(stair)[0].is_everywhere(0) is is_everywhere


@pytest.mark.parametrize("f", [np.sin, np.exp, lambda x: x * x, lambda x: x * x * x])
def test_what_bends_departs_by_nothing(f):
    found, _ = along(f)
    np.testing.assert_allclose(found.size, 0, rtol=0, atol=1e-6)  # roundings of f over a step of 2e-8
    np.testing.assert_allclose(found.slope, found.slope_from_afar, rtol=WIDE**2, atol=0)


@pytest.mark.parametrize(("ratio", "size"), [(0.186, True), (0.189, False), (0.311, False), (0.314, True)])
def test_over_half_the_step_a_fourth_of_a_departure_is_left_or_up_to_a_fourth_of_it_away(ratio, size):
    """A departure of 1, of which `ratio` is left over half the step: as f bends from 3/16 to 5/16."""

    def f(x):
        t = float(np.mean(x - X)) / WIDE
        return t * np.interp(abs(t), [0, 2 * SMALL, 0.5, 1], [0, 0, ratio, 1]) * WIDE

    found, _ = along(f)
    assert bool(found.size[0] > 0) is size


def test_each_cotangent_has_its_own_and_what_leaves_the_domain_has_none():
    g = np.array([[1.0, 0.0], [0.0, 1.0]])
    counted = Counted(lambda x: np.array([np.mean(x * x), half(np.mean(x))]))
    found = departure(Line(counted, [X], UP, g, 2))
    assert found.size[0] < 1e-6 and found.size[1] > 0.9
    with np.errstate(invalid="ignore"):
        outside, _ = along(lambda x: np.sqrt(x - X + WIDE / 4))
    assert outside.size[0] == 0 and not outside.is_everywhere(0)
