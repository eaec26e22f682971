"""What --input and --param may say."""

import numpy as np
import pytest

from gradcheck.cli.errors import UsageError
from gradcheck.cli.values import array, parameter


@pytest.mark.parametrize(
    ("text", "shape", "dtype"),
    [
        ("x=2,8,64", (2, 8, 64), "float64"),
        ("x=5", (5,), "float64"),
        ("x=(5,)", None, None),
        ("x=5,", (5,), "float64"),
        ("x=0,3", (0, 3), "float64"),
        ("x=()", (), "float64"),
        (" x = 2, 3 ", (2, 3), "float64"),
        ("x=2,3:float32", (2, 3), "float32"),
        ("x=():float16", (), "float16"),
        ("ids=2,8<50", (2, 8), "int64"),
        ("ids=2,8<50:int8", (2, 8), "int8"),
        ("mask=2,1,8,8:bool", (2, 1, 8, 8), "bool"),
    ],
)
def test_an_array_is_drawn_as_it_is_named(text, shape, dtype):
    if shape is None:
        with pytest.raises(UsageError, match=r"^--input x must be a shape such as 2,8,64"):
            array(text)
        return
    drawn = array(text).draw(0)
    assert drawn.shape == shape and drawn.dtype == dtype


def test_whole_numbers_lie_below_their_bound():
    ids = array("ids=40,50<7").draw(3)
    assert set(ids.ravel()) == set(range(7))


def test_truth_values_are_mixed():
    assert 0.4 < array("mask=50,50:bool").draw(3).mean() < 0.6


def test_an_array_depends_on_its_name_and_the_seed_alone():
    first, again = array("x=3,4").draw(1), array("x=3,4").draw(1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, array("x=3,4").draw(2)) and not np.array_equal(first, array("z=3,4").draw(1))
    np.testing.assert_array_equal(first.astype(np.float32), array("x=3,4:float32").draw(1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "--input must be a name and a value, such as x=2,8,64, got 'x'"),
        ("=2,3", "--input must be a name and a value, such as x=2,8,64, got '=2,3'"),
        ("a b=2", "--input must be a name and a value, such as x=2,8,64, got 'a b=2'"),
        ("x=", "--input x must be a shape such as 2,8,64 or 2,8<50 or 2,8:float32, got ''"),
        ("x=two", "--input x must be a shape such as 2,8,64 or 2,8<50 or 2,8:float32, got 'two'"),
        ("x=-2", "--input x must be a shape such as 2,8,64 or 2,8<50 or 2,8:float32, got '-2'"),
        ("x=2:complex128", ("--input x must be one of float64, float32, float16, int64, int32, int16, int8, uint8, "
                           "bool, got complex128")),
        ("x=2:int64", "--input x of whole numbers must have a bound, such as 2<50"),
        ("x=2<0", "--input x with a bound must be whole numbers below 1 or more, got '2<0'"),
        ("x=2<5:float32", "--input x with a bound must be whole numbers below 1 or more, got '2<5:float32'"),
    ],
)
def test_what_is_no_array_is_said_in_one_line(text, message):
    with pytest.raises(UsageError) as caught:
        array(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("width=64", 64),
        ("eps=1e-5", 1e-5),
        ("causal=True", True),
        ("axis=(0, 1)", (0, 1)),
        ("mask=None", None),
        ("norm=pre", "pre"),
        ("norm='pre'", "pre"),
        ("name=", ""),
        ("rule=a=b", "a=b"),
        ("dtype=float32", "float32"),
    ],
)
def test_a_parameter_is_a_literal_or_a_string(text, value):
    name, got = parameter(text)
    assert name == text.partition("=")[0] and got == value and type(got) is type(value)


def test_a_parameter_needs_a_name():
    with pytest.raises(UsageError, match=r"^--param must be a name and a value, such as width=64, got '64'$"):
        parameter("64")
