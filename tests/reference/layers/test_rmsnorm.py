import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.layer import Layer
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear
from reference.layers.rmsnorm import RMSNorm, examples

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # float64, sums of at most 12 numbers near 1, then times r of a few units
SHAPE = (2, 3, 7)


class NormedMap(Layer):
    """A norm, a linear map, a norm: the gain of the first is seen through the second."""

    first: RMSNorm
    linear: Linear
    second: RMSNorm

    def vjp(self, x):
        n, first_pullback = self.first.vjp(x)
        h, linear_pullback = self.linear.vjp(n)
        y, second_pullback = self.second.vjp(h)

        def pullback(dy):
            d_second, dh = second_pullback(dy)
            d_linear, dn = linear_pullback(dh)
            d_first, dx = first_pullback(dn)
            return self.cotangent(first=d_first, linear=d_linear, second=d_second), dx

        return y, pullback


def planted(wrong):
    """Return an RMSNorm with `wrong(layer, x, dy) -> {"gamma" or "x": gradient}` in place of some gradients."""

    class Wrong(RMSNorm):
        def vjp(self, x):
            y, norm_pullback = super().vjp(x)

            def pullback(dy):
                d_self, dx = norm_pullback(dy)
                got = {"gamma": d_self.gamma, "x": dx} | wrong(self, x, dy)
                return self.cotangent(gamma=got["gamma"]), got["x"]

            return y, pullback

    return Wrong


def mean(z):
    return z.mean(axis=-1, keepdims=True)


def normalised(x, eps=1e-6):
    """Return xhat and r."""
    r = 1 / np.sqrt(mean(x * x) + eps)
    return r * x, r


def layer_and_input(rng, shape=SHAPE, kind=RMSNorm):
    return kind(gamma=rng.normal(size=shape[-1])), rng.normal(size=shape)


def run(layer, x, dy):
    """Return y, dgamma and dx."""
    y, pullback = layer.vjp(x)
    d_layer, dx = pullback(dy)
    return y, d_layer.gamma, dx


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(4))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@pytest.mark.parametrize("shape", [(4, 7), (1, 1, 7), (2, 3, 4, 5), (3, 3), (5, 2)])
def test_backward_is_proved_at_other_leading_shapes(prove, rng, shape):
    prove(*layer_and_input(rng, shape))


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.lists(st.integers(1, 4), max_size=3), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(leading, width, seed):
    gradcheck.assert_gradients(*layer_and_input(np.random.default_rng(seed), (*leading, width)))


def test_backward_is_proved_inside_a_composite(prove, rng):
    first, x = layer_and_input(rng)
    second, _ = layer_and_input(rng, (5,))
    prove(NormedMap(first=first, linear=Linear(w=rng.normal(size=(7, 5)), b=None), second=second), x)


def test_forward_and_backward_equal_their_loop_oracle(rng):
    layer, x = layer_and_input(rng, (3, 7))
    dy = rng.normal(size=x.shape)
    expected_y, expected_dx, expected_dgamma = np.zeros(x.shape), np.zeros(x.shape), np.zeros(7)
    for n, row in enumerate(x):
        r = 1 / math.sqrt(sum(v * v for v in row) / 7 + 1e-6)
        for i in range(7):
            expected_y[n, i] = layer.gamma[i] * r * row[i]
            expected_dgamma[i] += dy[n, i] * r * row[i]
            for j in range(7):  # entry (j, i) of the Jacobian, by the derivative of a quotient
                slope = r * (i == j) - r**3 * row[i] * row[j] / 7
                expected_dx[n, i] += dy[n, j] * layer.gamma[j] * slope
    for got, expected in zip(run(layer, x, dy), (expected_y, expected_dgamma, expected_dx), strict=True):
        same(got, expected)


def test_scaling_the_input_and_eps(rng):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    y, dgamma, dx = run(layer, x, dy)
    scaled = run(RMSNorm(gamma=layer.gamma, eps=9e-6), 3 * x, dy)
    for got, expected in zip(scaled, (y, dgamma, dx / 3), strict=True):
        same(got, expected)
    without = RMSNorm(gamma=layer.gamma, eps=0.0)
    same(without(x * rng.uniform(0.1, 10, size=(2, 3, 1))), without(x))


def test_gradient_along_the_row_is_proportional_to_eps(rng):
    _, x = layer_and_input(rng)
    layer, dy = RMSNorm(gamma=rng.normal(size=7), eps=0.3), rng.normal(size=SHAPE)
    xhat, r = normalised(x, eps=0.3)
    _, _, dx = run(layer, x, dy)
    same((x * dx).sum(axis=-1), (r * r)[..., 0] * 0.3 * (xhat * layer.gamma * dy).sum(axis=-1))


def test_rows_are_normalised(rng):
    x = layer_and_input(rng)[1]
    y = RMSNorm(gamma=np.ones(7), eps=0.3)(x)
    square = (x * x).mean(axis=-1)
    same((y * y).mean(axis=-1), square / (square + 0.3))


def test_the_layer_is_odd(rng):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    y, dgamma, dx = run(layer, x, dy)
    for got, expected in zip(run(layer, -x, dy), (-y, -dgamma, dx), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_permutation_equivariance(rng):
    (layer, x), dy, order = layer_and_input(rng), rng.normal(size=SHAPE), rng.permutation(7)
    got = run(RMSNorm(gamma=layer.gamma[order]), x[..., order], dy[..., order])
    for g, expected in zip(got, run(layer, x, dy), strict=True):
        same(g, expected[..., order])


def test_rotation_equivariance_with_a_gain_of_one(rng):
    layer, x, dy = RMSNorm(gamma=np.ones(7)), rng.normal(size=SHAPE), rng.normal(size=SHAPE)
    rotation, _ = np.linalg.qr(rng.normal(size=(7, 7)))
    (y, _, dx), (y_rotated, _, dx_rotated) = run(layer, x, dy), run(layer, x @ rotation, dy @ rotation)
    same(y_rotated, y @ rotation)
    same(dx_rotated, dx @ rotation)


def test_it_is_layer_normalisation_on_centred_rows(rng):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    x = x - mean(x)
    y, dgamma, dx = run(layer, x, dy)
    y_other, pullback = LayerNorm(gamma=layer.gamma, beta=np.zeros(7), eps=1e-6).vjp(x)
    d_other, dx_other = pullback(dy)
    for got, expected in ((y, y_other), (dgamma, d_other.gamma), (dx - mean(dx), dx_other)):
        same(got, expected)


def test_an_offset_is_a_part_of_the_gain(rng):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    about_one = RMSNorm(layer.gamma - 1, offset=1.0)
    for got, expected in zip(run(about_one, x, dy), run(layer, x, dy), strict=True):
        same(got, expected)
    for dtype, close in ((np.float64, 1e-13), (np.float32, 1e-6)):
        narrow, rows = about_one.astype(dtype), x[0].astype(dtype)
        np.testing.assert_allclose(narrow.ready()(rows), narrow(rows), rtol=close, atol=close)
        assert narrow(rows).dtype == dtype


def test_euler_identity_of_the_gain(rng):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    y, dgamma, _ = run(layer, x, dy)
    same(np.vdot(dy, y), dgamma @ layer.gamma)


def test_a_batch_is_the_sum_of_its_rows(rng):
    (layer, x), dy = layer_and_input(rng, (4, 7)), rng.normal(size=(4, 7))
    ys, dgammas, dxs = zip(*(run(layer, *row) for row in zip(x, dy, strict=True)), strict=True)
    for got, expected in zip(run(layer, x, dy), (ys, sum(dgammas), dxs), strict=True):
        same(got, expected)


def test_memory_layout_does_not_matter(rng):
    layer, x = layer_and_input(rng)
    turned = np.asfortranarray(x), np.broadcast_to(rng.normal(size=(1, 1, 7)), SHAPE)
    for got, expected in zip(run(layer, *turned), run(layer, *(z.copy() for z in turned)), strict=True):
        same(got, expected)


def test_a_row_of_zeros_has_output_zero_and_a_finite_gradient(rng):
    (layer, _), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    y, dgamma, dx = run(layer, np.zeros(SHAPE), dy)
    assert not y.any() and not dgamma.any()
    same(dx, layer.gamma * dy / math.sqrt(1e-6))


@pytest.mark.parametrize(
    ("dtype", "size"),
    [(np.float16, 400), (np.float16, 2e4), (np.float32, 1e20), (np.float32, 1e38), (np.float64, 1e160)],
)
def test_rows_whose_squares_overflow(rng, dtype, size):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    x /= abs(x).max()
    got = run(layer.astype(dtype), (x * size).astype(dtype), dy.astype(dtype))
    exact = run(RMSNorm(layer.gamma, 0.0), x, dy)  # the same but for the scale: eps is far below it
    exact[-1][...] /= size
    digits = 8 * float(np.finfo(dtype).eps)  # a few roundings of numbers up to 4, and of dx
    for one, other in zip(got, exact, strict=True):
        assert one.dtype == dtype
        smallest = float(np.finfo(dtype).smallest_subnormal)  # to which dx is rounded
        np.testing.assert_allclose(one.astype(float), other, rtol=0, atol=digits * abs(other).max() + smallest)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    layer, x = layer_and_input(rng)
    arrays = run(layer.astype(dtype), x.astype(dtype), np.ones(SHAPE, dtype))
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_complex_step_gives_the_derivative(rng):
    (layer, x), delta, dy = layer_and_input(rng), rng.normal(size=SHAPE), rng.normal(size=SHAPE)
    y, _, dx = run(layer, x, dy)
    stepped = layer(x + 1e-30j * delta)
    same(stepped.real, y)
    same(np.vdot(dy, stepped.imag / 1e-30), np.vdot(dx, delta))


@pytest.mark.parametrize("shape", [(0, 7), (2, 0, 7)])
def test_empty_batch_gives_empty_output_and_zero_gradient(rng, shape):
    layer, x = layer_and_input(rng, shape)
    y, dgamma, dx = run(layer, x, np.zeros(shape))
    assert y.shape == dx.shape == shape and dgamma.shape == (7,) and not dgamma.any()


def test_nothing_received_is_written_and_a_pullback_may_be_called_twice(rng):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    for array in (x, dy, layer.gamma):
        array.flags.writeable = False
    _, pullback = layer.vjp(x)
    (first, dx_first), (second, dx_second) = pullback(dy), pullback(dy)
    np.testing.assert_array_equal(first.gamma, second.gamma)
    np.testing.assert_array_equal(dx_first, dx_second)


def test_init_has_no_effect(rng):
    layer = RMSNorm.init(7, np.float64)
    x = rng.normal(size=SHAPE)
    same(layer(x), normalised(x)[0])
    assert layer.eps == 1e-6 and RMSNorm.init(7).gamma.dtype == np.float32


def dx_planted(wrong):
    """Return an RMSNorm with `wrong(dxhat, xhat, r, x) -> dx`."""
    return planted(lambda layer, x, dy: {"x": wrong(layer.gamma * dy, *normalised(x), x)})


def test_mean_square_as_a_constant_is_caught(caught, rng):
    caught({"x"}, *layer_and_input(rng, kind=dx_planted(lambda dxhat, xhat, r, x: r * dxhat)))


def test_projection_without_xhat_is_caught(caught, rng):
    wrong = dx_planted(lambda dxhat, xhat, r, x: r * (dxhat - xhat * mean(dxhat)))
    caught({"x"}, *layer_and_input(rng, kind=wrong))


def test_sum_for_mean_is_caught(caught, rng):
    wrong = dx_planted(lambda dxhat, xhat, r, x: r * (dxhat - xhat * 7 * mean(dxhat * xhat)))
    caught({"x"}, *layer_and_input(rng, kind=wrong))


def test_projection_along_raw_input_is_caught(caught, rng):
    wrong = dx_planted(lambda dxhat, xhat, r, x: r * (dxhat - x * mean(dxhat * xhat)))
    caught({"x"}, *layer_and_input(rng, kind=wrong))


def test_mean_term_of_layer_normalisation_is_caught(caught, rng):
    wrong = dx_planted(lambda dxhat, xhat, r, x: r * (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat)))
    caught({"x"}, *layer_and_input(rng, kind=wrong))


def test_gain_after_the_projection_is_caught(caught, rng):
    def after(layer, x, dy):
        xhat, r = normalised(x)
        return {"x": layer.gamma * r * (dy - xhat * mean(dy * xhat))}

    caught({"x"}, *layer_and_input(rng, kind=planted(after)))


def test_eps_outside_the_root_is_caught(caught, rng):
    def outside(dxhat, xhat, r, x):
        r = 1 / (np.sqrt(mean(x * x)) + 1e-6)
        return r * (dxhat - r * x * mean(dxhat * r * x))

    caught({"x"}, *layer_and_input(rng, kind=dx_planted(outside)))


def test_eps_forgotten_in_the_backward_is_caught(caught, rng):
    def without(dxhat, xhat, r, x):
        xhat, r = normalised(x, eps=0)
        return r * (dxhat - xhat * mean(dxhat * xhat))

    caught({"x"}, *layer_and_input(rng, kind=dx_planted(without)))


def test_gain_gradient_with_raw_input_is_caught(caught, rng):
    wrong = planted(lambda layer, x, dy: {"gamma": (dy * x).sum(axis=(0, 1))})
    caught({"gamma"}, *layer_and_input(rng, kind=wrong))


def test_gain_gradient_over_two_axes_is_an_error(rng):
    wrong = planted(lambda layer, x, dy: {"gamma": (dy * normalised(x)[0]).sum(axis=(0, 1))})
    layer, x = layer_and_input(rng, (4, 7), wrong)
    with pytest.raises(TypeError, match=r"^Wrong\.cotangent: 'gamma' must be an array, got float64$"):
        run(layer, x, rng.normal(size=(4, 7)))


def test_bad_input_is_one_clear_line(rng):
    layer, _ = layer_and_input(rng)
    with pytest.raises(ValueError, match=r"^RMSNorm: x must have shape \(\.\.\., 7\), got \(2, 6\)$"):
        layer(np.zeros((2, 6)))
    with pytest.raises(TypeError, match=r"^RMSNorm: x must be an array, got list$"):
        layer([1.0] * 7)
    with pytest.raises(ValueError, match=r"^RMSNorm\.init: width must be at least 1, got 0$"):
        RMSNorm.init(0)
    with pytest.raises(TypeError, match=r"^RMSNorm\.init: dtype must be floating or complex, got int64$"):
        RMSNorm.init(3, np.int64)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"gamma": np.ones((3, 1))}, ValueError, r"gamma must have shape \(D,\), got \(3, 1\)"),
        ({"gamma": np.arange(3)}, TypeError, "gamma must be floating or complex, got int64"),
        ({"gamma": np.ones(3), "eps": -1.0}, ValueError, r"eps must be finite and at least 0, got -1\.0"),
        ({"gamma": np.ones(3), "eps": "x"}, TypeError, "eps must be a number, got str"),
    ],
)
def test_fields_that_do_not_fit_are_one_clear_line(fields, error, message):
    with pytest.raises(error, match=f"^RMSNorm: {message}$"):
        RMSNorm(**fields)(np.ones((2, 3)))
