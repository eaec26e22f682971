import numpy as np
import pytest

from reference.core.sums import SHORT, as_rows, column_sums, row_maxima, row_means, row_scales, row_sums, shown

EXACT = {"rtol": 1e-13, "atol": 1e-13}  # float64, sums of at most 20 numbers near 1 in another order
SHAPES = [(7,), (1, 7), (4, 7), (2, 3, 7), (2, 3, 4, 5), (20, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_row_sums_and_means_equal_those_of_numpy(rng, shape, dtype):
    x = rng.normal(size=shape).astype(dtype) * dtype(1.5)
    np.testing.assert_allclose(row_sums(x), x.sum(axis=-1, keepdims=True), **EXACT)
    np.testing.assert_allclose(row_means(x), x.mean(axis=-1, keepdims=True), **EXACT)


@pytest.mark.parametrize("shape", [(1, 7), (4, 7), (20, 1)])
def test_column_sums_equal_those_of_numpy(rng, shape):
    x = rng.normal(size=shape)
    np.testing.assert_allclose(column_sums(x), x.sum(axis=0), **EXACT)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
def test_dtype_in_is_dtype_out(dtype):
    x = np.ones((4, 7), dtype)
    assert row_sums(x).dtype == row_means(x).dtype == column_sums(x).dtype == dtype


@pytest.mark.parametrize("shape", [(0,), (0, 7), (3, 0), (2, 0, 7)])
def test_empty_sums_are_zero(shape):
    for sums in (row_sums(np.ones(shape)), row_means(np.zeros(shape))):
        assert sums.shape == (*shape[:-1], 1) and not sums.any()


def test_empty_columns_sum_to_zero():
    np.testing.assert_array_equal(column_sums(np.ones((0, 3))), np.zeros(3))


def test_rows_do_not_touch_each_other(rng):
    x = rng.normal(size=(5, 7))
    x[1, 2], x[3, 4] = np.nan, np.inf
    np.testing.assert_array_equal(np.isfinite(row_sums(x))[:, 0], [True, False, True, False, True])


def test_memory_layout_does_not_matter(rng):
    x = rng.normal(size=(6, 8))
    for view in (x.T, x[::2], x[:, ::-2], np.broadcast_to(x[:1], (4, 8))):
        np.testing.assert_allclose(row_sums(view), view.sum(axis=-1, keepdims=True), **EXACT)
        np.testing.assert_allclose(column_sums(view), view.sum(axis=0), **EXACT)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 2, 7, 8, 600])
def test_a_mean_does_not_overflow(dtype, width):
    largest = np.finfo(dtype).max
    mean = row_means(np.full((2, width), largest))
    assert np.isfinite(mean).all()
    np.testing.assert_allclose(mean / largest, 1, rtol=width * float(np.finfo(dtype).eps), atol=0)


@pytest.mark.parametrize("width", [1, 2, 8, 64, 512])
def test_a_mean_of_a_power_of_two_is_not_divided_and_is_the_one_that_would_be_to_the_last_bit(rng, width):
    x = rng.normal(size=(50, width)).astype(np.float32)
    share = np.float32(0.5 / width)
    np.testing.assert_array_equal(row_means(x)[:, 0], (x @ np.full(width, share)) / np.float32(0.5))


def test_a_mean_is_the_sum_over_the_width_to_the_last_bit(rng):
    for width in (1, 2, 7, 8, 100):
        x = rng.normal(size=(50, width))
        np.testing.assert_array_equal(row_means(x), row_sums(x) / width)


SIGNALLING = np.full(256, 0x7FA00001, np.uint32).view(np.float32)[::2]  # no numbers, which nobody may compute with


@pytest.mark.parametrize("width", range(1, 18))
def test_sums_in_float32_tell_of_no_numbers_but_their_own(width):
    """A product leaves the vector that it has copied on the stack; beside rows of 5 a kernel reads what lies there."""
    for rows in range(1, 12):
        x = np.ones((rows, width), np.float32)
        for sums, expected in ((row_sums, width), (row_means, 1)):
            with np.errstate(all="ignore"):
                np.ones((3, SIGNALLING.size), np.float32) @ SIGNALLING
            with np.errstate(all="raise"):
                np.testing.assert_allclose(sums(x), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("shape", [(7,), (0,), (4, 7), (2, 0, 7), (3, 2, 0), (0, 0)])
def test_rows_are_the_entries_along_the_last_axis(rng, shape):
    x = rng.normal(size=shape)
    rows = as_rows(x)
    assert rows.shape == (int(np.prod(shape[:-1])), shape[-1])
    np.testing.assert_array_equal(rows.reshape(shape), x)
    assert not x.size or np.shares_memory(rows, x)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
def test_a_scale_is_the_power_of_two_at_the_largest_entry_of_a_row(dtype):
    real = np.finfo(dtype).dtype.type
    largest = [[0.75, -3.9, 1], [4, 0, 4], [-5, 2, 1], [0.01, 0, 0.01], [np.finfo(dtype).max, 1, 0]]
    scale = row_scales(np.array(largest, dtype), least=0.26)
    assert scale.dtype == real
    top = 2.0 ** (np.finfo(dtype).maxexp - 1)
    np.testing.assert_array_equal(scale[:, 0].astype(float), [2, 4, 4, 0.25, top])


def test_a_scale_of_no_entries_is_that_of_the_least():
    np.testing.assert_array_equal(row_scales(np.zeros((2, 0)), least=3.0), [[2], [2]])


def test_a_scale_of_the_smallest_numbers_divides_them_to_size_1():
    for dtype in (np.float16, np.float32, np.float64):
        x = np.full((1, 3), np.finfo(dtype).smallest_subnormal)
        np.testing.assert_array_equal(x / row_scales(x, least=0.0), np.ones((1, 3)))


@pytest.mark.parametrize("shape", [(7,), (2, 3, 5), (2, 3, SHORT), (2, 3, SHORT + 1), (0, 4), (3, 0)])
def test_the_largest_entry_of_a_row_is_found_whatever_its_length(rng, shape):
    x = rng.normal(size=shape).astype(np.float32)
    x[..., :1] = np.where(rng.random(x[..., :1].shape) < 0.5, np.nan, -np.inf)
    for given in (x, x.swapaxes(0, -1).copy().swapaxes(0, -1)):
        np.testing.assert_array_equal(row_maxima(given, -1.0), given.max(axis=-1, keepdims=True, initial=-1))


def test_a_number_that_a_dtype_does_not_show_is_the_smallest_that_it_does():
    for dtype in (np.float16, np.float32, np.float64):
        smallest = float(np.finfo(dtype).smallest_subnormal)
        assert shown(smallest / 4, np.dtype(dtype)) == smallest and dtype(shown(1e-30, np.dtype(dtype))) > 0
        assert shown(0.3, np.dtype(dtype)) == 0.3
