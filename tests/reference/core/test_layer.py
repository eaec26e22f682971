import copy
import dataclasses
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

from reference.core import layer as layers
from reference.core import tree
from reference.core.layer import Layer, is_checked


class Scale(Layer):
    """y = g x + c, as small as a layer can be."""

    g: np.ndarray  # (D,)
    c: float = 0.5

    def vjp(self, x):
        def pullback(dy):
            return self.cotangent(g=(dy * x).sum(axis=0)), dy * self.g

        return self.g * x + self.c, pullback


class Pair(Layer):
    left: Scale
    right: Scale


class Stack(Layer):
    layers: tuple
    last: Any = None


def scale(width=3):
    return Scale(g=np.arange(1.0, width + 1))


def test_a_layer_is_a_frozen_dataclass():
    layer = scale()
    with pytest.raises(dataclasses.FrozenInstanceError):
        layer.g = np.zeros(3)
    assert [field.name for field in dataclasses.fields(Scale)] == ["g", "c"]


def test_layers_are_equal_only_to_themselves_and_can_be_keys():
    layer, twin = scale(), scale()
    assert layer == layer and layer != twin
    assert len({layer, twin}) == 2


def test_a_subclass_inherits_its_fields_and_adds_to_them():
    class Shifted(Scale):
        b: np.ndarray | None = None

    layer = Shifted(g=np.ones(3), b=np.zeros(3))
    assert [path for path, _ in tree.leaves(layer)] == ["g", "b"]


def test_calling_a_layer_gives_its_output_alone():
    layer, x = scale(), np.ones((2, 3))
    np.testing.assert_array_equal(layer(x), layer.vjp(x)[0])


def test_calling_a_layer_keeps_nothing():
    kept = []

    class Keeper(Layer):
        def vjp(self, x):
            residual = x + 1
            kept.append(weakref.ref(residual))
            return x * 2, lambda dy: (self.cotangent(), dy * residual)

    y, pullback = Keeper().vjp(np.ones(3))
    Keeper()(y)
    gc.collect()
    assert kept[0]() is not None and pullback is not None
    assert kept[1]() is None


def test_a_layer_without_vjp_says_what_to_write():
    class Empty(Layer):
        pass

    with pytest.raises(TypeError, match=r"^Empty must define vjp\(self, \*inputs, \*\*constants\)$"):
        Empty()(1.0)


def test_a_layer_shows_shapes_and_not_numbers():
    layer = Stack(layers=(scale(), scale(2).astype(np.float32)))
    assert repr(layer) == "Stack(layers=(Scale(g=float64[3], c=0.5), Scale(g=float32[2], c=0.5)), last=None)"


def test_a_layer_shows_a_function_by_its_name():
    assert repr(Stack(layers=(), last=scale)) == "Stack(layers=(), last=scale)"


def test_a_function_is_a_constant_that_every_tree_carries_along():
    layer = Stack(layers=(scale(),), last=np.tanh)
    assert [path for path, _ in tree.leaves(layer)] == ["layers[0].g"]
    for other in (layer.astype(np.float32), layer.cotangent(layers=layer.layers), tree.map(np.negative, layer)):
        assert other.last is np.tanh
    assert pickle.loads(pickle.dumps(layer)).last is np.tanh


def test_a_layer_survives_pickling():
    layer = pickle.loads(pickle.dumps(Pair(left=scale(), right=scale(2))))
    np.testing.assert_array_equal(layer.right.g, [1, 2])


@pytest.mark.parametrize("dtype", ["float32", np.float64, complex])
def test_astype_changes_every_parameter_and_nothing_else(dtype):
    layer = Pair(left=scale(), right=scale(2))
    changed = layer.astype(dtype)
    assert [leaf.dtype for _, leaf in tree.leaves(changed)] == [np.dtype(dtype)] * 2
    assert layer.left.g.dtype == np.float64 and changed.left.c == 0.5


def test_astype_refuses_what_cannot_hold_a_gradient():
    with pytest.raises(TypeError, match=r"^Scale\.astype: dtype must be floating or complex, got int64$"):
        scale().astype(np.int64)


def test_a_cotangent_has_the_shape_of_its_layer_and_holds_what_was_given():
    layer, dg, d_right = Pair(left=scale(), right=scale(2)), np.full(3, 7.0), Scale(g=np.full(2, 8.0))
    d_left = layer.left.cotangent(g=dg)
    d_layer = layer.cotangent(left=d_left, right=d_right)
    assert type(d_layer) is Pair and d_layer.left is d_left and d_layer.right is d_right
    assert d_left.g is dg and d_left.c == 0.5


def test_no_parameter_is_ever_its_own_gradient():
    with pytest.raises(TypeError, match=r"^Pair\.cotangent: 'right' must get a gradient, got none$"):
        Pair(left=scale(), right=scale(2)).cotangent(left=scale())
    with pytest.raises(TypeError, match=r"^Scale\.cotangent: 'g' must get a gradient, got none$"):
        scale().cotangent()
    with pytest.raises(TypeError, match=r"^Stack\.cotangent: 'layers' must get a gradient, got none$"):
        Stack(layers=(scale(),)).cotangent()


def test_parameters_in_a_list_are_not_carried_along_as_constants():
    with pytest.raises(TypeError, match=r"^layers and parameters must stand in a tuple, got a list at 'last'$"):
        Stack(layers=(), last=[scale()]).cotangent()
    with pytest.raises(TypeError, match=r"^an array in a tree must be floating or complex, got int64 at 'g'$"):
        tree.rebuild(scale(), {"g": np.arange(3), "c": 0.5}).cotangent(g=np.zeros(3))


def test_a_layer_without_parameters_has_an_empty_cotangent():
    assert type(Stack(layers=()).cotangent()) is Stack


def test_an_empty_tuple_of_layers_may_have_its_gradient_or_none():
    assert Stack(layers=()).cotangent(layers=()).layers == ()
    for gradient in ((scale(),), [], None, 0):
        with pytest.raises(TypeError, match=r"^Stack\.cotangent: only fields that hold parameters have gradients, got"):
            Stack(layers=()).cotangent(layers=gradient)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_the_gradient_of_a_parameter_without_axes_may_be_a_number_of_numpys(dtype):
    class Gain(Layer):
        g: np.ndarray

    d = Gain(g=np.array(2, dtype)).cotangent(g=np.full(3, 1.5, dtype).sum()).g
    assert type(d) is np.ndarray and d.shape == () and d.dtype == dtype and d == 4.5


def test_a_constant_has_no_gradient():
    with pytest.raises(
        TypeError, match=r"^Scale\.cotangent: only fields that hold parameters have gradients, got \['c', 'd'\]$"
    ):
        scale().cotangent(g=np.zeros(3), d=1.0, c=1.0)


@pytest.mark.parametrize(
    ("gradient", "error", "message"),
    [
        (np.zeros(2), ValueError, r"^Scale\.cotangent: 'g' must have shape \(3,\), got \(2,\)$"),
        (np.zeros((3, 1)), ValueError, r"^Scale\.cotangent: 'g' must have shape \(3,\), got \(3, 1\)$"),
        (np.float64(1.0), TypeError, r"^Scale\.cotangent: 'g' must be an array, got float64$"),
        (None, TypeError, r"^Scale\.cotangent: 'g' must be an array, got NoneType$"),
    ],
)
def test_a_gradient_must_have_the_shape_of_its_parameter(gradient, error, message):
    with pytest.raises(error, match=message):
        scale().cotangent(g=gradient)


def test_gradients_of_two_layers_of_one_class_cannot_be_swapped_where_their_shapes_differ():
    left, right = scale(), scale(2)
    with pytest.raises(ValueError, match=r"^Pair\.cotangent: 'left\.g' must have shape \(3,\), got \(2,\)$"):
        Pair(left=left, right=right).cotangent(left=right, right=left)


@pytest.mark.parametrize(
    ("gradient", "error", "message"),
    [
        ((scale(),), ValueError, r"^Stack\.cotangent: 'layers' must have 2 entries, got 1$"),
        ([scale(), scale(2)], TypeError, r"^Stack\.cotangent: 'layers' must be of type tuple, got list$"),
        ((scale(), np.zeros(2)), TypeError, r"^Stack\.cotangent: 'layers\[1\]' must be of type Scale, got ndarray$"),
        ((scale(), scale(4)), ValueError, r"^Stack\.cotangent: 'layers\[1\]\.g' must have shape \(2,\), got \(4,\)$"),
    ],
)
def test_the_gradient_of_a_tuple_is_a_tuple_of_gradients(gradient, error, message):
    with pytest.raises(error, match=message):
        Stack(layers=(scale(), scale(2))).cotangent(layers=gradient)


def test_constants_in_a_tuple_stand_in_its_gradient_too():
    layer = Stack(layers=(scale(), 7))
    assert layer.cotangent(layers=(scale(), 7)).layers[1] == 7
    with pytest.raises(TypeError, match=r"^Stack\.cotangent: 'layers\[1\]' must be of type int, got NoneType$"):
        layer.cotangent(layers=(scale(), None))


class Outer(Layer):
    inner: Layer


class Equal(Layer):
    """A layer that is equal to every other, and can be no key."""

    g: np.ndarray

    def __eq__(self, other):
        return True


@pytest.mark.parametrize("kind", [Scale, Equal])
def test_a_gradient_is_checked_against_the_layer_that_made_it_and_no_other(kind):
    layer, twin = kind(np.ones(3)), kind(np.ones(3))
    d_layer = layer.cotangent(g=np.zeros(3))
    assert is_checked(d_layer, layer)
    assert not is_checked(d_layer, twin)
    assert not is_checked(kind(np.zeros(3)), layer)


@pytest.mark.parametrize(
    "remade", [copy.copy, copy.deepcopy, dataclasses.replace, lambda layer: pickle.loads(pickle.dumps(layer))]
)
def test_a_copy_of_a_gradient_has_not_been_checked_and_nothing_stands_in_its_fields(remade):
    layer = scale()
    d_layer = layer.cotangent(g=np.zeros(3))
    assert vars(d_layer).keys() == {"g", "c"}
    assert not is_checked(remade(d_layer), layer)


def test_a_gradient_keeps_the_layer_that_made_it_no_longer():
    layer = scale()
    d_layer, alive = layer.cotangent(g=np.zeros(3)), weakref.ref(layer)
    del layer
    gc.collect()
    assert alive() is None and not is_checked(d_layer, scale())


def test_the_gradient_that_another_layer_made_is_checked_all_through():
    pair, other = Pair(scale(), scale(2)), Pair(scale(2), scale())
    d_other = other.cotangent(left=other.left.cotangent(g=np.zeros(2)), right=other.right.cotangent(g=np.zeros(3)))
    assert is_checked(d_other, other)
    message = r"^Outer\.cotangent: 'inner\.left\.g' must have shape \(3,\), got \(2,\)$"
    for gradient in (d_other, Pair(scale(2), scale())):
        with pytest.raises(ValueError, match=message):
            Outer(pair).cotangent(inner=gradient)


class Other(np.ndarray):
    """An array that is not plainly one of NumPy's."""


@pytest.mark.parametrize(("kind", "looked_at"), [(np.ndarray, []), (Other, ["g"])])
def test_a_gradient_is_looked_at_once_at_most_however_deep_it_stands(monkeypatch, kind, looked_at):
    looks, look = [], layers._expect_like
    monkeypatch.setattr(layers, "_expect_like", lambda *given: [looks.append(given[1]), look(*given)])
    layer = scale()
    d_layer = layer.cotangent(g=np.zeros(3).view(kind))
    for _ in range(10):
        layer = Outer(layer)
        d_layer = layer.cotangent(inner=d_layer)
    assert looks == looked_at


class Several(Layer):
    """Fields of every kind."""

    array: Any = None
    inner: Any = None
    blocks: Any = ()
    constant: Any = 0.5


def several():
    """Return a layer, and gradients of it of which some are as they must be."""
    one, two, three = scale(), scale(), scale(2)
    layer = Several(np.ones(3, np.float32), one, (two, three))
    d_one, d_two, d_three = (each.cotangent(g=np.ones_like(each.g)) for each in (one, two, three))
    right = {"array": np.zeros(3), "inner": d_one, "blocks": (d_two, d_three)}
    wrong = {"array": np.zeros(2), "inner": d_three, "blocks": (d_two,), "constant": 1.0}
    changed = [{name: value} for name, value in wrong.items()]
    changed += [{"array": None}, {"array": 0.0}, {"inner": scale()}, {"inner": scale(2)}, {"more": np.zeros(3)}]
    given = [right, *(right | change for change in changed)]
    given += [{name: value for name, value in right.items() if name != missing} for missing in right]
    alone = Several(layer.array, one, blocks=3)
    given_alone = [{name: value for name, value in each.items() if name != "blocks"} for each in given]
    return [
        *((layer, each) for each in given), *((alone, each) for each in given_alone),
        (Several(np.array(2.0)), {"array": np.float64(1)}), (Several(np.arange(3)), {"array": np.zeros(3)}),
        (Several(blocks=()), {"blocks": ()}), (Several([1.0]), {}), (Several(), {}), (Several(), {"array": None}),
    ]  # fmt: skip


def made(layer, gradients):
    try:
        d_layer = layer.cotangent(**gradients)
    except (TypeError, ValueError) as error:
        return type(error), str(error)
    assert is_checked(d_layer, layer)
    return type(d_layer), [(path, leaf.tolist()) for path, leaf in tree.leaves(d_layer)], d_layer.constant


@pytest.mark.parametrize("case", range(len(several())))
def test_what_plainly_fits_is_what_a_closer_look_finds(monkeypatch, case):
    """That is had of arrays of another class, and where nobody knows who made the gradient of a layer."""
    layer, gradients = several()[case]
    plainly = made(layer, gradients)
    others = {name: value.view(Other) if type(value) is np.ndarray else value for name, value in gradients.items()}
    monkeypatch.setattr(layers, "is_checked", lambda *_: False)
    assert plainly == made(layer, others)
