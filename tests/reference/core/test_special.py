"""What only SciPy has: sums of rows by id through a sparse matrix, or a full one elsewhere, and erfc."""

import numpy as np
import pytest
import scipy.special
from strict import Strict, numbers

from reference.core.special import erfc, rows_added


class Deaf:
    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return NotImplemented

    def __repr__(self):
        return "an array\nof several lines"


@pytest.mark.parametrize("count", [4, 300])  # fewer than rows, and more
@pytest.mark.parametrize("shape", [(60,), (20, 3), (0,), (1,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_rows_of_an_id_are_added_up_in_every_library(count, shape, dtype, rng):
    ids = rng.integers(4, size=shape)
    rows = rng.integers(-9, 9, size=(ids.size, 7)).astype(dtype)  # sums that are exact
    want = np.zeros((count, 7), dtype)
    np.add.at(want, ids.ravel(), rows)
    for got in rows_added(ids, rows, count), numbers(rows_added(Strict(ids), Strict(rows), count)):
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, want)


def test_ids_of_a_short_dtype_reach_all_of_a_long_table():
    ids, rows = np.array([127, 0, 127], np.int8), np.ones((3, 1))
    for got in rows_added(ids, rows, 300), numbers(rows_added(Strict(ids), Strict(rows), 300)):
        assert got[[0, 127, 299], 0].tolist() == [1, 2, 0]
    ids = ids.repeat(200)
    assert numbers(rows_added(Strict(ids), Strict(np.ones((600, 1))), 300))[[0, 127, 299], 0].tolist() == [200, 400, 0]


def test_erfc_is_scipys_in_every_library(rng):
    x = rng.normal(size=(2, 3))
    want = scipy.special.erfc(x)
    assert erfc(x).tobytes() == numbers(erfc(Strict(x))).tobytes() == want.tobytes()


def test_a_library_without_erfc_is_named_on_one_line():
    message = r"^arrays of type .*\.Deaf must take the ufunc scipy\.special\.erfc, got a refusal$"
    with pytest.raises(TypeError, match=message):
        erfc(Deaf())
