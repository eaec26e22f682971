"""Any nesting of arrays is taken apart, and put together again as what it was."""

import collections
import dataclasses
import enum
import math
import types

import numpy as np
import pytest

from gradcheck.subjects.alignment import align
from gradcheck.subjects.nodes import DEPTH
from gradcheck.subjects.trees import builder, disguised, ends, leaves, odd, read_only, rebuild

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


def test_a_read_only_view_shares_memory_and_leaves_the_array_writeable():
    x = np.zeros(3)
    view = read_only(x)
    x[0] = 1
    assert view[0] == 1 and x.flags.writeable and not view.flags.writeable


def family(kind):
    """A parent with two children that refer to it, in containers of a kind."""
    parent, first, second = (types.SimpleNamespace(w=np.full(2, value)) for value in (1.0, 2.0, 3.0))
    parent.children = kind([first, second])
    first.parent = second.parent = parent
    second.sister = first
    return parent


KINDS = {
    "list": list,
    "tuple": tuple,
    "dict": lambda two: dict(enumerate(two)),
    "dict of its own kind": lambda two: collections.OrderedDict(enumerate(two)),
    "namedtuple": lambda two: Point(*two),
    "object": lambda two: types.SimpleNamespace(a=two[0], b=two[1]),
    "dataclass": lambda two: Layer(*two),
}


def two_of(children):
    if isinstance(children, dict | list | tuple):
        return list(children.values() if isinstance(children, dict) else children)
    return [child for _, child in sorted(vars(children).items(), key=lambda item: item[0] != "w")][:2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_child_may_refer_to_its_parent_and_its_twin_to_the_parents_twin(kind):
    parent = family(KINDS[kind])
    found = [x for _, x in leaves(parent)]
    assert [x[0] for x in found] == [1, 2, 3, 2]  # a child that stands at two places is there twice
    twin = rebuild(parent, iter([x + 10 for x in found]))
    for child, old in zip(two_of(twin.children), two_of(parent.children), strict=True):
        assert child.parent is twin is not parent and child is not old
        assert child.parent.w[0] == 11 and child.w[0] == old.w[0] + 10
    assert parent.children is two_of(parent.children)[0].parent.children
    assert list(odd(parent)) == [] and [name for name, _ in align(parent, parent, "")] == [n for n, _ in leaves(parent)]


def test_containers_may_hold_themselves():
    loop = [A]
    loop.append(loop)
    d = {"w": B, "loop": loop}
    d["self"] = d
    twin = rebuild(d, iter([B + 1, A + 1]))
    assert twin["self"] is twin and twin["loop"][1] is twin["loop"] and (twin["loop"][0] == A + 1).all()
    shown = rebuild(d)
    assert shown["self"] is shown and not shown["w"].flags.writeable
    within = ([],)
    within[0].append(within)
    within[0].append(A)
    assert rebuild(within, iter([B]))[0][1] is B


def test_a_cycle_without_arrays_is_itself():
    node = types.SimpleNamespace(name="node")
    node.me = node
    assert rebuild(node) is node and list(leaves(node)) == []
    twin = rebuild(node, iter([]))
    assert twin.me is twin is not node


def nested(depth, end=A):
    for _ in range(depth):
        end = [end]
    return end


def test_depth_is_limited_in_one_line():
    assert [x is A for _, x in ends(nested(DEPTH))] == [True]
    assert rebuild(nested(DEPTH), iter([B])) == nested(DEPTH, B)
    message = f"^gradcheck: arrays must be nested at most {DEPTH} deep, got a deeper list$"
    for use in (lambda t: list(leaves(t)), builder, lambda t: list(odd(t)), lambda t: list(align(t, t, ""))):
        with pytest.raises(ValueError, match=message):
            use(nested(10 * DEPTH))


def test_arrays_that_compute_otherwise_are_told_apart():
    ids = np.eye(2, dtype=int).view(np.matrix)
    m, z = (x.view(np.matrix) for x in (np.eye(2), 1j * np.eye(2)))
    masked = np.ma.masked_array(A, A > 1)
    tree = {"ids": ids, "m": m, "z": z, "a": A, "masked": [masked], "c": masked + 1j}
    assert list(disguised(tree)) == [
        ("m", "a numpy.matrix: hand over np.asarray of it"),
        ("z", "a numpy.matrix: hand over np.asarray of it"),
        ("masked[0]", "a masked array: hand over its data, and its mask by keyword"),
        ("c", "a masked array: hand over its data, and its mask by keyword"),
    ]


class Sentinel:
    pass


DEFAULT = Sentinel()


def test_what_an_evaluation_may_write_to_is_new_each_time_and_what_is_compared_by_identity_is_not():
    part, cache, mode = Sentinel(), {"n": []}, Mode.FAST
    frozen = Layer(None)
    tree = types.SimpleNamespace(part=part, cache=cache, mode=mode, default=DEFAULT, frozen=frozen, f=math.sin, w=A)
    twin = rebuild(tree, iter([B]))
    assert twin.part is not part and twin.cache is not cache and twin.cache["n"] is not cache["n"]
    assert twin.mode is mode and twin.default is DEFAULT and twin.frozen is frozen and twin.f is math.sin


class Mode(enum.Enum):
    FAST = 1


def test_arrays_of_other_numbers_and_of_other_libraries_are_odd():
    class Tensor:
        def __array__(self, dtype=None, copy=None):
            return np.ones(2)

    numbers = [np.ones(2, complex), np.arange(2), np.float64(1)]
    found = dict(odd({"a": np.ones(2), "b": numbers, "c": Tensor(), "d": np.array(["s"])}, "t"))
    assert list(found) == ["t.b[0]", "t.c", "t.d"] and found["t.b[0]"] == "dtype complex128"
    home = Tensor.__module__.partition(".")[0]
    assert found["t.c"].startswith(f"{home}.")
    assert found["t.c"].endswith("Tensor; hand over np.asarray of it")
    assert found["t.d"] == "dtype <U1" and not list(odd(np.complex64(1)))


def test_a_builder_takes_new_leaves_unless_it_is_to_keep_them():
    build = builder({"a": A, "n": 3})
    assert build(iter([B]))["a"] is B and build(iter([A + 1]))["n"] == 3
    kept = builder({"a": A, "n": 3}, keep=True)(iter(()))
    assert np.array_equal(kept["a"], A) and not kept["a"].flags.writeable


def test_what_holds_itself_and_no_array_is_not_rebuilt_as_a_constant():
    ring: list = [1, "a"]
    ring.append(ring)
    assert builder(ring, keep=True) is None
    ring.append(A)
    assert builder(ring, keep=True) is not None


def test_a_dictionary_or_list_of_a_kind_of_its_own_keeps_what_it_has_beside_its_values():
    class Named(list):
        name = ""

    named = Named([A])
    named.name = "layers"
    counted = collections.defaultdict(int, a=A)
    twin, other = rebuild([named, counted], iter([A + 1, A + 2]))
    assert twin.name == "layers" and type(twin) is Named and twin[0][0] == 1 and twin is not named
    assert other["missing"] == 0 and other["a"][0] == 2 and "missing" not in counted


def test_only_leaves_of_the_kinds_that_are_asked_for_are_found():
    z = A + 1j
    for kinds, found in (("f", ["a"]), ("c", ["z"]), ("fc", ["a", "z"])):
        assert [path for path, _ in leaves({"a": A, "n": {"m": IDS}, "z": z}, kinds=kinds)] == found
        assert [path for path, _ in leaves((A, z), "t", kinds)] == [f"t[{'az'.index(name)}]" for name in found]
        assert [len(list(leaves(x, kinds=kinds))) for x in (A, z)] == ["a" in found, "z" in found]
