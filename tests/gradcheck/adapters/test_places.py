"""What an object holds, by its path: found, read and set."""

from collections import namedtuple

import numpy as np
import pytest

from gradcheck.adapters.places import get, held, outermost, plain_or_raise, put, title

Pair = namedtuple("Pair", ["a", "b"])


class Thing:
    def __init__(self, **fields):
        self.__dict__.update(fields)

    def method(self):
        return 1


class Base:
    __slots__ = ("a", "unset")


class Slotted(Base):
    __slots__ = "b"

    def __init__(self):
        self.a, self.b = 1, [2]


class Both(Base):
    __slots__ = ("__dict__", "__weakref__")

    def __init__(self):
        self.a, self.c = 1, 3


X = np.ones(2)


def test_everything_that_is_no_container_is_held_at_its_path():
    shared = [X]
    obj = Thing(w=X, layers=[Thing(b=2.0), (3, {"k": "text"})], again=shared, once_more=shared, f=len)
    assert held(obj) == {
        ("w",): X,
        ("layers", 0, "b"): 2.0,
        ("layers", 1, 0): 3,
        ("layers", 1, 1, "k"): "text",
        ("again", 0): X,
        ("f",): len,
    }


def test_slots_are_places_too():
    assert held(Slotted()) == {("b", 0): 2, ("a",): 1}
    assert held(Both()) == {("c",): 3, ("a",): 1}


@pytest.mark.parametrize("end", [X, np.float64(1), Thing, len, Thing().method, np, np.random.default_rng(0), 3, None])
def test_what_holds_nothing_of_the_users_is_an_end(end):
    assert held(end) == {(): end} or end is X


def test_an_object_that_holds_itself_is_entered_once():
    obj = Thing(w=1)
    obj.me, obj.list = obj, [obj]
    assert held(obj) == {("w",): 1}


def test_only_the_outermost_of_what_is_wanted_is_found_and_in_order():
    inner = Thing(name="inner")
    first, second = Thing(name="first", inside=inner), Thing(name="second")
    obj = Thing(parts=[first, {"k": second}, first, 5])
    found = list(outermost(obj, lambda node: hasattr(node, "name")))
    assert found == [first, second]
    assert list(outermost(obj, lambda node: node is inner)) == [inner]


def test_what_stands_at_a_path_is_read_and_what_is_absent_is_none():
    obj = Thing(a=[Thing(b={"c": 4})], s=Slotted())
    assert get(obj, ("a", 0, "b", "c")) == 4
    assert get(obj, ("s", "b", 0)) == 2
    assert get(obj, ()) is obj
    assert get(obj, ("a", 1)) is None
    assert get(obj, ("nothing", "below")) is None


def test_what_stands_at_a_path_is_set():
    array = np.zeros(2)
    obj = Thing(a=[1], d={"k": 1}, t=(1, (2, 3)), arrays=(array,))
    for path in (("a", 0), ("d", "k"), ("t", 0), ("t", 1, 1), ("new",)):
        put(obj, path, 7)
        assert get(obj, path) == 7
    assert obj.t == (7, (2, 7))
    put(obj, ("arrays", 0), np.ones(2))
    assert obj.arrays[0] is array and array.tolist() == [1, 1]


def test_a_path_is_written_as_in_python():
    assert title(("params", "W1")) == "params.W1"
    assert title(("layers", 0, "b")) == "layers[0].b"
    assert title((0, "b")) == "[0].b"
    assert title(("d", (1, 2))) == "d.(1, 2)"


def test_arrays_that_compute_otherwise_are_refused_by_their_path():
    plain_or_raise(Thing(w=X, n=[1, "a"]))
    for array, what in (
        (np.ones((2, 2)).view(np.matrix), "a numpy.matrix: hand over np.asarray of it"),
        (np.ma.masked_array(X), "a masked array: hand over its data, and its mask by keyword"),
    ):
        with pytest.raises(TypeError, match="gradcheck: ") as error:
            plain_or_raise(Thing(layers=[Thing(w=array)]))
        assert str(error.value) == f"gradcheck: layers[0].w must be a plain NumPy array, got {what}"
