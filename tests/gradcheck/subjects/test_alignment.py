"""A cotangent is aligned with the tree of arrays that it belongs to; what it lacks is told."""

import collections
import dataclasses
import types

import numpy as np
import pytest

from gradcheck.subjects.alignment import MISSING, Branch, align, aligner

Point = collections.namedtuple("Point", ["a", "b"])
A, B, IDS = np.arange(3.0), np.ones((2, 2), np.float32), np.arange(4)


@dataclasses.dataclass(frozen=True)
class Layer:
    w: np.ndarray


def test_a_cotangent_is_aligned_with_what_it_is_the_cotangent_of():
    tree = {"a": A, "ids": IDS, "more": [A, B], "layer": Layer(A)}
    cotangent = {"a": 1, "more": (2, 3), "layer": {"w": 4}}
    assert list(align(tree, cotangent, "x")) == [("x.a", 1), ("x.more[0]", 2), ("x.more[1]", 3), ("x.layer.w", 4)]
    assert dict(align(Layer(A), types.SimpleNamespace(w=7), ""))["w"] == 7
    assert dict(align(Point(A, B), Point(5, 6), "p")) == {"p.a": 5, "p.b": 6}
    again = aligner(tree, "x")
    assert again({"a": 7}) == [("x.a", 7), *((path, MISSING) for path in ("x.more[0]", "x.more[1]", "x.layer.w"))]
    assert again(cotangent) == align(tree, cotangent, "x") and aligner({"ids": IDS})({}) == []


@pytest.mark.parametrize("cotangent", [None, 3.0, {"b": 1}, [1, 2]])
def test_what_is_absent_or_of_another_structure_is_missing(cotangent):
    assert dict(align({"a": A}, cotangent, ""))["a"] is MISSING
    assert [value for _, value in align([A], cotangent, "")] == [MISSING]
    assert dict(align({0: A}, A, "")) == {"[0]": MISSING}


def test_leaves_are_of_the_kinds_that_are_asked_for():
    tree = {"a": A, "ids": IDS}
    assert align(tree, {"a": 1, "ids": 2}, "x", kinds="iu") == aligner(tree, "x", "iu")({"ids": 2}) == [("x.ids", 2)]
    assert align(tree, {"a": 1, "ids": 2}, "x") == [("x.a", 1)]


def test_what_a_template_leads_to_is_found_once_and_stays():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Branch("x").path = "y"
