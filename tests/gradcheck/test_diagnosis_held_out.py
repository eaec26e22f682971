"""The diagnosis on wrong layers that were not used to build it: the class that a person would name, or none."""

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

import gradcheck

sys.path.insert(0, str(Path(__file__).parent))
from wrong_layers_loader import CAUSES, files, has_right_ones, judge, load

RIGHT, WRONG = 0.9, 0.03  # of the wrong layers: named rightly at least, named wrongly at most
FEWEST = 60  # layers in each folder
FOLDERS = ("wrong_layers", "wrong_layers_held_out")


@pytest.fixture(scope="session")
def judged(tmp_path_factory, request):
    """Return what was said of the layers of a file; each is judged once in a run, by whichever process comes first."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if hasattr(request.config, "workerinput") else base) / "judged"
    folder.mkdir(exist_ok=True)

    def judged(path):
        kept = folder / f"{path.parent.name}-{path.stem}.json"
        if not kept.exists():
            found = {name: (said, kind, sorted(causes)) for name, (said, kind, causes) in judge(load(path)).items()}
            part = kept.with_suffix(f".{base.name}")
            part.write_text(json.dumps(found))
            part.replace(kept)
        return json.loads(kept.read_text())

    return judged


FILES = [path for folder in FOLDERS for path in files(folder)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_wrong_layer_fails(path, judged):
    found = judged(path)
    assert found and not [name for name, (said, _, _) in found.items() if said == "passed"]


@pytest.mark.parametrize("path", [path for path in FILES if has_right_ones(path)], ids=lambda path: path.stem)
def test_without_its_bug_a_layer_passes(path):
    layers = load(path, bug=False)
    assert not [x.name for x in layers if gradcheck.check(x.subject, *x.inputs).verdict != "pass"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_class_of_the_bug_is_named(folder, judged):
    found = [(name, *judgement) for path in files(folder) for name, judgement in judged(path).items()]
    said = Counter(said for _, said, _, _ in found)
    others = [layer for layer in found if layer[1] != "right"]
    assert len(found) >= FEWEST
    assert said["right"] >= RIGHT * len(found), others
    assert said["wrong"] <= WRONG * len(found), others


def test_names_are_not_given_twice():
    names = [layer.name for folder in FOLDERS for path in files(folder) for layer in load(path)]
    assert len(set(names)) == len(names)


def test_each_class_is_told_from_most_others():
    """A table in which every cause is right for every class would judge nothing."""
    every = set().union(*CAUSES.values())
    assert all(len(causes) <= len(every) / 3 for causes in CAUSES.values())
    assert {layer.kind for path in files(FOLDERS[0]) for layer in load(path)} == set(CAUSES)
