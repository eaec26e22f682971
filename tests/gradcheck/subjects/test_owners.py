"""Methods of objects that change themselves: each use starts from the object as it was given."""

import functools
import pickle
import threading

import numpy as np
import pytest

from gradcheck.subjects.owners import Owned


class Counter:
    def __init__(self):
        self.calls, self.seen, self.room = 0, [], np.zeros(3)

    def forward(self, x=0.0):
        self.calls += 1
        self.seen.append(x)
        self.room += 1
        return self.calls, len(self.seen), self.room[0]

    def backward(self):
        return self.calls, len(self.seen), self.room[0]

    __call__ = forward


class Locked(Counter):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


def plain(x):
    return x


@pytest.mark.parametrize("of", [lambda c: c.forward, lambda c: c, lambda c: functools.partial(c.forward, x=2.0)])
def test_every_use_starts_from_the_state_that_was_given_and_leaves_it(of):
    counter = Counter()
    owned = Owned(of(counter))
    for _ in range(3):
        (forward,) = owned.fresh()
        assert forward() == (1, 1, 1.0)
    assert (counter.calls, counter.seen, counter.room.tolist()) == (0, [], [0, 0, 0])


def test_between_an_evaluation_and_its_pullback_nothing_is_reset():
    counter = Counter()
    forward, backward = Owned(counter.forward, counter.backward).fresh()
    forward()
    assert backward() == (1, 1, 1.0)
    assert forward() == (2, 2, 2.0)


def test_a_later_use_changes_what_an_earlier_one_left():
    counter = Counter()
    owned = Owned(counter.forward, counter.backward)
    forward, backward = owned.fresh()
    forward()
    owned.fresh()
    assert backward() == (0, 0, 0.0)


def test_an_array_of_an_object_stays_one_workspace():
    counter = Counter()
    owned = Owned(counter.forward)
    rooms = [owned.fresh()[0].__self__.room for _ in range(2)]
    assert rooms[0] is rooms[1]
    assert not np.shares_memory(rooms[0], counter.room)
    rooms[0].flags.writeable = False
    assert owned.fresh()[0].__self__.room.flags.writeable
    counter.room = np.ones(2)
    assert owned.fresh()[0].__self__.room.tolist() == [1, 1]


def test_arrays_of_objects_are_copied_with_what_they_hold():
    counter = Counter()
    counter.room = np.array([[1], None], object)
    room = Owned(counter.forward).fresh()[0].__self__.room
    assert room[0] == [1] and room[0] is not counter.room[0]


def test_functions_and_what_cannot_be_copied_are_used_themselves():
    assert Owned(plain, len).fresh() == (plain, len)
    locked = Locked()
    owned = Owned(locked.forward)
    for n in (1, 2):
        (forward,) = owned.fresh()
        assert forward()[0] == n
    assert locked.calls == 2


def test_functions_stay_in_their_order_beside_methods():
    counter = Counter()
    first, second, third = Owned(plain, counter.forward, functools.partial(plain, 5)).fresh()
    assert first is plain
    assert second.__self__ is not counter
    assert third() == 5


class Slotted:
    __slots__ = ("calls",)

    def forward(self):
        return self


class OfClass:
    @classmethod
    def forward(cls):
        return cls


@pytest.mark.parametrize("other", [plain, len, np.sin, Slotted().forward, OfClass.forward, {}.get, np.random.normal])
def test_what_has_no_state_or_none_that_can_be_copied_stays_itself_beside_a_method(other):
    counter = Counter()
    for functions in ((other, counter.forward), (counter.forward, other)):
        found = Owned(*functions).fresh()
        forward, beside = found[functions.index(counter.forward)], found[functions.index(other)]
        assert forward.__self__ is not counter and beside == other


def test_each_thread_has_twins_of_its_own():
    counter = Counter()
    owned = Owned(counter.forward)
    here = owned.fresh()[0]
    there = []
    thread = threading.Thread(target=lambda: there.append(owned.fresh()[0]))
    thread.start()
    thread.join()
    assert there[0].__self__ is not here.__self__
    assert there[0].__self__.room is not here.__self__.room


def test_it_can_be_sent_without_its_twins():
    owned = Owned(Counter().forward)
    owned.fresh()
    state = owned.__getstate__()
    assert (state["_twins"], state["_arrays"]) == ({}, {})
    assert pickle.loads(pickle.dumps(owned)).fresh()[0]() == (1, 1, 1.0)


def test_an_attribute_that_a_use_adds_is_gone_at_the_next():
    class Keeping(Counter):
        def forward(self):
            new = not hasattr(self, "cache")
            self.cache = self.calls
            return new

    owned = Owned(Keeping().forward)
    assert [owned.fresh()[0]() for _ in range(3)] == [True] * 3


def test_what_lasts_is_never_reset_and_the_object_stays_as_it_was():
    counter = Counter()
    owned = Owned(counter.forward, counter.backward).lasting()
    for k in (1, 2, 3):
        forward, backward = owned.fresh()
        assert forward() == backward() == (k, k, k)
    assert counter.calls == 0


def test_functions_and_what_cannot_be_copied_do_not_last():
    assert Owned(plain).lasting() is None and Owned(Locked().forward).lasting() is None


class Layer:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y * 1

    def backward(self, dy):
        return dy * (1 - self.y**2)


LAYER = Layer()


def in_a_closure(layer):
    return lambda x, dy: layer.backward(dy)


@pytest.mark.parametrize(
    ("layer", "backward"), [(LAYER, lambda x, dy: LAYER.backward(dy)), (layer := Layer(), in_a_closure(layer))]
)
def test_a_function_that_names_the_object_of_a_method_means_its_twin(layer, backward):
    forward, pull = Owned(layer.forward, backward).fresh()
    x = np.array([0.3, -2.0])
    assert np.array_equal(forward(x), np.tanh(x)) and np.array_equal(pull(x, 1.0), 1 - np.tanh(x) ** 2)
    assert not vars(layer) and Owned(np.tanh, backward).fresh()[1] is backward


def test_a_function_with_defaults_keeps_them_and_a_name_without_a_value_has_none():
    def backward(x, dy, *, factor=2.0):
        return factor * LAYER.backward(dy) if x is not None else unset  # noqa: F821

    def named():
        def pull(x, dy):
            return later if x is None else LAYER.backward(dy)

        found = Owned(LAYER.forward, pull).fresh()
        later = 1
        return found, later

    forward, pull = Owned(LAYER.forward, backward).fresh()
    forward(np.zeros(1))
    assert pull(1, 3.0) == 6.0
    (forward, pull), _ = named()
    forward(np.zeros(1))
    assert pull(1, 3.0) == 3.0
