import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.layer import Layer
from reference.functions.softmax import examples, softmax, softmax_vjp
from reference.layers.linear import Linear

EXACT = {"rtol": 1e-14, "atol": 1e-15}  # float64, rows of at most 7 numbers near 1 summed in another order
SHAPE = (2, 3, 7)


class Weights(Layer):
    """Softmax of an affine map, of which a mask hides a part."""

    linear: Linear

    def vjp(self, x, *, mask=None):
        s, linear_pullback = self.linear.vjp(x)
        p, softmax_pullback = softmax_vjp(s if mask is None else np.where(mask, s, -np.inf))

        def pullback(dp):
            d_linear, dx = linear_pullback(softmax_pullback(dp))
            return self.cotangent(linear=d_linear), dx

        return p, pullback


def planted(wrong):
    """Return softmax_vjp with `wrong(p, dp) -> ds` for its pullback."""

    def wrong_vjp(s):
        p, _ = softmax_vjp(s)
        return p, lambda dp: wrong(p, dp)

    return wrong_vjp


def oracle(s, dp):
    """p and ds of one row, number by number."""
    total = sum(math.exp(score) for score in s)
    p = [math.exp(score) / total for score in s]
    mean = sum(weight * dweight for weight, dweight in zip(p, dp, strict=True))
    return p, [weight * (dweight - mean) for weight, dweight in zip(p, dp, strict=True)]


def scores(rng, shape=SHAPE):
    return rng.normal(size=shape), rng.normal(size=shape)


def run(s, dp):
    p, pullback = softmax_vjp(s)
    return p, pullback(dp)


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(2))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@pytest.mark.parametrize("shape", [(1, 7), (2, 1, 7), (2, 3, 4, 5)])
def test_backward_is_proved_at_batch_one_and_with_heads(prove, rng, shape):
    prove(softmax_vjp, rng.normal(size=shape))


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.lists(st.integers(1, 4), max_size=3), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(leading, width, seed):
    gradcheck.assert_gradients(softmax_vjp, np.random.default_rng(seed).normal(size=(*leading, width)))


@pytest.mark.parametrize("masked", [False, True])
def test_backward_is_proved_inside_a_composite(prove, rng, masked):
    mask = rng.random((2, 3, 5)) < 0.7
    mask[0, 0], mask[0, 1] = False, True
    layer = Weights(linear=Linear(w=rng.normal(size=(7, 5)), b=rng.normal(size=5)))
    prove(layer, rng.normal(size=SHAPE), mask=mask if masked else None)


def test_forward_and_backward_equal_their_loop_oracle(rng):
    s, dp = scores(rng)
    p, ds = run(s, dp)
    for index in np.ndindex(s.shape[:-1]):
        same(p[index], oracle(s[index], dp[index])[0])
        same(ds[index], oracle(s[index], dp[index])[1])
    same(softmax(s), p)


def test_rows_are_distributions(rng):
    p = softmax(30 * rng.normal(size=SHAPE))
    assert (p >= 0).all()
    same(p.sum(axis=-1), 1)


def test_shift_invariance(rng):
    s, dp = scores(rng)
    for got, expected in zip(run(s + rng.normal(size=(2, 3, 1)), dp), run(s, dp), strict=True):
        same(got, expected)
    same(run(s, dp)[1].sum(axis=-1), 0)


def test_ratios_depend_on_differences(rng):
    s, _ = scores(rng)
    p = softmax(s)
    same(p[..., 2] / p[..., 5], np.exp(s[..., 2] - s[..., 5]))


def test_permutation_equivariance(rng):
    (s, dp), order = scores(rng), rng.permutation(7)
    for got, expected in zip(run(s[..., order], dp[..., order]), run(s, dp), strict=True):
        same(got, expected[..., order])


def test_jacobian_is_symmetric_and_semidefinite(rng):
    (s, u), v = scores(rng, (7,)), rng.normal(size=7)
    _, jacobian = softmax_vjp(s)
    same(u @ jacobian(v), jacobian(u) @ v)
    assert u @ jacobian(u) > 0
    same(np.ones(7) @ jacobian(np.ones(7)), 0)


def test_minus_infinity_removes_an_entry(rng):
    s, dp = scores(rng)
    s[..., [1, 4]] = -np.inf
    rest = [0, 2, 3, 5, 6]
    for got, expected in zip(run(s, dp), run(s[..., rest], dp[..., rest]), strict=True):
        assert not got[..., [1, 4]].any()
        same(got[..., rest], expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_row_of_minus_infinity_is_zero(rng, dtype):
    s, dp = (z.astype(dtype) for z in scores(rng))
    s[1, 2] = -np.inf
    p, ds = run(s, dp)
    assert not p[1, 2].any() and not ds[1, 2].any()
    assert np.isfinite(p).all() and np.isfinite(ds).all()
    assert p[1, 1].all()


def test_two_entries_are_the_logistic_function(rng):
    s, _ = scores(rng, (5, 2))
    same(softmax(s)[:, 0], 1 / (1 + np.exp(s[:, 1] - s[:, 0])))


@pytest.mark.parametrize(("dtype", "large"), [(np.float32, 1e38), (np.float64, 1e307)])
def test_large_scores_do_not_overflow(dtype, large):
    p = softmax(np.array([[large, large, -large], [100, 100, 99], [800, 800, 799]], dtype))
    few = 4 * np.finfo(dtype).eps  # an exponential, a sum of three and a division
    last = math.exp(-1) / (2 + math.exp(-1))
    expected = [[0.5, 0.5, 0]] + 2 * [[(1 - last) / 2, (1 - last) / 2, last]]
    np.testing.assert_allclose(p, expected, rtol=few, atol=0)


def test_rows_far_apart_do_not_underflow(rng):
    s, _ = scores(rng)
    np.testing.assert_array_equal(softmax(np.stack([np.round(s), np.round(s) - 2000]))[1], softmax(np.round(s)))


def test_a_row_with_nan_stays_alone(rng):
    s, dp = scores(rng)
    s[0, 1, 3] = np.nan
    p, ds = run(s, dp)
    assert np.isnan(p[0, 1]).all() and np.isnan(p).sum() == np.isnan(ds).sum() == 7


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    p, ds = run(*(z.astype(dtype) for z in scores(rng)))
    assert p.dtype == ds.dtype == dtype


def test_float32_is_as_accurate_as_its_rounding(rng):
    s, dp = (z.astype(np.float32) for z in scores(rng))
    for got, expected in zip(run(s, dp), run(s.astype(float), dp.astype(float)), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=8 * 2.0**-24)  # at most 8 roundings of numbers below 1


def test_complex_step_gives_the_derivative(rng):
    s, delta = scores(rng)
    p, jacobian = softmax_vjp(s)
    stepped = softmax(s + 1e-30j * delta)
    same(stepped.real, p)
    same(stepped.imag / 1e-30, jacobian(delta))


@pytest.mark.parametrize("shape", [(0,), (0, 7), (2, 0, 7), (2, 3, 0)])
def test_empty_scores_give_empty_weights(shape):
    p, ds = run(np.zeros(shape), np.zeros(shape))
    assert p.shape == ds.shape == shape


def test_nothing_received_is_written(rng):
    s, dp = scores(rng)
    kept = s.copy(), dp.copy()
    s.flags.writeable = dp.flags.writeable = False
    _, pullback = softmax_vjp(s)
    np.testing.assert_array_equal(pullback(dp), pullback(dp))
    np.testing.assert_array_equal((s, dp), kept)


def test_diagonal_jacobian_is_caught(caught, rng):
    caught({"s"}, planted(lambda p, dp: p * (1 - p) * dp), rng.normal(size=SHAPE))


def test_missing_sum_is_caught(caught, rng):
    caught({"s"}, planted(lambda p, dp: p * dp), rng.normal(size=SHAPE))


def test_unweighted_mean_is_caught(caught, rng):
    caught({"s"}, planted(lambda p, dp: p * (dp - dp.mean(axis=-1, keepdims=True))), rng.normal(size=SHAPE))


def test_sum_over_all_rows_is_caught(caught, rng):
    caught({"s"}, planted(lambda p, dp: p * (dp - (dp * p).sum())), rng.normal(size=SHAPE))


def test_zero_pullback_is_caught(caught, rng):
    same(run(rng.normal(size=SHAPE), np.ones(SHAPE))[1], 0)
    caught({"s"}, planted(lambda p, dp: np.zeros_like(p)), rng.normal(size=SHAPE))


@pytest.mark.parametrize(
    ("s", "error", "message"),
    [
        ([0.0, 1.0], TypeError, r"^softmax: s must be an array, got list$"),
        (np.arange(3), TypeError, r"^softmax: s must be floating or complex, got int64$"),
        (np.array(1.0), ValueError, r"^softmax: s must have shape \(\.\.\., S\), got \(\)$"),
    ],
)
def test_bad_input_is_one_clear_line(s, error, message):
    with pytest.raises(error, match=message):
        softmax(s)


def test_weights_lie_where_they_are_wanted(rng):
    s, out = rng.normal(size=(2, 3, 5)), np.empty((2, 3, 5))
    p, pullback = softmax_vjp(s, out=out)
    expected, plain_pullback = softmax_vjp(s)
    assert p is out and np.array_equal(p, expected)
    np.testing.assert_array_equal(pullback(s), plain_pullback(s))
    in_place, _ = softmax_vjp(s, out=s)
    assert in_place is s and np.array_equal(s, expected)


def test_room_that_does_not_fit_is_one_clear_line():
    s = np.zeros((2, 3), np.float32)
    for out, error, message in (
        (np.zeros((3, 2), np.float32), ValueError, r"out must have shape \(2, 3\), got \(3, 2\)"),
        (np.zeros((1, 2, 3), np.float32), ValueError, r"out must have shape \(2, 3\), got \(1, 2, 3\)"),
        (np.zeros((2, 3)), TypeError, "out must be float32 as s is, got float64"),
        ([0.0], TypeError, "out must be an array, got list"),
    ):
        with pytest.raises(error, match=rf"^softmax: {message}$"):
            softmax_vjp(s, out=out)
    room = np.empty_like(s)
    p, _ = softmax_vjp(s, out=room)
    assert p is room and np.array_equal(p, softmax_vjp(s)[0])
