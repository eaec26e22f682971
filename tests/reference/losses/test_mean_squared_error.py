import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.layer import Layer
from reference.layers.linear import Linear
from reference.losses.mean_squared_error import examples, mean_squared_error, mean_squared_error_vjp

EXACT = {"rtol": 1e-13, "atol": 1e-14}  # sums of at most 42 products of numbers near 1
SHAPE = (2, 3, 7)
MASK = np.array([[True, True, True], [True, False, False]])


class Regression(Layer):
    """A composite: a linear layer and the loss."""

    linear: Linear

    def vjp(self, x, **constants):
        y, linear_pullback = self.linear.vjp(x)
        loss, loss_pullback = mean_squared_error_vjp(y, **constants)

        def pullback(dloss):
            d_linear, dx = linear_pullback(loss_pullback(dloss))
            return self.cotangent(linear=d_linear), dx

        return loss, pullback


def planted(wrong):
    """Return the right loss with `wrong(dy, y, dloss, constants)` for its gradient."""

    def vjp(y, **constants):
        loss, right = mean_squared_error_vjp(y, **constants)
        return loss, lambda dloss: wrong(right(dloss), y, dloss, constants)

    return vjp


def arrays(rng, shape=SHAPE):
    return rng.normal(size=shape), rng.normal(size=shape)


def run(y, target, dloss=0.7, **options):
    loss, pullback = mean_squared_error_vjp(y, target=target, **options)
    return loss, pullback(dloss)


@pytest.mark.parametrize("i", range(3))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.sampled_from(["mean", "sum"]), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, reduction, seed):
    y, target = np.random.default_rng(seed).normal(size=(2, *shape))
    gradcheck.assert_gradients(mean_squared_error_vjp, y, target=target, reduction=reduction)


def test_backward_is_proved_inside_a_composite(prove, rng):
    x, target = rng.normal(size=(2, 3, 4)), rng.normal(size=SHAPE)
    layer = Regression(linear=Linear(w=rng.normal(size=(4, 7)), b=rng.normal(size=7)))
    prove(layer, x, target=target, mask=MASK)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("mask", [None, MASK])
def test_forward_and_backward_equal_their_loop_oracle(rng, mask, reduction):
    y, target = arrays(rng)
    counted = [i for i in np.ndindex(SHAPE) if mask is None or mask[i[:2]]]
    share = 1 / len(counted) if reduction == "mean" else 1
    expected, gradient = 0.0, np.zeros(SHAPE)
    for i in counted:
        expected += share * (y[i] - target[i]) ** 2
        gradient[i] = 0.7 * share * 2 * (y[i] - target[i])
    loss, dy = run(y, target, mask=mask, reduction=reduction)
    assert isinstance(loss, np.ndarray) and loss.shape == ()
    np.testing.assert_allclose(loss, expected, **EXACT)
    np.testing.assert_allclose(dy, gradient, **EXACT)
    assert np.array_equal(mean_squared_error(y, target=target, mask=mask, reduction=reduction), loss)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("mask", [None, MASK])
def test_dtype_in_is_dtype_out(rng, dtype, mask):
    y, target = arrays(rng)
    loss, pullback = mean_squared_error_vjp(y.astype(dtype), target=target, mask=mask)
    assert loss.dtype == pullback(loss).dtype == pullback(1.0).dtype == dtype


def test_float32_agrees_with_float64(rng):
    y, target = arrays(rng)
    (loss, dy), (loss32, dy32) = run(y, target), run(y.astype(np.float32), target)
    np.testing.assert_allclose(loss32, loss, rtol=1e-6, atol=0)  # 16 units of rounding, of positive numbers
    np.testing.assert_allclose(dy32, dy, rtol=0, atol=1e-7)  # errors below 5 over 30, with the rounding of y


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 7), (0,), (2, 0, 7)])
def test_any_shape_is_good(rng, shape):
    y, target = map(np.asarray, arrays(rng, shape))
    loss, dy = run(y, target)
    assert dy.shape == shape
    np.testing.assert_allclose(loss, ((y - target) ** 2).sum() / max(y.size, 1), **EXACT)


def test_complex_step_gives_the_derivative(rng):
    y, target = arrays(rng)
    delta = rng.normal(size=SHAPE)
    loss, dy = run(y, target, 1.0)
    stepped = mean_squared_error(y + 1e-30j * delta, target=target)
    np.testing.assert_allclose(stepped.real, loss, **EXACT)
    np.testing.assert_allclose(stepped.imag / 1e-30, np.vdot(dy, delta), **EXACT)


def test_received_arrays_are_not_written_to(rng):
    y, target = arrays(rng)
    y.flags.writeable = target.flags.writeable = False
    for mask in (None, MASK):
        _, pullback = mean_squared_error_vjp(y, target=target, mask=mask)
        first, second = pullback(0.7), pullback(0.7)
        assert np.array_equal(first, second) and not np.shares_memory(first, second)


def test_equal_arrays_cost_nothing(rng):
    y, target = arrays(rng)
    loss, dy = run(target, target)
    assert loss == 0 and not dy.any()
    assert run(y, target)[0] > 0


def test_shift_of_both_invariance(rng):
    y, target = arrays(rng)
    for got, expected in zip(run(y + 3, target + 3), run(y, target), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-14)  # the shift rounds at 4 u


def test_scaling_both(rng):
    y, target = arrays(rng)
    (loss, dy), (scaled, scaled_dy) = run(y, target), run(4 * y, 4 * target)
    assert scaled == 16 * loss and np.array_equal(scaled_dy, 4 * dy)  # powers of 2 do not round


def test_euler_identity(rng):
    y, target = arrays(rng)
    loss, dy = run(y, target)
    np.testing.assert_allclose(np.vdot(dy, y - target), 2 * loss * 0.7, **EXACT)


def test_the_best_constant_is_the_mean(rng):
    _, target = arrays(rng)
    loss, dy = run(np.full(SHAPE, target.mean()), target)
    np.testing.assert_allclose(loss, target.var(), **EXACT)
    np.testing.assert_allclose(dy.sum(), 0, **EXACT)
    assert mean_squared_error(np.full(SHAPE, target.mean() + 0.1), target=target) > loss


def test_sum_is_count_times_mean(rng):
    y, target = arrays(rng)
    mean, total = run(y, target, mask=MASK), run(y, target, mask=MASK, reduction="sum")
    for got, expected in zip(total, mean, strict=True):
        np.testing.assert_allclose(got, 28 * expected, **EXACT)


def test_masked_entries_have_no_influence(rng):
    y, target = arrays(rng)
    loss, dy = run(y, target, mask=MASK)
    loss_spoilt, dy_spoilt = run(*(np.where(MASK[..., None], z, np.nan) for z in (y, target)), mask=MASK)
    assert loss_spoilt == loss and np.array_equal(dy_spoilt, dy)
    assert not dy[~MASK].any() and dy[MASK].all()
    assert loss == mean_squared_error(y[MASK], target=target[MASK])


def test_a_mask_of_rows_is_one_of_their_entries(rng):
    y, target = arrays(rng)
    everywhere = np.broadcast_to(MASK[..., None], SHAPE)
    for got, expected in zip(run(y, target, mask=everywhere), run(y, target, mask=MASK), strict=True):
        np.testing.assert_allclose(got, expected, **EXACT)
    loss, dy = run(y, target, mask=np.array([True, False]))
    np.testing.assert_allclose(loss, mean_squared_error(y[0], target=target[0]), **EXACT)
    assert not dy[1].any()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_nothing_counts_gives_zero_loss_and_gradient(reduction):
    y = np.full(SHAPE, np.nan)
    loss, dy = run(y, y, mask=np.zeros((2, 3), bool), reduction=reduction)
    assert loss == 0 and not dy.any()


def test_forgotten_factor_is_caught(caught, rng):
    y, target = arrays(rng)
    caught({"y"}, planted(lambda dy, y, dloss, constants: dy / 2), y, target=target)


def test_forgotten_share_is_caught(caught, rng):
    y, target = arrays(rng)
    caught({"y"}, planted(lambda dy, y, dloss, constants: dy * y.size), y, target=target)


def test_mean_over_rows_is_caught(caught, rng):
    y, target = arrays(rng)
    caught({"y"}, planted(lambda dy, y, dloss, constants: dy * y.shape[-1]), y, target=target)


def test_mean_over_all_entries_is_caught(caught, rng):
    y, target = arrays(rng)
    caught({"y"}, planted(lambda dy, y, dloss, constants: dy * 28 / 42), y, target=target, mask=MASK)


def test_wrong_sign_is_caught(caught, rng):
    y, target = arrays(rng)
    caught({"y"}, planted(lambda dy, y, dloss, constants: -dy), y, target=target)


def test_forgotten_upstream_gradient_is_caught(caught, rng):
    y, target = arrays(rng)
    wrong = planted(lambda dy, y, dloss, constants: run(y, dloss=1.0, **constants)[1])
    caught({"y"}, wrong, y, target=target)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"target": np.zeros(3)}, ValueError, r"target must have shape \(3, 1\), got \(3,\)"),
        ({"target": np.zeros((3, 1), int)}, TypeError, r"target must be floating or complex, got int64"),
        ({"target": np.zeros((3, 1), complex)}, TypeError, r"target must be real as y is, got complex128"),
        ({"target": [[1.0]] * 3}, TypeError, r"target must be an array, got list"),
        ({"y": np.zeros((3, 1), int)}, TypeError, r"y must be floating or complex, got int64"),
        ({"mask": np.ones(3)}, TypeError, r"mask must be a boolean array, got float64"),
        ({"mask": [True] * 3}, TypeError, r"mask must be a boolean array, got list"),
        ({"mask": np.ones(2, bool)}, ValueError,
         r"mask must have the shape of the first axes of y, \(3, 1\), got \(2,\)"),
        ({"mask": np.ones((3, 1, 1), bool)}, ValueError,
         r"mask must have the shape of the first axes of y, \(3, 1\), got \(3, 1, 1\)"),
        ({"reduction": "none"}, ValueError, r"reduction must be 'mean' or 'sum', got 'none'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(change, error, message):
    arguments = {"y": np.zeros((3, 1)), "target": np.zeros((3, 1)), **change}
    with pytest.raises(error, match=f"^mean_squared_error: {message}$"):
        mean_squared_error(arguments.pop("y"), **arguments)


def test_an_error_beyond_the_root_of_the_largest_number_has_a_gradient():
    y = np.array([1e30], np.float32)
    with np.errstate(over="ignore"):
        loss, dy = run(y, np.zeros(1))
    assert loss == math.inf and dy == np.float32(1.4) * y


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("other", ["<", ">"])
def test_numbers_are_taken_in_either_order_of_bytes(order, other):
    y, target = np.array([1.0, 5.0]), np.array([3.0, 4.0])
    loss, pullback = mean_squared_error_vjp(y.astype(f"{order}f8"), target=target.astype(f"{other}f8"))
    wanted, wanted_pullback = mean_squared_error_vjp(y, target=target)
    assert loss == wanted and np.array_equal(pullback(1.0), wanted_pullback(1.0))
