"""The derivative of a function of complex numbers: one number where it is holomorphic, and said where it is not."""

import cmath

import numpy as np
import pytest

import gradcheck
from gradcheck.numeric.holomorphic import as_pairs, is_complex, is_holomorphic, joined, stacked

Z = 0.75 - 1.25j
ENTIRE = {  # with their derivatives
    "exp": (np.exp, np.exp),
    "sin": (np.sin, np.cos),
    "cube": (lambda z: z * z * z, lambda z: 3 * z * z),
    "reciprocal": (lambda z: 1 / z, lambda z: -1 / z / z),
    "log": (np.log, lambda z: 1 / z),
    "line": (lambda z: (2 - 3j) * z, lambda z: 2 - 3j),
}


@pytest.mark.parametrize("name", ENTIRE)
@pytest.mark.parametrize("direction", [None, 1j, 0.5 - 2j])
def test_a_holomorphic_function_has_its_complex_derivative_times_the_direction(name, direction):
    f, df = ENTIRE[name]
    found = gradcheck.derivative(f, Z, direction)
    truth = df(Z) * (1 if direction is None else direction)
    assert isinstance(found.value, complex) and isinstance(found.bar, float)
    assert abs(found.value - truth) <= found.bar <= 1e-9 * abs(truth)
    assert found.smoothness == "smooth" and found.digits > 9


@pytest.mark.parametrize("f", [np.abs, np.conj, lambda z: z * np.conj(z), np.real, lambda z: np.exp(z) + 1e-6 * z.imag])
def test_of_another_function_it_is_said_and_the_value_is_along_the_direction(f):
    found = gradcheck.derivative(f, Z)
    assert found.smoothness == "not holomorphic"
    h = 1e-6
    assert abs(found.value - (f(Z + h) - f(Z - h)) / (2 * h)) <= 1e-8


def test_of_an_array_each_output_has_its_own_bar():
    z, v = np.array([1 + 1j, 2 - 1j]), np.array([0.5j, 1.0])
    found = gradcheck.derivative(lambda z: np.sin(z) * z[0], z, v)
    truth = np.cos(z) * v * z[0] + np.sin(z) * v[0]
    assert found.value.shape == found.bar.shape == (2,)
    assert (np.abs(found.value - truth) <= found.bar).all() and found.smoothness == "smooth"


def test_a_branch_cut_is_a_jump():
    assert gradcheck.derivative(np.sqrt, -1 + 0j).smoothness == "jump"
    assert abs(gradcheck.derivative(np.sqrt, 1 + 0j).value - 0.5) < 1e-9


@pytest.mark.parametrize(
    ("f", "x", "direction", "error", "message"),
    [
        (1, 1j, None, TypeError, "gradcheck.derivative: f must be callable, got int"),
        (np.sin, np.ones(2) * 1j, None, ValueError, "direction must be given for x of 2 entries, got None"),
        (np.sin, np.ones(2) * 1j, np.ones(3), ValueError, "direction must have the shape of x, (2,), got (3,)"),
        (np.sin, complex("nan"), None, ValueError, "x must be finite, got nan"),
    ],
)
def test_bad_input_is_refused_in_one_line(f, x, direction, error, message):
    with pytest.raises(error) as raised:
        gradcheck.derivative(f, x, direction)
    assert message in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("x", "found"), [(1j, True), (np.complex64(1), True), (np.ones(2) * 1j, True), (1.0, False), (np.ones(2), False)]
)
def test_complex_is_what_has_complex_numbers(x, found):
    assert is_complex(x) is found


def test_parts_are_joined_as_they_were_stacked():
    z = np.array([1 - 2j, 3j])
    assert np.array_equal(joined(stacked(z)), z)
    assert np.array_equal(stacked([1 - 2j, 3j]), stacked(z)), "also of a list"
    assert joined(stacked(Z)) == Z and type(joined(stacked(Z))) is complex
    assert np.array_equal(as_pairs(cmath.exp)(stacked(Z)), stacked(cmath.exp(Z)))


def test_pairs_take_no_complex_step():
    with pytest.raises(TypeError, match="two parts"):
        as_pairs(np.exp)(stacked(Z) + 1e-30j)


@pytest.mark.parametrize(("off", "found"), [(0.9e-3, True), (1.1e-3, False)])
def test_holomorphic_is_within_the_bars_of_both(off, found):
    ahead, bars = np.array([0.3, -0.4]), np.array([1e-3, 1e-3])
    for change in ([off, 0], [0, off], [-off, 0]):
        assert is_holomorphic(ahead, np.array([0.4, 0.3]) + change, bars) is found
