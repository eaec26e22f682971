"""Second differences, and the second derivatives that follow from them."""

import dataclasses
import math

import numpy as np
import pytest

import gradcheck
from gradcheck.numeric import curvature, noise
from gradcheck.numeric.constants import CURVED, U
from gradcheck.numeric.curvature import curvatures, second
from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.ladder import STEPS, sweep
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
    assert 0.99 <= 2 * bars[0, 1] / (both + bars[0, 0] + bars[1, 1]) <= 1.01 and not a.exact


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_a_multiple_of_a_function_has_the_same_multiple_of_value_and_bar(scale):
    found = []
    for factor in (1.0, scale):
        plain, spot = spotted(lambda x, factor=factor: factor * math.exp(x), 0.3)
        found.append(second(plain, spot, Along(None, vectors=(np.array(1.0),)), np.full(1, 1e-12)))
    assert found[1].value == scale * found[0].value and found[1].bar == scale * found[0].bar


def test_entries_of_several_arrays_and_of_sizes_apart_are_crossed():
    point = [np.array([512.0]), np.array(2.0**-11)]
    plain, spot = spotted(lambda p: np.exp(p[0][0] / 1024) * np.sin(1024 * p[1]), point)
    a, b = curvatures(plain, spot, list(plain.entries()))
    s, c, e = math.sin(0.5), math.cos(0.5), math.exp(0.5)
    want = np.array([[e * s / 2**20, e * c], [e * c, -e * s * 2**20]])
    found, bars = np.array([a.slopes.value, b.slopes.value]), np.array([a.slopes.bar, b.slopes.bar])
    assert (np.abs(found - want) <= bars).all() and (bars <= 1e-4 * np.abs(want)).all()


def test_at_a_kink_there_are_no_second_derivatives_along_the_entry_that_has_it():
    plain, spot = spotted(lambda x: abs(x[0]) + x[1] ** 2, np.array([0.0, 1.0]))
    a, b = curvatures(plain, spot, list(plain.entries()))
    assert a.slopes.kink.tolist() == [True, True] and b.slopes.kink.tolist() == [True, False]
    assert np.isnan(a.slopes.value).all() and np.isinf(a.slopes.bar).all()
    assert abs(b.slopes.value[1] - 2) <= b.slopes.bar[1]


def test_the_noise_along_either_entry_is_that_of_both():
    def f(x):
        return math.exp(x[0]) * math.sin(x[1]) * (1 + 1e-8 * math.sin(1e13 * x[1]))

    plain, spot = spotted(f, np.array([0.5, 1.0]))
    a, b = curvatures(plain, spot, list(plain.entries()))
    z = math.exp(0.5) * math.cos(1.0)
    assert b.level > 1e-9 and a.level >= 2.0**-53 and abs(a.slopes.value[1] - z) <= a.slopes.bar[1]
    exact, here = spotted(lambda x: x[0] * x[1], np.array([0.5, 1.0]))
    assert all(column.level >= 2.0**-53 for column in curvatures(exact, here, list(exact.entries())))


def test_a_second_difference_has_the_rounding_of_four_values_and_of_both_slopes(monkeypatch):
    """Beside noise, along a direction that is steeper to one side than to the other."""
    seen = []
    monkeypatch.setattr(curvature, "estimate", lambda *args: seen.append(args) or estimate(*args))
    plain, spot = spotted(lambda x: math.exp(4 * x), 0.3)
    probe, level = Along(None, vectors=(np.array(1.0),)), np.full(1, 1e-11)
    second(plain, spot, probe, level)
    swept = sweep(plain, spot.point, probe, None, STEPS[list(CURVED)], spot.y, spot.grain)
    steeper = swept.right  # a chord to the right of the exponential is
    assert (steeper > swept.left).all()
    ((curved, bounds, u),) = seen
    np.testing.assert_array_equal(curved.weight, 4 * swept.weight / swept.steps)
    for side in (curved.central, curved.right, curved.left):
        np.testing.assert_array_equal(side, (swept.right - swept.left) / swept.steps)
    values = 4 * noise.bound(swept, level, U)
    np.testing.assert_allclose(bounds, (values + 16 * U * steeper) / swept.steps, rtol=1e-12, atol=0)
    assert u == U


@pytest.mark.parametrize("entry", [0, 1])
def test_the_noise_of_a_mixed_derivative_is_the_larger_of_both_entries(monkeypatch, entry):
    levels = []
    monkeypatch.setattr(curvature, "second", lambda *args: levels.append(args[3]) or second(*args))

    def f(x):
        return math.exp(x[0]) * math.sin(x[1]) * (1 + 1e-8 * math.sin(1e13 * x[entry]))

    plain, spot = spotted(f, np.array([0.5, 1.0]))
    curvatures(plain, spot, list(plain.entries()))
    *own, mixed = (float(level[0]) for level in levels)
    assert own[1 - entry] < 1e-12 < 1e-10 < own[entry] == mixed


def test_an_output_that_is_left_of_larger_numbers_has_their_roundings():
    plain, spot = spotted(math.exp, 0.3)
    probe = Along(None, vectors=(np.array(1.0),))
    own, coarse = (second(plain, dataclasses.replace(spot, grain=np.full(1, g)), probe, np.zeros(1)) for g in (0, 1e6))
    assert coarse.bar > 100 * own.bar


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e-200, 1e-155, 1e-100, 1e100, 1e155, 1e200])
def test_where_numbers_end_no_warning_escapes_and_no_bar_is_none(scale):
    found = gradcheck.hessian(lambda x: np.square(x / scale).sum(), np.array([scale, 2 * scale]))
    value, bar = np.diag(found.value), np.diag(found.bar)
    assert (bar > 0).all()
    with np.errstate(all="ignore"):  # the true one may be infinite
        assert not (np.abs(value - np.divide(2, scale) / scale) > bar).any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e155, 1e200, 1e297])
def test_a_first_derivative_at_large_numbers_warns_of_nothing(scale):
    x = np.array([scale, 2 * scale])
    assert gradcheck.derivative(lambda x: 3 * x, scale).value == pytest.approx(3, rel=1e-9)
    np.testing.assert_allclose(gradcheck.gradient(lambda x: (3 * x).sum(), x).value, 3, rtol=1e-9, atol=0)
    np.testing.assert_allclose(gradcheck.jacobian(lambda x: 3 * x, x).value, 3 * np.eye(2), rtol=1e-9, atol=1e-9)
