import copy
import dataclasses
import gc
import pickle
import weakref

import numpy as np
import pytest

from reference.core import checked
from reference.core.layer import Layer


class Scale(Layer):
    g: np.ndarray


class Pair(Layer):
    left: Scale
    right: Scale


class Equal(Layer):
    """A layer that is equal to every other, and can be no key."""

    g: np.ndarray

    def __eq__(self, other):
        return True


def scale(width=3):
    return Scale(np.arange(1.0, width + 1))


@pytest.mark.parametrize("kind", [Scale, Equal])
def test_a_gradient_is_checked_against_the_layer_that_made_it_and_no_other(kind):
    layer, twin = kind(np.ones(3)), kind(np.ones(3))
    d_layer = layer.cotangent(g=np.zeros(3))
    assert checked.is_checked(d_layer, layer)
    assert not checked.is_checked(d_layer, twin)
    assert not checked.is_checked(kind(np.zeros(3)), layer)


@pytest.mark.parametrize(
    "remade", [copy.copy, copy.deepcopy, dataclasses.replace, lambda layer: pickle.loads(pickle.dumps(layer))]
)
def test_a_copy_has_not_been_checked(remade):
    layer = scale()
    d_layer = layer.cotangent(g=np.zeros(3))
    assert not checked.is_checked(remade(d_layer), layer)
    assert vars(d_layer).keys() == {"g"}


def test_what_is_remembered_keeps_neither_alive_and_ends_with_the_gradient():
    layer = scale()
    d_layer = layer.cotangent(g=np.zeros(3))
    of_layer, of_gradient, key = weakref.ref(layer), weakref.ref(d_layer), id(d_layer)
    del layer
    gc.collect()
    assert of_layer() is None and not checked.is_checked(d_layer, scale())
    del d_layer
    gc.collect()
    assert of_gradient() is None and key not in checked._checked


def test_a_gradient_made_by_another_layer_is_checked_all_through():
    pair, other = Pair(scale(3), scale(2)), Pair(scale(2), scale(3))
    d_other = other.cotangent(left=other.left.cotangent(g=np.zeros(2)), right=other.right.cotangent(g=np.zeros(3)))
    assert checked.is_checked(d_other, other)

    class Outer(Layer):
        inner: Pair

    with pytest.raises(ValueError, match=r"^Outer\.cotangent: 'inner\.left\.g' must have shape \(3,\), got \(2,\)$"):
        Outer(pair).cotangent(inner=d_other)
    with pytest.raises(ValueError, match=r"^Outer\.cotangent: 'inner\.left\.g' must have shape \(3,\), got \(2,\)$"):
        Outer(pair).cotangent(inner=Pair(scale(2), scale(3)))
