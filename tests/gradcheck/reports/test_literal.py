"""Inputs that a script writes out are the inputs."""

import numpy as np
import pytest

from gradcheck.reports.reproducer import literal


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_only_finite_small_arrays_and_plain_values_are_written(value):
    assert literal(np.array([value])) is literal(value) is literal(np.zeros(65)) is literal(np.zeros(0)) is None
    assert literal([value]) is literal({1: (value,)}) is literal(np.array([1j])) is None
    assert (literal(None), literal(True), literal(3), literal("a"), literal(0.5)) == ("None", "True", "3", "'a'", "0.5")


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int8", "bool"])
def test_written_arrays_are_the_arrays(normal, dtype):
    x = (3 * normal(4, 5)).astype(dtype)
    again = eval(literal(x), {"np": np})
    np.testing.assert_array_equal(again, x)
    assert again.dtype == x.dtype
