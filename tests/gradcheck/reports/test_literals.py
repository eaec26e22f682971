"""Inputs and constants as a script writes them out: what is evaluated is what was given."""

import enum

import numpy as np
import pytest

from gradcheck.reports.literals import LONGEST, literal


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_only_finite_small_arrays_and_plain_values_are_written(value):
    assert literal(np.array([value])) is literal(value) is literal(np.zeros(65)) is literal(np.zeros(0)) is None
    assert literal([value]) is literal({1: (value,)}) is literal(np.array([1j * value])) is None
    assert (literal(None), literal(True), literal(3), literal("a"), literal(0.5)) == ("None", "True", "3", "'a'", "0.5")


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int8", "bool", "complex128", "complex64"])
def test_written_arrays_are_the_arrays(normal, dtype):
    x = (3 * normal(4, 5)).astype(dtype)
    again = eval(literal(x), {"np": np})
    np.testing.assert_array_equal(again, x)
    assert again.dtype == x.dtype


def nested(depth, kind=list):
    """A number inside lists, tuples or dictionaries."""
    held = 1.5
    for _ in range(depth):
        held = {"k": held} if kind is dict else kind([held])
    return held


@pytest.mark.parametrize("kind", [list, tuple, dict])
def test_what_is_nested_is_written_unless_it_lies_too_deep(kind):
    for depth in (1, 50, 90):
        assert eval(literal(nested(depth, kind))) == nested(depth, kind)
    assert literal(nested(500, kind)) is None
    assert literal({nested(100_000, tuple) if kind is tuple else 1: nested(100_000, kind)}) is None


def test_what_holds_itself_is_not_written_but_what_is_held_twice_is():
    held, mapping, within = [1], {"a": 1}, ([],)
    held.append([held])
    mapping["b"] = {"c": mapping}
    within[0].append(within)
    assert literal(held) is literal(mapping) is literal(within) is literal({"c": (2, held)}) is None
    twice = [0.5, 1.5]
    assert literal([twice, (twice, twice)]) == "[[0.5, 1.5], ([0.5, 1.5], [0.5, 1.5])]"


class Colour(enum.IntEnum):
    RED = 1


class Word(str):
    def __repr__(self):
        raise RuntimeError("not to be shown")


def test_a_number_or_text_of_a_class_of_the_users_or_of_too_many_digits_is_not_written():
    assert literal(Colour.RED) is literal([Colour.RED]) is literal(Word("a")) is None
    assert literal(10**5000) is literal(-(2**LONGEST)) is literal({"k": 10**5000}) is None
    assert eval(literal(-(10**300))) == -(10**300)
    assert literal(np.float64(0.5)) == "np.float64(0.5)" and literal(np.str_("a")) == "np.str_('a')"
