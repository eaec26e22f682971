import dataclasses
from typing import Any

import numpy as np
import pytest

from reference.core import nodes
from reference.core.layer import Layer


class Node(Layer):
    """Two fields that may hold anything."""

    a: Any = None
    b: Any = 3


@dataclasses.dataclass
class Plain:
    """A dataclass that is not a layer, such as the state of an optimiser."""

    a: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    a: Any
    b: Any


def ones(*shape):
    return np.ones(shape)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128])
def test_floating_and_complex_arrays_are_leaves(dtype):
    assert nodes.is_leaf(np.ones(2, dtype))
    assert nodes.is_leaf(np.ones((), dtype))


@pytest.mark.parametrize("node", [1.0, np.float64(1.0), None, "w", (1.0,), np.arange(3), np.ones(3, bool), Node()])
def test_nothing_else_is_a_leaf(node):
    assert not nodes.is_leaf(node)


@pytest.mark.parametrize(
    ("node", "holds"),
    [(ones(2), True), (Node(), True), ((None, ones(2)), True), (((Node(),),), True),
     (None, False), (1e-5, False), ((), False), ((1, 2), False), (Node, False)],
)
def test_arrays_and_layers_and_tuples_of_them_hold_parameters(node, holds):
    assert nodes.holds_parameters(node) is holds


def test_fields_are_named_in_order():
    assert nodes.field_names(Node()) == ("a", "b")
    assert nodes.field_names(Plain(a=1)) == ("a",)


def test_a_node_is_described_in_a_few_characters():
    assert [nodes.brief(node) for node in (np.ones((7, 5), np.float32), (1, 2, 3), Node(), None)] == [
        "float32[7, 5]", "3 entries", "Node", "NoneType",
    ]


@pytest.mark.parametrize("layer", [Node(1, 2), Plain(1), Slotted(1, 2)])
def test_a_layer_is_rebuilt_of_its_class_with_other_values(layer):
    values = {name: value + 7 for name, value in zip(nodes.field_names(layer), (1, 2), strict=False)}
    twin = nodes.rebuild(layer, values)
    assert type(twin) is type(layer) and layer.a == 1
    assert [getattr(twin, name) for name in values] == list(values.values())


@pytest.mark.parametrize("node", [Node(1, 2), Plain(1), Slotted(1, 2)])
def test_the_fields_of_a_class_are_read_the_last_one_first(node):
    fields = [getattr(node, name) for name in nodes.field_names(node)]
    assert list(nodes.sort(type(node))(node)) == fields[::-1]


def test_a_list_is_refused_and_so_is_a_matrix_but_not_a_list_that_is_a_dataclass():
    @dataclasses.dataclass
    class Entries(list):
        a: Any

    assert nodes.is_layer(Entries(1)) and not nodes.is_layer([1])
    assert nodes.sort(np.memmap) is nodes.ARRAY and nodes.sort(np.matrix) is nodes.REFUSED
