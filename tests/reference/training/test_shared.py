import shutil
import types
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import pytest

from reference.training.errors import RunError
from reference.training.shared import Parts, Shared

VALUE = {"a": np.arange(7, dtype=np.float32), "b": (np.ones((3, 5)), "text"), "c": np.arange(12).reshape(3, 4)[:, ::2]}


@pytest.fixture
def shared():
    shared = Shared()
    yield shared
    shared.close()


def same(one, other):
    return (
        one["a"].tobytes() == other["a"].tobytes()
        and one["b"][0].tobytes() == other["b"][0].tobytes()
        and one["b"][1] == other["b"][1]
        and one["c"].tolist() == other["c"].tolist()
    )


def test_a_value_comes_back_as_it_was_with_arrays_of_its_own(shared):
    parts = Parts.of(VALUE)
    (room,) = shared.rooms(1, parts.places[-1])
    sent = room.put(parts)
    value = sent.value()
    assert same(value, VALUE)
    value["a"][:] = 0
    assert same(sent.value(), VALUE)


def test_what_is_sent_holds_none_of_the_numbers(shared):
    parts = Parts.of(np.full(10_000, 7.0))
    (room,) = shared.rooms(1, parts.places[-1])
    assert len(room.put(parts).rest) < 1000


def test_arrays_begin_at_multiples_of_64_bytes(shared):
    parts = Parts.of(VALUE)
    rooms = shared.rooms(2, parts.places[-1])
    assert all(first % 64 == 0 for room in rooms for first, _ in room.put(parts).spans)


def test_rooms_do_not_touch_each_other(shared):
    parts = [Parts.of(np.full(9, float(k))) for k in range(3)]
    rooms = shared.rooms(3, parts[0].places[-1])
    sent = [room.put(part) for room, part in zip(rooms, parts, strict=True)]
    assert [one.value().tolist() for one in sent] == [[float(k)] * 9 for k in range(3)]


def test_a_value_that_is_larger_than_its_room_comes_back_too(shared):
    (room,) = shared.rooms(1, 64)
    sent = room.put(Parts.of(VALUE))
    assert sent.spans == ()
    assert same(sent.value(), VALUE)


def test_a_value_without_arrays_needs_no_memory(shared):
    (room,) = shared.rooms(1, 0)
    assert room.put(Parts.of("text")).value() == "text"


def test_memory_is_made_once_and_again_only_where_more_is_needed(shared):
    first, again, larger = (shared.rooms(2, size)[0].name for size in (128, 64, 10**6))
    assert first == again != larger
    with pytest.raises(FileNotFoundError):
        SharedMemory(first)


def test_memory_is_given_back(shared):
    (room,) = shared.rooms(1, 64)
    shared.close()
    with pytest.raises(FileNotFoundError):
        SharedMemory(room.name)


def test_too_little_shared_memory_is_said_before_anything_is_written(shared, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=1000))
    message = r"^shared memory must have room for the weights, 1,280 bytes, got 1,000 bytes$"
    with pytest.raises(RunError, match=message):
        shared.rooms(10, 128)
