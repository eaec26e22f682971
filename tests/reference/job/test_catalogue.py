import importlib
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import reference
from reference.core import tree
from reference.job import catalogue
from reference.job.errors import UsageError


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


def test_modules_are_found_by_their_names_with_and_without_the_room():
    assert catalogue.find(["layers.linear", "attend", "linear"]) == ["functions.attend", "layers.linear"]
    assert catalogue.find([]) == []
    assert [catalogue.find([module.partition(".")[2]]) for module in catalogue.modules()] == [
        [module] for module in catalogue.modules()
    ]


@pytest.mark.parametrize(
    ("name", "near"),
    [("layernom", "layernorm"), ("layers.layernom", "layers.layernorm"), ("layers", "layers."), ("", ""), ("xx", "")],
)
def test_a_name_that_is_not_there_is_one_line_with_the_nearest_that_is(name, near):
    with pytest.raises(UsageError) as error:
        catalogue.find(["linear", name])
    pattern = rf"a name must be that of a module with a backward pass, such as {near}[\w.]*, got '{name}'"
    assert re.fullmatch(pattern, str(error.value))


def test_examples_of_some_modules_are_those_of_all(rng):
    some = list(catalogue.examples(3, ["layernorm", "softmax"]))
    assert {example.module for example in some} == {"functions.softmax", "layers.layernorm"}
    of_all = [example for example in catalogue.examples(3) if example.module in {other.module for other in some}]
    for one, other in zip(some, of_all, strict=True):
        assert one.name == other.name
        np.testing.assert_array_equal(one.inputs[0], other.inputs[0])
