import pytest

from reference.core import tree
from reference.training import room
from reference.training.state import begin


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("embeddings", ["separate", "tied"])
@pytest.mark.parametrize("layers", [1, 3])
def test_parameters_are_counted_without_a_model(tiny, norm, embeddings, layers):
    settings = tiny(norm=norm, embeddings=embeddings, encoder_layers=layers, decoder_layers=2)
    drawn = sum(leaf.size for _, leaf in tree.leaves(begin(settings).model))
    assert room.parameters(settings.model) == drawn


@pytest.mark.parametrize("embeddings", ["separate", "tied"])
@pytest.mark.parametrize("changes", [{}, {"positions": "rotary", "feedforward": "swiglu", "bias": False}])
@pytest.mark.parametrize("more", [{}, {"normalization": "rms", "width": 16, "heads": 4, "key_value_heads": 2}])
def test_parameters_of_a_decoder_are_counted_without_a_model(tiny, embeddings, changes, more):
    settings = tiny(model="decoder-only", embeddings=embeddings, layers=3, **changes, **more)
    assert room.parameters(settings.model) == sum(leaf.size for _, leaf in tree.leaves(begin(settings).model))


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_parameters_of_an_encoder_are_counted_without_a_model(tiny, norm):
    settings = tiny(model="encoder-only", norm=norm, layers=3)
    assert room.parameters(settings.model) == sum(leaf.size for _, leaf in tree.leaves(begin(settings).model))


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
