"""Layouts and byte orders: numbers stay what they are."""

import numpy as np
import pytest

from gradcheck.subjects.formats import laid, native

X = np.random.default_rng(1).normal(size=(3, 4))


def test_an_array_takes_the_layout_of_another_and_its_own_dtype():
    for like in (np.asfortranarray(X), X.T.copy().T, X[:, ::-1]):
        found = laid(X.astype(np.float32), like)
        np.testing.assert_array_equal(found, X.astype(np.float32))
        assert found.dtype == np.float32
    assert laid(X, np.asfortranarray(X)).flags.f_contiguous


def test_of_contiguous_arrays_and_of_other_shapes_it_is_the_array_itself():
    fortran = np.asfortranarray(X)
    assert laid(fortran, X) is fortran
    assert laid(X, np.asfortranarray(X[:2])) is X


def test_a_tree_of_the_machines_byte_order_is_itself():
    tree = {"x": X, "n": np.arange(3)}
    assert native(tree) is tree


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_the_other_byte_order_is_exchanged(dtype):
    other = X.astype(dtype).astype(np.dtype(dtype).newbyteorder())
    found = native({"a": [other, X], "n": 3})
    assert found["a"][0].dtype.isnative and found["a"][0].dtype == dtype
    np.testing.assert_array_equal(found["a"][0], other)
    np.testing.assert_array_equal(found["a"][1], X)
    assert found["n"] == 3


@pytest.mark.parametrize("dtype", [np.longdouble, np.clongdouble])
def test_what_is_wider_than_the_check_computes_is_refused(dtype):
    if np.dtype(dtype).itemsize > (8 if np.dtype(dtype).kind == "f" else 16):  # some platforms have none
        for tree, where in ((np.ones(2, dtype), "an array"), ({"a": [np.ones(2, dtype)]}, r"a\[0\]")):
            message = f"^gradcheck: {where} must be of float64 or narrower, got {np.dtype(dtype)}$"
            with pytest.raises(TypeError, match=message):
                native(tree)


def test_the_widest_that_the_check_computes_in_is_taken():
    for dtype in (np.float64, np.complex128):
        assert native(np.ones(2, dtype)).dtype == dtype
