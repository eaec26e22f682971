import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.layer import Layer
from reference.functions.relu import examples, relu, relu_vjp
from reference.layers.linear import Linear

EXACT = {"rtol": 1e-14, "atol": 1e-14}  # float64, sums of 30 products of numbers near 1 in another order
SHAPE = (2, 3, 5)


class Hidden(Layer):
    """An affine map, rectified, and another affine map."""

    first: Linear
    second: Linear

    def vjp(self, x):
        a, first_pullback = self.first.vjp(x)
        h, relu_pullback = relu_vjp(a)
        y, second_pullback = self.second.vjp(h)

        def pullback(dy):
            d_second, dh = second_pullback(dy)
            d_first, dx = first_pullback(relu_pullback(dh))
            return self.cotangent(first=d_first, second=d_second), dx

        return y, pullback


def planted(wrong):
    """Return relu_vjp with `wrong(x, dy) -> dx` for its pullback."""
    return lambda x: (relu(x), lambda dy: wrong(x, dy))


def arrays(rng):
    return rng.normal(size=SHAPE), rng.normal(size=SHAPE)


def run(x, dy):
    y, pullback = relu_vjp(x)
    return y, pullback(dy)


def test_backward_is_proved(prove, rng):
    (_, subject, inputs, constants), = examples(rng)
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, seed):
    x = 1 + np.random.default_rng(seed).random(shape)  # a kink nearby is a matter of its own
    gradcheck.assert_gradients(relu_vjp, np.concatenate([x, -x]))


def test_backward_is_proved_with_entries_at_and_near_zero(rng):
    x = rng.normal(size=SHAPE)
    x[0, 0, :3] = 0.0, 3e-7, -3e-7
    gradcheck.assert_gradients(relu_vjp, x)


def test_backward_is_proved_inside_a_composite(prove, rng):
    first = Linear(w=rng.normal(size=(5, 7)), b=rng.normal(size=7))
    second = Linear(w=rng.normal(size=(7, 4)), b=rng.normal(size=4))
    prove(Hidden(first=first, second=second), rng.normal(size=SHAPE))


def test_forward_and_backward_equal_their_loop_oracle(rng):
    x, dy = arrays(rng)
    y, dx = run(x, dy)
    for index in np.ndindex(SHAPE):
        assert y[index] == max(0, x[index])
        assert dx[index] == (dy[index] if x[index] > 0 else 0)
    np.testing.assert_array_equal(relu(x), y)


def test_positive_and_negative_part_add_up(rng):
    x, _ = arrays(rng)
    np.testing.assert_array_equal(relu(x) - relu(-x), x)


@pytest.mark.parametrize("factor", [2.0**-60, 3.0, 2.0**60])
def test_positive_homogeneity(rng, factor):
    x, dy = arrays(rng)
    y, dx = run(factor * x, dy)
    np.testing.assert_array_equal(y, factor * relu(x))
    np.testing.assert_array_equal(dx, run(x, dy)[1])


def test_euler_identity(rng):
    x, dy = arrays(rng)
    y, dx = run(x, dy)
    np.testing.assert_allclose(np.vdot(dy, y), np.vdot(dx, x), **EXACT)


def test_forward_and_backward_are_projections(rng):
    x, dy = arrays(rng)
    y, pullback = relu_vjp(x)
    np.testing.assert_array_equal(relu(y), y)
    np.testing.assert_array_equal(pullback(pullback(dy)), pullback(dy))


def test_slope_at_zero_is_zero():
    y, dx = run(np.array([0.0, -0.0]), np.array([3.0, -3.0]))
    np.testing.assert_array_equal(y, [0, 0])
    np.testing.assert_array_equal(dx, [0, 0])


@pytest.mark.parametrize("shape", [(), (7,), (2, 1), (3, 5, 64), (0, 3), (3, 0)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_row_of_zeros_gives_the_bits_of_the_number(rng, shape, dtype):
    x = rng.normal(size=shape).astype(dtype)
    special = np.array([np.nan, -0.0, -np.inf, np.inf], dtype)
    x = np.where(rng.random(shape) < 0.5, rng.choice(special, shape), x)
    y, _ = relu_vjp(x)
    assert np.asarray(y).tobytes() == np.maximum(x, 0).tobytes()


def test_nan_is_not_hidden():
    np.testing.assert_array_equal(relu(np.array([np.nan, -np.inf, np.inf])), [np.nan, 0, np.inf])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    y, dx = run(*(z.astype(dtype) for z in arrays(rng)))
    assert y.dtype == dx.dtype == dtype


def test_complex_step_gives_the_derivative(rng):
    x, delta = arrays(rng)
    stepped = relu(x + 1e-30j * delta)
    np.testing.assert_array_equal(stepped.real, relu(x))
    np.testing.assert_array_equal(stepped.imag, run(x, 1e-30 * delta)[1])


@pytest.mark.parametrize("shape", [(0,), (2, 0, 5)])
def test_empty_input_gives_empty_output(shape):
    y, dx = run(np.zeros(shape), np.zeros(shape))
    assert y.shape == dx.shape == shape


def test_nothing_received_is_written(rng):
    x, dy = arrays(rng)
    kept = x.copy(), dy.copy()
    x.flags.writeable = dy.flags.writeable = False
    _, pullback = relu_vjp(x)
    np.testing.assert_array_equal(pullback(dy), pullback(dy))
    np.testing.assert_array_equal((x, dy), kept)


def test_missing_slope_is_caught(caught, rng):
    caught({"x"}, planted(lambda x, dy: dy.copy()), rng.normal(size=SHAPE))


def test_output_for_slope_is_caught(caught, rng):
    caught({"x"}, planted(lambda x, dy: relu(x) * dy), rng.normal(size=SHAPE))


def test_slope_by_cotangent_is_caught(caught, rng):
    caught({"x"}, planted(lambda x, dy: dy * (dy > 0)), rng.normal(size=SHAPE))


def test_guided_backpropagation_is_caught(caught, rng):
    caught({"x"}, planted(lambda x, dy: dy * (x > 0) * (dy > 0)), rng.normal(size=SHAPE))


@pytest.mark.parametrize(
    ("x", "message"),
    [(1.0, r"^relu: x must be an array, got float$"),
     (np.arange(3), r"^relu: x must be floating or complex, got int64$")],
)
def test_bad_input_is_one_clear_line(x, message):
    with pytest.raises(TypeError, match=message):
        relu(x)
