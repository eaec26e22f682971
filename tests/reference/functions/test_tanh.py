import math

import numpy as np
import pytest
from activations import (
    SHAPE,
    arrays,
    assert_complex_step,
    assert_dtype_kept,
    assert_far_inputs,
    assert_float32_accuracy,
    assert_nothing_written,
    assert_shape_kept,
    hidden,
    near_and_far,
    planted,
    run,
    same,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.functions.sigmoid import sigmoid, sigmoid_vjp
from reference.functions.tanh import examples, tanh, tanh_vjp


def oracle(x):
    return math.tanh(x), 1 / math.cosh(x) ** 2


def test_backward_is_proved(prove, rng):
    (_, subject, inputs, constants), = examples(rng)
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, seed):
    gradcheck.assert_gradients(tanh_vjp, 2 * np.random.default_rng(seed).normal(size=shape))


def test_backward_is_proved_at_zero_near_it_and_far_from_it(rng):
    gradcheck.assert_gradients(tanh_vjp, near_and_far(rng))


def test_backward_is_proved_inside_a_composite(prove, rng):
    prove(hidden(rng, tanh_vjp), rng.normal(size=SHAPE))


def test_forward_and_backward_equal_their_loop_oracle(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    y, dx = run(tanh_vjp, x, dy)
    for index in np.ndindex(SHAPE):
        value, slope = oracle(x[index])
        same(y[index], value)
        same(dx[index], dy[index] * slope)
    np.testing.assert_array_equal(tanh(x), y)


def test_odd_symmetry(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    (y, dx), (mirrored, dx_mirrored) = run(tanh_vjp, x, dy), run(tanh_vjp, -x, dy)
    np.testing.assert_array_equal(mirrored, -y)
    np.testing.assert_array_equal(dx_mirrored, dx)


def test_between_minus_one_and_one_and_steepest_at_zero():
    x = np.linspace(-15, 15, 301)
    y, slope = run(tanh_vjp, x, np.ones(301))
    assert abs(y).max() < 1 and (np.diff(y) > 0).all()
    assert slope[150] == 1 and (np.delete(slope, 150) < 1).all()


def test_double_angle(rng):
    x, _ = arrays(rng)
    y = tanh(x)
    same(tanh(2 * x), 2 * y / (1 + y * y))


def test_twice_the_sigmoid_of_twice_the_input(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    y, dx = run(tanh_vjp, x, dy)
    same(y, 2 * sigmoid(2 * x) - 1)
    same(dx, 4 * run(sigmoid_vjp, 2 * x, dy)[1])


def test_far_inputs_reach_their_limits():
    assert_far_inputs(tanh_vjp, below=(-1, 0), above=(1, 0))


def test_float32_is_as_accurate_as_its_rounding():
    # the tanh, its square and a difference: absolute, as the slope is 1 less a number that may be near 1
    assert_float32_accuracy(tanh_vjp, np.linspace(-20, 20, 1601), relative=0, absolute=6)


def test_dtype_in_is_dtype_out(rng):
    assert_dtype_kept(tanh_vjp, rng)


def test_complex_step_gives_the_derivative(rng):
    assert_complex_step(tanh, tanh_vjp, near_and_far(rng))


def test_empty_input_and_a_single_number_keep_their_shape():
    assert_shape_kept(tanh_vjp)


def test_nothing_received_is_written(rng):
    assert_nothing_written(tanh_vjp, rng)


def test_input_for_output_is_caught(caught, rng):
    wrong = planted(tanh, lambda x, dy: (1 - x * x) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_tanh_of_the_output_is_caught(caught, rng):
    wrong = planted(tanh, lambda x, dy: (1 - tanh(tanh(x)) ** 2) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_missing_square_is_caught(caught, rng):
    wrong = planted(tanh, lambda x, dy: (1 - tanh(x)) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_slope_of_the_sigmoid_is_caught(caught, rng):
    wrong = planted(tanh, lambda x, dy: tanh(x) * (1 - tanh(x)) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_missing_slope_is_caught(caught, rng):
    wrong = planted(tanh, lambda x, dy: dy.copy())
    caught({"x"}, wrong, rng.normal(size=SHAPE))


@pytest.mark.parametrize(
    ("x", "message"),
    [(1.0, r"^tanh: x must be an array, got float$"),
     (np.arange(3), r"^tanh: x must be floating or complex, got int64$")],
)
def test_bad_input_is_one_clear_line(x, message):
    with pytest.raises(TypeError, match=message):
        tanh(x)
