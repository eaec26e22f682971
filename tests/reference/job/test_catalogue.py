import importlib
import sys
import types
from pathlib import Path

import numpy as np

import reference
from reference.core import tree
from reference.job import catalogue


def arrays(example):
    return [array.tobytes() for _, array in tree.leaves((example.subject, *example.inputs))]


def test_every_module_with_examples_is_in_it_by_being_there():
    root = Path(reference.__file__).parent
    shown = {
        f"{room}.{path.stem}"
        for room in catalogue.ROOMS
        for path in (root / room).glob("*.py")
        if "\ndef examples(" in path.read_text(encoding="utf-8")
    }
    assert set(catalogue.modules()) == shown >= {"functions.softmax", "layers.linear", "models.transformer"}


def test_modules_come_room_by_room_and_in_alphabetical_order():
    names = [name.split(".") for name in catalogue.modules()]
    assert names == sorted(names, key=lambda name: (catalogue.ROOMS.index(name[0]), name[1]))


def test_one_seed_gives_the_same_numbers_and_another_one_others():
    one, again, other = (next(e for e in catalogue.examples(seed) if e.module == "layers.linear") for seed in (4, 4, 5))
    assert arrays(one) == arrays(again) != arrays(other)


def test_a_module_more_leaves_the_numbers_of_the_others_as_they_are(monkeypatch):
    before = {(e.module, e.name): arrays(e) for e in catalogue.examples()}
    more = types.ModuleType("reference.functions.aaa")
    more.examples = lambda rng: iter([("new", np.sin, (rng.normal(size=3),), {})])
    monkeypatch.setitem(sys.modules, more.__name__, more)
    found = list(catalogue.modules())
    monkeypatch.setattr(catalogue, "modules", lambda: iter(["functions.aaa", *found]))
    after = {(e.module, e.name): arrays(e) for e in catalogue.examples()}
    assert after.keys() - before.keys() == {("functions.aaa", "new")}
    assert {key: after[key] for key in before} == before


def test_a_module_without_examples_is_left_out(monkeypatch):
    monkeypatch.delattr(importlib.import_module("reference.layers.linear"), "examples")
    assert "layers.linear" not in list(catalogue.modules())
