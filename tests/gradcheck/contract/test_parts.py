"""How a cotangent dy is taken apart, so that every pattern is tried with zeros inside and outside."""

import dataclasses

import numpy as np
import pytest
from promises import called

from gradcheck.contract.parts import parts


def call_of(*shapes, large=False):
    """A call whose outputs have these shapes, and whose first dy is 1, -2, 3, -4 ..."""
    call = called(lambda x: (x, lambda dy: dy), np.ones(1))
    out = tuple(np.ones(shape) for shape in shapes)
    size = sum(y.size for y in out)
    g = np.stack([(1.0 + np.arange(size)) * (-1.0) ** np.arange(size), np.zeros(size)])
    return dataclasses.replace(call, out=out if len(out) > 1 else out[0], g=g, large=large)


def taken(*shapes, large=False, seed=3):
    call = call_of(*shapes, large=large)
    return call.g[0], list(parts(call, np.random.default_rng(seed)))


def worded(taken_apart, words):
    want = f"B(dy) is not what {words} of dy gives alone and the rest without it"
    return [part for part, text in taken_apart if text == want]


def test_dy_of_one_entry_has_no_parts():
    assert taken((1,))[1] == [] and taken((0,))[1] == [] and taken((2,))[1] != []


@pytest.mark.parametrize("size", [2, 5, 8])
def test_one_half_of_the_entries_is_taken_as_it_is_and_the_other_is_zero(size):
    g, ((half, words), *_) = taken((size,))
    assert words == "B(dy) is not the sum of what two halves of dy's entries give, the others being 0"
    assert np.count_nonzero(half) == size // 2 and np.isin(half, [*g, 0]).all()
    assert (half[half != 0] == g[half != 0]).all()


def test_which_half_it_is_is_drawn():
    halves = {tuple(taken((8,), seed=seed)[1][0][0]) for seed in range(4)}
    assert len(halves) > 1


@pytest.mark.parametrize(("large", "count"), [(False, 2), (True, 1)])
def test_two_entries_are_taken_alone_with_either_sign_and_of_a_large_subject_one(large, count):
    g, found = taken((8,), large=large)
    alone = [(part, text) for part, text in found if " entry " in text]
    assert len(alone) == 2 * count
    for (less, words), (more, same) in zip(alone[::2], alone[1::2], strict=True):
        (k,) = np.flatnonzero(more)
        assert more[k] == abs(g[k]) and np.array_equal(less, -more)
        assert words == same == f"B(dy) is not what entry {k} of dy gives alone and the others without it"
    assert len({int(np.flatnonzero(part)[0]) for part, _ in alone}) == count


def test_ones_are_taken_from_dy():
    words = "B(dy) is not what a dy of ones gives and the rest of it"
    ones = [part for part, text in taken((3, 2))[1] if text == words]
    assert np.array_equal(ones, np.ones((1, 6)))


def test_of_a_large_subject_nothing_more_is_tried():
    assert len(taken((3, 2), large=True)[1]) == 3


@pytest.mark.parametrize(
    ("shape", "axis", "counts"),
    [
        ((6, 5), 0, (1, 3, 5)),
        ((6, 5), 1, (1, 2, 4)),
        ((2, 3), 0, (1,)),
        ((3, 3), 1, (1, 2)),
        ((4, 1), 1, ()),
        ((4, 1), 0, (1, 2, 3)),
        ((2, 3, 4), 2, (1, 2, 3)),
    ],
)
def test_the_first_along_an_axis_the_first_half_and_all_but_the_last_are_taken(shape, axis, counts):
    g, found = taken(shape)
    words = [text for _, text in found if f" along axis {axis} " in text]
    assert len(words) == len(counts)
    for count in counts:
        (part,) = worded(found, f"the first {count} along axis {axis}")
        first, rest = np.split(part.reshape(shape), [count], axis=axis)
        assert np.array_equal(first, np.split(g.reshape(shape), [count], axis=axis)[0]) and not rest.any()


def test_each_of_several_outputs_is_taken_alone_and_one_is_not():
    g, found = taken((2, 2), (3,), ())
    for name, part in (("y[0]", slice(0, 4)), ("y[1]", slice(4, 7)), ("y[2]", slice(7, 8))):
        (only,) = worded(found, name)
        assert np.array_equal(only[part], g[part]) and np.count_nonzero(only) == g[part].size
    assert not [text for _, text in taken((2, 2))[1] if " y " in text]


def test_each_of_two_outputs_is_taken_alone():
    g, found = taken((2,), (3,))
    assert worded(found, "y[0]")[0].tolist() == [*g[:2], 0, 0, 0]


def test_an_axis_of_a_later_output_is_its_own():
    g, found = taken((2,), (3,))
    _, second = worded(found, "the first 1 along axis 0")
    assert second.tolist() == [0, 0, g[2], 0, 0]
