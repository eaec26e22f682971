import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.layers.layernorm import LayerNorm
from reference.layers.sinusoidal import SinusoidalPositions, examples, sinusoidal

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # float64, angles of at most 40 rounded to 1 part in 10^16


class Placed(Layer):
    """Positions, then a norm that mixes them with the input."""

    positions: SinusoidalPositions
    norm: LayerNorm

    def vjp(self, x):
        h, positions_pullback = self.positions.vjp(x)
        y, norm_pullback = self.norm.vjp(h)

        def pullback(dy):
            d_norm, dh = norm_pullback(dy)
            d_positions, dx = positions_pullback(dh)
            return self.cotangent(positions=d_positions, norm=d_norm), dx

        return y, pullback


class ForgottenScale(SinusoidalPositions):
    def vjp(self, x):
        return super().vjp(math.sqrt(x.shape[-1]) * x)


def table(length, width):
    return sinusoidal(length, width, np.float64)


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(4))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.tuples(*[st.integers(1, 5)] * 3), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, seed):
    gradcheck.assert_gradients(SinusoidalPositions(), np.random.default_rng(seed).normal(size=shape))


def test_backward_is_proved_inside_a_composite(prove, rng):
    norm = LayerNorm(gamma=rng.normal(size=8), beta=rng.normal(size=8))
    prove(Placed(positions=SinusoidalPositions(), norm=norm), rng.normal(size=(2, 3, 8)))


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_the_table_equals_the_formula_of_the_paper(width):
    expected = np.zeros((9, width))
    for pos in range(9):
        for i in range((width + 1) // 2):
            expected[pos, 2 * i] = math.sin(pos / 10000 ** (2 * i / width))
            if 2 * i + 1 < width:
                expected[pos, 2 * i + 1] = math.cos(pos / 10000 ** (2 * i / width))
    same(table(9, width), expected)


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_halves_are_those_of_the_published_code(width):
    """As it stands in Marian's layout: all sines, then all cosines."""
    angles = np.array([[pos / np.power(10000, 2 * (j // 2) / width) for j in range(width)] for pos in range(9)])
    expected = np.concatenate([np.sin(angles[:, 0::2]), np.cos(angles[:, 1::2])], axis=1)
    same(sinusoidal(9, width, np.float64, halves=True), expected)


@pytest.mark.parametrize("width", [1, 5, 8])
def test_halves_are_the_same_columns_in_another_order(width):
    halves = sinusoidal(40, width, np.float64, halves=True)
    columns = [*range(0, width, 2), *range(1, width, 2)]
    np.testing.assert_array_equal(halves, table(40, width)[:, columns])
    same(halves @ halves.T, table(40, width) @ table(40, width).T)


@pytest.mark.parametrize("halves", [False, True])
def test_steps_add_the_positions_of_one_pass(rng, halves):
    layer, x = SinusoidalPositions(halves), rng.normal(size=(2, 7, 6))
    cache = layer.cache(2, 7)
    steps = [layer.step(x[:, start:stop], cache) for start, stop in ((0, 3), (3, 4), (4, 7))]
    np.testing.assert_array_equal(np.concatenate(steps, axis=1), layer(x))


def test_a_relative_shift_is_a_rotation():
    pairs = table(40, 8).reshape(40, 4, 2)
    for k in (1, 3, 17):
        for j in range(4):
            angle = k / 10000 ** (2 * j / 8)
            rotation = [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
            same(pairs[k:, j], pairs[:40 - k, j] @ np.transpose(rotation))


def test_all_rows_have_one_length():
    same((table(40, 8) ** 2).sum(axis=1), 4)


def test_inner_products_depend_on_the_distance():
    products = table(40, 8) @ table(40, 8).T
    for k in range(40):
        same(np.diag(products, k), products[0, k])


def test_the_first_row_is_zeros_and_ones():
    np.testing.assert_array_equal(table(3, 7)[0], [0, 1, 0, 1, 0, 1, 0])


def test_a_longer_table_begins_with_the_shorter():
    np.testing.assert_array_equal(table(40, 5)[:7], table(7, 5))


def test_positions_are_added_and_gradients_pass(rng):
    x, dy = rng.normal(size=(2, 3, 8)), rng.normal(size=(2, 3, 8))
    y, pullback = SinusoidalPositions().vjp(x)
    d_layer, dx = pullback(dy)
    np.testing.assert_array_equal(y, x + table(3, 8))
    np.testing.assert_array_equal(dx, dy)
    assert isinstance(d_layer, SinusoidalPositions)


@pytest.mark.parametrize("halves", [False, True])
def test_each_place_has_the_row_of_its_id(prove, rng, halves):
    layer, x, ids = SinusoidalPositions(halves=halves), rng.normal(size=(2, 3, 5)), np.array([[0, 1, 2], [9, 1, 1]])
    table = sinusoidal(10, 5, np.float64, halves=halves)
    y, pullback = layer.vjp(x, position_ids=ids)
    assert np.array_equal(y, x + table[ids]) and pullback(x)[1].shape == x.shape
    assert np.array_equal(layer(x, position_ids=ids[:1]), layer(x))
    assert layer(x.astype(np.float32), position_ids=ids).dtype == np.float32
    assert layer(x[:0], position_ids=ids[:1]).shape == (0, 3, 5)
    prove(layer, x, position_ids=ids)


def test_ids_that_are_none_are_one_clear_line(rng):
    for ids, message in (
        (np.zeros((3, 3), int), r"position_ids must have shape \(2 or 1, 3\), got \(3, 3\)"),
        (np.array([[0, -1, 2]]), r"position_ids must lie in \[0, 100000000\), got -1 at \(0, 1\)"),
    ):
        with pytest.raises(ValueError, match=f"^SinusoidalPositions: {message}$"):
            SinusoidalPositions()(rng.normal(size=(2, 3, 5)), position_ids=ids)


def test_float32_tables_are_rounded_once():
    np.testing.assert_array_equal(sinusoidal(20_000, 6), table(20_000, 6).astype(np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(dtype):
    y, pullback = SinusoidalPositions().vjp(np.zeros((2, 3, 8), dtype))
    assert y.dtype == pullback(y)[1].dtype == dtype
    assert sinusoidal(3, 8).dtype == np.float32


def test_the_layer_has_no_parameters():
    assert list(tree.leaves(SinusoidalPositions())) == []


def test_tables_are_shared_and_cannot_be_written():
    assert sinusoidal(3, 8) is sinusoidal(3, 8, "float32")
    with pytest.raises(ValueError, match="read-only"):
        sinusoidal(3, 8)[0] = 0


@pytest.mark.parametrize("shape", [(0, 3, 8), (2, 0, 8)])
def test_empty_batch_gives_empty_output(shape):
    y, pullback = SinusoidalPositions().vjp(np.zeros(shape))
    assert y.shape == pullback(y)[1].shape == shape


def test_forgotten_scale_is_caught(caught, rng):
    caught({"x"}, ForgottenScale(), rng.normal(size=(2, 3, 8)))


def test_bad_input_is_one_clear_line():
    with pytest.raises(ValueError, match=r"^SinusoidalPositions: x must have shape \(B, T, D\), got \(3, 8\)$"):
        SinusoidalPositions()(np.zeros((3, 8)))
    with pytest.raises(TypeError, match=r"^SinusoidalPositions: x must be floating or complex, got int64$"):
        SinusoidalPositions()(np.zeros((2, 3, 8), np.int64))
    with pytest.raises(ValueError, match=r"^sinusoidal: length must be at least 0, got -1$"):
        sinusoidal(-1, 8)
    with pytest.raises(TypeError, match=r"^sinusoidal: width must be a whole number, got float$"):
        sinusoidal(3, 8.0)
    with pytest.raises(TypeError, match=r"^sinusoidal: halves must be True or False, got int$"):
        sinusoidal(3, 8, halves=1)
    with pytest.raises(TypeError, match=r"^SinusoidalPositions: halves must be True or False, got int$"):
        SinusoidalPositions(1)
    with pytest.raises(TypeError, match=r"^sinusoidal: dtype must be floating or complex, got int64$"):
        sinusoidal(3, 8, np.int64)
