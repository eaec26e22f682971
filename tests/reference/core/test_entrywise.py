from typing import Any

import numpy as np
import pytest
from strict import home, there

from reference.core import tree
from reference.core.entrywise import BLOCK, entrywise
from reference.core.layer import Layer


class Node(Layer):
    """Two fields that may hold anything."""

    a: Any = None
    b: Any = 3


SHAPES = [(2, 3), (1,), (BLOCK,), (5,), (0, 4), (BLOCK - 3, 3), (7, 1, 2)]  # below, at and above the size of a block


def drawn(rng, dtype=np.float32):
    arrays = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
    return Node(a=(*arrays[:3], "constant"), b=Node(a=arrays[3], b=(*arrays[4:],)))


def smoothed(m, g):
    return 0.9 * m + 0.1 * (g * g) / (np.sqrt(np.abs(m)) + 1e-8)


def assert_same_bits(got, expected):
    for (path, one), (other_path, other) in zip(tree.leaves(got), tree.leaves(expected), strict=True):
        assert (path, one.shape, one.dtype, one.tobytes()) == (other_path, other.shape, other.dtype, other.tobytes())


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_what_works_entry_by_entry_gives_the_bits_of_map_also_on_what_it_gave_before(rng, dtype):
    one, other = drawn(rng, dtype), drawn(rng, dtype)
    got, expected = one, one
    for _ in range(3):
        got, expected = entrywise(smoothed, got, other), tree.map(smoothed, expected, other)
        assert_same_bits(got, expected)
    assert got.a[3] == "constant"


def test_nothing_given_is_written_to_and_leaves_share_no_memory(rng):
    one, other = drawn(rng), drawn(rng)
    before = [leaf.copy() for _, leaf in tree.leaves((one, other))]
    made = [leaf for _, leaf in tree.leaves(entrywise(smoothed, one, other))]
    for (_, leaf), copy in zip(tree.leaves((one, other)), before, strict=True):
        np.testing.assert_array_equal(leaf, copy)
        assert not any(np.shares_memory(leaf, array) for array in made)
    for k, array in enumerate(made):
        assert not any(np.shares_memory(array, further) for further in made[k + 1 :])


def test_a_leaf_that_was_written_to_is_seen(rng):
    made = entrywise(np.negative, drawn(rng))
    for _, leaf in tree.leaves(made):
        leaf[...] = 1
    assert all((leaf == 2).all() for _, leaf in tree.leaves(entrywise(lambda x: 2 * x, made)))
    given = drawn(rng)
    entrywise(np.negative, given)
    for _, leaf in tree.leaves(given):
        leaf[...] = 1
    assert all((leaf == 2).all() for _, leaf in tree.leaves(entrywise(lambda x: 2 * x, given)))


def stepped(theta, m, g):
    m = smoothed(m, g)
    return theta - 0.1 * m, m


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_several_trees_made_in_one_pass_have_the_bits_of_each_made_alone_also_on_what_was_made_before(rng, dtype):
    theta, m, g = drawn(rng, dtype), drawn(rng, dtype), drawn(rng, dtype)
    expected = theta, m
    for _ in range(3):
        theta, m = entrywise(stepped, theta, m, g, outputs=2)
        expected = tuple(tree.map(lambda *row, k=k: stepped(*row)[k], *expected, g) for k in range(2))
        for got, one in zip((theta, m), expected, strict=True):
            assert_same_bits(got, one)


def test_several_trees_share_no_memory_with_one_another(rng):
    made = entrywise(stepped, drawn(rng), drawn(rng), drawn(rng), outputs=2)
    arrays = [leaf for one in made for _, leaf in tree.leaves(one)]
    for k, array in enumerate(arrays):
        assert not any(np.shares_memory(array, further) for further in arrays[k + 1 :])


def test_small_leaves_cost_one_call_together_and_a_large_one_a_call_for_each_block(rng):
    calls = []

    def counted(x):
        calls.append(x.size)
        return -x

    entrywise(counted, drawn(rng))
    assert calls == [7, BLOCK, 5, BLOCK, BLOCK, BLOCK - 9, 14]


def test_on_a_device_all_leaves_cost_one_call_together(rng):
    calls = []

    def counted(x):
        calls.append(x.size)
        return -x

    node = drawn(rng)
    made = entrywise(counted, tree.map(there, node))
    assert calls == [sum(leaf.size for _, leaf in tree.leaves(node))]
    assert_same_bits(tree.map(home, made), tree.map(np.negative, node))


@pytest.mark.parametrize(
    "node",
    [(), Node(a=np.ones(3, np.float32), b=np.ones(2)), Node(a=np.ones((4, 3)).T), np.ones((2, 3))],
    ids=["no leaves", "two dtypes", "columns first", "an array"],
)
def test_every_tree_that_map_takes_is_taken(node):
    assert_same_bits(entrywise(np.negative, node), tree.map(np.negative, node))
    negative, double = entrywise(lambda x: (-x, 2 * x), node, outputs=2)
    assert_same_bits(negative, tree.map(np.negative, node))
    assert_same_bits(double, tree.map(lambda x: 2 * x, node))


def test_trees_of_another_structure_are_refused_as_by_map(rng):
    with pytest.raises(ValueError, match=r"^trees must have one structure, got int and NoneType at 'b'$"):
        entrywise(np.add, Node(a=np.ones(2)), Node(a=np.ones(2), b=None))
    with pytest.raises(ValueError, match=r"^trees must have one structure, got float64\[2\] and float64\[3\] at 'a'$"):
        entrywise(np.add, Node(a=np.ones(2)), Node(a=np.ones(3)))
    with pytest.raises(TypeError, match=r"^layers and parameters must stand in a tuple, got a list at 'b'$"):
        entrywise(np.negative, Node(a=np.ones(2), b=[]))
