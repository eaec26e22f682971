import collections
import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.core import tree
from reference.core.flat import expect_parameters, flatten, unflatten
from reference.core.layer import Layer


class Node(Layer):
    """Two fields that may hold anything."""

    a: Any = None
    b: Any = 3


@dataclasses.dataclass
class Plain:
    """A dataclass that is not a layer, with one field."""

    a: Any


class Bare(Layer):
    """A layer without fields."""


TREES = st.recursive(
    st.one_of(st.none(), st.integers(0, 9), st.builds(Bare), st.integers(0, 3).map(np.ones), st.just(np.float64(1))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.builds(Node, inner, inner), st.builds(Plain, inner)
    ),
    max_leaves=12,
)


def by_recursion(node, path=""):
    """The leaves of a tree with their paths, as tree.py defines them, by a function that calls itself."""
    if tree.is_leaf(node):
        return [(path, node)]
    if isinstance(node, tuple):
        return [leaf for i, entry in enumerate(node) for leaf in by_recursion(entry, f"{path}[{i}]")]
    if tree.is_layer(node):
        below = [(name, getattr(node, name)) for name in tree.field_names(node)]
        return [leaf for name, value in below for leaf in by_recursion(value, f"{path}.{name}" if path else name)]
    return []


def shown(node):
    """The tree with the identity of its leaves and constants."""
    if isinstance(node, tuple):
        return tuple(shown(entry) for entry in node)
    if tree.is_layer(node):
        return type(node), *(shown(getattr(node, name)) for name in tree.field_names(node))
    return id(node)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(TREES)
def test_leaves_and_paths_are_those_that_a_function_finds_which_calls_itself(node):
    flat, found = flatten(node), by_recursion(node)
    assert flat.paths() == [path for path, _ in found]
    assert [id(leaf) for leaf in flat.leaves] == [id(leaf) for _, leaf in found]


@settings(deadline=None, max_examples=100, derandomize=True)
@given(TREES)
def test_a_tree_that_is_written_down_can_be_read_again(node):
    flat = flatten(node)
    twin = unflatten(flat, flat.leaves)
    assert shown(twin) == shown(node)
    assert flatten(twin).is_like(flat)


@settings(deadline=None, max_examples=200, derandomize=True)
@given(TREES, TREES)
def test_trees_are_like_where_they_differ_in_nothing_but_numbers_and_the_values_of_constants(one, other):
    def kinds(node):
        if tree.is_leaf(node):
            return node.shape
        if isinstance(node, tuple):
            return [kinds(entry) for entry in node]
        if tree.is_layer(node):
            return type(node), *(kinds(getattr(node, name)) for name in tree.field_names(node))
        return type(node)

    assert flatten(one).is_like(flatten(other)) is (kinds(one) == kinds(other))


def test_what_is_put_in_comes_in_the_order_of_fields_and_nothing_given_is_changed():
    node = Node(a=(np.ones(2), 7, np.ones(3)), b=Plain(np.ones(4)))
    flat, leaves = flatten(node), ["x", "y", "z"]
    twin = unflatten(flat, leaves)
    assert twin.a == ("x", 7, "y") and twin.b.a == "z" and leaves == ["x", "y", "z"]
    assert [leaf.size for leaf in flat.leaves] == [2, 3, 4] and node.a[1] == 7


def test_a_named_tuple_is_another_structure_than_a_tuple():
    pair = collections.namedtuple("pair", "x y")
    assert not flatten((1, 2)).is_like(flatten(pair(1, 2)))
    assert flatten(pair(1, 2)).is_like(flatten(pair(3, 4)))


def test_a_tree_is_written_down_whatever_stands_in_it_and_what_may_not_is_named_when_asked():
    flat = flatten((np.ones(2), Node(b=[1]), np.arange(3)))
    assert flat.paths() == ["[0]"]
    with pytest.raises(TypeError, match=r"^layers and parameters must stand in a tuple, got a list at '\[1\]\.b'$"):
        expect_parameters(flat)


def test_a_tree_may_be_deeper_than_calls_may_be():
    node = np.ones(2)
    for _ in range(1500):
        node = (node,)
    assert tree.leaves(tree.map(np.negative, node))[0][0] == "[0]" * 1500
