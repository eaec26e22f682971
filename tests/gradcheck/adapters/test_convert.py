"""Containers of every kind are rebuilt around other leaves."""

import collections
import dataclasses
import json

import numpy as np

from gradcheck.adapters.convert import framework, is_array, is_wide, mapped, nearby, own
from gradcheck.subjects import trees

Pair = collections.namedtuple("Pair", "left right")


@dataclasses.dataclass(frozen=True)
class Point:
    x: np.ndarray
    label: str


def tree():
    ordered = collections.OrderedDict(b=np.array(2.0), a=np.array(3.0))
    return {"pair": Pair(np.array(0.0), (np.array(1.0), "text")), "list": [ordered, Point(np.array(4.0), "p")]}


def test_leaves_are_changed_and_kinds_of_containers_kept():
    new = mapped(tree(), lambda leaf: leaf + 10 if isinstance(leaf, np.ndarray) else leaf)
    assert [float(x) for _, x in trees.leaves(new)] == [10, 11, 12, 13, 14]
    assert type(new["pair"]) is Pair
    assert type(new["list"][0]) is collections.OrderedDict
    assert new["list"][1].label == "p"


def test_the_order_is_that_of_the_leaves():
    seen = []
    mapped(tree(), seen.append)
    assert [float(x) for x in seen if isinstance(x, np.ndarray)] == [float(x) for _, x in trees.leaves(tree())]


def test_what_is_not_changed_is_the_same_array_in_another_container():
    old = tree()
    new = own(old)
    assert all(a is b for (_, a), (_, b) in zip(trees.leaves(old), trees.leaves(new), strict=True))
    assert new is not old
    assert new["list"] is not old["list"]
    assert new["list"][1] is not old["list"][1]


def test_what_numpy_computes_with_is_an_array():
    class Other:
        __array_ufunc__ = staticmethod(lambda *_: None)

    assert all(map(is_array, (np.zeros(2), np.float32(1), Other())))
    assert not any(map(is_array, (1.0, None, [np.zeros(2)], "text", {})))


def test_one_array_of_64_bits_is_enough_to_be_wide():
    narrow = [np.float32(1), np.arange(3), {"x": np.zeros(2, np.complex64)}]
    assert not is_wide(narrow)
    assert is_wide([*narrow, np.zeros(2)])
    assert is_wide([*narrow, np.zeros(2, complex)])


def test_a_framework_is_the_module_of_its_name():
    assert framework("json", "an adapter") is json


def test_nearby_arrays_differ_by_a_few_roundings_of_the_coarsest_and_keep_their_dtypes():
    wide, narrow = np.ones(1000), np.ones(1000, np.float32)
    for arrays, unit in (([wide], 2.0**-52), ([wide, narrow], 2.0**-23)):
        for x, near in zip(arrays, nearby(arrays), strict=True):
            assert near.dtype == x.dtype
            away = np.abs(near - x)
            assert unit <= away.max() <= 5 * unit
            assert (away == 0).any()
    assert nearby([]) == []
