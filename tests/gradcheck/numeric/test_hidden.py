"""A noise of wide tables is told from a fine shape: roundings jump."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.numeric.constants import WIDE_SPACING
from gradcheck.numeric.hidden import has_jumps
from gradcheck.numeric.noise import measured
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.tabulate import Line
from gradcheck.subjects.problem import Problem

X = np.array([0.7312, -1.2345, 0.4142, 0.9181])
FINE = 2.0**-36
G = np.array([[1.0, -0.75, 1.25, 0.5], [0.5, 1.5, -1.0, 1.0]])


def narrow(x):
    return np.asarray(x).astype(np.float32).astype(np.float64)


def rough(x):
    """x and a cosine in float32."""
    return x + narrow(np.cos(x))


def line(forward, g=None):
    problem = Problem(pair(forward, lambda x, dy: dy), (X,), {})
    return Line(problem, [X], Probe(0, seed=3).direction([X]), g, 4)


def told(forward, which=(True, True, True, True), g=None):
    along = line(forward, g)
    return has_jumps(along, along.table(WIDE_SPACING), along.table(FINE), np.array(which))


@pytest.mark.parametrize("forward", [rough, lambda x: 3 * x + np.round(x * 2.0**24) / 2.0**24, lambda x: narrow(x) * x])
def test_roundings_beside_a_smooth_slope_are_jumps(forward):
    assert told(forward) and told(forward, (True, True), G)


@pytest.mark.parametrize(
    "forward",
    [
        np.sin,
        lambda x: x + 1e-7 * np.sin(1e7 * x),  # a wave
        lambda x: x + 1e-6 * np.abs(np.mod(1e5 * x, 2) - 1),  # kinks
        lambda x: x + np.abs(x - X),
        lambda x: x + (x > X + 2.0**-21),  # one jump
        lambda x: 1e-9 / (x - X - 2.0**-21),  # a pole
        lambda x: np.where(np.abs(x - X) > 1e-6, np.nan, x),
    ],
)
def test_waves_kinks_and_what_leaves_the_domain_are_none(forward):
    assert not told(forward)


def test_only_the_columns_that_are_asked_for_count():
    def forward(x):
        return np.append(x[:3], rough(x[3:]))

    assert told(forward, (False, False, False, True)) and not told(forward, (True, True, True, False))


def test_roundings_of_float64_itself_are_no_jumps():
    """Of a sum that cancels ten more bits are lost, which is below what is told as one."""
    assert not told(lambda x: (x + 2.0**3) - 2.0**3)
    assert told(lambda x: (x + 2.0**20) - 2.0**20)


def test_such_a_noise_is_that_of_the_wide_table_and_a_fine_shape_has_none():
    """The direction moves entries by the size of each, so that a rounding of float32 is 2^-24 of it."""
    for forward, hidden in ((rough, True), (lambda x: x + 1e-7 * np.sin(1e7 * x), False)):
        problem = Problem(pair(forward, lambda x, dy: dy), (X,), {})
        found = measured(problem, [X], Probe(0, seed=3), G)
        assert ((found > 2.0**-30).all() and (found < 2.0**-22).all()) if hidden else (found < 2.0**-48).all()
