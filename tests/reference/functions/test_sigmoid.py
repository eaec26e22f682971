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
    slopes,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.functions.sigmoid import examples, sigmoid, sigmoid_vjp


def oracle(x):
    y = 1 / (1 + math.exp(-x))
    return y, math.exp(-x) / (1 + math.exp(-x)) ** 2


def test_backward_is_proved(prove, rng):
    (_, subject, inputs, constants), = examples(rng)
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, seed):
    gradcheck.assert_gradients(sigmoid_vjp, 2 * np.random.default_rng(seed).normal(size=shape))


def test_backward_is_proved_at_zero_near_it_and_far_from_it(rng):
    gradcheck.assert_gradients(sigmoid_vjp, near_and_far(rng))


def test_backward_is_proved_inside_a_composite(prove, rng):
    prove(hidden(rng, sigmoid_vjp), rng.normal(size=SHAPE))


def test_forward_and_backward_equal_their_loop_oracle(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    y, dx = run(sigmoid_vjp, x, dy)
    for index in np.ndindex(SHAPE):
        value, slope = oracle(x[index])
        same(y[index], value)
        same(dx[index], dy[index] * slope)
    np.testing.assert_array_equal(sigmoid(x), y)


def test_point_symmetry(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    (y, dx), (mirrored, dx_mirrored) = run(sigmoid_vjp, x, dy), run(sigmoid_vjp, -x, dy)
    same(y + mirrored, 1)
    np.testing.assert_array_equal(dx, dx_mirrored)


def test_between_zero_and_one_and_steepest_at_zero():
    x = np.linspace(-30, 30, 601)
    y, slope = run(sigmoid_vjp, x, np.ones(601))
    assert y.min() > 0 and y.max() < 1 and (np.diff(y) > 0).all()
    assert slope[300] == 0.25 and (np.delete(slope, 300) < 0.25).all()


def test_log_odds_is_the_inverse(rng):
    x = near_and_far(rng)
    same(np.log(sigmoid(x)) - np.log(sigmoid(-x)), x)


def test_slope_is_the_product_of_output_and_complement(rng):
    x, dy = arrays(rng)
    y, dx = run(sigmoid_vjp, x, dy)
    same(dx, y * (1 - y) * dy)


def test_far_inputs_reach_their_limits():
    assert_far_inputs(sigmoid_vjp, below=(0, 0), above=(1, 0))


def test_float32_is_as_accurate_as_its_rounding():
    # the exponential, two sums, a product and a quotient; the argument of the exponential is exact
    assert_float32_accuracy(sigmoid_vjp, np.linspace(-80, 80, 1601), relative=8, absolute=0)


def test_dtype_in_is_dtype_out(rng):
    assert_dtype_kept(sigmoid_vjp, rng)


def test_complex_step_gives_the_derivative(rng):
    assert_complex_step(sigmoid, sigmoid_vjp, near_and_far(rng))


def test_empty_input_and_a_single_number_keep_their_shape():
    assert_shape_kept(sigmoid_vjp)


def test_nothing_received_is_written(rng):
    assert_nothing_written(sigmoid_vjp, rng)


def test_input_for_output_is_caught(caught, rng):
    wrong = planted(sigmoid, lambda x, dy: x * (1 - x) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_sigmoid_of_the_output_is_caught(caught, rng):
    wrong = planted(sigmoid, lambda x, dy: slopes(sigmoid_vjp, sigmoid(x)) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_missing_complement_is_caught(caught, rng):
    wrong = planted(sigmoid, lambda x, dy: sigmoid(x) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_missing_slope_is_caught(caught, rng):
    wrong = planted(sigmoid, lambda x, dy: dy.copy())
    caught({"x"}, wrong, rng.normal(size=SHAPE))


@pytest.mark.parametrize(
    ("x", "message"),
    [(1.0, r"^sigmoid: x must be an array, got float$"),
     (np.arange(3), r"^sigmoid: x must be floating or complex, got int64$")],
)
def test_bad_input_is_one_clear_line(x, message):
    with pytest.raises(TypeError, match=message):
        sigmoid(x)
