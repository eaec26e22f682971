import numpy as np
import pytest

from reference.core.sums import column_sums, row_means, row_sums

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
    sums = row_sums(np.ones(shape))
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
