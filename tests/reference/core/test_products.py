import numpy as np
import pytest
from strict import Strict, numbers, strict

from reference.core.products import ENTRIES, laid_out, onto, product, side_by_side
from reference.layers.linear import Linear

COLUMNS = 128  # the most that lie together
DEEP = ENTRIES // 64  # rows of a matrix of which 64 do
SHAPES = [(DEEP, 192), (DEEP + 1, 96), (3 * DEEP, 64), (5, 7), (6, 2 * COLUMNS), (3, COLUMNS), (0, 4), (0, 2 * COLUMNS)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("leading", [(), (1,), (4,), (2, 3), (0,), (1, 1)])
def test_it_is_the_product_whatever_the_layout(rng, shape, leading):
    w, b, x = rng.normal(size=shape), rng.normal(size=shape[1]), rng.normal(size=(*leading, shape[0]))
    np.testing.assert_allclose(product(w, b)(x), x @ w + b, rtol=0, atol=1e-12)  # 1,536 terms of size 1
    np.testing.assert_allclose(product(w)(x), x @ w, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("of_x", [np.float32, np.float64])
def test_dtypes_are_promoted_as_numpy_does(rng, dtype, of_x):
    w, b, x = (rng.normal(size=shape) for shape in ((6, 2 * COLUMNS), 2 * COLUMNS, (4, 6)))
    y = product(w.astype(dtype), b.astype(np.float32))(x.astype(of_x))
    assert y.dtype == np.result_type(dtype, of_x)
    np.testing.assert_allclose(y, x @ w + b, rtol=0, atol=1e-5)  # of float32


def test_x_is_not_written_to_and_the_parameters_are_those_of_the_beginning(rng):
    w, x = rng.normal(size=(6, 2 * COLUMNS)), rng.normal(size=(4, 6))
    before, apply, y = x.copy(), product(w), product(w)(x)
    assert np.array_equal(apply(x), y) and np.array_equal(x, before)


def test_other_arrays_are_multiplied_where_they_are(rng):
    w, x = rng.normal(size=(6, 2 * COLUMNS)), rng.normal(size=(4, 6))
    y = product(strict(w))(strict(x))
    assert type(y) is Strict and np.array_equal(numbers(y), x @ w)


def test_maps_side_by_side_are_one_map(rng):
    maps = [Linear.init(rng, 5, n, np.float64) for n in (3, 4)] + [Linear.init(rng, 5, 2, np.float64, bias=False)]
    maps[0] = Linear(maps[0].w, rng.normal(size=3))
    x = rng.normal(size=(2, 3, 5))
    np.testing.assert_allclose(side_by_side(*maps)(x), np.concatenate([m(x) for m in maps], -1), rtol=0, atol=1e-14)
    bare = [Linear(m.w, None) for m in maps]
    np.testing.assert_allclose(side_by_side(*bare)(x), np.concatenate([m(x) for m in bare], -1), rtol=0, atol=1e-14)


def test_what_is_laid_out_has_its_rows_in_order_and_what_lies_so_is_not_copied(rng):
    x = rng.normal(size=(2, 3, 4))
    turned = laid_out(x.swapaxes(1, 2))
    assert turned.flags.c_contiguous and np.array_equal(turned, x.swapaxes(1, 2))
    assert laid_out(x) is x
    np.testing.assert_array_equal(numbers(laid_out(strict(x).swapaxes(1, 2))), turned)


@pytest.mark.parametrize("length", [8, 64, 128])  # of 128 rows, 1,024 bytes apart, the last is far
def test_rows_are_left_where_they_are_unless_they_are_far_apart_and_products_have_the_same_bits(rng, length):
    x, w = (rng.normal(size=shape).astype(np.float32) for shape in ((2, length, 256), (2, 8, length, length)))
    heads = x.reshape(2, length, 8, 32).swapaxes(1, 2)
    assert (laid_out(heads) is heads) == (length < 128)
    np.testing.assert_array_equal(w @ laid_out(heads), w @ heads.copy())


def test_rows_that_do_not_lie_one_behind_the_other_are_laid_out(rng):
    x = rng.normal(size=(2, 3, 4))
    for view in (x[:, ::-1], np.broadcast_to(x[:, :1], x.shape)):
        made = laid_out(view)
        assert made.flags.c_contiguous and np.array_equal(made, view)


@pytest.mark.parametrize("width", [32, 30])  # of a head: rows lie a power of two apart, 1,024 bytes, or 960
def test_columns_of_rows_that_lie_far_apart_are_laid_out_as_others_are(rng, width):
    x = rng.normal(size=(2, 128, 8 * width)).astype(np.float32)
    heads = x.reshape(2, 128, 8, width).swapaxes(1, 2)
    turned = laid_out(heads.swapaxes(-1, -2))
    assert turned.flags.c_contiguous and not np.shares_memory(turned, x)
    np.testing.assert_array_equal(turned, heads.swapaxes(-1, -2))


@pytest.mark.parametrize("of_b", [np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("of_y", [np.float32, np.float64, np.complex64, np.complex128])
def test_a_sum_takes_the_memory_of_the_product_and_has_the_bits_and_the_dtype_of_any_sum(rng, of_y, of_b):
    y, b = rng.normal(size=(6, 5)).astype(of_y), rng.normal(size=5).astype(of_b)
    expected, before = y + b, b.copy()
    made = onto(y, b)
    assert made.dtype == expected.dtype and np.array_equal(made, expected) and np.array_equal(b, before)
    assert np.shares_memory(made, y) == (of_y == of_b)
