"""The diagnosis on wrong layers that were not used to build it: the class that a person would name, or none."""

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from wrong_layers_loader import CAUSES, judge, load

RIGHT, WRONG = 0.9, 0.03  # of the wrong layers: named rightly at least, named wrongly at most
FEWEST = 60  # layers in each folder
FOLDERS = ("wrong_layers", "wrong_layers_held_out")


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_class_of_the_bug_is_named(folder):
    found = judge(list(load(folder)))
    said = Counter(said for said, _, _ in found.values())
    others = {name: (kind, causes) for name, (said, kind, causes) in found.items() if said != "right"}
    assert len(found) >= FEWEST and said["passed"] == 0, others
    assert said["right"] >= RIGHT * len(found), others
    assert said["wrong"] <= WRONG * len(found), others


def test_names_are_not_given_twice():
    names = [layer.name for folder in FOLDERS for layer in load(folder)]
    assert len(set(names)) == len(names)


def test_each_class_is_told_from_most_others():
    """A table in which every cause is right for every class would judge nothing."""
    every = set().union(*CAUSES.values())
    assert all(len(causes) <= len(every) / 3 for causes in CAUSES.values())
    assert {layer.kind for layer in load(FOLDERS[0])} == set(CAUSES)
