import numpy as np
import pytest

import gradcheck
from reference.core import few_passes
from reference.core.few_passes import BLOCK, normalized
from reference.layers.layernorm import LayerNorm

plain = LayerNorm.vjp.__wrapped__
CLOSE = 3e-6  # some fifty roundings of 6e-8, of numbers of a few units


def drawn(rng, shape, dtype=np.float32, scale=1.0):
    gamma, beta = rng.normal(size=(2, shape[-1])).astype(dtype)
    x, dy = rng.normal(size=(2, *shape)).astype(dtype)
    return LayerNorm(gamma, beta), (scale * x).astype(dtype), dy


def both(vjp, layer, x, dy):
    y, pullback = vjp(layer, x)
    d_layer, dx = pullback(dy)
    return y, d_layer.gamma, d_layer.beta, dx


def taken(monkeypatch):
    """Return a list that grows whenever the twin takes something."""
    calls, twin = [], few_passes.normalized
    monkeypatch.setattr(few_passes, "normalized", lambda layer, x: [calls.append(x.shape), twin(layer, x)][1])
    return calls


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e10, 1e17])
@pytest.mark.parametrize("shape", [(7,), (1, 5), (2, 3, 7), (4, 1), (3 * BLOCK // 64 - 5, 64), (3, BLOCK + 1)])
def test_it_is_the_layer_at_every_scale_and_in_any_number_of_blocks(monkeypatch, rng, shape, scale):
    layer, x, dy = drawn(rng, shape, scale=scale)
    before, calls = [z.copy() for z in (x, dy)], taken(monkeypatch)
    wide = both(plain, layer.astype(float), x.astype(float), dy.astype(float))
    scales = [1, np.sqrt(x.size), np.sqrt(x.size), np.abs(wide[3]).max() + 1e-30]  # sums over rows grow with their root
    for got, right, size in zip(both(LayerNorm.vjp, layer, x, dy), wide, scales, strict=True):
        assert got.dtype == np.float32 and got.shape == right.shape
        np.testing.assert_allclose(got, right, rtol=0, atol=CLOSE * max(size, 1e-30))
    assert calls == [shape]
    assert all(map(np.array_equal, before, (x, dy)))


@pytest.mark.parametrize("block", [BLOCK, 14, 1])
def test_in_float64_its_twelve_digits_are_those_of_the_layer(monkeypatch, rng, block):
    monkeypatch.setattr(few_passes, "BLOCK", block)
    layer, x, dy = drawn(rng, (3, 5, 7), np.float64)
    for got, right in zip(both(normalized, layer, x, dy), both(plain, layer, x, dy), strict=True):
        np.testing.assert_allclose(got, right, rtol=0, atol=1e-13)  # sums of 15 numbers of a few units


@pytest.mark.parametrize("block", [BLOCK, 14])
def test_its_pullback_is_proved_on_its_own(monkeypatch, rng, block):
    monkeypatch.setattr(few_passes, "BLOCK", block)

    class Twin(LayerNorm):
        vjp = normalized

    layer, x, _ = drawn(rng, (2, 3, 7), np.float64)
    gradcheck.assert_gradients(Twin(layer.gamma, layer.beta), x)


def test_the_pullback_may_be_called_twice_and_takes_other_dtypes(rng):
    layer, x, dy = drawn(rng, (2, 3, 7))
    _, pullback = layer.vjp(x)
    (d_one, one), (d_other, other) = pullback(dy), pullback(dy)
    assert np.array_equal(one, other) and np.array_equal(d_one.gamma, d_other.gamma)
    for dtype in (np.float64, np.complex64):
        d_layer, dx = pullback(dy.astype(dtype))
        assert dx.dtype == d_layer.gamma.dtype == dtype
        np.testing.assert_allclose(dx, one, rtol=0, atol=CLOSE)
    with pytest.raises(ValueError, match="reshape"):
        pullback(dy[:1, :1])


def test_columns_first_and_every_other_entry_are_as_good_as_rows(rng):
    layer, x, dy = drawn(rng, (6, 7))
    expected = both(plain, layer, x, dy)
    for z in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
        for got, right in zip(both(LayerNorm.vjp, layer, z, dy), expected, strict=True):
            np.testing.assert_allclose(got, right, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("wrong", [1e25, np.inf, np.nan])
def test_where_a_square_overflows_the_layer_itself_does_it(rng, wrong):
    layer, x, dy = drawn(rng, (4, 7))
    x[2, 3] = wrong
    assert normalized(layer, x) is None
    with np.errstate(invalid="ignore"):
        for got, right in zip(both(LayerNorm.vjp, layer, x, dy), both(plain, layer, x, dy), strict=True):
            np.testing.assert_array_equal(got, right)


def test_what_the_twin_is_not_for_is_left_to_the_layer(monkeypatch, rng):
    calls = taken(monkeypatch)
    layer, x, _ = drawn(rng, (2, 7))
    for other, z in (
        (layer.astype(float), x), (layer, x.astype(float)), (layer, x.astype(complex)), (layer, x[:0]),
        (LayerNorm(layer.gamma, layer.beta, 0.0), x), (LayerNorm(layer.gamma, layer.beta, 1e-30), x),
    ):  # fmt: skip
        assert np.array_equal(other(z), plain(other, z)[0])
    for z in (x[:, :3], x[0, 0], x.astype(int), [1.0], np.float32(1)):
        with pytest.raises((TypeError, ValueError), match="LayerNorm: x must"):
            layer(z)
    with pytest.raises(ValueError, match="LayerNorm: beta must"):
        LayerNorm(layer.gamma, layer.beta[:1])(x)
    with pytest.raises(TypeError, match="positional"):
        layer.vjp(x, x)
    assert calls == []


def test_a_mean_that_is_left_in_is_caught(monkeypatch, rng):
    layer, x, _ = drawn(rng, (3, 7))
    of_squares = lambda z: z.mean(axis=-1, keepdims=True) if (z >= 0).all() else np.zeros_like(z[:, :1])  # noqa: E731
    monkeypatch.setattr(few_passes, "row_means", of_squares)
    assert not np.allclose(layer(x), plain(layer, x)[0], rtol=0, atol=1e-3)  # a mean of some tenths
