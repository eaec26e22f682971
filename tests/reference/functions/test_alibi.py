import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.layer import Layer
from reference.core.masks import causal
from reference.functions.alibi import alibi, alibi_bias, alibi_slopes, alibi_vjp, examples
from reference.functions.softmax import softmax, softmax_vjp
from reference.layers.linear import Linear

EXACT = {"rtol": 1e-13, "atol": 1e-13}  # float64, one product and one difference of numbers below 20
SHAPE = (2, 3, 4, 6)


class BiasedWeights(Layer):
    """Softmax of the biased scores of an affine map."""

    linear: Linear

    def vjp(self, x):
        s, linear_pullback = self.linear.vjp(x)
        y, alibi_pullback = alibi_vjp(s, slopes=alibi_slopes(3))
        p, softmax_pullback = softmax_vjp(y)

        def pullback(dp):
            d_linear, dx = linear_pullback(alibi_pullback(softmax_pullback(dp)))
            return self.cotangent(linear=d_linear), dx

        return p, pullback


def planted(wrong):
    """Return alibi_vjp with `wrong(slopes, bias, dy) -> ds` for its pullback."""

    def wrong_vjp(s, *, slopes):
        y = alibi(s, slopes=slopes)
        bias = alibi(np.zeros(s.shape), slopes=slopes)
        return y, lambda dy: wrong(slopes[:, None, None], bias, dy)

    return wrong_vjp


def published(n):
    """The slopes as in the code of Press et al."""
    if math.log2(n).is_integer():
        start = 2 ** (-(2 ** -(math.log2(n) - 3)))
        return [start * start**i for i in range(n)]
    closest = 2 ** math.floor(math.log2(n))
    return published(closest) + published(2 * closest)[0::2][: n - closest]


def arrays(rng):
    return rng.normal(size=SHAPE), rng.normal(size=SHAPE)


def run(s, dy, **constants):
    y, pullback = alibi_vjp(s, **constants)
    return y, pullback(dy)


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(2))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.tuples(*[st.integers(1, 4)] * 3), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, ahead, seed):
    rng = np.random.default_rng(seed)
    s = rng.normal(size=(*shape, shape[2] + ahead))
    gradcheck.assert_gradients(alibi_vjp, s, slopes=rng.random(shape[1]))


def test_backward_is_proved_inside_a_composite(prove, rng):
    layer = BiasedWeights(linear=Linear(w=rng.normal(size=(5, 6)), b=rng.normal(size=6)))
    prove(layer, rng.normal(size=(2, 3, 4, 5)))


def test_forward_and_backward_equal_their_loop_oracle(rng):
    s, dy = arrays(rng)
    slopes = alibi_slopes(3)
    y, ds = run(s, dy, slopes=slopes)
    for b, h, t, j in np.ndindex(SHAPE):
        same(y[b, h, t, j], s[b, h, t, j] - slopes[h] * abs(2 + t - j))
    np.testing.assert_array_equal(ds, dy)
    np.testing.assert_array_equal(alibi(s, slopes=slopes), y)


@pytest.mark.parametrize("heads", [1, 2, 3, 5, 6, 7, 8, 12, 16, 20])
def test_slopes_are_those_of_the_published_code(heads):
    # theirs are powers of a rounded number: up to 16 roundings more
    np.testing.assert_allclose(alibi_slopes(heads), published(heads), rtol=1e-14, atol=0)


def test_slopes_interleave():
    np.testing.assert_array_equal(alibi_slopes(16)[1::2], alibi_slopes(8))
    np.testing.assert_array_equal(alibi_slopes(11), [*alibi_slopes(8), *alibi_slopes(16)[:6:2]])


def test_a_shift_of_all_positions_changes_nothing(rng):
    s, _ = arrays(rng)
    moved = alibi(s, slopes=alibi_slopes(3), queries=range(102, 106), keys=range(100, 106))
    np.testing.assert_array_equal(moved, alibi(s, slopes=alibi_slopes(3)))


def test_a_block_is_part_of_the_whole(rng):
    s, _ = arrays(rng)
    block = alibi(s[:, :, 1:3, 2:5], slopes=alibi_slopes(3), queries=range(3, 5), keys=range(2, 5))
    np.testing.assert_array_equal(block, alibi(s, slopes=alibi_slopes(3))[:, :, 1:3, 2:5])


def test_ids_give_the_bias_of_their_distances(rng):
    slopes, ids = alibi_slopes(3), np.array([[0, 1, 2, 0, 1], [7, 0, 40, 1, 1]])
    bias = alibi_bias(slopes, position_ids=ids)
    for b, h, t, j in np.ndindex(2, 3, 5, 5):
        assert bias[b, h, t, j] == -slopes[h] * abs(int(ids[b, t]) - int(ids[b, j]))
    usual, zeros = np.arange(5)[None], np.zeros((1, 3, 5, 5))
    assert np.array_equal(alibi_bias(slopes, position_ids=usual + 30), alibi(zeros, slopes=slopes))
    assert np.array_equal(alibi_bias(slopes, position_ids=ids + 9), bias)
    assert alibi_bias(slopes.astype(np.float32), position_ids=ids).dtype == np.float32
    assert alibi_bias(slopes, position_ids=ids[:0]).shape == (0, 3, 5, 5)


@pytest.mark.parametrize(("slopes", "ids", "error", "message"), [
    (np.ones((3, 1)), np.zeros((1, 2), int), ValueError, r"slopes must have shape \(H,\), got \(3, 1\)"),
    (np.ones(3), np.zeros((1, 2)), TypeError, "position_ids must be an integer array, got float64"),
    (np.ones(3), np.zeros(2, int), ValueError, r"position_ids must have shape \(B, T\), got \(2,\)"),
    (np.ones(3), np.array([[0, -1]]), ValueError, r"position_ids must lie in \[0, 100000000\), got -1 at \(0, 1\)"),
])  # fmt: skip
def test_ids_that_are_none_are_one_clear_line(slopes, ids, error, message):
    with pytest.raises(error, match=f"^alibi_bias: {message}$"):
        alibi_bias(slopes, position_ids=ids)


def test_the_bias_is_linear_in_the_slopes(rng):
    s, _ = arrays(rng)
    a, b = rng.random((2, 3))
    np.testing.assert_array_equal(alibi(s, slopes=np.zeros(3)), s)
    same(alibi(alibi(s, slopes=a), slopes=b), alibi(s, slopes=a + b))


def test_a_query_sees_its_own_position_undiminished(rng):
    s, _ = arrays(rng)
    y = alibi(s, slopes=alibi_slopes(3))
    for t in range(4):
        np.testing.assert_array_equal(y[:, :, t, 2 + t], s[:, :, t, 2 + t])
    assert ((y == s).sum(axis=-1) == 1).all()


def test_behind_a_query_only_the_key_matters(rng):
    s, _ = arrays(rng)
    hide = lambda s: np.where(causal(4, 6), s, -np.inf)  # noqa: E731
    slopes = alibi_slopes(3)
    same(softmax(hide(alibi(s, slopes=slopes))), softmax(hide(s + (slopes[:, None] * np.arange(6))[:, None])))


def test_left_and_right_are_alike(rng):
    s = rng.normal(size=(2, 3, 5, 5))
    y = alibi(s, slopes=alibi_slopes(3))
    np.testing.assert_array_equal(alibi(s[:, :, ::-1, ::-1], slopes=alibi_slopes(3)), y[:, :, ::-1, ::-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    y, ds = run(*(z.astype(dtype) for z in arrays(rng)), slopes=alibi_slopes(3))
    assert y.dtype == ds.dtype == dtype


@pytest.mark.parametrize("shape", [(0, 3, 4, 6), (2, 3, 0, 6), (2, 3, 0, 0)])
def test_no_scores_stay_none(shape):
    y, ds = run(np.zeros(shape), np.zeros(shape), slopes=alibi_slopes(3))
    assert y.shape == ds.shape == shape


def test_the_gradient_is_no_view_of_its_cotangent(rng):
    s, dy = arrays(rng)
    assert not np.shares_memory(run(s, dy, slopes=alibi_slopes(3))[1], dy)


def test_nothing_received_is_written(rng):
    s, dy = arrays(rng)
    kept = s.copy(), dy.copy()
    s.flags.writeable = dy.flags.writeable = False
    _, pullback = alibi_vjp(s, slopes=alibi_slopes(3))
    np.testing.assert_array_equal(pullback(dy), pullback(dy))
    np.testing.assert_array_equal((s, dy), kept)


def test_bias_in_the_backward_is_caught(caught, rng):
    caught({"s"}, planted(lambda slopes, bias, dy: dy + bias), rng.normal(size=SHAPE), slopes=alibi_slopes(3))


def test_gradient_times_the_slope_is_caught(caught, rng):
    caught({"s"}, planted(lambda slopes, bias, dy: dy * slopes), rng.normal(size=SHAPE), slopes=alibi_slopes(3))
    caught({"s"}, planted(lambda slopes, bias, dy: dy * bias), rng.normal(size=SHAPE), slopes=alibi_slopes(3))


@pytest.mark.parametrize(
    ("shape", "slopes", "error", "message"),
    [
        ((3, 4, 6), np.ones(3), ValueError, r"s must have shape \(B, H, T, S\), got \(3, 4, 6\)"),
        (SHAPE, np.ones(2), ValueError, r"slopes must have shape \(3,\), got \(2,\)"),
        (SHAPE, [1, 1, 1], TypeError, r"slopes must be an array, got list"),
        ((2, 3, 6, 4), np.ones(3), ValueError, r"queries must be at most keys = 4, got 6"),
    ],
)
def test_bad_input_is_one_clear_line(shape, slopes, error, message):
    with pytest.raises(error, match=f"^alibi: {message}$"):
        alibi(np.zeros(shape), slopes=slopes)


def test_positions_of_another_number_are_one_clear_line():
    with pytest.raises(ValueError, match=r"^alibi: s must have shape \(B, H, 3, 6\), got \(2, 3, 4, 6\)$"):
        alibi(np.zeros(SHAPE), slopes=np.ones(3), queries=range(3))


@pytest.mark.parametrize(
    ("heads", "error", "message"),
    [(0, ValueError, "must be at least 1, got 0"), (4.0, TypeError, "must be a whole number, got float")],
)
def test_a_bad_number_of_heads_is_one_clear_line(heads, error, message):
    with pytest.raises(error, match=f"^alibi_slopes: heads {message}$"):
        alibi_slopes(heads)
