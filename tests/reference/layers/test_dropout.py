import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.layers.dropout import Dropout, examples
from reference.layers.linear import Linear

EXACT = {"rtol": 1e-14, "atol": 0}  # float64, a scale and two products
SHAPE = (2, 3, 7)
SIGMAS = 5  # a generator whose state is fixed; a right layer would fail for one state in a million


class Branch(Layer):
    """y = x + dropout(linear(x)), as in a residual connection."""

    linear: Linear
    dropout: Dropout

    def vjp(self, x, *, rng=None):
        h, linear_pullback = self.linear.vjp(x)
        r, dropout_pullback = self.dropout.vjp(h, rng=rng)

        def pullback(dy):
            d_dropout, dh = dropout_pullback(dy)
            d_linear, dx = linear_pullback(dh)
            return self.cotangent(linear=d_linear, dropout=d_dropout), dy + dx

        return x + r, pullback


def planted(wrong):
    """Return a Dropout with `wrong(layer, y, dx, dy, rng) -> dx` for its gradient."""

    class Wrong(Dropout):
        def vjp(self, x, *, rng=None):
            y, dropout_pullback = super().vjp(x, rng=rng)
            return y, lambda dy: (self.cotangent(), wrong(self, y, dropout_pullback(dy)[1], dy, rng))

    return Wrong(0.4)


def drop(x, rate=0.4, seed=1):
    return Dropout(rate).vjp(x, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("i", range(2))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.sampled_from([0.0, 0.1, 0.9]), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, rate, seed):
    x = np.asarray(np.random.default_rng(seed).normal(size=shape))
    y, _ = drop(x, rate, seed)
    assume(np.any(y))  # a gradient of nothing but zeros proves nothing
    gradcheck.assert_gradients(Dropout(rate), x, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("drawn", [False, True])
def test_backward_is_proved_inside_a_composite(prove, rng, drawn):
    layer = Branch(linear=Linear(w=rng.normal(size=(7, 7)), b=rng.normal(size=7)), dropout=Dropout(0.4))
    prove(layer, rng.normal(size=SHAPE), rng=rng if drawn else None)


def test_forward_and_backward_equal_their_loop_oracle(rng):
    x, dy = rng.normal(size=(2, *SHAPE))
    y, pullback = drop(x)
    draws = np.random.default_rng(1).random(SHAPE, np.float32)
    expected_y, expected_dx = np.zeros(SHAPE), np.zeros(SHAPE)
    for i in np.ndindex(SHAPE):
        if float(draws[i]) >= 0.4:
            expected_y[i], expected_dx[i] = x[i] / 0.6, dy[i] / 0.6
    np.testing.assert_allclose(y, expected_y, **EXACT)
    np.testing.assert_allclose(pullback(dy)[1], expected_dx, **EXACT)


def test_an_entry_is_dropped_or_scaled(rng):
    x = rng.normal(size=SHAPE)
    y, _ = drop(x, rate=0.2)
    kept = y != 0
    np.testing.assert_allclose(y[kept], x[kept] / 0.8, **EXACT)
    assert kept.any() and not kept.all()


@pytest.mark.parametrize("rate", [0.01, 0.4, 0.9])
def test_the_share_kept_is_one_minus_rate(rate):
    n = 20_000
    y, _ = drop(np.ones(n), rate)
    assert abs(np.count_nonzero(y) / n - (1 - rate)) < SIGMAS * math.sqrt(rate * (1 - rate) / n)


def test_the_mean_over_draws_is_the_input(rng):
    x, generator, m = rng.normal(size=7), np.random.default_rng(1), 2000
    mean = sum(Dropout(0.4)(x, rng=generator) for _ in range(m)) / m
    deviation = np.abs(x) * math.sqrt(0.4 / 0.6 / m)
    assert (np.abs(mean - x) < SIGMAS * deviation).all()


def test_entries_are_dropped_independently():
    m, rate = 4000, 0.4
    kept = drop(np.ones((m, 2, 3)), rate)[0].reshape(m, 6) != 0
    for i in range(6):
        for j in range(i):
            both = (kept[:, i] & kept[:, j]).mean()
            p = (1 - rate) ** 2
            assert abs(both - p) < SIGMAS * math.sqrt(p * (1 - p) / m)


def test_the_backward_has_the_mask_of_the_forward(rng):
    x = rng.normal(size=SHAPE)
    y, pullback = drop(x)
    np.testing.assert_array_equal(pullback(x)[1], y)


def test_one_state_gives_one_mask(rng):
    x = rng.normal(size=SHAPE)
    y, _ = drop(x)
    np.testing.assert_array_equal(drop(x)[0], y)
    np.testing.assert_array_equal(drop(np.asfortranarray(x))[0], y)
    for dtype in (np.float32, np.complex128):
        np.testing.assert_array_equal(drop(x.astype(dtype))[0] != 0, y != 0)
    generator = np.random.default_rng(1)
    first, second = (Dropout(0.4)(x, rng=generator) for _ in range(2))
    np.testing.assert_array_equal(first, y)
    assert ((second != 0) != (first != 0)).any()


def test_linear_for_one_draw(rng):
    x, z = rng.normal(size=(2, *SHAPE))
    both = 2 * drop(x)[0] - 3 * drop(z)[0]
    np.testing.assert_allclose(drop(2 * x - 3 * z)[0], both, rtol=1e-13, atol=1e-14)  # one cancellation


def test_without_a_generator_everything_is_handed_on(rng):
    x, state = rng.normal(size=SHAPE), rng.bit_generator.state
    for layer, generator in ((Dropout(0.4), None), (Dropout(0), rng)):
        y, pullback = layer.vjp(x, rng=generator)
        d_layer, dx = pullback(x)
        assert y is x and dx is x and isinstance(d_layer, Dropout)
    assert rng.bit_generator.state == state


def test_the_pullback_holds_one_bit_an_entry():
    x, generator = np.ones((100, 1000), np.float32), np.random.default_rng(1)
    tracemalloc.start()
    _, pullback = Dropout(0.4).vjp(x, rng=generator)
    _ = None  # the output is not the pullback's
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 1 <= held / (x.size / 8) < 1.3, pullback  # two closures of a few hundred bytes beside 12,500


def test_an_infinite_entry_stays_visible():
    with np.errstate(invalid="ignore"):
        y, _ = drop(np.full(50, np.inf))
    assert not np.isfinite(y).any() and np.isnan(y).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("rate", [0.4, np.float64(0.4)])
def test_dtype_in_is_dtype_out(dtype, rate):
    y, pullback = drop(np.ones(SHAPE, dtype), rate)
    assert y.dtype == pullback(y)[1].dtype == dtype
    np.testing.assert_array_equal(y, drop(np.ones(SHAPE, dtype))[0])


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
    assert list(tree.leaves(Dropout(0.4))) == []


def test_a_second_draw_in_the_backward_is_caught(caught, rng):
    wrong = planted(lambda layer, y, dx, dy, rng: Dropout(layer.rate)(dy, rng=np.random.default_rng(2)))
    caught({"x"}, wrong, rng.normal(size=SHAPE), rng=rng)


def test_forgotten_scale_in_the_backward_is_caught(caught, rng):
    wrong = planted(lambda layer, y, dx, dy, rng: (1 - layer.rate) * dx)
    caught({"x"}, wrong, rng.normal(size=SHAPE), rng=rng)


def test_mask_forgotten_in_the_backward_is_caught(caught, rng):
    caught({"x"}, planted(lambda layer, y, dx, dy, rng: dy), rng.normal(size=SHAPE), rng=rng)


def test_the_complement_of_the_mask_is_caught(caught, rng):
    caught({"x"}, planted(lambda layer, y, dx, dy, rng: dy / 0.6 - dx), rng.normal(size=SHAPE), rng=rng)


def test_mask_read_off_the_output_is_caught(caught, rng):
    wrong = planted(lambda layer, y, dx, dy, rng: dy / 0.6 * (y != 0))
    x = np.ones(SHAPE)
    x[0] = 0
    caught({"x"}, wrong, x, rng=rng)


@pytest.mark.parametrize(
    ("rate", "x", "generator", "error", "message"),
    [
        (1.0, np.ones(2), None, ValueError, r"rate must lie in \[0, 1\), got 1\.0"),
        (-0.1, np.ones(2), None, ValueError, r"rate must lie in \[0, 1\), got -0\.1"),
        ("x", np.ones(2), None, TypeError, r"rate must be a number, got str"),
        (math.nan, np.ones(2), None, ValueError, r"rate must lie in \[0, 1\), got nan"),
        (0.4, np.ones(2), 7, TypeError, r"rng must be a numpy\.random\.Generator or None, got int"),
        (0.4, np.ones(2), np.random.RandomState(0), TypeError,
         r"rng must be a numpy\.random\.Generator or None, got RandomState"),
        (0.4, np.ones(2, int), None, TypeError, r"x must be floating or complex, got int64"),
        (0.4, [1.0], None, TypeError, r"x must be an array, got list"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(rate, x, generator, error, message):
    with pytest.raises(error, match=f"^Dropout: {message}$"):
        Dropout(rate)(x, rng=generator)


def test_a_number_without_axes_is_dropped_or_not():
    said = set()
    for seed in range(20):
        y, pullback = Dropout(0.5).vjp(np.array(3.0), rng=np.random.default_rng(seed))
        _, dx = pullback(np.array(1.0))
        assert (y.shape, dx.shape) == ((), ())
        said.add((float(y), float(dx)))
    assert said == {(0.0, 0.0), (6.0, 2.0)}
