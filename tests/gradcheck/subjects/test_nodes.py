"""What a node of a tree holds, and what it is to the checker."""

import dataclasses
import enum
import functools
from collections import OrderedDict, namedtuple
from types import SimpleNamespace

import numpy as np
import pytest

from gradcheck.subjects.nodes import DEPTH, children, inside, is_plain, is_row, is_users, joined, may_change

Point = namedtuple("Point", ["x", "y"])


@dataclasses.dataclass
class Open:
    a: int
    b: int

    def __post_init__(self):
        self.hidden = 3


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: int


class Plain:
    def __init__(self):
        self.a = 1


class Slotted:
    __slots__ = ("a",)


class SlottedBeside:
    __slots__ = ("__dict__", "a")


class Made:
    def __new__(cls):
        return super().__new__(cls)


class Mode(enum.Enum):
    ONE = 1


MARK = Plain()


@pytest.mark.parametrize(
    ("node", "held"),
    [
        ({"a": 1, 2: 3}, [("a", 1), (2, 3)]),
        ([5, 6], [(0, 5), (1, 6)]),
        ((5,), [(0, 5)]),
        (Point(1, 2), [("x", 1), ("y", 2)]),
        (Open(1, 2), [("a", 1), ("b", 2)]),
        (Plain(), [("a", 1)]),
        (SimpleNamespace(n=1), [("n", 1)]),
        (Slotted(), []),
        (np.ones(2), []),
        (np.float64(1), []),
        (3, []),
        ("text", []),
        (Open, []),
        (np, []),
        (len, []),
        (functools.wraps, []),
        (Plain().__init__, []),
    ],
)
def test_a_node_holds_its_entries_fields_or_attributes(node, held):
    assert children(node) == held


def test_what_is_above_grows_by_the_node_and_ends():
    node = [1]
    assert inside(node, ()) == (id(node),)
    assert inside(node, (7,)) == (7, id(node))
    assert DEPTH == 100  # the guide and the messages say so
    assert len(inside(node, (0,) * (DEPTH - 1))) == DEPTH
    message = f"^gradcheck: arrays must be nested at most {DEPTH} deep, got a deeper list$"
    with pytest.raises(ValueError, match=message):
        inside(node, (0,) * DEPTH)


@pytest.mark.parametrize(
    ("node", "answer"),
    [
        (Plain(), True),
        (SimpleNamespace(), True),
        ({}, False),
        (np.random.default_rng(0), False),
        (OrderedDict(), False),
        (pytest.approx(1), False),
    ],
)
def test_an_object_of_a_library_is_not_the_users(node, answer):
    assert is_users(node) is answer


@pytest.mark.parametrize(
    ("node", "answer"),
    [(Plain(), True), (Open(1, 2), True), (Slotted(), False), (SlottedBeside(), False), (Made(), False), (3, False)],
)
def test_a_plain_object_keeps_all_in_its_dict(node, answer):
    assert bool(is_plain(node)) is answer


@pytest.mark.parametrize(
    ("node", "answer"),
    [
        ({}, True),
        ([], True),
        (SimpleNamespace(), True),
        (Plain(), True),
        (Open(1, 2), True),
        (Frozen(1), False),
        ((), False),
        (np.ones(2), False),
        (Slotted(), False),
        (len, False),
        (Mode.ONE, False),
        (np.random.default_rng(0), False),
        (MARK, False),
    ],
)
def test_an_evaluation_may_leave_something_where_it_is_kept(node, answer):
    assert may_change(node) is answer


def test_a_path_is_written_as_in_python():
    assert joined("", "a") == "a"
    assert joined("x", "a") == "x.a"
    assert joined("x", 2) == "x[2]"
    assert joined("", 0) == "[0]"
    assert joined("", ("a", 1)) == "('a', 1)"
    deep = functools.reduce(lambda key, _: (key,), range(DEPTH), 1)
    assert joined("x", deep) == f"x.{deep}"


def test_a_row_is_a_tuple_of_leaves_alone():
    x, ids = np.ones(2), np.arange(2)
    assert is_row((x, np.float64(1)), "f") and is_row((), "f") and is_row((x * 1j,), "fc")
    assert not any(is_row(node, "f") for node in (x, None, [x], (x, ids), (x, (x,)), (x, None), (x * 1j,)))
