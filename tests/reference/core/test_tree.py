import collections
import dataclasses
import gc
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.core import tree
from reference.core.layer import Layer


class Node(Layer):
    """Two fields that may hold anything."""

    a: Any = None
    b: Any = 3


@dataclasses.dataclass
class Plain:
    """A dataclass that is not a layer, such as the state of an optimiser."""

    a: Any


def ones(*shape):
    return np.ones(shape)


def paths(node):
    return [path for path, _ in tree.leaves(node)]


TREES = st.recursive(
    st.one_of(st.none(), st.integers(0, 9), st.integers(0, 3).map(np.ones)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.builds(Node, inner, inner), st.builds(Plain, inner)
    ),
    max_leaves=12,
)


def test_paths_read_like_code_and_follow_the_order_of_fields():
    node = Node(a=Node(a=ones(2), b=ones(3)), b=(ones(4), Plain(a=(ones(5),)), "constant", None))
    assert paths(node) == ["a.a", "a.b", "b[0]", "b[1].a[0]"]
    assert paths((ones(2), node))[:2] == ["[0]", "[1].a.a"]
    assert paths(ones(2)) == [""]


@settings(deadline=None, max_examples=100, derandomize=True)
@given(TREES)
def test_map_keeps_structure_and_constants_and_applies_to_every_leaf(node):
    doubled = tree.map(lambda leaf: 2 * leaf, node)
    assert paths(doubled) == paths(node)
    for (_, got), (_, leaf) in zip(tree.leaves(doubled), tree.leaves(node), strict=True):
        np.testing.assert_array_equal(got, 2 * leaf)
    assert shown(doubled) == shown(node)


def shown(node):
    """The tree with shapes in place of arrays."""
    if isinstance(node, np.ndarray):
        return node.shape
    if isinstance(node, tuple):
        return tuple(shown(entry) for entry in node)
    if tree.is_layer(node):
        return type(node), *(shown(getattr(node, name)) for name in tree.field_names(node))
    return node


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_a_leaf_without_axes_stays_one(dtype):
    node = Node(a=np.array(2, dtype), b=(np.ones(3, dtype), 7))
    made = tree.map(lambda a, b: 2 * a + b, node, node)
    assert type(made.a) is np.ndarray and made.a.shape == () and made.a.dtype == dtype and made.a == 6
    assert [path for path, _ in tree.leaves(made)] == ["a", "b[0]"]
    assert type(tree.map(lambda a: 2 * a, node.a)) is np.ndarray


def test_map_takes_several_trees_leaf_by_leaf():
    first, second = Node(a=(ones(2), 7), b=ones(3)), Node(a=(2 * ones(2), 8), b=3 * ones(3))
    total = tree.map(lambda x, y, z: x + y + z, first, second, second)
    np.testing.assert_array_equal(total.a[0], [5, 5])
    np.testing.assert_array_equal(total.b, [7, 7, 7])
    assert total.a[1] == 7


@pytest.mark.parametrize("twin", [lambda w: w, lambda w: w[:], lambda w: w.T, lambda w: w.reshape(-1)])
def test_a_parameter_stands_once(twin):
    w = ones(3, 3)
    node = Node(a=(w,), b=Node(a=twin(w)))
    message = r"^a parameter must stand once in a tree, got the same array at 'a\[0\]' and 'b\.a'$"
    with pytest.raises(ValueError, match=message):
        paths(node)
    with pytest.raises(ValueError, match=message):
        tree.map(lambda leaf: pytest.fail("must not be called"), node)


def test_views_of_one_vector_are_several_parameters():
    flat = ones(6)
    node = Node(a=(flat[:0], flat[:2]), b=(flat[2:6].reshape(2, 2), flat[6:], flat[6:]))
    assert paths(node) == ["a[0]", "a[1]", "b[0]", "b[1]", "b[2]"]


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Node(a=[Node()]), r"^layers and parameters must stand in a tuple, got a list at 'a'$"),
        (Node(b=(1, {"w": 2})), r"^layers and parameters must stand in a tuple, got a dict at 'b\[1\]'$"),
        ([ones(2)], r"^layers and parameters must stand in a tuple, got a list at the root$"),
        (Node(a=np.arange(3)), r"^an array in a tree must be floating or complex, got int64 at 'a'$"),
    ],
)
def test_parameters_that_would_be_passed_over_are_an_error(node, message):
    with pytest.raises(TypeError, match=message):
        paths(node)
    with pytest.raises(TypeError, match=message):
        tree.map(lambda leaf: leaf, node)


@pytest.mark.parametrize(
    ("other", "got"),
    [
        (Node(a=(ones(2), ones(4))), r"float64\[3\] and float64\[4\] at 'a\[1\]'"),
        (Node(a=(ones(2), None)), r"float64\[3\] and NoneType at 'a\[1\]'"),
        (Node(a=(ones(2),)), r"2 entries and 1 entries at 'a'"),
        (Node(a=Node()), r"2 entries and Node at 'a'"),
        (Node(a=(ones(2), ones(3)), b=ones(2)), r"int and float64\[2\] at 'b'"),
        (Plain(a=None), r"Node and Plain at the root"),
    ],
)
def test_trees_of_another_structure_are_an_error_that_says_where(other, got):
    with pytest.raises(ValueError, match=rf"^trees must have one structure, got {got}$"):
        tree.map(lambda x, y: x, Node(a=(ones(2), ones(3))), other)


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    """Frozen, but nothing can refer to it weakly."""

    a: Any


def test_a_tree_that_can_be_changed_is_read_anew():
    plain = Plain(a=ones(2))
    for node in (plain, Node(a=plain), (plain,), Slotted(a=plain)):
        plain.a = ones(2)
        assert [leaf.size for _, leaf in tree.leaves(node)] == [2]
        plain.a = ones(3)
        assert [leaf.size for _, leaf in tree.leaves(node)] == [3]
        assert tree.leaves(tree.map(np.negative, node))[0][1].size == 3


def test_a_tree_of_frozen_layers_is_written_down_once_and_what_is_wrong_with_it_is_said_each_time():
    node, other = Node(a=ones(2), b=Slotted(ones(3))), Node(a=ones(2), b=[])
    assert tree.written(node) is tree.written(node)
    w = ones(2)
    for wrong in (other, Node(a=w, b=w)):
        for _ in range(2):
            with pytest.raises((TypeError, ValueError), match=r"must stand"):
                tree.leaves(wrong)


def test_what_is_known_of_a_tree_does_not_keep_it():
    node = Node(a=Node(a=ones(2)), b=(ones(3), np.tanh))
    tree.leaves(node)
    alive = weakref.ref(node)
    del node
    gc.collect()
    assert alive() is None


def test_of_slots_too_nothing_is_lost():
    assert paths(Slotted(a=Slotted(a=ones(2)))) == ["a.a"]
    assert tree.map(np.negative, Slotted(a=ones(2))).a[0] == -1


@pytest.mark.parametrize(
    "f",
    [
        np.negative,
        lambda leaf: leaf.astype(complex),
        lambda leaf: leaf[:1],
        lambda leaf: leaf > 0,
        lambda leaf: leaf.shape,
        lambda leaf: None,
        lambda leaf: [leaf],
    ],
)
def test_what_is_known_of_a_tree_that_map_made_is_what_a_walk_over_it_finds(f):
    node = Node(a=(ones(3), 7), b=Node(a=ones(2)))
    made = tree.map(f, node)
    twin = Node(a=made.a, b=Node(a=made.b.a, b=made.b.b))
    assert outcome(made) == outcome(twin)


def outcome(node):
    """The leaves of a tree, or why it has none."""
    try:
        return [(path, id(leaf)) for path, leaf in tree.leaves(node)]
    except TypeError as error:
        return str(error)


def test_a_parameter_that_map_puts_in_twice_is_found():
    w = ones(2)
    with pytest.raises(ValueError, match=r"^a parameter must stand once in a tree, got the same array at 'a' and 'b'$"):
        tree.leaves(tree.map(lambda _: w, Node(a=ones(2), b=ones(2))))


def test_what_is_known_of_a_tree_does_not_keep_it_where_a_constant_of_its_own_holds_it():
    class Holder:
        node = None

    def of_a_function():
        node = Node(a=ones(2), b=lambda: node)
        return node

    def of_an_object():
        node = Node(a=ones(2), b=Holder())
        node.b.node = node
        return node

    for make in (of_a_function, of_an_object):
        node = make()
        tree.leaves(node)
        alive = weakref.ref(node)
        del node
        gc.collect()
        assert alive() is None


def test_a_named_tuple_becomes_a_tuple_and_is_then_known_as_one():
    pair = collections.namedtuple("pair", "x y")
    node = Node(a=pair(ones(2), ones(3)))
    made = tree.map(np.negative, node)
    assert type(made.a) is tuple
    with pytest.raises(ValueError, match=r"^trees must have one structure, got 2 entries and 2 entries at 'a'$"):
        tree.map(np.add, made, node)
