"""What is an array, and what is made like one, of NumPy's own or another library's."""

import functools
import weakref

import numpy as np
import pytest
from strict import Strict, numbers

from reference.core.arrays import (
    as_array,
    expect_beside,
    handed_over,
    integers,
    is_any_array,
    is_array,
    number_like,
    on_host,
    spread,
    table,
)


class Functions:
    """One protocol of the two."""

    def __array_function__(self, function, types, args, options):
        return NotImplemented


class Subclass(np.ndarray):
    pass


STRICT = Strict(np.ones(3))
ARRAYS = [np.ones(3), np.ones(()), np.ones(3).view(Subclass), STRICT]
OTHERS = [1.0, np.float64(1), [1.0], None, "word", Functions(), Functions, Strict, np.ndarray, np.float64]


@pytest.mark.parametrize("x", ARRAYS, ids=lambda x: type(x).__name__)
def test_an_array_is_what_takes_numpys_calls(x):
    assert is_array(x) and is_any_array(x)


@pytest.mark.parametrize("x", OTHERS)
def test_what_takes_none_or_half_of_them_is_none(x):
    assert not is_array(x) and not is_any_array(x)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_arrays_whose_operators_mean_something_else_are_arrays_to_be_refused():
    for x in (np.matrix([1.0]), np.ma.array([1.0])):
        assert is_any_array(x) and not is_array(x)


def test_numpys_own_are_on_the_host_and_so_is_what_is_not_there():
    assert [on_host(x) for x in (*ARRAYS, None)] == [True, True, True, False, True]


def test_a_number_becomes_an_array_and_an_array_stays_what_it_is():
    assert all(as_array(x) is x for x in ARRAYS)
    for number in (2.5, np.float32(2.5)):
        got = as_array(number)
        assert type(got) is np.ndarray and got.shape == () and got == 2.5


@pytest.mark.parametrize("at", [range(5), range(3, 7), range(0), range(1, 8, 3), range(6, 0, -2)], ids=str)
def test_integers_are_those_of_the_range_in_every_library(at):
    for like in (None, np.ones((2, 3), np.float32)):
        got = integers(at, like)
        assert type(got) is np.ndarray and got.dtype == int and got.tolist() == list(at)
    got = numbers(integers(at, Strict(np.ones((2, 3), np.float32))))
    assert got.dtype == int and got.tolist() == list(at)


@pytest.mark.parametrize("dtype", [bool, np.float32, np.int64])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 4)])
def test_what_was_drawn_is_handed_over_with_its_shape_and_dtype(dtype, shape, rng):
    drawn = rng.integers(2, size=shape).astype(dtype)
    assert handed_over(drawn, np.ones(2)) is drawn
    got = numbers(handed_over(drawn, STRICT))
    assert (got.dtype, got.shape, got.tobytes()) == (drawn.dtype, shape, drawn.tobytes())


@pytest.mark.parametrize("value", [2.5, np.float64(2.5), np.array(2.5)], ids=repr)
def test_a_number_like_an_array_has_its_dtype_and_no_axes(value):
    for like in (np.ones((), np.float32), np.float32(1)):
        got = number_like(like, value)
        assert type(got) is np.ndarray and got.dtype == np.float32 and got.shape == () and got == 2.5
    got = numbers(number_like(Strict(np.ones((), np.float32)), value))
    assert got.dtype == np.float32 and got.shape == () and got == 2.5


def test_a_table_is_kept_read_only_for_numpys_own_and_made_anew_elsewhere():
    made = []

    @table
    def tables(length, like=None):
        made.append(like)
        return integers(range(length), like), integers(range(length + 1), like)

    first, second = tables(3, like=np.ones(2)), tables(3, like=np.zeros(7))
    assert first is second and not any(array.flags.writeable for array in first)
    for _ in range(2):
        assert [numbers(array).tolist() for array in tables(3, like=STRICT)] == [[0, 1, 2], [0, 1, 2, 3]]
    assert made == [None, STRICT, STRICT]


class OnADevice(Strict):
    """Says where it is, as arrays that follow the array API standard do."""

    __slots__ = ("__weakref__", "device")

    def __init__(self, bare, device):
        super().__init__(bare)
        self.device = device


def test_a_table_is_kept_for_each_device_and_keeps_no_array_that_it_was_made_like():
    made = []

    @functools.partial(table, most=2)
    def count(length, like=None):
        made.append(like.device)
        return integers(range(length), like)

    for device in ["a"], ["b"], ["a"], ["b"]:  # without a hash
        like = OnADevice(np.ones(2), device)
        assert numbers(count(3, like=like)).tolist() == [0, 1, 2]
        alive = weakref.ref(like)
        del like
        assert alive() is None
    assert made == [["a"], ["b"]]
    count(4, like=OnADevice(np.ones(2), ["a"])), count(3, like=OnADevice(np.ones(2), ["a"]))
    assert made == [["a"], ["b"], ["a"], ["a"]], "two are kept"


def test_arrays_of_one_library_and_what_is_no_array_may_stand_side_by_side():
    for x, like in ((STRICT, STRICT), (np.ones(3).view(Subclass), np.ones(3)), (None, STRICT), ([1], STRICT)):
        assert expect_beside("f", "x", x, like) is None
    assert expect_beside("f", "x", np.ones(3), None) is None


def test_arrays_of_two_libraries_are_an_error_that_says_what_moves_them():
    kinds = r"of type strict.Strict as the arrays beside it, got numpy.ndarray"
    with pytest.raises(TypeError, match=rf"^f: x must be {kinds}; np.asarray\(x, like=...\) moves it$"):
        expect_beside("f", "x", np.ones(3).view(Subclass), STRICT)
    with pytest.raises(
        TypeError, match=r"^f: x must be of type numpy.ndarray as the arrays beside it, got strict.Strict$"
    ):
        expect_beside("f", "x", STRICT, np.ones(3))


def test_rows_are_spread_over_the_places_that_count():
    rows = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    counts = np.array([[False, True, False], [True, False, False]])
    places = spread(rows, counts)
    assert places.shape == (2, 3, 2) and places.dtype == np.float32
    np.testing.assert_array_equal(places[counts], rows)
    assert not places[~counts].any()


def test_a_number_like_a_real_array_keeps_what_is_imaginary():
    for dtype, wide in ((np.float32, np.complex64), (np.float64, np.complex128)):
        made = number_like(np.ones(2, dtype), np.complex128(1 + 2j))
        assert (made.dtype, made.shape, complex(made)) == (wide, (), 1 + 2j)
        assert number_like(np.ones(2, dtype), np.float64(3)).dtype == dtype
