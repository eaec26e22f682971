import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.layer import Layer
from reference.layers.layernorm import LayerNorm, examples
from reference.layers.linear import Linear

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # float64, sums of at most 12 numbers near 1, then times r of a few units
SHAPE = (2, 3, 7)


class NormedMap(Layer):
    """A norm, an affine map, a norm: the parameters of the first are seen through the second."""

    first: LayerNorm
    linear: Linear
    second: LayerNorm

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
    """Return a LayerNorm with `wrong(layer, x, dy) -> {"gamma" or "x": gradient}` in place of some gradients."""

    class Wrong(LayerNorm):
        def vjp(self, x):
            y, norm_pullback = super().vjp(x)

            def pullback(dy):
                d_self, dx = norm_pullback(dy)
                got = {"gamma": d_self.gamma, "x": dx} | wrong(self, x, dy)
                return self.cotangent(gamma=got["gamma"], beta=d_self.beta), got["x"]

            return y, pullback

    return Wrong


def mean(z):
    return z.mean(axis=-1, keepdims=True)


def normalised(x, eps=1e-5):
    """Return xhat and r."""
    r = 1 / np.sqrt(mean((x - mean(x)) ** 2) + eps)
    return r * (x - mean(x)), r


def layer_and_input(rng, shape=SHAPE, kind=LayerNorm):
    return kind(gamma=rng.normal(size=shape[-1]), beta=rng.normal(size=shape[-1])), rng.normal(size=shape)


def run(layer, x, dy):
    """Return y, dgamma, dbeta and dx."""
    y, pullback = layer.vjp(x)
    d_layer, dx = pullback(dy)
    return y, d_layer.gamma, d_layer.beta, dx


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(3))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@pytest.mark.parametrize("shape", [(4, 7), (1, 1, 7), (2, 3, 4, 5), (3, 3)])
def test_backward_is_proved_at_other_leading_shapes(prove, rng, shape):
    prove(*layer_and_input(rng, shape))


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.lists(st.integers(1, 4), max_size=3), st.integers(3, 6), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(leading, width, seed):
    gradcheck.assert_gradients(*layer_and_input(np.random.default_rng(seed), (*leading, width)))


def test_backward_is_proved_inside_a_composite(prove, rng):
    first, x = layer_and_input(rng)
    second, _ = layer_and_input(rng, (5,))
    prove(NormedMap(first=first, linear=Linear(w=rng.normal(size=(7, 5)), b=rng.normal(size=5)), second=second), x)


def test_forward_and_backward_equal_their_loop_oracle(rng):
    layer, x = layer_and_input(rng, (3, 7))
    dy = rng.normal(size=x.shape)
    expected_y, expected_dx, expected_dgamma = np.zeros(x.shape), np.zeros(x.shape), np.zeros(7)
    for n, row in enumerate(x):
        mu = sum(row) / 7
        r = 1 / math.sqrt(sum((v - mu) ** 2 for v in row) / 7 + 1e-5)
        for i in range(7):
            expected_y[n, i] = layer.gamma[i] * r * (row[i] - mu) + layer.beta[i]
            expected_dgamma[i] += dy[n, i] * r * (row[i] - mu)
            for j in range(7):  # entry (j, i) of the Jacobian, by the derivative of a quotient
                slope = r * ((i == j) - 1 / 7) - r**3 * (row[i] - mu) * (row[j] - mu) / 7
                expected_dx[n, i] += dy[n, j] * layer.gamma[j] * slope
    for got, expected in zip(run(layer, x, dy), (expected_y, expected_dgamma, dy.sum(0), expected_dx), strict=True):
        same(got, expected)


def test_shift_invariance(rng):
    layer, x = layer_and_input(rng)
    dy = rng.normal(size=SHAPE)
    for got, expected in zip(run(layer, x + rng.normal(size=(2, 3, 1)), dy), run(layer, x, dy), strict=True):
        same(got, expected)
    same(run(layer, x, dy)[3].sum(axis=-1), 0)


def test_gradient_along_xhat_is_proportional_to_eps(rng):
    _, x = layer_and_input(rng)
    layer, dy = LayerNorm(gamma=rng.normal(size=7), beta=rng.normal(size=7), eps=0.3), rng.normal(size=SHAPE)
    xhat, r = normalised(x, eps=0.3)
    dx = run(layer, x, dy)[3]
    same((xhat * dx).sum(axis=-1), (r**3)[..., 0] * 0.3 * (xhat * layer.gamma * dy).sum(axis=-1))


@pytest.mark.parametrize("a", [3, -3])
def test_scaling_the_input_and_eps(rng, a):
    (layer, x), dy, sign = layer_and_input(rng), rng.normal(size=SHAPE), np.sign(a)
    y, dgamma, dbeta, dx = run(layer, x, dy)
    scaled = run(LayerNorm(gamma=layer.gamma, beta=layer.beta, eps=9e-5), a * x, dy)
    expected = layer.beta + sign * (y - layer.beta), sign * dgamma, dbeta, dx / 3
    for got, want in zip(scaled, expected, strict=True):
        same(got, want)


def test_rows_are_normalised(rng):
    x = layer_and_input(rng)[1]
    y = LayerNorm(gamma=np.ones(7), beta=np.zeros(7), eps=0.3)(x)
    same(y.mean(axis=-1), 0)
    same((y * y).mean(axis=-1), x.var(axis=-1) / (x.var(axis=-1) + 0.3))


def test_permutation_equivariance(rng):
    (layer, x), dy, order = layer_and_input(rng), rng.normal(size=SHAPE), rng.permutation(7)
    permuted = LayerNorm(gamma=layer.gamma[order], beta=layer.beta[order])
    got = run(permuted, x[..., order], dy[..., order])
    for g, expected in zip(got, run(layer, x, dy), strict=True):
        same(g, expected[..., order])


def test_euler_identity_of_the_parameters(rng):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    y, dgamma, dbeta, _ = run(layer, x, dy)
    same(np.vdot(dy, y), dgamma @ layer.gamma + dbeta @ layer.beta)


def test_a_batch_is_the_sum_of_its_rows(rng):
    (layer, x), dy = layer_and_input(rng, (4, 7)), rng.normal(size=(4, 7))
    ys, dgammas, dbetas, dxs = zip(*(run(layer, *row) for row in zip(x, dy, strict=True)), strict=True)
    for got, expected in zip(run(layer, x, dy), (ys, sum(dgammas), sum(dbetas), dxs), strict=True):
        same(got, expected)


def test_memory_layout_does_not_matter(rng):
    layer, x = layer_and_input(rng)
    turned = np.asfortranarray(x), np.broadcast_to(rng.normal(size=(1, 1, 7)), SHAPE)
    for got, expected in zip(run(layer, *turned), run(layer, *(z.copy() for z in turned)), strict=True):
        same(got, expected)


def test_large_offset_keeps_its_digits(rng):
    layer, x = layer_and_input(rng)
    x = np.round(x * 64) / 64  # exact in float32 behind an offset of 2^14
    (y, *_), (shifted, *_) = (
        run(layer.astype(np.float32), (x + offset).astype(np.float32), np.ones(SHAPE, np.float32))
        for offset in (0, 2**14)
    )
    # the mean of seven numbers near 2^14 is rounded by about 2^14 u = 0.001; in one pass the variance would be noise
    np.testing.assert_allclose(shifted, y, rtol=0, atol=0.01)  # ten times the rounding of the mean
    np.testing.assert_allclose(
        run(layer, x + 2**14, np.ones(SHAPE))[0], layer(x), rtol=0, atol=1e-10  # the same in float64, u = 1e-16
    )


def test_rows_of_equal_entries_give_beta(rng):
    layer, _ = layer_and_input(rng)
    y, dgamma, _, dx = run(layer, np.full(SHAPE, 0.5), rng.normal(size=SHAPE))
    same(y, np.broadcast_to(layer.beta, SHAPE))
    same(dgamma, 0)
    assert np.isfinite(dx).all()


@pytest.mark.parametrize(
    ("dtype", "size"),
    [(np.float16, 400), (np.float16, 2e4), (np.float32, 1e20), (np.float32, 1e38), (np.float64, 1e160)],
)
def test_rows_whose_squares_overflow(rng, dtype, size):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    x /= abs(x).max()
    got = run(layer.astype(dtype), (x * size).astype(dtype), dy.astype(dtype))
    exact = run(LayerNorm(layer.gamma, layer.beta, 0.0), x, dy)  # the same but for the scale: eps is far below it
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
    y, _, _, dx = run(layer, x, dy)
    stepped = layer(x + 1e-30j * delta)
    same(stepped.real, y)
    same(np.vdot(dy, stepped.imag / 1e-30), np.vdot(dx, delta))


@pytest.mark.parametrize("shape", [(0, 7), (2, 0, 7)])
def test_empty_batch_gives_empty_output_and_zero_gradient(rng, shape):
    layer, x = layer_and_input(rng, shape)
    y, dgamma, dbeta, dx = run(layer, x, np.zeros(shape))
    assert y.shape == dx.shape == shape and dgamma.shape == dbeta.shape == (7,)
    assert not dgamma.any() and not dbeta.any()


def test_nothing_received_is_written_and_a_pullback_may_be_called_twice(rng):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    for array in (x, dy, layer.gamma, layer.beta):
        array.flags.writeable = False
    _, pullback = layer.vjp(x)
    (first, dx_first), (second, dx_second) = pullback(dy), pullback(dy)
    for got, expected in ((first.gamma, second.gamma), (first.beta, second.beta), (dx_first, dx_second)):
        np.testing.assert_array_equal(got, expected)


def test_init_has_no_effect(rng):
    layer = LayerNorm.init(7, np.float64)
    x = rng.normal(size=SHAPE)
    same(layer(x), normalised(x)[0])
    assert layer.eps == 1e-5 and LayerNorm.init(7).gamma.dtype == LayerNorm.init(7).beta.dtype == np.float32


def test_mean_and_variance_as_constants_is_caught(caught, rng):
    wrong = planted(lambda layer, x, dy: {"x": normalised(x)[1] * layer.gamma * dy})
    caught({"x"}, *layer_and_input(rng, kind=wrong))


def test_missing_mean_term_is_caught(caught, rng):
    def no_mean(layer, x, dy):
        (xhat, r), dxhat = normalised(x), layer.gamma * dy
        return {"x": r * (dxhat - xhat * mean(dxhat * xhat))}

    caught({"x"}, *layer_and_input(rng, kind=planted(no_mean)))


def test_missing_variance_term_is_caught(caught, rng):
    def no_variance(layer, x, dy):
        _, r = normalised(x)
        return {"x": r * (layer.gamma * dy - mean(layer.gamma * dy))}

    caught({"x"}, *layer_and_input(rng, kind=planted(no_variance)))


def test_eps_outside_the_root_is_caught(caught, rng):
    def outside(layer, x, dy):
        dxhat, r = layer.gamma * dy, 1 / (np.sqrt(mean((x - mean(x)) ** 2)) + layer.eps)
        xhat = r * (x - mean(x))
        return {"x": r * (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat))}

    caught({"x"}, *layer_and_input(rng, kind=planted(outside)))


def test_gain_gradient_over_two_axes_is_an_error(rng):
    wrong = planted(lambda layer, x, dy: {"gamma": (dy * normalised(x)[0]).sum(axis=(0, 1))})
    layer, x = layer_and_input(rng, (4, 7), wrong)
    with pytest.raises(TypeError, match=r"^Wrong\.cotangent: 'gamma' must be an array, got float64$"):
        run(layer, x, rng.normal(size=(4, 7)))


def test_gain_after_the_projection_is_caught(caught, rng):
    def after(layer, x, dy):
        xhat, r = normalised(x)
        return {"x": layer.gamma * r * (dy - mean(dy) - xhat * mean(dy * xhat))}

    caught({"x"}, *layer_and_input(rng, kind=planted(after)))


def test_gain_gradient_with_raw_input_is_caught(caught, rng):
    wrong = planted(lambda layer, x, dy: {"gamma": (dy * x).sum(axis=(0, 1))})
    caught({"gamma"}, *layer_and_input(rng, kind=wrong))


def test_bad_input_is_one_clear_line(rng):
    layer, _ = layer_and_input(rng)
    with pytest.raises(ValueError, match=r"^LayerNorm: x must have shape \(\.\.\., 7\), got \(2, 6\)$"):
        layer(np.zeros((2, 6)))
    with pytest.raises(ValueError, match=r"^LayerNorm: x must have shape \(\.\.\., 7\), got \(\)$"):
        layer(np.array(1.0))
    with pytest.raises(TypeError, match=r"^LayerNorm: x must be an array, got list$"):
        layer([1.0] * 7)
    with pytest.raises(ValueError, match=r"^LayerNorm\.init: width must be at least 1, got 0$"):
        LayerNorm.init(0)
    with pytest.raises(TypeError, match=r"^LayerNorm\.init: dtype must be floating or complex, got int64$"):
        LayerNorm.init(7, np.int64)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"beta": np.ones(4)}, ValueError, r"beta must have shape \(7,\), got \(4,\)"),
        ({"beta": np.ones(1)}, ValueError, r"beta must have shape \(7,\), got \(1,\)"),
        ({"gamma": np.ones((7, 1))}, ValueError, r"gamma must have shape \(D,\), got \(7, 1\)"),
        ({"gamma": np.ones(7, int)}, TypeError, r"gamma must be floating or complex, got int64"),
        ({"eps": -1}, ValueError, r"eps must be finite and at least 0, got -1"),
        ({"eps": math.nan}, ValueError, r"eps must be finite and at least 0, got nan"),
        ({"eps": "1e-5"}, TypeError, r"eps must be a number, got str"),
    ],
)
def test_fields_that_do_not_fit_are_one_clear_line(fields, error, message):
    with pytest.raises(error, match=f"^LayerNorm: {message}$"):
        LayerNorm(**{"gamma": np.ones(7), "beta": np.zeros(7)} | fields)(np.zeros((2, 7)))
