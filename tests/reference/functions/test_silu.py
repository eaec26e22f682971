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
from reference.functions.sigmoid import sigmoid
from reference.functions.silu import examples, silu, silu_vjp
from reference.functions.softplus import softplus_vjp


def oracle(x):
    e = math.exp(-x)
    return x / (1 + e), (1 + e + x * e) / (1 + e) ** 2  # the slope by the derivative of a quotient


def test_backward_is_proved(prove, rng):
    (_, subject, inputs, constants), = examples(rng)
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, seed):
    gradcheck.assert_gradients(silu_vjp, 2 * np.random.default_rng(seed).normal(size=shape))


def test_backward_is_proved_at_zero_near_it_and_far_from_it(rng):
    gradcheck.assert_gradients(silu_vjp, near_and_far(rng))


def test_backward_is_proved_inside_a_composite(prove, rng):
    prove(hidden(rng, silu_vjp), rng.normal(size=SHAPE))


def test_forward_and_backward_equal_their_loop_oracle(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    y, dx = run(silu_vjp, x, dy)
    for index in np.ndindex(SHAPE):
        value, slope = oracle(x[index])
        same(y[index], value)
        same(dx[index], dy[index] * slope)
    np.testing.assert_array_equal(silu(x), y)


def test_positive_and_negative_side_add_up(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    (y, dx), (mirrored, dx_mirrored) = run(silu_vjp, x, dy), run(silu_vjp, -x, dy)
    same(y - mirrored, x)
    same(dx + dx_mirrored, dy)


def test_slope_from_output_and_gate(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    y, dx = run(silu_vjp, x, dy)
    same(dx, (y + sigmoid(x) * (1 - y)) * dy)


def test_minimum():
    low, high = np.array([-2.0]), np.array([-1.0])
    for _ in range(50):  # each step halves the bracket
        middle = (low + high) / 2
        low, high = (middle, high) if slopes(silu_vjp, middle) < 0 else (low, middle)
    same(silu(low), low + 1)
    np.testing.assert_allclose(low, -1.27846, rtol=0, atol=5e-6)  # as many digits as the page gives
    x = np.linspace(-30, 30, 6001)
    assert (silu(x) >= silu(low)).all() and ((slopes(silu_vjp, x) < 0) == (x < low)).all()


def test_gate_is_the_slope_of_the_softplus(rng):
    x = near_and_far(rng)
    same(silu(x), x * slopes(softplus_vjp, x))


def test_far_inputs_reach_their_limits():
    assert_far_inputs(silu_vjp, below=(0, 0), above=(np.inf, 1))


def test_float32_is_as_accurate_as_its_rounding():
    # 5 roundings of the gate, a product; the two terms of the slope are at most 1.1, and cancel at its zero
    assert_float32_accuracy(silu_vjp, np.linspace(-80, 80, 1601), relative=8, absolute=4)


def test_dtype_in_is_dtype_out(rng):
    assert_dtype_kept(silu_vjp, rng)


def test_complex_step_gives_the_derivative(rng):
    assert_complex_step(silu, silu_vjp, near_and_far(rng))


def test_empty_input_and_a_single_number_keep_their_shape():
    assert_shape_kept(silu_vjp)


def test_nothing_received_is_written(rng):
    assert_nothing_written(silu_vjp, rng)


def test_gate_as_a_constant_is_caught(caught, rng):
    wrong = planted(silu, lambda x, dy: sigmoid(x) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_gate_alone_is_caught(caught, rng):
    wrong = planted(silu, lambda x, dy: x * sigmoid(x) * (1 - sigmoid(x)) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_output_for_gate_is_caught(caught, rng):
    wrong = planted(silu, lambda x, dy: (sigmoid(x) + x * silu(x) * (1 - silu(x))) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_missing_factor_is_caught(caught, rng):
    wrong = planted(silu, lambda x, dy: (sigmoid(x) + x * (1 - sigmoid(x))) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_gate_of_another_slope_is_caught(caught, rng):
    wrong = planted(silu, lambda x, dy: slopes(silu_vjp, 1.702 * x) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


@pytest.mark.parametrize(
    ("x", "message"),
    [(1.0, r"^silu: x must be an array, got float$"),
     (np.arange(3), r"^silu: x must be floating or complex, got int64$")],
)
def test_bad_input_is_one_clear_line(x, message):
    with pytest.raises(TypeError, match=message):
        silu(x)
