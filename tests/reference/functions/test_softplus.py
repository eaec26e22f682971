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
from reference.functions.sigmoid import sigmoid
from reference.functions.softplus import examples, softplus, softplus_vjp


def oracle(x):
    return math.log1p(math.exp(x)), math.exp(x) / (1 + math.exp(x))


def test_backward_is_proved(prove, rng):
    (_, subject, inputs, constants), = examples(rng)
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, seed):
    gradcheck.assert_gradients(softplus_vjp, 2 * np.random.default_rng(seed).normal(size=shape))


def test_backward_is_proved_at_zero_near_it_and_far_from_it(rng):
    gradcheck.assert_gradients(softplus_vjp, near_and_far(rng))


def test_backward_is_proved_inside_a_composite(prove, rng):
    prove(hidden(rng, softplus_vjp), rng.normal(size=SHAPE))


def test_forward_and_backward_equal_their_loop_oracle(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    y, dx = run(softplus_vjp, x, dy)
    for index in np.ndindex(SHAPE):
        value, slope = oracle(x[index])
        same(y[index], value)
        same(dx[index], dy[index] * slope)
    np.testing.assert_array_equal(softplus(x), y)


def test_positive_and_negative_side_add_up(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    (y, dx), (mirrored, dx_mirrored) = run(softplus_vjp, x, dy), run(softplus_vjp, -x, dy)
    same(y - mirrored, x)
    same(dx + dx_mirrored, dy)


def test_above_the_relu_by_at_most_log_two():
    x = np.linspace(-20, 20, 401)
    above = softplus(x) - np.maximum(x, 0)
    same(above[200], math.log(2))
    assert above.min() > 0 and (np.delete(above, 200) < above[200]).all()


def test_exponential_is_one_more(rng):
    x, _ = arrays(rng)
    same(np.exp(softplus(x)), 1 + np.exp(x))


def test_slope_is_the_sigmoid(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    same(run(softplus_vjp, x, dy)[1], sigmoid(x) * dy)


def test_far_inputs_reach_their_limits():
    assert_far_inputs(softplus_vjp, below=(0, 0), above=(np.inf, 1))


def test_float32_is_as_accurate_as_its_rounding():
    # the exponential, the logarithm, a sum; the slope has a sum and a quotient
    assert_float32_accuracy(softplus_vjp, np.linspace(-80, 80, 1601), relative=6, absolute=0)


def test_dtype_in_is_dtype_out(rng):
    assert_dtype_kept(softplus_vjp, rng)


def test_complex_step_gives_the_derivative(rng):
    assert_complex_step(softplus, softplus_vjp, near_and_far(rng))


def test_empty_input_and_a_single_number_keep_their_shape():
    assert_shape_kept(softplus_vjp)


def test_nothing_received_is_written(rng):
    assert_nothing_written(softplus_vjp, rng)


def test_slope_of_the_relu_is_caught(caught, rng):
    wrong = planted(softplus, lambda x, dy: (x > 0) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_slope_of_the_mirror_image_is_caught(caught, rng):
    wrong = planted(softplus, lambda x, dy: sigmoid(-x) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_slope_at_the_output_is_caught(caught, rng):
    wrong = planted(softplus, lambda x, dy: sigmoid(softplus(x)) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_missing_quotient_is_caught(caught, rng):
    wrong = planted(softplus, lambda x, dy: np.exp(x) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


@pytest.mark.parametrize(
    ("x", "message"),
    [(1.0, r"^softplus: x must be an array, got float$"),
     (np.arange(3), r"^softplus: x must be floating or complex, got int64$")],
)
def test_bad_input_is_one_clear_line(x, message):
    with pytest.raises(TypeError, match=message):
        softplus(x)
