"""What only SciPy has: one hot columns as a sparse matrix, or a full one elsewhere, and erfc."""

import numpy as np
import pytest
import scipy.special
from scipy.sparse import csc_array
from strict import Strict, numbers

from reference.core.special import erfc, one_hot


class Deaf:
    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return NotImplemented

    def __repr__(self):
        return "an array\nof several lines"


@pytest.mark.parametrize("shape", [(6,), (2, 3), (0,), (1,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_columns_have_one_entry_at_their_id_in_every_library(shape, dtype, rng):
    ids = rng.integers(4, size=shape)
    want = np.zeros((4, ids.size), dtype)
    want[ids.ravel(), np.arange(ids.size)] = 1
    got, full = one_hot(ids, 4, dtype), numbers(one_hot(Strict(ids), 4, dtype))
    assert isinstance(got, csc_array) and got.dtype == full.dtype == dtype
    np.testing.assert_array_equal(got.toarray(), want)
    np.testing.assert_array_equal(full, want)


def test_both_products_add_up_the_rows_of_an_id(rng):
    ids, rows = rng.integers(5, size=300), rng.integers(-9, 9, size=(300, 7)).astype(float)  # sums that are exact
    want = np.zeros((5, 7))
    np.add.at(want, ids, rows)
    np.testing.assert_array_equal(one_hot(ids, 5, float) @ rows, want)
    np.testing.assert_array_equal(numbers(one_hot(Strict(ids), 5, float) @ Strict(rows)), want)


def test_ids_of_a_short_dtype_reach_all_of_a_long_table():
    ids = np.array([127, 0, 127], np.int8)
    assert (one_hot(ids, 300, float) @ np.ones((3, 1)))[127] == 2
    assert numbers(one_hot(Strict(ids), 300, float).sum(axis=1))[[0, 127, 299]].tolist() == [1, 2, 0]


def test_erfc_is_scipys_in_every_library(rng):
    x = rng.normal(size=(2, 3))
    want = scipy.special.erfc(x)
    assert erfc(x).tobytes() == numbers(erfc(Strict(x))).tobytes() == want.tobytes()


def test_a_library_without_erfc_is_named_on_one_line():
    message = r"^arrays of type .*\.Deaf must take the ufunc scipy\.special\.erfc, got a refusal$"
    with pytest.raises(TypeError, match=message):
        erfc(Deaf())
