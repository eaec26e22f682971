import numpy as np
import pytest

from reference.core.shapes import (
    expect_above_zero,
    expect_boolean,
    expect_choice,
    expect_dtype,
    expect_finite,
    expect_flag,
    expect_floating,
    expect_ids,
    expect_integers,
    expect_last_axis,
    expect_nonnegative,
    expect_number,
    expect_positive,
    expect_real,
    expect_shape,
    expect_share,
    expect_size,
    expect_unit,
    expect_whole,
    expect_whole_number,
)

X = np.zeros((2, 3))
IDS = np.array([[0, 4], [2, 1]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
def test_what_fits_passes_in_silence(dtype):
    x = np.zeros((2, 3), dtype)
    expect_floating("L", "x", x)
    expect_last_axis("L", "x", x, 3)
    expect_last_axis("L", "x", x, "D")
    expect_last_axis("L", "x", x[0], 3)
    expect_last_axis("L", "x", x[:0], 3)
    expect_shape("L", "x", x, (2, "D"))
    expect_shape("L", "x", x[0, 0, ...], ())
    assert x.shape == (2, 3)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64, np.uint64])
def test_ids_within_bounds_pass_in_silence(kind):
    ids = IDS.astype(kind)
    expect_ids("L", "ids", ids, 5)
    expect_ids("L", "ids", ids[:0], 0)
    assert ids.dtype == kind


@pytest.mark.parametrize("value", [1, 7, np.int32(3)])
def test_whole_numbers_pass_in_silence(value):
    expect_positive("L", "width", value)
    expect_whole("L", "start", value - value, 0)
    assert value > 0


@pytest.mark.parametrize("value", [0, 0.0, 1e-5, 3, np.float32(2), np.int64(4)])
def test_numbers_pass_in_silence(value):
    expect_number("L", "rate", -value)
    expect_nonnegative("L", "rate", value)
    assert value >= 0


@pytest.mark.parametrize("dtype", [float, np.float32, "float64", np.dtype(np.complex128)])
def test_dtypes_of_parameters_pass_in_silence(dtype):
    expect_dtype("L", dtype)
    assert np.zeros(1, dtype).dtype.kind in "fc"


@pytest.mark.parametrize("dtype", [int, np.int64, bool, "uint8", object])
def test_other_dtypes_are_an_error(dtype):
    with pytest.raises(TypeError, match=rf"^L: dtype must be floating or complex, got {np.dtype(dtype)}$"):
        expect_dtype("L", dtype)


@pytest.mark.parametrize(
    ("expect", "arguments", "error", "message"),
    [
        (expect_floating, ([1.0],), TypeError, r"x must be an array, got list"),
        (expect_floating, (1.0,), TypeError, r"x must be an array, got float"),
        (expect_floating, (np.float64(1),), TypeError, r"x must be an array, got float64"),
        (expect_floating, (IDS,), TypeError, r"x must be floating or complex, got int64"),
        (expect_floating, (X > 0,), TypeError, r"x must be floating or complex, got bool"),
        (expect_last_axis, (X, 7), ValueError, r"x must have shape \(\.\.\., 7\), got \(2, 3\)"),
        (expect_last_axis, (X[0, 0, ...], "D"), ValueError, r"x must have shape \(\.\.\., D\), got \(\)"),
        (expect_last_axis, (IDS, 2), TypeError, r"x must be floating or complex, got int64"),
        (expect_shape, (X, ("B", "T", 3)), ValueError, r"x must have shape \(B, T, 3\), got \(2, 3\)"),
        (expect_shape, (X, ("B", 4)), ValueError, r"x must have shape \(B, 4\), got \(2, 3\)"),
        (expect_shape, (X, (6,)), ValueError, r"x must have shape \(6,\), got \(2, 3\)"),
        (expect_shape, ([0.0], (1,)), TypeError, r"x must be an array, got list"),
        (expect_ids, ([1, 2], 5), TypeError, r"x must be an integer array, got list"),
        (expect_ids, (X, 5), TypeError, r"x must be an integer array, got float64"),
        (expect_ids, (X > 0, 5), TypeError, r"x must be an integer array, got bool"),
        (expect_ids, (IDS, 4), ValueError, r"x must lie in \[0, 4\), got 4 at \(0, 1\)"),
        (expect_ids, (IDS - 2, 5), ValueError, r"x must lie in \[0, 5\), got -2 at \(0, 0\)"),
        (expect_ids, (np.array(9), 5), ValueError, r"x must lie in \[0, 5\), got 9 at \(\)"),
        (expect_whole, (-1, 0), ValueError, r"x must be at least 0, got -1"),
        (expect_whole, (2.0, 0), TypeError, r"x must be a whole number, got float"),
        (expect_positive, (0,), ValueError, r"x must be at least 1, got 0"),
        (expect_positive, (True,), TypeError, r"x must be a whole number, got bool"),
        (expect_positive, ("3",), TypeError, r"x must be a whole number, got str"),
        (expect_number, ("0.1",), TypeError, r"x must be a number, got str"),
        (expect_number, (None,), TypeError, r"x must be a number, got NoneType"),
        (expect_number, (True,), TypeError, r"x must be a number, got bool"),
        (expect_number, (1j,), TypeError, r"x must be a number, got complex"),
        (expect_number, (np.ones(1),), TypeError, r"x must be a number, got ndarray"),
        (expect_nonnegative, ("0.1",), TypeError, r"x must be a number, got str"),
        (expect_nonnegative, (-0.1,), ValueError, r"x must be finite and at least 0, got -0\.1"),
        (expect_nonnegative, (float("nan"),), ValueError, r"x must be finite and at least 0, got nan"),
        (expect_nonnegative, (float("inf"),), ValueError, r"x must be finite and at least 0, got inf"),
        (expect_above_zero, (0,), ValueError, r"x must be positive and finite, got 0"),
        (expect_above_zero, (float("inf"),), ValueError, r"x must be positive and finite, got inf"),
        (expect_finite, (float("nan"),), ValueError, r"x must be finite, got nan"),
        (expect_share, (1,), ValueError, r"x must lie in \[0, 1\), got 1"),
        (expect_share, ("1",), TypeError, r"x must be a number, got str"),
        (expect_unit, (1.5,), ValueError, r"x must lie in \[0, 1\], got 1\.5"),
        (expect_flag, (0,), TypeError, r"x must be True or False, got int"),
        (expect_choice, ("max", ("mean", "sum")), ValueError, r"x must be 'mean' or 'sum', got 'max'"),
        (expect_choice, (X, ("mean", "sum")), TypeError, r"x must be 'mean' or 'sum', got ndarray"),
        (expect_size, (10**9,), ValueError, r"x must be at most 100,000,000, got 1000000000"),
        (expect_size, (0,), ValueError, r"x must be at least 1, got 0"),
        (expect_whole, (11, 0, 10), ValueError, r"x must be at most 10, got 11"),
        (expect_whole_number, (np.float64(1),), TypeError, r"x must be a whole number, got float64"),
        (expect_integers, (X,), TypeError, r"x must be an integer array, got float64"),
        (expect_integers, (np.ma.ones(3, int),), TypeError, r"x must be an integer array, got MaskedArray"),
        (expect_boolean, (IDS,), TypeError, r"x must be a boolean array, got int64"),
        (expect_boolean, (True,), TypeError, r"x must be a boolean array, got bool"),
        (expect_real, (X + 0j,), TypeError, r"x must be real, got complex128"),
        (expect_floating, (X.view(np.matrix),), TypeError, r"x must be an array, got matrix"),
        (expect_floating, (np.ma.ones(3),), TypeError, r"x must be an array, got MaskedArray"),
        (expect_number, (float,), TypeError, r"x must be a number, got the class float"),
    ],
)
def test_an_error_is_one_line_with_the_place_the_name_and_both_facts(expect, arguments, error, message):
    with pytest.raises(error, match=rf"^L: {message}$"):
        expect("L", "x", *arguments)


@pytest.mark.parametrize("value", [np.timedelta64(1, "s"), np.timedelta64(3), np.timedelta64("NaT")])
@pytest.mark.parametrize(
    "expect", [expect_whole_number, expect_positive, expect_size, expect_number, expect_finite, expect_nonnegative,
               expect_above_zero, expect_share, expect_unit],
)  # fmt: skip
def test_a_time_is_no_number(expect, value):
    with pytest.raises(TypeError, match=r"^L: n must be a (whole )?number, got timedelta64$"):
        expect("L", "n", value)


@pytest.mark.parametrize("value", [10**400, -(10**400), np.longdouble("1e4000")], ids=["long", "-long", "wide"])
@pytest.mark.parametrize("expect", [expect_finite, expect_nonnegative, expect_above_zero, expect_share, expect_unit])
def test_a_number_beyond_double_precision_is_refused_in_one_line(expect, value):
    with pytest.raises(ValueError, match=r"^L: n must .*, got (a whole number of about 400 digits|1e\+4000)$"):
        expect("L", "n", value)


@pytest.mark.parametrize("value", [10**400, 10**5000], ids=["400 digits", "5,000 digits"])
def test_a_whole_number_is_not_written_out_where_it_is_long(value):
    with pytest.raises(ValueError, match=r"^L: n must be at most 100,000,000, got a whole number of .* digits$"):
        expect_size("L", "n", value)


def test_a_word_is_not_written_out_where_it_is_long():
    with pytest.raises(ValueError, match=r"^L: n must be 'a' or 'b', got 'xx.{0,60}\.\.\.$"):
        expect_choice("L", "n", "x" * 5000, ("a", "b"))
    with pytest.raises(TypeError, match=r"^L: dtype must be floating or complex, got 'xx.{0,60}\.\.\.$"):
        expect_dtype("L", "x" * 5000)
