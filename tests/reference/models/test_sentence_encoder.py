import numpy as np
import pytest
from composites import parameters, same
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.layer import Layer
from reference.layers.linear import Linear
from reference.models.sentence_encoder import SentenceEncoder, examples

SEEN = np.array([[1, 1, 1], [1, 1, 0]], bool)
MASK = SEEN[:, None, None]


class Said(Layer):
    """y = tanh(linear(x)), whatever is padding."""

    linear: Linear

    def vjp(self, x, *, mask=None):
        a, linear_pullback = self.linear.vjp(x)
        y = np.tanh(a)

        def pullback(dy):
            d_linear, dx = linear_pullback(dy * (1 - y * y))
            return self.cotangent(linear=d_linear), dx

        return y, pullback


class Itself(Layer):
    """y = x, whatever is padding."""

    def vjp(self, x, *, mask=None):
        return x, lambda dy: (self.cotangent(), dy)


@pytest.fixture
def layer(rng):
    return SentenceEncoder(Said(Linear(rng.normal(size=(4, 5)), rng.normal(size=5))))


@pytest.fixture
def x(rng):
    return rng.normal(size=(2, 3, 4))


def planted(wrong):
    """Return a SentenceEncoder with `wrong(dv, v, r, c, n) -> dh`."""

    class Wrong(SentenceEncoder):
        def vjp(self, x, *, mask=None):
            v, _ = super().vjp(x, mask=mask)
            h, body_pullback = self.body.vjp(x)
            c = np.ones(h.shape[:2]) if mask is None else 1.0 * mask[:, 0, 0]
            n = c.sum(axis=1, keepdims=True)
            m = (c[..., None] * h).sum(axis=1) / n
            r = np.sqrt((m * m).sum(axis=1, keepdims=True))

            def pullback(dv):
                d_body, dx = body_pullback(wrong(dv, v, r, c, n))
                return self.cotangent(body=d_body), dx

            return v, pullback

    return lambda layer: Wrong(layer.body)


def across(dv, v):
    return dv - v * (dv * v).sum(axis=1, keepdims=True)


EVERY = {"body.linear.w", "body.linear.b", "x"}


@pytest.mark.parametrize("i", range(3))
def test_backward_is_proved(prove, rng, i):
    _, layer, inputs, constants = list(examples(rng))[i]
    report = prove(layer, *inputs, **constants)
    assert {g.name for g in report.gradients} >= parameters(layer)


@settings(deadline=None, max_examples=8, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 4), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, seed):
    rng = np.random.default_rng(seed)
    layer = SentenceEncoder(Said(Linear(rng.normal(size=shape[2:]), rng.normal(size=shape[3]))), eps=0.1)
    gradcheck.assert_gradients(layer, rng.normal(size=shape[:3]))


@pytest.mark.parametrize("mask", [None, MASK, MASK[1:]])
def test_forward_and_backward_equal_their_loop_oracle(layer, x, rng, mask):
    seen = np.broadcast_to(True if mask is None else mask[:, 0, 0], (2, 3))
    h, body_pullback = layer.body.vjp(x)
    dv, expected, dh = rng.normal(size=(2, 5)), np.zeros((2, 5)), np.zeros((2, 3, 5))
    for b in range(2):
        kept = [s for s in range(3) if seen[b, s]]
        m = sum(h[b, s] for s in kept) / len(kept)
        r = np.sqrt(m @ m)
        expected[b] = m / r
        jacobian = np.eye(5) / r - np.outer(m, m) / r**3
        for s in kept:
            dh[b, s] = jacobian @ dv[b] / len(kept)
    v, pullback = layer.vjp(x, mask=mask)
    same(v, expected)
    d_layer, dx = pullback(dv)
    d_body, dx_expected = body_pullback(dh)
    same(dx, dx_expected)
    same(d_layer.body.linear.w, d_body.linear.w)


def test_every_vector_has_length_one(layer, x):
    same((layer(x, mask=MASK) ** 2).sum(axis=1), 1)


def test_padding_changes_nothing(layer, x, rng):
    other = x.copy()
    other[1, 2] = 9.0
    dv = rng.normal(size=(2, 5))
    (v, pullback), (w, other_pullback) = layer.vjp(x, mask=MASK), layer.vjp(other, mask=MASK)
    assert np.array_equal(v, w) and not pullback(dv)[1][1, 2].any()
    assert np.array_equal(pullback(dv)[1][0], other_pullback(dv)[1][0])


def test_the_order_of_positions_does_not_matter(layer, x):
    same(layer(x[:, ::-1]), layer(x))


def test_a_longer_mean_is_the_same_vector(layer, rng):
    h, dv = rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 5))
    encoder = SentenceEncoder(Itself())
    same(encoder(3.0 * h), encoder(h))
    _, dh = encoder.vjp(h)[1](dv)
    same((h * dh).sum(axis=(1, 2)), 0)


SIZES = [(np.float16, 2.0**14), (np.float16, 2.0**-12), (np.float32, 1e30), (np.float32, 1e-30), (np.float64, 1e250)]


@pytest.mark.parametrize(("dtype", "size"), SIZES)
def test_means_whose_squares_overflow(rng, dtype, size):
    h, dv = rng.uniform(0.5, 1.5, size=(2, 9, 5)), rng.normal(size=(2, 5))  # nine states add up to more than float16
    encoder, more = SentenceEncoder(Itself(), eps=1e-300), max(1.0, size / 4)  # so that dh is no subnormal number
    exact, exact_pullback = encoder.vjp(h)
    v, pullback = encoder.vjp((size * h).astype(dtype))
    (_, exact_dh), (_, dh) = exact_pullback(dv), pullback((more * dv).astype(dtype))
    digits = 16 * float(np.finfo(dtype).eps)  # a few roundings of numbers up to 1, and of the states
    assert v.dtype == dh.dtype == dtype
    np.testing.assert_allclose(v.astype(np.float64), exact, rtol=0, atol=digits)
    np.testing.assert_allclose(dh * (size / more), exact_dh, rtol=0, atol=digits * abs(dv).max())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_padding_alone_is_zero(layer, x, rng, dtype):
    mask = np.array([[1, 1, 1], [0, 0, 0]], bool)[:, None, None]
    v, pullback = layer.astype(dtype).vjp(x.astype(dtype), mask=mask)
    _, dx = pullback(100 * rng.normal(size=(2, 5)).astype(dtype))
    assert v[0].any() and not v[1].any() and not dx[1].any() and np.isfinite(dx).all()


def test_dtype_in_is_dtype_out(layer, x):
    v, pullback = layer.astype(np.float32).vjp(x.astype(np.float32), mask=MASK)
    d_layer, dx = pullback(v)
    assert v.dtype == dx.dtype == d_layer.body.linear.w.dtype == np.float32


def test_a_length_taken_for_a_constant_is_caught(caught, layer, x):
    caught(EVERY, planted(lambda dv, v, r, c, n: c[..., None] * (dv / r / n)[:, None])(layer), x, mask=MASK)


def test_a_forgotten_length_is_caught(caught, layer, x):
    caught(EVERY, planted(lambda dv, v, r, c, n: c[..., None] * (across(dv, v) / n)[:, None])(layer), x, mask=MASK)


def test_a_mean_over_padding_in_the_backward_is_caught(caught, layer, x):
    wrong = planted(lambda dv, v, r, c, n: c[..., None] * (across(dv, v) / r / c.shape[1])[:, None])
    caught(EVERY, wrong(layer), x, mask=MASK)
    gradcheck.assert_gradients(wrong(layer), x)


def test_a_gradient_of_padding_is_caught(caught, layer, x):
    wrong = planted(lambda dv, v, r, c, n: np.ones_like(c)[..., None] * (across(dv, v) / r / n)[:, None])
    caught(EVERY, wrong(layer), x, mask=MASK)


def test_bad_input_is_one_clear_line(layer, x):
    with pytest.raises(ValueError, match=r"^SentenceEncoder: mask must have shape \(2 or 1, 1, 1, 3\), got \(2, 3\)$"):
        layer(x, mask=SEEN)
    with pytest.raises(TypeError, match=r"^SentenceEncoder: mask must be a boolean array, got int64$"):
        layer(x, mask=MASK.astype(int))
    with pytest.raises(ValueError, match=r"^SentenceEncoder: what body says must have shape \(B, S, D\), got \(2, 5\)"):
        SentenceEncoder(layer)(x)
    with pytest.raises(ValueError, match=r"^SentenceEncoder: eps must be positive and finite, got 0\.0$"):
        SentenceEncoder(layer.body, eps=0.0)
