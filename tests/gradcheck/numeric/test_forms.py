"""Trees of numbers, in and out."""

import functools
from collections import namedtuple

import numpy as np
import pytest

import gradcheck
from gradcheck.numeric.forms import is_number, outer, shaped, taken, with_arrays

Pair = namedtuple("Pair", "a b")


def test_real_numbers_that_are_no_floating_ones_of_numpy_are_taken_for_numbers():
    assert all(map(is_number, (1, 1.5, np.int8(1))))
    assert not any(map(is_number, (np.float32(1), np.float64(1), True, "1", 1j, np.zeros(1))))


def test_a_whole_number_is_an_input_but_in_a_tree_it_is_a_constant():
    assert type(taken(3)) is np.float64 and taken([3, 2.0]) == [3, 2.0]
    assert [type(v) for v in taken([3, 2.0])] == [int, np.float64]


def test_numbers_in_containers_become_numpys_and_the_containers_stay():
    tree = with_arrays({"a": (1.0, [2.0]), "p": Pair(3.0, "text"), "n": None}, float)
    assert tree == {"a": (1.0, [2.0]), "p": Pair(3.0, "text"), "n": None}
    assert type(tree["a"][1][0]) is type(tree["p"].a) is np.float64 and type(tree["p"]) is Pair


def endless():
    rows = [1.0]
    rows.append(rows)
    return rows


@pytest.mark.parametrize("tree", [endless(), functools.reduce(lambda tree, _: {"in": (tree,)}, range(3000), 1.0)])
def test_a_tree_that_is_nested_too_deeply_or_holds_itself_is_refused_in_one_line(tree):
    for make in (lambda: taken(tree), lambda: gradcheck.gradient(lambda x: tree, 1.0)):
        with pytest.raises(ValueError, match=r"^gradcheck: arrays must be nested at most 100 deep, got a deeper \w+$"):
            make()


def test_a_vector_takes_the_form_of_a_tree():
    y = {"a": np.zeros((2, 2)), "b": (np.float64(0), "text"), "c": np.zeros(())}
    found = shaped(y, np.arange(6.0))
    assert found["a"].tolist() == [[0, 1], [2, 3]] and found["b"] == (4.0, "text") and type(found["b"][0]) is float
    assert found["c"].shape == () and found["c"] == 5


def test_numbers_with_two_axes_are_laid_as_one_tree_in_another():
    y, x = (np.zeros(2), np.float64(0)), {"w": np.zeros((1, 2)), "b": np.float64(0)}
    found = outer(y, x, np.arange(9.0).reshape(3, 3))
    assert found[0]["w"].tolist() == [[[0, 1]], [[3, 4]]] and found[0]["b"].tolist() == [2, 5]
    assert found[1]["w"].tolist() == [[6, 7]] and found[1]["b"] == 8.0 and type(found[1]["b"]) is float


def test_numbers_for_three_arrays_are_cut_between_each_two():
    y, x = (np.zeros(1), np.zeros(2), np.zeros(3)), [np.zeros(2), np.zeros(1), np.zeros(2)]
    rows = np.arange(30.0).reshape(6, 5)
    found = outer(y, x, rows)
    for i, (top, bottom) in enumerate(((0, 1), (1, 3), (3, 6))):
        for j, (left, right) in enumerate(((0, 2), (2, 3), (3, 5))):
            assert np.array_equal(found[i][j], rows[top:bottom, left:right])
