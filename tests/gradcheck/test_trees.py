"""Any nesting of arrays is taken apart, and put together again as what it was."""

import collections
import dataclasses
import math
import types

import numpy as np
import pytest

from gradcheck.trees import MISSING, align, leaves, read_only, rebuild

Point = collections.namedtuple("Point", ["a", "b"])
A, B, IDS = np.arange(3.0), np.ones((2, 2), np.float32), np.arange(4)


@dataclasses.dataclass(frozen=True)
class Layer:
    w: np.ndarray
    inner: object = None
    eps: float = 1e-5


class Plain:
    def __init__(self, w):
        self.w, self.checked = w, True


class Slotted:
    __slots__ = ("w",)

    def __init__(self, w):
        self.w = w


@dataclasses.dataclass(slots=True)
class SlottedLayer:
    w: np.ndarray


class Strict(Plain):
    def __init__(self, w):
        if not isinstance(w, np.ndarray):
            raise TypeError("w must be an array")
        super().__init__(w)


TREES = [
    (A, ["<>"]),
    ({"a": A, "b": {"c": B}}, ["a", "b.c"]),
    ([A, (B, A)], ["[0]", "[1][0]", "[1][1]"]),
    (Point(A, [B]), ["a", "b[0]"]),
    (Layer(A, Layer(B)), ["w", "inner.w"]),
    (Plain({"k": A}), ["w.k"]),
    (SlottedLayer(A), ["w"]),
    (collections.OrderedDict(a=A, b=3), ["a"]),
    (types.SimpleNamespace(w=A), ["w"]),
    ({0: A, "s": "text", "f": math.sin, "n": None, "ids": IDS}, ["[0]"]),
    ((np.float64(2.5), np.int64(3), True), ["[0]"]),
    ([], []),
    (Slotted(A), []),  # neither a dataclass nor with a __dict__: carried along
    ([Layer, math, len, Plain(A).__init__], []),
]


@pytest.mark.parametrize(("tree", "paths"), TREES, ids=range(len(TREES)))
def test_every_floating_array_is_found_under_its_path(tree, paths):
    assert [path or "<>" for path, _ in leaves(tree)] == paths


@pytest.mark.parametrize(("tree", "paths"), TREES, ids=range(len(TREES)))
def test_a_tree_is_rebuilt_around_new_leaves_and_the_old_one_stays(tree, paths):
    before = [np.array(x) for _, x in leaves(tree)]
    new = [x + 1 for x in before]
    twin = rebuild(tree, iter(new))
    assert type(twin) is type(tree)
    assert [path for path, _ in leaves(twin)] == [path for path, _ in leaves(tree)]
    assert all(x is y or np.array_equal(x, y) for (_, x), y in zip(leaves(twin), new, strict=True))
    assert all(np.array_equal(x, y) for (_, x), y in zip(leaves(tree), before, strict=True))


def test_what_is_no_leaf_is_carried_along():
    tree = {"w": A, "ids": IDS, "eps": 1e-5, "f": math.sin}
    twin = rebuild(tree, iter([B]))
    assert twin["w"] is B and twin["eps"] == 1e-5 and twin["f"] is math.sin
    assert np.array_equal(twin["ids"], IDS) and not twin["ids"].flags.writeable and IDS.flags.writeable


def test_an_objects_own_checks_are_not_run_again():
    strict = rebuild(Strict(A), iter(["no array"]))
    assert (strict.w, strict.checked) == ("no array", True)


def test_a_tree_without_arrays_is_itself():
    tree = {"causal": True, "name": "text"}
    assert rebuild(tree) is tree


def test_without_new_leaves_the_old_ones_are_shown_read_only():
    twin = rebuild({"mask": B, "causal": True})
    assert np.shares_memory(twin["mask"], B)
    with pytest.raises(ValueError, match="read-only"):
        twin["mask"][0] = 2
    assert B.flags.writeable


@pytest.mark.parametrize("kind", [np.random.default_rng, np.random.RandomState, np.random.PCG64])
def test_random_generators_are_copied_wherever_they_are(kind):
    generator = kind(3)
    tree = {"inner": [generator]}
    twins = [rebuild(tree, iter([]))["inner"][0] for _ in range(2)] + [rebuild(tree)["inner"][0]]

    def draw(g):
        return g.random_raw() if hasattr(g, "random_raw") else g.normal()

    drawn = [draw(twin) for twin in twins]
    assert drawn == [drawn[0]] * 3
    assert draw(generator) == drawn[0], "the caller's generator has not moved"


def test_a_cotangent_is_aligned_with_what_it_is_the_cotangent_of():
    tree = {"a": A, "ids": IDS, "more": [A, B], "layer": Layer(A)}
    cotangent = {"a": 1, "more": (2, 3), "layer": {"w": 4}}
    assert list(align(tree, cotangent, "x")) == [("x.a", 1), ("x.more[0]", 2), ("x.more[1]", 3), ("x.layer.w", 4)]
    assert dict(align(Layer(A), types.SimpleNamespace(w=7), ""))["w"] == 7
    assert dict(align(Point(A, B), Point(5, 6), "p")) == {"p.a": 5, "p.b": 6}


@pytest.mark.parametrize("cotangent", [None, 3.0, {"b": 1}, [1, 2]])
def test_what_is_absent_or_of_another_structure_is_missing(cotangent):
    assert dict(align({"a": A}, cotangent, ""))["a"] is MISSING
    assert [value for _, value in align([A], cotangent, "")] == [MISSING]
    assert dict(align({0: A}, A, "")) == {"[0]": MISSING}


def test_a_read_only_view_shares_memory_and_leaves_the_array_writeable():
    x = np.zeros(3)
    view = read_only(x)
    x[0] = 1
    assert view[0] == 1 and x.flags.writeable and not view.flags.writeable
