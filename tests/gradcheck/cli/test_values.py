"""What --input and --param may say."""

import contextlib

import numpy as np
import pytest

from gradcheck.cli.errors import UsageError
from gradcheck.cli.values import Array, array, parameter


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
                           "bool, got 'complex128'")),
        ("ids=2,8<300:int8", "--input ids of int8 must have a bound of at most 128, got 300"),
        ("ids=2,8<257:uint8", "--input ids of uint8 must have a bound of at most 256, got 257"),
        ("ids=2<32769:int16", "--input ids of int16 must have a bound of at most 32768, got 32769"),
        ("x=" + ",".join("1" * 33), "--input x must have at most 30 axes, got 33"),
        ("x=" + "9" * 5000, (f"--input x must be made of numbers of up to 18 digits, got '{'9' * 30}'...'{'9' * 15}' "
                             "(5,000 characters)")),
        ("x=2<" + "1" * 19, "--input x must be made of numbers of up to 18 digits, got '2<1111111111111111111'"),
        ("x=²", "--input x must be a shape such as 2,8,64 or 2,8<50 or 2,8:float32, got '²'"),
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


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
def test_the_largest_bound_of_a_dtype_gives_no_negative_numbers(dtype):
    high = min(int(np.iinfo(dtype).max) + 1, 10**18 - 1)
    ids = array(f"ids=50,50<{high}:{dtype}").draw(1)
    assert ids.dtype == dtype and ids.min() >= 0 and ids.max() > high // 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("y={[]:1}", "--param y must be a value of Python's, got '{[]:1}': unhashable type: 'list'"),
        ("y={{}}", "--param y must be a value of Python's, got '{{}}': unhashable type: 'dict'"),
        ("y=" + "1" * 5000, ("--param y must be a shorter number, "
                             f"got '{'1' * 30}'...'{'1' * 15}' (5,000 characters)")),
    ],
)
def test_a_literal_that_python_cannot_make_is_said_in_one_line(text, message):
    with pytest.raises(UsageError) as caught:
        parameter(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text", ["[" * 3000 + "]" * 3000, "-" * 20_000 + "1", "(" * 150 + ")" * 150, "{1:" * 90 + "1" + "}" * 90]
)
def test_deep_nesting_is_a_value_or_refused(text):
    """Which of the two depends on the version of Python."""
    with contextlib.suppress(UsageError):
        assert parameter(f"y={text}")[0] == "y"


@pytest.mark.parametrize("error", [RecursionError, MemoryError])
def test_what_the_parser_of_python_gives_up_on_is_nested_too_deeply(error, monkeypatch):
    def gives_up(text):
        raise error

    monkeypatch.setattr("ast.literal_eval", gives_up)
    with pytest.raises(UsageError, match=r"^--param y must be a value of Python's, got '\[\[\]\]': nested too deeply$"):
        parameter("y=[[]]")


def test_a_parameter_needs_a_name():
    with pytest.raises(UsageError, match=r"^--param must be a name and a value, such as width=64, got '64'$"):
        parameter("64")


@pytest.mark.parametrize("text", ["x=2, 8 :float32", "x = 2,8:float32", "x=2 ,8: float32"])
def test_spaces_beside_signs_are_nothing(text):
    assert array(text) == Array("x", (2, 8), None, "float32")


def test_two_numbers_are_not_one():
    with pytest.raises(UsageError, match=r"--input x must be a shape such as 2,8,64 .*, got '3 4'"):
        array("x=3 4")
