import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.layer import Layer
from reference.functions.repeat_heads import examples, repeat_heads, repeat_heads_vjp
from reference.functions.softmax import softmax_vjp
from reference.layers.linear import Linear

EXACT = {"rtol": 1e-14, "atol": 1e-14}  # float64, sums of a few numbers near 1 in another order
SHAPE, TIMES = (2, 2, 5, 4), 3


class SharedWeights(Layer):
    """Softmax of repeated heads of an affine map, so that the copies are used differently."""

    linear: Linear

    def vjp(self, x):
        k, linear_pullback = self.linear.vjp(x)
        y, repeat_pullback = repeat_heads_vjp(k, times=TIMES)
        size = np.arange(1.0, y.shape[1] + 1)[:, None, None]
        p, softmax_pullback = softmax_vjp(size * y)

        def pullback(dp):
            d_linear, dx = linear_pullback(repeat_pullback(size * softmax_pullback(dp)))
            return self.cotangent(linear=d_linear), dx

        return p, pullback


def planted(wrong):
    """Return repeat_heads_vjp with `wrong(dy) -> dk` for its pullback."""
    return lambda k, *, times: (repeat_heads(k, times=times), wrong)


def arrays(rng):
    b, g, s, k = SHAPE
    return rng.normal(size=SHAPE), rng.normal(size=(b, g * TIMES, s, k))


def run(k, dy, times=TIMES):
    y, pullback = repeat_heads_vjp(k, times=times)
    return y, pullback(dy)


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(2))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 4), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, times, seed):
    gradcheck.assert_gradients(repeat_heads_vjp, np.random.default_rng(seed).normal(size=shape), times=times)


def test_backward_is_proved_inside_a_composite(prove, rng):
    prove(SharedWeights(linear=Linear(w=rng.normal(size=(4, 3)), b=rng.normal(size=3))), rng.normal(size=SHAPE))


def test_head_h_reads_its_group(rng):
    k, dy = arrays(rng)
    y, dk = run(k, dy)
    expected = np.zeros(k.shape)
    for h in range(dy.shape[1]):
        np.testing.assert_array_equal(y[:, h], k[:, h // TIMES])
        expected[:, h // TIMES] += dy[:, h]
    same(dk, expected)
    np.testing.assert_array_equal(repeat_heads(k, times=TIMES), y)


def test_euler_identity(rng):
    k, dy = arrays(rng)
    y, dk = run(k, dy)
    np.testing.assert_allclose(np.vdot(dy, y), np.vdot(dk, k), rtol=1e-12, atol=0)


def test_back_and_forth_is_a_multiple(rng):
    k, _ = arrays(rng)
    same(run(k, repeat_heads(k, times=TIMES))[1], TIMES * k)


def test_repeating_twice(rng):
    k, _ = arrays(rng)
    np.testing.assert_array_equal(repeat_heads(repeat_heads(k, times=2), times=3), repeat_heads(k, times=6))


def test_once_is_the_identity(rng):
    k, dy = rng.normal(size=(2, *SHAPE))
    y, dk = run(k, dy, 1)
    np.testing.assert_array_equal(y, k)
    np.testing.assert_array_equal(dk, dy)
    assert not np.shares_memory(y, k) and not np.shares_memory(dk, dy)


def test_positions_and_entries_are_carried_along(rng):
    (k, dy), order = arrays(rng), [3, 0, 4, 1, 2]
    y, dk = run(k, dy)
    for got, expected in zip(run(k[:, :, order, ::-1], dy[:, :, order, ::-1]), (y, dk), strict=True):
        same(got, expected[:, :, order, ::-1])


def test_heads_of_a_group_are_alike(rng):
    (k, dy), order = arrays(rng), [2, 0, 1, 5, 4, 3]
    y, dk = run(k, dy)
    np.testing.assert_array_equal(y[:, order], y)
    same(run(k, dy[:, order])[1], dk)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    y, dk = run(*(z.astype(dtype) for z in arrays(rng)))
    assert y.dtype == dk.dtype == dtype


@pytest.mark.parametrize("shape", [(0, 2, 5, 4), (2, 0, 5, 4), (2, 2, 0, 4)])
def test_nothing_repeated_is_nothing(shape):
    b, g, s, k = shape
    y, dk = run(np.zeros(shape), np.zeros((b, g * TIMES, s, k)))
    assert y.shape == (b, g * TIMES, s, k) and dk.shape == shape


def test_nothing_received_is_written(rng):
    k, dy = arrays(rng)
    kept = k.copy(), dy.copy()
    k.flags.writeable = dy.flags.writeable = False
    _, pullback = repeat_heads_vjp(k, times=TIMES)
    np.testing.assert_array_equal(pullback(dy), pullback(dy))
    np.testing.assert_array_equal(k, kept[0])
    np.testing.assert_array_equal(dy, kept[1])


def groups(dy):
    return dy.reshape(2, 2, TIMES, 5, 4)


def test_gradients_in_the_order_of_tiles_are_caught(caught, rng):
    caught({"k"}, planted(lambda dy: dy.reshape(2, TIMES, 2, 5, 4).sum(axis=1)), rng.normal(size=SHAPE), times=TIMES)


def test_last_head_wins_is_caught(caught, rng):
    def wrong(dy):
        dk = np.zeros(SHAPE)
        for h in range(dy.shape[1]):
            dk[:, h // TIMES] = dy[:, h]
        return dk

    caught({"k"}, planted(wrong), rng.normal(size=SHAPE), times=TIMES)


def test_mean_over_the_group_is_caught(caught, rng):
    caught({"k"}, planted(lambda dy: groups(dy).mean(axis=2)), rng.normal(size=SHAPE), times=TIMES)


def test_first_head_alone_is_caught(caught, rng):
    caught({"k"}, planted(lambda dy: groups(dy)[:, :, 0].copy()), rng.normal(size=SHAPE), times=TIMES)


@pytest.mark.parametrize(
    ("k", "times", "error", "message"),
    [
        (np.zeros((2, 5, 4)), 3, ValueError, r"k must have shape \(B, G, S, K\), got \(2, 5, 4\)"),
        (np.zeros(SHAPE, int), 3, TypeError, r"k must be floating or complex, got int64"),
        (np.zeros(SHAPE), 0, ValueError, r"times must be at least 1, got 0"),
        (np.zeros(SHAPE), 2.0, TypeError, r"times must be a whole number, got float"),
    ],
)
def test_bad_input_is_one_clear_line(k, times, error, message):
    with pytest.raises(error, match=f"^repeat_heads: {message}$"):
        repeat_heads(k, times=times)
