import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.layers.dropout import Dropout
from reference.layers.linear import Linear
from reference.layers.stochastic_depth import StochasticDepth, examples

EXACT = {"rtol": 1e-14, "atol": 0}  # float64, a scale and two products
SHAPE = (5, 2, 3)
SIGMAS = 5  # a generator whose state is fixed; a right layer would fail for one state in a million


class Branch(Layer):
    """y = x + drop(linear(x)), as in a residual connection."""

    linear: Linear
    drop: StochasticDepth

    def vjp(self, x, *, rng=None):
        h, linear_pullback = self.linear.vjp(x)
        r, drop_pullback = self.drop.vjp(h, rng=rng)

        def pullback(dy):
            d_drop, dh = drop_pullback(dy)
            d_linear, dx = linear_pullback(dh)
            return self.cotangent(linear=d_linear, drop=d_drop), dy + dx

        return x + r, pullback


class SkipDropped(Branch):
    """The cotangent of the skip is dropped with that of the branch."""

    def vjp(self, x, *, rng=None):
        h, linear_pullback = self.linear.vjp(x)
        r, drop_pullback = self.drop.vjp(h, rng=rng)

        def pullback(dy):
            d_drop, dh = drop_pullback(dy)
            d_linear, dx = linear_pullback(dh)
            return self.cotangent(linear=d_linear, drop=d_drop), (1 - self.drop.rate) * dh + dx

        return x + r, pullback


def planted(wrong):
    """Return a StochasticDepth with `wrong(layer, dx, dy, kept) -> dx` for its gradient."""

    class Wrong(StochasticDepth):
        def vjp(self, x, *, rng=None):
            y, drop_pullback = super().vjp(x, rng=rng)
            kept = y.reshape(len(y), -1).any(axis=1)
            return y, lambda dy: (self.cotangent(), wrong(self, drop_pullback(dy)[1], dy, kept))

    return Wrong(0.4)


def drop(x, rate=0.4, seed=2):
    return StochasticDepth(rate).vjp(x, rng=np.random.default_rng(seed))


def branch(rng, kind=Branch):
    return kind(linear=Linear(w=rng.normal(size=(7, 7)), b=rng.normal(size=7)), drop=StochasticDepth(0.4))


@pytest.mark.parametrize("i", range(2))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.sampled_from([0.0, 0.5]), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, rate, seed):
    x = np.random.default_rng(seed).normal(size=shape)
    assume(drop(x, rate, seed)[0].any())  # a gradient of nothing but zeros proves nothing
    gradcheck.assert_gradients(StochasticDepth(rate), x, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("seed", [None, 2])
def test_backward_is_proved_inside_a_composite(prove, rng, seed):
    prove(branch(rng), rng.normal(size=(5, 7)), rng=None if seed is None else np.random.default_rng(seed))


def test_forward_and_backward_equal_their_loop_oracle(rng):
    x, dy = rng.normal(size=(2, *SHAPE))
    y, pullback = drop(x)
    draws = np.random.default_rng(2).random(5, np.float32)
    expected_y, expected_dx = np.zeros(SHAPE), np.zeros(SHAPE)
    for b in range(5):
        if float(draws[b]) >= 0.4:
            expected_y[b], expected_dx[b] = x[b] / 0.6, dy[b] / 0.6
    np.testing.assert_allclose(y, expected_y, **EXACT)
    np.testing.assert_allclose(pullback(dy)[1], expected_dx, **EXACT)


def test_a_sample_is_dropped_or_scaled_as_a_whole(rng):
    x = rng.normal(size=SHAPE)
    y, _ = drop(x)
    kept = [b for b in range(5) if y[b].all()]
    dropped = [b for b in range(5) if not y[b].any()]
    assert kept and dropped and len(kept) + len(dropped) == 5
    np.testing.assert_allclose(y[kept], x[kept] / 0.6, **EXACT)


@pytest.mark.parametrize("rate", [0.01, 0.4, 0.9])
def test_the_share_kept_is_one_minus_rate(rate):
    samples = 20_000
    y, _ = drop(np.ones((samples, 2)), rate)
    share = np.count_nonzero(y[:, 0]) / samples
    assert abs(share - (1 - rate)) < SIGMAS * math.sqrt(rate * (1 - rate) / samples)


def test_the_mean_over_draws_is_the_input(rng):
    x, generator, m = rng.normal(size=(3, 2)), np.random.default_rng(1), 2000
    mean = sum(StochasticDepth(0.4)(x, rng=generator) for _ in range(m)) / m
    deviation = np.abs(x) * math.sqrt(0.4 / 0.6 / m)
    assert (np.abs(mean - x) < SIGMAS * deviation).all()


def test_the_mean_depth_of_a_stack():
    samples, rates, generator = 20_000, [0.1, 0.2, 0.5], np.random.default_rng(1)
    ones = np.ones((samples, 1))
    depth = sum((StochasticDepth(rate)(ones, rng=generator) != 0).mean() for rate in rates)
    deviation = math.sqrt(sum(rate * (1 - rate) for rate in rates) / samples)
    assert abs(depth - sum(1 - rate for rate in rates)) < SIGMAS * deviation


def test_a_dropped_sample_keeps_its_skip_alone(rng):
    layer, (x, dy) = branch(rng), rng.normal(size=(2, 5, 7))
    dropped = ~drop(x)[0].any(axis=1)
    y, pullback = layer.vjp(x, rng=np.random.default_rng(2))
    _, dx = pullback(dy)
    np.testing.assert_array_equal(y[dropped], x[dropped])
    np.testing.assert_array_equal(dx[dropped], dy[dropped])
    assert (y[~dropped] != x[~dropped]).all() and (dx[~dropped] != dy[~dropped]).all()
    assert 0 < dropped.sum() < 5


def test_the_backward_has_the_mask_of_the_forward(rng):
    x = rng.normal(size=SHAPE)
    y, pullback = drop(x)
    np.testing.assert_array_equal(pullback(x)[1], y)


def test_one_state_gives_one_mask(rng):
    x = rng.normal(size=SHAPE)
    y, _ = drop(x)
    np.testing.assert_array_equal(drop(np.asfortranarray(x))[0], y)
    for other in (x.astype(np.float32), x.astype(np.complex128), x[:, 0], x[:, 0, 0]):
        np.testing.assert_array_equal(drop(other)[0].reshape(5, -1).any(axis=1), y.any(axis=(1, 2)))
    generator = np.random.default_rng(2)
    first, second = (StochasticDepth(0.4)(x, rng=generator) for _ in range(2))
    np.testing.assert_array_equal(first, y)
    assert ((second != 0) != (first != 0)).any()


def test_linear_for_one_draw(rng):
    x, z = rng.normal(size=(2, *SHAPE))
    both = 2 * drop(x)[0] - 3 * drop(z)[0]
    np.testing.assert_allclose(drop(2 * x - 3 * z)[0], both, rtol=1e-13, atol=1e-14)  # one cancellation


@pytest.mark.parametrize("shape", [(30,), (30, 1, 1)])
def test_samples_of_one_entry_make_it_dropout(rng, shape):
    x = rng.normal(size=shape)
    np.testing.assert_array_equal(drop(x)[0], Dropout(0.4)(x, rng=np.random.default_rng(2)))


def test_without_a_generator_everything_is_handed_on(rng):
    x, state = rng.normal(size=SHAPE), rng.bit_generator.state
    for layer, generator in ((StochasticDepth(0.4), None), (StochasticDepth(0), rng)):
        y, pullback = layer.vjp(x, rng=generator)
        d_layer, dx = pullback(x)
        assert y is x and dx is x and isinstance(d_layer, StochasticDepth)
    assert rng.bit_generator.state == state


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("rate", [0.4, np.float64(0.4)])
def test_dtype_in_is_dtype_out(dtype, rate):
    y, pullback = drop(np.ones(SHAPE, dtype), rate)
    assert y.dtype == pullback(y)[1].dtype == dtype


def test_complex_step_gives_the_derivative(rng):
    x, delta = rng.normal(size=(2, *SHAPE))
    y, pullback = drop(x)
    stepped, _ = drop(x + 1e-30j * delta)
    np.testing.assert_allclose(stepped.real, y, **EXACT)
    np.testing.assert_allclose(stepped.imag / 1e-30, pullback(delta)[1], **EXACT)


@pytest.mark.parametrize("shape", [(0,), (0, 7), (2, 0, 7)])
def test_empty_input_gives_empty_output(shape):
    y, pullback = drop(np.zeros(shape))
    assert y.shape == pullback(y)[1].shape == shape


def test_nothing_received_is_written_and_a_pullback_may_be_called_twice(rng):
    x, dy = rng.normal(size=(2, *SHAPE))
    x.flags.writeable = dy.flags.writeable = False
    y, pullback = drop(x)
    first, second = pullback(dy)[1], pullback(dy)[1]
    np.testing.assert_array_equal(first, second)
    assert first is not second and not np.shares_memory(y, x)


def test_the_layer_has_no_parameters():
    assert list(tree.leaves(StochasticDepth(0.4))) == []


def test_mask_along_the_last_axis_is_caught(caught, rng):
    wrong = planted(lambda layer, dx, dy, kept: dy / 0.6 * kept)
    caught({"x"}, wrong, rng.normal(size=(5, 5)), rng=np.random.default_rng(2))


def test_a_second_draw_in_the_backward_is_caught(caught, rng):
    wrong = planted(lambda layer, dx, dy, kept: drop(dy, seed=0)[0])
    caught({"x"}, wrong, rng.normal(size=SHAPE), rng=np.random.default_rng(2))


def test_forgotten_scale_in_the_backward_is_caught(caught, rng):
    wrong = planted(lambda layer, dx, dy, kept: (1 - layer.rate) * dx)
    caught({"x"}, wrong, rng.normal(size=SHAPE), rng=np.random.default_rng(2))


def test_mask_forgotten_in_the_backward_is_caught(caught, rng):
    wrong = planted(lambda layer, dx, dy, kept: dy)
    caught({"x"}, wrong, rng.normal(size=SHAPE), rng=np.random.default_rng(2))


def test_skip_dropped_with_the_branch_is_caught(caught, rng):
    caught({"x"}, branch(rng, SkipDropped), rng.normal(size=(5, 7)), rng=np.random.default_rng(2))


@pytest.mark.parametrize(
    ("rate", "x", "generator", "error", "message"),
    [
        (1.0, np.ones(2), None, ValueError, r"rate must lie in \[0, 1\), got 1\.0"),
        (-0.1, np.ones(2), None, ValueError, r"rate must lie in \[0, 1\), got -0\.1"),
        (0.4, np.ones(2), 7, TypeError, r"rng must be a numpy\.random\.Generator or None, got int"),
        (0.4, np.array(1.0), None, ValueError, r"x must have shape \(B, \.\.\.\), got \(\)"),
        (0.4, np.ones(2, int), None, TypeError, r"x must be floating or complex, got int64"),
        (0.4, [1.0], None, TypeError, r"x must be an array, got list"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(rate, x, generator, error, message):
    with pytest.raises(error, match=f"^StochasticDepth: {message}$"):
        StochasticDepth(rate)(x, rng=generator)
