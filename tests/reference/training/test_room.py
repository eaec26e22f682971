import dataclasses

import pytest

from reference.scaling.memory import residuals, state
from reference.training import room
from reference.training.settings import Run


def test_the_least_is_state_sequences_and_what_a_shard_keeps(tiny):
    for shards, rows in ((1, 4), (2, 2), (3, 2), (20, 1)):
        settings = tiny(shards=shards)
        sizes = settings.task.sizes
        sequences = 8 * sum(sizes) * (settings.task.training + settings.task.held_out)
        kept = state(settings.model, 2) + sequences + rows * residuals(settings.model, *sizes)
        assert room.least(settings) == kept


def test_a_text_may_be_larger_than_memory():
    run = Run.of({"task": "text"})
    larger = dataclasses.replace(run, task=dataclasses.replace(run.task, training=10**15))
    assert room.least(larger) == room.least(run)


@pytest.mark.parametrize(
    "change",
    [
        {"encoder_layers": 10**8},
        {"width": 10**8},
        {"hidden": 10**8},
        {"length": 10**8},
        {"vocabulary": 10**8 - 1, "training": 10**8},
    ],
)
def test_what_does_not_fit_is_one_clear_line(tiny, monkeypatch, change):
    monkeypatch.setattr(room, "memory", lambda: 16 * 10**9)
    text = room.shortage(tiny(**change))
    assert text.startswith("a run must fit in memory, 16 GB, got settings that take at least ")
    assert "\n" not in text


def test_what_fits_is_no_shortage(tiny, monkeypatch):
    settings = tiny()
    assert room.shortage(settings) is None
    monkeypatch.setattr(room, "memory", lambda: room.least(settings))
    assert room.shortage(settings) is None
    monkeypatch.setattr(room, "memory", lambda: room.least(settings) - 1)
    assert room.shortage(settings) is not None


def test_a_machine_that_does_not_say_refuses_nothing(tiny, monkeypatch):
    monkeypatch.setattr(room, "memory", lambda: None)
    assert room.shortage(tiny(decoder_layers=10**8)) is None


@pytest.mark.parametrize("error", [AttributeError, OSError, ValueError])
def test_memory_is_asked_of_the_system_that_has_an_answer(monkeypatch, error):
    assert room.memory() > 0

    def refuse(name):
        raise error

    monkeypatch.setattr(room.os, "sysconf", refuse, raising=False)
    assert room.memory() is None
