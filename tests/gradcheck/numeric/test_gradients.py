"""Gradients, Jacobians and Hessians follow from the measured derivative, entry by entry, each with its bar."""

import math

import numpy as np
import pytest

import gradcheck
from gradcheck import gradient, hessian, jacobian


def close(a, b, bar):
    return bool((np.abs(np.asarray(a) - b) <= np.asarray(bar)).all())


@pytest.fixture
def quadratic(rng):
    """exp(sin(x'Ax)), its gradient and its Hessian."""
    a = rng.normal(size=(4, 4)) / 3
    a, x = a + a.T, rng.normal(size=4)
    s, g = x @ a @ x, 2 * a @ x
    y = math.exp(math.sin(s))
    first = y * math.cos(s) * g
    second = y * (math.cos(s) ** 2 - math.sin(s)) * np.outer(g, g) + 2 * y * math.cos(s) * a
    return (lambda x: np.exp(np.sin(x @ a @ x))), x, first, second


def test_a_gradient_has_the_shape_of_its_point(quadratic):
    f, x, first, _ = quadratic
    d = gradient(f, x)
    assert d.value.shape == d.bar.shape == x.shape and d.digits > 13 and d.method == "complex step"
    assert close(d.value, first, d.bar + 1e-15)  # the closed form is rounded too
    table = gradient(lambda x: f(x.ravel()), x.reshape(2, 2))
    assert table.value.shape == (2, 2) and np.array_equal(table.value.ravel(), d.value)


def test_a_gradient_is_the_derivative_along_every_entry(rng):
    x = rng.normal(size=3)
    d = gradient(lambda x: np.prod(np.sin(x)), x)
    for k, unit in enumerate(np.eye(3)):
        one = gradcheck.derivative(lambda x: np.prod(np.sin(x)), x, unit)
        assert one.value == d.value[k] and one.bar == d.bar[k]


def test_a_gradient_of_a_tree_is_a_tree():
    d = gradient(lambda p: p["a"].sum() * p["b"][0] + p["n"], {"a": np.array([1.0, 2.0]), "b": (3.0,), "n": 4})
    assert close(d.value["a"], [3, 3], d.bar["a"]) and abs(d.value["b"][0] - 3) <= d.bar["b"][0] < 1e-12
    assert type(d.value["b"][0]) is float and d.value["n"] == 4


def test_a_kink_of_one_entry_is_told_for_that_entry():
    d = gradient(lambda x: np.abs(x).sum(), np.array([1.0, 0.0, -2.0]))
    assert d.smoothness == "kink" and d.value.tolist() == [1, 0, -1]
    assert d.right.tolist() == [1, 1, -1] and d.left.tolist() == [1, -1, -1]


def test_a_jacobian_has_the_shape_of_its_output_and_then_of_its_point(rng):
    a, x = rng.normal(size=(2, 3, 4)), rng.normal(size=4)
    d = jacobian(lambda x: np.tanh(a @ x), x)
    assert d.value.shape == (2, 3, 4)
    assert close(d.value, (1 - np.tanh(a @ x) ** 2)[..., None] * a, d.bar + 1e-15)  # the closed form is rounded too


def test_a_jacobian_of_a_matrix_keeps_both_of_its_axes(rng):
    x, b = rng.normal(size=(2, 3)), rng.normal(size=(3, 5))
    d = jacobian(lambda x: x @ b, x)
    assert d.value.shape == (2, 5, 2, 3)
    assert close(d.value, np.einsum("ik,lj->ijkl", np.eye(2), b), d.bar)


def test_a_jacobian_of_trees_is_a_tree_of_trees():
    x = {"a": np.array([1.0, 2.0]), "b": 3.0}
    d = jacobian(lambda p: (p["a"] * p["b"], [p["a"].sum()]), x)
    (u, (v,)), (u_bar, _) = d.value, d.bar
    assert close(u["a"], [[3, 0], [0, 3]], u_bar["a"]) and close(u["b"], [1, 2], u_bar["b"])
    assert v["a"].tolist() == [1, 1] and v["b"] == 0.0 and type(v["b"]) is float


def test_of_numbers_all_are_numbers():
    assert [type(d(np.sin, 0.3).value) for d in (gradient, jacobian, hessian)] == [float] * 3
    d = hessian(np.sin, 0.3)
    assert abs(d.value + math.sin(0.3)) <= d.bar < 1e-8


def test_a_hessian_is_symmetric_and_lies_within_its_bars(quadratic):
    f, x, _, second = quadratic
    d = hessian(f, x)
    assert d.value.shape == (4, 4) and np.array_equal(d.value, d.value.T) and d.digits > 7
    assert close(d.value, second, d.bar)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("seed", range(6))
def test_the_bars_of_a_hessian_hold_at_points_with_all_their_bits(seed, scale):
    rng = np.random.default_rng(seed)
    w, x = rng.normal(size=(3, 3)) / scale, scale * rng.normal(size=3)
    y = np.tanh(w @ x)
    true = np.einsum("k,ki,kj->ij", -2 * y * (1 - y * y), w, w)
    d = hessian(lambda x: np.tanh(w @ x).sum(), x)
    assert close(d.value, true, d.bar) and d.bar.max() < 1e-6 * np.abs(true).max()


def test_arrays_of_very_different_sizes_have_steps_of_their_own():
    a, b = 1e-4, 1e4
    d = hessian(lambda p: p[0] ** 2 * p[1] ** 3 / 6, (a, b))
    value, bar, true = np.array(d.value), np.array(d.bar), np.array([[b**3 / 3, a * b**2], [a * b**2, a**2 * b]])
    assert close(value, true, bar) and (bar < 1e-8 * true).all()


def test_a_hessian_of_a_tree_is_a_tree_of_trees():
    d = hessian(lambda p: p["a"] @ p["a"] * p["b"], {"a": np.array([1.0, 2.0]), "b": 3.0})
    assert close(d.value["a"]["a"], 6 * np.eye(2), d.bar["a"]["a"])
    assert close(d.value["a"]["b"], [2, 4], d.bar["a"]["b"]) and close(d.value["b"]["a"], [2, 4], d.bar["b"]["a"])
    assert abs(d.value["b"]["b"]) <= d.bar["b"]["b"] < 1e-8


def test_at_a_kink_there_is_no_second_derivative_of_that_entry():
    d = hessian(lambda x: np.abs(x[0]) * x[1] + x[1] ** 2, np.array([0.0, 1.0]))
    assert d.smoothness == "kink" and np.isnan(d.value).tolist() == [[True, True], [True, False]]
    assert abs(d.value[1, 1] - 2) <= d.bar[1, 1] and np.isinf(d.bar).tolist() == [[True, True], [True, False]]


def test_where_the_second_derivative_jumps_it_is_the_mean_of_both_sides():
    d = hessian(lambda x: x * x if x < 0 else 2 * x * x, 0.0)  # 2 to the left, 4 to the right
    assert abs(d.value - 3) <= d.bar < 1


@pytest.mark.parametrize("function", [gradient, hessian])
def test_a_function_of_several_outputs_has_no_gradient(function):
    with pytest.raises(ValueError, match=rf"^gradcheck.{function.__name__}: f\(x\) must be one number, got 3$"):
        function(np.sin, np.ones(3))


@pytest.mark.parametrize("function", [gradient, jacobian, hessian])
def test_bad_input_is_refused_by_the_name_that_was_called(function):
    with pytest.raises(TypeError, match=rf"^gradcheck.{function.__name__}: f must be callable, got int$"):
        function(3, 1.0)
    with pytest.raises(ValueError, match=rf"^gradcheck.{function.__name__}: x must be finite, got nan at \[1\]$"):
        function(np.sum, np.array([1, np.nan]))
