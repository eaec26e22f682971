import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.layer import Layer
from reference.functions.softcap import examples, softcap, softcap_vjp
from reference.functions.softmax import softmax_vjp
from reference.layers.linear import Linear

EXACT = {"rtol": 1e-13, "atol": 1e-14}  # float64, a tangent and three operations on numbers near 1
SHAPE, CAP = (2, 3, 5), 1.5


class CappedWeights(Layer):
    """Softmax of the capped scores of an affine map."""

    linear: Linear

    def vjp(self, x):
        s, linear_pullback = self.linear.vjp(x)
        y, cap_pullback = softcap_vjp(s, cap=CAP)
        p, softmax_pullback = softmax_vjp(y)

        def pullback(dp):
            d_linear, dx = linear_pullback(cap_pullback(softmax_pullback(dp)))
            return self.cotangent(linear=d_linear), dx

        return p, pullback


def planted(wrong):
    """Return softcap_vjp with `wrong(s, y, dy) -> ds` for its pullback."""

    def wrong_vjp(s, *, cap):
        y = softcap(s, cap=cap)
        return y, lambda dy: wrong(s, y, dy)

    return wrong_vjp


def arrays(rng):
    return rng.normal(size=SHAPE), rng.normal(size=SHAPE)


def run(s, dy, cap=CAP):
    y, pullback = softcap_vjp(s, cap=cap)
    return y, pullback(dy)


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(2))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.floats(0.5, 20), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, cap, seed):
    gradcheck.assert_gradients(softcap_vjp, np.random.default_rng(seed).normal(size=shape), cap=cap)


def test_backward_is_proved_inside_a_composite(prove, rng):
    prove(CappedWeights(linear=Linear(w=rng.normal(size=(5, 7)), b=rng.normal(size=7))), rng.normal(size=SHAPE))


def test_forward_and_backward_equal_their_loop_oracle(rng):
    s, dy = arrays(rng)
    y, ds = run(s, dy)
    for i in np.ndindex(SHAPE):
        same(y[i], CAP * (1 - 2 / (math.exp(2 * s[i] / CAP) + 1)))
        same(ds[i], dy[i] / math.cosh(s[i] / CAP) ** 2)
    np.testing.assert_array_equal(softcap(s, cap=CAP), y)


def test_odd_symmetry(rng):
    s, dy = arrays(rng)
    np.testing.assert_array_equal(softcap(-s, cap=CAP), -softcap(s, cap=CAP))
    np.testing.assert_array_equal(run(-s, dy)[1], run(s, dy)[1])


def test_no_score_passes_the_cap(rng):
    s = 100 * rng.normal(size=SHAPE)
    y = softcap(s, cap=CAP)
    assert (abs(y) <= CAP).all() and (abs(y) <= abs(s)).all()


def test_the_order_of_scores_is_kept(rng):
    s = np.sort(rng.normal(size=50))
    y, slope = run(s, np.ones(50))
    assert (np.diff(y) > 0).all() and (slope > 0).all() and (slope < 1).all()


@pytest.mark.parametrize("factor", [2.0**-40, 3.0, 2.0**40])
def test_scaling_scores_and_cap(rng, factor):
    s, dy = arrays(rng)
    y, ds = run(factor * s, dy, factor * CAP)
    same(y / factor, softcap(s, cap=CAP))
    same(ds, run(s, dy)[1])


def test_the_inverse_is_an_area_tangent(rng):
    s, _ = arrays(rng)
    same(CAP * np.arctanh(softcap(s, cap=CAP) / CAP), s)


def test_a_large_cap_is_no_cap(rng):
    s, dy = 1 + rng.random(SHAPE), rng.normal(size=SHAPE)
    (y, ds), (far, dfar) = run(s, dy, 30.0), run(s, dy, 300.0)
    bend = 0.01  # the next term of the series, 2 s^2 / (5 C^2) for the output and 2 s^2 / (3 C^2) for the gradient
    np.testing.assert_allclose((s - y) / (s - far), 100, rtol=bend, atol=0)
    np.testing.assert_allclose((dy - ds) / (dy - dfar), 100, rtol=bend, atol=0)


def test_a_score_of_minus_infinity_is_capped_too():
    y, ds = run(np.array([-np.inf, np.inf, np.nan, 1e300]), np.ones(4))
    np.testing.assert_array_equal(y, [-CAP, CAP, np.nan, CAP])
    np.testing.assert_array_equal(ds, [0, 0, np.nan, 0])


@pytest.mark.parametrize("cap", [2, 1.5, np.float64(1.5), np.float32(1.5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype, cap):
    y, ds = run(*(z.astype(dtype) for z in arrays(rng)), cap)
    assert y.dtype == ds.dtype == dtype


def test_complex_step_gives_the_derivative(rng):
    s, delta = arrays(rng)
    stepped = softcap(s + 1e-30j * delta, cap=CAP)
    same(stepped.real, softcap(s, cap=CAP))
    same(stepped.imag / 1e-30, run(s, delta)[1])


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 5)])
def test_any_shape_is_kept(shape):
    y, ds = run(np.zeros(shape), np.zeros(shape))
    assert y.shape == ds.shape == shape


def test_nothing_received_is_written(rng):
    s, dy = arrays(rng)
    kept = s.copy(), dy.copy()
    s.flags.writeable = dy.flags.writeable = False
    _, pullback = softcap_vjp(s, cap=CAP)
    np.testing.assert_array_equal(pullback(dy), pullback(dy))
    np.testing.assert_array_equal((s, dy), kept)


def test_missing_slope_is_caught(caught, rng):
    caught({"s"}, planted(lambda s, y, dy: dy.copy()), rng.normal(size=SHAPE), cap=CAP)


def test_output_for_its_share_of_the_cap_is_caught(caught, rng):
    caught({"s"}, planted(lambda s, y, dy: (1 - y * y) * dy), rng.normal(size=SHAPE), cap=CAP)


def test_factor_of_the_cap_left_in_is_caught(caught, rng):
    caught({"s"}, planted(lambda s, y, dy: (1 - (y / CAP) ** 2) * dy / CAP), rng.normal(size=SHAPE), cap=CAP)


def test_slope_at_the_raw_score_is_caught(caught, rng):
    caught({"s"}, planted(lambda s, y, dy: dy / np.cosh(s) ** 2), rng.normal(size=SHAPE), cap=CAP)


def test_slope_of_clipping_is_caught(caught, rng):
    caught({"s"}, planted(lambda s, y, dy: dy * (abs(s) < CAP)), rng.normal(size=SHAPE), cap=CAP)


@pytest.mark.parametrize(
    ("s", "cap", "error", "message"),
    [
        ([1.0], 2.0, TypeError, r"softcap: s must be an array, got list"),
        (np.arange(3), 2.0, TypeError, r"softcap: s must be floating or complex, got int64"),
        (np.ones(3), 0, ValueError, r"softcap: cap must be positive and finite, got 0"),
        (np.ones(3), -2.0, ValueError, r"softcap: cap must be positive and finite, got -2.0"),
        (np.ones(3), math.inf, ValueError, r"softcap: cap must be positive and finite, got inf"),
        (np.ones(3), math.nan, ValueError, r"softcap: cap must be positive and finite, got nan"),
    ],
)
def test_bad_input_is_one_clear_line(s, cap, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        softcap(s, cap=cap)
