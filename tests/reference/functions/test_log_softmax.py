import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.layer import Layer
from reference.functions.log_softmax import examples, log_softmax, log_softmax_vjp
from reference.functions.logsumexp import logsumexp_vjp
from reference.layers.linear import Linear
from reference.losses.cross_entropy import cross_entropy_vjp

EXACT = {"rtol": 1e-14, "atol": 1e-14}  # float64, rows of at most 7 numbers near 1 summed in another order
SHAPE = (2, 3, 7)


class LogWeights(Layer):
    """Log-softmax of an affine map."""

    linear: Linear

    def vjp(self, x):
        s, linear_pullback = self.linear.vjp(x)
        y, log_softmax_pullback = log_softmax_vjp(s)

        def pullback(dy):
            d_linear, dx = linear_pullback(log_softmax_pullback(dy))
            return self.cotangent(linear=d_linear), dx

        return y, pullback


def planted(wrong):
    """Return log_softmax_vjp with `wrong(y, dy) -> ds` for its pullback."""

    def wrong_vjp(s):
        y, _ = log_softmax_vjp(s)
        return y, lambda dy: wrong(y, dy)

    return wrong_vjp


def scores(rng, shape=SHAPE):
    return rng.normal(size=shape), rng.normal(size=shape)


def run(s, dy):
    y, pullback = log_softmax_vjp(s)
    return y, pullback(dy)


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(2))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.lists(st.integers(1, 4), max_size=3), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(leading, width, seed):
    gradcheck.assert_gradients(log_softmax_vjp, np.random.default_rng(seed).normal(size=(*leading, width)))


def test_backward_is_proved_inside_a_composite(prove, rng):
    layer = LogWeights(linear=Linear(w=rng.normal(size=(7, 5)), b=rng.normal(size=5)))
    prove(layer, rng.normal(size=SHAPE))


def test_forward_and_backward_equal_their_loop_oracle(rng):
    s, dy = scores(rng)
    y, ds = run(s, dy)
    for at in np.ndindex(s.shape[:-1]):
        total = math.fsum(math.exp(score) for score in s[at])
        same(y[at], [score - math.log(total) for score in s[at]])
        same(ds[at], [g - math.exp(score) / total * math.fsum(dy[at]) for g, score in zip(dy[at], s[at], strict=True)])
    same(log_softmax(s), y)


def test_exponentials_are_distributions(rng):
    same(np.exp(log_softmax(30 * rng.normal(size=SHAPE))).sum(axis=-1), 1)


def test_shift_invariance(rng):
    s, dy = scores(rng)
    for got, expected in zip(run(s + rng.normal(size=(2, 3, 1)), dy), run(s, dy), strict=True):
        same(got, expected)
    same(run(s, dy)[1].sum(axis=-1), 0)


def test_differences_are_those_of_the_scores(rng):
    s, _ = scores(rng)
    y = log_softmax(s)
    same(y[..., 2] - y[..., 5], s[..., 2] - s[..., 5])


def test_twice_is_once(rng):
    y = log_softmax(scores(rng)[0])
    same(log_softmax(y), y)


def test_is_the_score_less_the_logsumexp(rng):
    s, dy = scores(rng)
    (y, ds), (l, logsumexp_pullback) = run(s, dy), logsumexp_vjp(s)
    same(y, s - l[..., None])
    same(ds, dy - logsumexp_pullback(dy.sum(axis=-1)))


def test_of_a_one_hot_is_the_cross_entropy(rng):
    s = rng.normal(size=(1, 7))
    loss, loss_pullback = cross_entropy_vjp(s, targets=np.array([3]))
    y, ds = run(s, -np.eye(7)[[3]])
    same(-y[0, 3], loss)
    same(ds, loss_pullback(1.0))


def test_minus_infinity_removes_an_entry(rng):
    s, dy = scores(rng)
    s[..., [1, 4]], dy[..., [1, 4]] = -np.inf, 0
    rest = [0, 2, 3, 5, 6]
    (y, ds), (y_rest, ds_rest) = run(s, dy), run(s[..., rest], dy[..., rest])
    same(y[..., rest], y_rest)
    same(ds[..., rest], ds_rest)
    assert (y[..., [1, 4]] == -np.inf).all() and not ds[..., [1, 4]].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_row_of_minus_infinity_stays_one(rng, dtype):
    s, dy = (z.astype(dtype) for z in scores(rng))
    s[1, 2] = -np.inf
    y, ds = run(s, dy)
    assert (y[1, 2] == -np.inf).all() and np.isfinite(y[1, 1]).all() and np.isfinite(ds).all()


@pytest.mark.parametrize(("dtype", "large"), [(np.float32, 1e38), (np.float64, 1e307)])
def test_scores_far_below_keep_their_digits(dtype, large):
    y = log_softmax(np.array([[large, large, -large], [800, 800, -800]], dtype))
    few = 4 * np.finfo(dtype).eps  # a sum, a logarithm and a difference
    half = -math.log(2)
    np.testing.assert_allclose(y, [[half, half, -2 * large], [half, half, half - 1600]], rtol=few, atol=0)


def test_rows_far_apart_do_not_underflow(rng):
    s = np.round(scores(rng)[0])
    np.testing.assert_array_equal(log_softmax(np.stack([s, s - 2000]))[1], log_softmax(s))


def test_a_row_with_nan_stays_alone(rng):
    s, dy = scores(rng)
    s[0, 1, 3] = np.nan
    y, ds = run(s, dy)
    assert np.isnan(y[0, 1]).all() and np.isnan(y).sum() == np.isnan(ds).sum() == 7


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    y, ds = run(*(z.astype(dtype) for z in scores(rng)))
    assert y.dtype == ds.dtype == dtype


def test_float32_is_as_accurate_as_its_rounding(rng):
    s, dy = (z.astype(np.float32) for z in scores(rng))
    for got, expected in zip(run(s, dy), run(s.astype(float), dy.astype(float)), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=2.0**-18)  # 8 roundings of numbers below 8


def test_complex_step_gives_the_derivative(rng):
    s, delta = scores(rng)
    y, pullback = log_softmax_vjp(s)
    stepped = log_softmax(s + 1e-30j * delta)
    same(stepped.real, y)
    v = rng.normal(size=SHAPE)
    same(np.vdot(v, stepped.imag / 1e-30), np.vdot(pullback(v), delta))


@pytest.mark.parametrize("shape", [(0,), (0, 7), (2, 0, 7), (2, 3, 0)])
def test_empty_scores_give_empty_output(shape):
    y, ds = run(np.zeros(shape), np.zeros(shape))
    assert y.shape == ds.shape == shape


def test_nothing_received_is_written(rng):
    s, dy = scores(rng)
    kept = s.copy(), dy.copy()
    s.flags.writeable = dy.flags.writeable = False
    _, pullback = log_softmax_vjp(s)
    np.testing.assert_array_equal(pullback(dy), pullback(dy))
    np.testing.assert_array_equal((s, dy), kept)


def test_untransposed_derivative_is_caught(caught, rng):
    wrong = planted(lambda y, dy: dy - (np.exp(y) * dy).sum(axis=-1, keepdims=True))
    caught({"s"}, wrong, rng.normal(size=SHAPE))


def test_pullback_of_softmax_is_caught(caught, rng):
    wrong = planted(lambda y, dy: np.exp(y) * (dy - (np.exp(y) * dy).sum(axis=-1, keepdims=True)))
    caught({"s"}, wrong, rng.normal(size=SHAPE))


def test_missing_sum_is_caught(caught, rng):
    caught({"s"}, planted(lambda y, dy: dy - np.exp(y)), rng.normal(size=SHAPE))


def test_sum_over_all_rows_is_caught(caught, rng):
    caught({"s"}, planted(lambda y, dy: dy - np.exp(y) * dy.sum()), rng.normal(size=SHAPE))


@pytest.mark.parametrize(
    ("s", "error", "message"),
    [
        ([0.0, 1.0], TypeError, r"^log_softmax: s must be an array, got list$"),
        (np.arange(3), TypeError, r"^log_softmax: s must be floating or complex, got int64$"),
        (np.array(1.0), ValueError, r"^log_softmax: s must have shape \(\.\.\., S\), got \(\)$"),
    ],
)
def test_bad_input_is_one_clear_line(s, error, message):
    with pytest.raises(error, match=message):
        log_softmax(s)
