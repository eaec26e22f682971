import math

import numpy as np
import pytest
from activations import (
    SHAPE,
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
from reference.functions.gelu import gelu, gelu_vjp
from reference.functions.gelu_tanh import examples, gelu_tanh, gelu_tanh_in_place, gelu_tanh_vjp
from reference.functions.sigmoid import sigmoid

C, K = math.sqrt(2 / math.pi), 0.044715


def argument(x):
    return C * (x + K * x**3)


def oracle(x):
    u = argument(x)
    return x / 2 * (1 + math.tanh(u)), (1 + math.tanh(u)) / 2 + x / 2 * C * (1 + 3 * K * x**2) / math.cosh(u) ** 2


def wrong_slope(x, inner=None, square=None):
    """The slope with `inner` for du/dx and `square` for t^2."""
    t = np.tanh(argument(x))
    inner = C * (1 + 3 * K * x * x) if inner is None else inner
    return (1 + t) / 2 + x / 2 * (1 - (t * t if square is None else square)) * inner


def test_backward_is_proved(prove, rng):
    (_, subject, inputs, constants), = examples(rng)
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, seed):
    gradcheck.assert_gradients(gelu_tanh_vjp, np.random.default_rng(seed).normal(size=shape))


def test_backward_is_proved_at_zero_near_it_and_far_from_it(rng):
    # further left 1 + t goes in visible steps of one rounding of 1: differences measure the stairs, not the slope
    gradcheck.assert_gradients(gelu_tanh_vjp, np.maximum(near_and_far(rng), -5))


def test_backward_is_proved_inside_a_composite(prove, rng):
    prove(hidden(rng, gelu_tanh_vjp), rng.normal(size=SHAPE))


def test_forward_and_backward_equal_their_loop_oracle(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    y, dx = run(gelu_tanh_vjp, x, dy)
    for index in np.ndindex(SHAPE):
        value, slope = oracle(x[index])
        same(y[index], value)
        same(dx[index], dy[index] * slope)
    np.testing.assert_array_equal(gelu_tanh(x), y)


def test_positive_and_negative_side_add_up(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    (y, dx), (mirrored, dx_mirrored) = run(gelu_tanh_vjp, x, dy), run(gelu_tanh_vjp, -x, dy)
    same(y - mirrored, x)
    same(dx + dx_mirrored, dy)


def test_gate_is_a_sigmoid(rng):
    x = near_and_far(rng)
    same(gelu_tanh(x), x * sigmoid(2 * argument(x)))


def test_distance_from_the_exact_function():
    x = np.linspace(-10, 10, 20001)
    between = abs(gelu_tanh(x) - gelu(x))
    assert 4.732e-4 < between.max() < 4.733e-4 and abs(abs(x[between.argmax()]) - 2.699) < 0.001
    between = abs(slopes(gelu_tanh_vjp, x) - slopes(gelu_vjp, x))
    assert 8.684e-4 < between.max() < 8.685e-4 and abs(abs(x[between.argmax()]) - 2.019) < 0.001


def test_agrees_with_the_exact_function_at_zero():
    for vjp in (gelu_tanh_vjp, gelu_vjp):
        assert run(vjp, np.zeros(1), np.ones(1)) == (0, 0.5)


def test_far_inputs_reach_their_limits():
    assert_far_inputs(gelu_tanh_vjp, below=(0, 0), above=(np.inf, 1))


def test_float32_is_as_accurate_as_its_rounding():
    # on the left 1 + t cancels: absolute, two roundings of 1 times x, and in the slope times du/dx, up to 6
    assert_float32_accuracy(gelu_tanh_vjp, np.linspace(-7, 7, 1401), relative=4, absolute=40)


def test_dtype_in_is_dtype_out(rng):
    assert_dtype_kept(gelu_tanh_vjp, rng)


def test_complex_step_gives_the_derivative(rng):
    assert_complex_step(gelu_tanh, gelu_tanh_vjp, near_and_far(rng))


def test_empty_input_and_a_single_number_keep_their_shape():
    assert_shape_kept(gelu_tanh_vjp)


def test_nothing_received_is_written(rng):
    assert_nothing_written(gelu_tanh_vjp, rng)


def test_backward_of_the_exact_function_is_caught(caught, rng):
    wrong = planted(gelu_tanh, lambda x, dy: run(gelu_vjp, x, dy)[1])
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_tanh_as_a_constant_is_caught(caught, rng):
    wrong = planted(gelu_tanh, lambda x, dy: wrong_slope(x, inner=0) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_missing_factor_of_the_cube_is_caught(caught, rng):
    wrong = planted(gelu_tanh, lambda x, dy: wrong_slope(x, inner=C * (1 + K * x * x)) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_missing_cube_is_caught(caught, rng):
    wrong = planted(gelu_tanh, lambda x, dy: wrong_slope(x, inner=C) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_missing_scale_is_caught(caught, rng):
    wrong = planted(gelu_tanh, lambda x, dy: wrong_slope(x, inner=1 + 3 * K * x * x) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_argument_for_tanh_is_caught(caught, rng):
    wrong = planted(gelu_tanh, lambda x, dy: wrong_slope(x, square=argument(x) ** 2) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


@pytest.mark.parametrize(
    ("x", "message"),
    [(1.0, r"^gelu_tanh: x must be an array, got float$"),
     (np.arange(3), r"^gelu_tanh: x must be floating or complex, got int64$")],
)
def test_bad_input_is_one_clear_line(x, message):
    with pytest.raises(TypeError, match=message):
        gelu_tanh(x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_in_place_it_is_the_same_near_and_far(rng, dtype):
    x = np.concatenate([rng.normal(size=200), 1e3 * rng.normal(size=50), [np.inf, -np.inf, np.nan, 1e30, -1e30, 0.0]])
    x = x.astype(dtype)
    y = gelu_tanh(x)
    given = x.copy()
    made = gelu_tanh_in_place(given)
    assert made.dtype == dtype and np.array_equal(np.isnan(made), np.isnan(x))
    # two roundings of the argument of tanh, which 1 + tanh near -1 does not have relative to itself
    np.testing.assert_allclose(made, y, rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)
