import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.layer import Layer
from reference.functions.logsumexp import examples, logsumexp, logsumexp_vjp
from reference.functions.softmax import softmax
from reference.layers.linear import Linear

EXACT = {"rtol": 1e-14, "atol": 1e-15}  # float64, rows of at most 7 numbers near 1 summed in another order
SHAPE = (2, 3, 7)


class SoftMaximum(Layer):
    """Log-sum-exp of an affine map, of which a mask hides a part."""

    linear: Linear

    def vjp(self, x, *, mask=None):
        s, linear_pullback = self.linear.vjp(x)
        l, logsumexp_pullback = logsumexp_vjp(s if mask is None else np.where(mask, s, -np.inf))

        def pullback(dl):
            d_linear, dx = linear_pullback(logsumexp_pullback(dl))
            return self.cotangent(linear=d_linear), dx

        return l, pullback


def planted(wrong):
    """Return logsumexp_vjp with `wrong(s, l, dl) -> ds` for its pullback."""

    def wrong_vjp(s):
        l, _ = logsumexp_vjp(s)
        return l, lambda dl: wrong(s, l[..., None], dl[..., None])

    return wrong_vjp


def scores(rng, shape=SHAPE):
    return rng.normal(size=shape), rng.normal(size=shape[:-1])


def run(s, dl):
    l, pullback = logsumexp_vjp(s)
    return l, pullback(dl)


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(2))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.lists(st.integers(1, 4), max_size=3), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(leading, width, seed):
    gradcheck.assert_gradients(logsumexp_vjp, np.random.default_rng(seed).normal(size=(*leading, width)))


@pytest.mark.parametrize("masked", [False, True])
def test_backward_is_proved_inside_a_composite(prove, rng, masked):
    mask = rng.random((2, 3, 5)) < 0.7
    mask[0, 1] = True
    mask[..., 2] = True
    layer = SoftMaximum(linear=Linear(w=rng.normal(size=(7, 5)), b=rng.normal(size=5)))
    prove(layer, rng.normal(size=SHAPE), mask=mask if masked else None)


def test_forward_and_backward_equal_their_loop_oracle(rng):
    s, dl = scores(rng)
    l, ds = run(s, dl)
    for at in np.ndindex(s.shape[:-1]):
        total = math.fsum(math.exp(score) for score in s[at])
        same(l[at], math.log(total))
        same(ds[at], [dl[at] * math.exp(score) / total for score in s[at]])
    same(logsumexp(s), l)


def test_a_shift_goes_through(rng):
    s, dl = scores(rng)
    shift = rng.normal(size=(2, 3))
    (l, ds), (shifted, ds_shifted) = run(s, dl), run(s + shift[..., None], dl)
    same(shifted, l + shift)
    same(ds_shifted, ds)
    same(ds.sum(axis=-1), dl)


def test_lies_between_the_maximum_and_log_s_above(rng):
    s, _ = scores(rng)
    l = logsumexp(s)
    assert (s.max(axis=-1) < l).all() and (l < s.max(axis=-1) + math.log(7)).all()
    same(logsumexp(np.full(SHAPE, 4.2)), 4.2 + math.log(7))


def test_of_parts_is_that_of_the_whole(rng):
    s, _ = scores(rng)
    same(logsumexp(np.stack([logsumexp(s[..., :2]), logsumexp(s[..., 2:])], axis=-1)), logsumexp(s))


def test_permutation_equivariance(rng):
    (s, dl), order = scores(rng), rng.permutation(7)
    (l, ds), (permuted, ds_permuted) = run(s, dl), run(s[..., order], dl)
    same(permuted, l)
    same(ds_permuted, ds[..., order])


def test_minus_infinity_removes_an_entry(rng):
    s, dl = scores(rng)
    s[..., [1, 4]] = -np.inf
    rest = [0, 2, 3, 5, 6]
    (l, ds), (l_rest, ds_rest) = run(s, dl), run(s[..., rest], dl)
    same(l, l_rest)
    same(ds[..., rest], ds_rest)
    assert not ds[..., [1, 4]].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_row_of_minus_infinity_is_minus_infinity(rng, dtype):
    s, dl = (z.astype(dtype) for z in scores(rng))
    s[1, 2] = -np.inf
    l, ds = run(s, dl)
    assert l[1, 2] == -np.inf and not ds[1, 2].any()
    assert np.isfinite(np.delete(l.reshape(6), 5)).all() and np.isfinite(ds).all() and ds[1, 1].all()
    empty, ds = run(np.zeros((2, 0), dtype), np.ones(2, dtype))
    assert (empty == -np.inf).all() and ds.shape == (2, 0)


def test_gradient_is_the_softmax(rng):
    s, _ = scores(rng)
    l, ds = run(s, np.ones((2, 3)))
    same(ds, softmax(s))
    same(ds, np.exp(s - l[..., None]))


@pytest.mark.parametrize(("dtype", "large"), [(np.float32, 1e38), (np.float64, 1e307)])
def test_large_scores_stay_exact(dtype, large):
    l, ds = run(np.array([[large, large, -large], [800, 800, -800], [-800, -900, -800]], dtype), np.ones(3, dtype))
    few = 4 * np.finfo(dtype).eps  # a sum, a logarithm and an addition
    np.testing.assert_allclose(l, [large, 800 + math.log(2), -800 + math.log(2)], rtol=few, atol=0)
    np.testing.assert_allclose(ds, [[0.5, 0.5, 0], [0.5, 0.5, 0], [0.5, math.exp(-100) / 2, 0.5]], rtol=few, atol=1e-40)


def test_an_infinite_score_gives_infinity():
    assert logsumexp(np.array([3.0, np.inf, -np.inf])) == np.inf


def test_rows_far_apart_do_not_underflow(rng):
    s = np.round(scores(rng)[0])
    far = logsumexp(np.stack([s, s - 2000]))[1]
    np.testing.assert_allclose(far + 2000, logsumexp(s), rtol=0, atol=1e-12)  # 5 u 2000


def test_a_row_with_nan_stays_alone(rng):
    s, dl = scores(rng)
    s[0, 1, 3] = np.nan
    l, ds = run(s, dl)
    assert np.isnan(l[0, 1]) and np.isnan(l).sum() == 1 and np.isnan(ds).sum() == 7


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("shape", [SHAPE, (7,)])
def test_dtype_in_is_dtype_out(rng, dtype, shape):
    l, ds = run(*(np.asarray(z, dtype) for z in scores(rng, shape)))
    assert isinstance(l, np.ndarray) and l.shape == shape[:-1]
    assert l.dtype == ds.dtype == dtype and ds.shape == shape


def test_float32_is_as_accurate_as_its_rounding(rng):
    s, dl = (z.astype(np.float32) for z in scores(rng))
    for got, expected in zip(run(s, dl), run(s.astype(float), dl.astype(float)), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=2.0**-19)  # 8 roundings of numbers below 4


def test_complex_step_gives_the_derivative(rng):
    s, delta = rng.normal(size=(2, *SHAPE))
    l, pullback = logsumexp_vjp(s)
    stepped = logsumexp(s + 1e-30j * delta)
    same(stepped.real, l)
    same(stepped.imag / 1e-30, (pullback(np.ones((2, 3))) * delta).sum(axis=-1))


@pytest.mark.parametrize("shape", [(0, 7), (2, 0, 7)])
def test_empty_scores_give_empty_output(shape):
    l, ds = run(np.zeros(shape), np.zeros(shape[:-1]))
    assert l.shape == shape[:-1] and ds.shape == shape


def test_nothing_received_is_written(rng):
    s, dl = scores(rng)
    kept = s.copy(), dl.copy()
    s.flags.writeable = dl.flags.writeable = False
    _, pullback = logsumexp_vjp(s)
    np.testing.assert_array_equal(pullback(dl), pullback(dl))
    np.testing.assert_array_equal(s, kept[0])
    np.testing.assert_array_equal(dl, kept[1])


def test_forgotten_upstream_gradient_is_caught(caught, rng):
    caught({"s"}, planted(lambda s, l, dl: np.exp(s - l)), rng.normal(size=SHAPE))


def test_exponentials_for_probabilities_are_caught(caught, rng):
    caught({"s"}, planted(lambda s, l, dl: dl * np.exp(s - s.max(axis=-1, keepdims=True))), rng.normal(size=SHAPE))


def test_gradient_of_a_maximum_is_caught(caught, rng):
    caught({"s"}, planted(lambda s, l, dl: dl * (s == s.max(axis=-1, keepdims=True))), rng.normal(size=SHAPE))


@pytest.mark.parametrize(
    ("s", "error", "message"),
    [
        ([0.0, 1.0], TypeError, r"^logsumexp: s must be an array, got list$"),
        (np.arange(3), TypeError, r"^logsumexp: s must be floating or complex, got int64$"),
        (np.array(1.0), ValueError, r"^logsumexp: s must have shape \(\.\.\., S\), got \(\)$"),
    ],
)
def test_bad_input_is_one_clear_line(s, error, message):
    with pytest.raises(error, match=message):
        logsumexp(s)
