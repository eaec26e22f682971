"""What can be reached from a subject, and where it can be put back."""

import functools
import types

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.subjects.holdings import ATTRIBUTES, _filled, holdings, is_array, put

MATRIX, LATER = np.eye(2), np.ones(2)


def arrays(subject):
    return [value for _, _, value in holdings(subject) if isinstance(value, np.ndarray)]


def of_closure(x):
    return lambda: x


def of_default(x):
    def function(y=x):
        return y

    return function


class Holder:
    def __init__(self, x):
        self.x = x

    def method(self):
        return self.x


PLACES = {
    "closure": of_closure,
    "default": of_default,
    "partial": lambda x: functools.partial(np.add, x),
    "keyword of a partial": lambda x: functools.partial(np.add, out=x),
    "attribute": Holder,
    "method": lambda x: Holder(x).method,
    "bag": lambda x: types.SimpleNamespace(x=x),
    "dictionary": lambda x: {"a": {"b": x}},
    "list": lambda x: [1, [x]],
    "tuple": lambda x: of_closure((1, (x,))),
    "pair": lambda x: pair(of_closure(x), len),
}


@pytest.mark.parametrize("place", PLACES)
def test_an_array_is_reached(place):
    x = np.ones(2)
    assert [found is x for found in arrays(PLACES[place](x))] == [True]


def test_a_global_variable_is_reached_that_an_inner_function_names():
    def outer():
        return lambda: MATRIX

    assert [x is MATRIX for x in arrays(outer)] == [True]


@pytest.mark.parametrize("kind", ["plain", "static", "class"])
def test_a_global_variable_is_reached_that_a_method_names(kind):
    def method():
        return LATER

    decorated = {"plain": method, "static": staticmethod(method), "class": classmethod(method)}[kind]
    layer = type("Layer", (), {"method": decorated, "__module__": __name__})
    for subject in (layer, layer()):
        assert [x is LATER for x in arrays(subject)] == [True]


def test_functions_are_reached_that_a_library_wraps():
    @functools.lru_cache
    def cached():
        return MATRIX

    assert [x is MATRIX for x in arrays(cached)] == [True]


def test_classes_and_objects_of_libraries_stay_closed():
    assert arrays(np.random.default_rng) == arrays(functools.partial) == arrays(np) == []


def test_an_empty_cell_and_a_function_of_another_module_hold_nothing():
    def early():
        return late

    if early is None:
        late = np.ones(2)
    assert arrays(early) == []
    assert arrays(lambda: pytest.raises(np.ones)) == []


def test_what_is_met_twice_is_yielded_once_for_each_holder():
    x, bag = np.ones(2), []
    bag.append(bag)
    bag.append(x)
    assert [(holder is bag, key) for holder, key, _ in holdings(bag)] == [(True, 1)]
    assert len(arrays({"a": x, "b": x})) == 2


def test_attributes_are_yielded_as_a_whole_those_of_a_class_too_but_not_those_of_a_bag():
    obj = Holder(1.5)
    found = [(h, key is ATTRIBUTES or key) for h, key, _ in holdings(obj)]
    assert found == [(vars(obj), True), (vars(obj), "x"), (Holder, True)]
    assert [key for _, key, _ in holdings(types.SimpleNamespace(x=1.5, n=2))] == ["x"]


def test_numbers_and_generators_are_yielded_and_whole_ones_are_not():
    held = {"a": 1.5, "b": 2j, "c": np.float32(1), "d": np.random.default_rng(1), "e": np.random.RandomState(1), "f": 1}
    assert [key for _, key, _ in holdings(held)] == ["a", "b", "c", "d", "e"]


def test_arrays_are_those_of_any_library():
    foreign = type("Tensor", (), {"__dlpack__": lambda self: None})()
    assert is_array(foreign) and is_array(np.ones(2)) and not is_array(1.5) and not is_array([1.0])
    assert [key for _, key, _ in holdings({"t": foreign})] == ["t"]


def test_a_value_is_put_where_it_was():
    x = np.ones(2)
    function, row, by_name = of_closure(x), [x], {"x": x}
    put(function.__closure__[0], "", 1)
    put(row, 0, 2)
    put(row, 1, 3)  # the list has become shorter
    put(by_name, "x", 4)
    put(None, None, 5)
    assert (function(), row, by_name) == (1, [2], {"x": 4})


def test_a_variable_that_a_function_closes_over_may_not_have_been_set_yet():
    assert _filled(types.CellType(0)) is True and _filled(types.CellType()) is False


class Slotted:
    __slots__ = ("x",)
    shared = 1.0


def test_a_value_is_put_into_a_class_and_a_slot_as_it_is_into_a_cell():
    one = Slotted()
    one.x = 1.0
    put(one, "x", 2.0)
    put(Slotted, "shared", 3.0)
    assert (one.x, Slotted.shared, one.shared) == (2.0, 3.0, 3.0)
    named = [(holder, key) for holder, key, _ in holdings(one) if key is not ATTRIBUTES]
    assert named == [(one, "x"), (Slotted, "shared")]

