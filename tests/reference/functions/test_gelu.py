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
from reference.functions.gelu import examples, gelu, gelu_vjp
from reference.functions.gelu_tanh import gelu_tanh_vjp


def distribution(x):
    return np.vectorize(lambda v: (1 + math.erf(v / math.sqrt(2))) / 2, otypes=[float])(x)


def density(x):
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def oracle(x):
    return x * distribution(x), distribution(x) + x * density(x)


def test_backward_is_proved(prove, rng):
    (_, subject, inputs, constants), = examples(rng)
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, seed):
    gradcheck.assert_gradients(gelu_vjp, 2 * np.random.default_rng(seed).normal(size=shape))


def test_backward_is_proved_at_zero_near_it_and_far_from_it(rng):
    gradcheck.assert_gradients(gelu_vjp, near_and_far(rng))


def test_backward_is_proved_inside_a_composite(prove, rng):
    prove(hidden(rng, gelu_vjp), rng.normal(size=SHAPE))


def test_forward_and_backward_equal_their_loop_oracle(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    y, dx = run(gelu_vjp, x, dy)
    for index in np.ndindex(SHAPE):
        value, slope = oracle(x[index])
        same(y[index], value)
        same(dx[index], dy[index] * slope)
    np.testing.assert_array_equal(gelu(x), y)


def test_positive_and_negative_side_add_up(rng):
    x, dy = near_and_far(rng), rng.normal(size=SHAPE)
    (y, dx), (mirrored, dx_mirrored) = run(gelu_vjp, x, dy), run(gelu_vjp, -x, dy)
    same(y - mirrored, x)
    same(dx + dx_mirrored, dy)


def test_steepest_at_the_root_of_two():
    x = math.sqrt(2) * np.linspace(-5, 5, 1001)
    slope = slopes(gelu_vjp, x)
    assert slope.argmax() == 600 and slope.argmin() == 400
    same(slope[[400, 600]].sum(), 1)


def test_output_and_density_are_the_relu_under_noise(rng):
    x, delta = arrays(rng)
    n, step = np.linspace(-12, 12, 4801, retstep=True)
    noisy = (np.maximum(x[..., None] + n, 0) * density(n)).sum(axis=-1) * step
    # the trapezoidal rule across a kink is wrong by at most step^2 / 8 of the density there
    np.testing.assert_allclose(gelu(x) + density(x), noisy, rtol=0, atol=2e-6)  # 0.4 * 0.005^2 / 8 = 1.3e-6
    same(slopes(gelu_vjp, x) * delta - x * density(x) * delta, distribution(x) * delta)


def test_far_inputs_reach_their_limits():
    assert_far_inputs(gelu_vjp, below=(0, 0), above=(np.inf, 1))


def test_float32_is_as_accurate_as_its_rounding():
    # erfc amplifies the rounding of its argument by about x^2, less than 50 up to 7 on the side where it is small
    assert_float32_accuracy(gelu_vjp, np.linspace(-7, 7, 1401), relative=120, absolute=4)
    x = np.linspace(-7, -5, 201, dtype=np.float32)
    np.testing.assert_allclose(gelu(x), gelu(x.astype(float)), rtol=120 * 2.0**-24, atol=0)  # the tail has digits


def test_dtype_in_is_dtype_out(rng):
    assert_dtype_kept(gelu_vjp, rng)


def test_complex_step_gives_the_derivative(rng):
    assert_complex_step(gelu, gelu_vjp, near_and_far(rng))


def test_empty_input_and_a_single_number_keep_their_shape():
    assert_shape_kept(gelu_vjp)


def test_nothing_received_is_written(rng):
    assert_nothing_written(gelu_vjp, rng)


def test_backward_of_the_tanh_approximation_is_caught(caught, rng):
    wrong = planted(gelu, lambda x, dy: run(gelu_tanh_vjp, x, dy)[1])
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_probability_as_a_constant_is_caught(caught, rng):
    wrong = planted(gelu, lambda x, dy: distribution(x) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_density_that_is_not_normalised_is_caught(caught, rng):
    wrong = planted(gelu, lambda x, dy: (distribution(x) + x * np.exp(-x * x / 2)) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_exponent_of_erf_is_caught(caught, rng):
    wrong = planted(gelu, lambda x, dy: (distribution(x) + x * density(math.sqrt(2) * x)) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_missing_factor_is_caught(caught, rng):
    wrong = planted(gelu, lambda x, dy: (distribution(x) + density(x)) * dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE))


@pytest.mark.parametrize(
    ("x", "message"),
    [(1.0, r"^gelu: x must be an array, got float$"),
     (np.arange(3), r"^gelu: x must be floating or complex, got int64$")],
)
def test_bad_input_is_one_clear_line(x, message):
    with pytest.raises(TypeError, match=message):
        gelu(x)
