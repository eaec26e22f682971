import pytest

from reference.core import tree
from reference.job import room, train


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("embeddings", ["separate", "tied"])
@pytest.mark.parametrize("layers", [1, 3])
def test_parameters_are_counted_without_a_model(tiny, norm, embeddings, layers):
    settings = tiny(norm=norm, embeddings=embeddings, layers=layers)
    drawn = sum(leaf.size for _, leaf in tree.leaves(train.begin(settings).model))
    assert room.parameters(settings) == drawn


@pytest.mark.parametrize(
    "change",
    [
        {"layers": 10**8},
        {"width": 10**8},
        {"hidden": 10**8},
        {"length": 10**8},
        {"vocabulary": 10**8, "training": 10**8},
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
    assert room.shortage(tiny(layers=10**8)) is None


@pytest.mark.parametrize("error", [AttributeError, OSError, ValueError])
def test_memory_is_asked_of_the_system_that_has_an_answer(monkeypatch, error):
    assert room.memory() > 0

    def refuse(name):
        raise error

    monkeypatch.setattr(room.os, "sysconf", refuse, raising=False)
    assert room.memory() is None
