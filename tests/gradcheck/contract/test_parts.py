"""How a cotangent dy is taken apart, so that every pattern is tried with zeros inside and outside."""

import dataclasses

import numpy as np
import pytest
from promises import called

import gradcheck
from gradcheck.adapters import pair
from gradcheck.contract.parts import balanced, parts
from gradcheck.numeric.points import cotangents

W = np.random.default_rng(1).normal(size=(4, 5))


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
    return [pieces for pieces, text in taken_apart if text == f"B(dy) is not the sum of what {words}"]


def along(taken_apart, name, axis):
    return worded(taken_apart, f"the two ends of {name} along axis {axis} and what lies between give alone")


def test_dy_of_one_entry_is_taken_apart_into_1_a_number_below_zero_and_the_rest():
    for seed in range(6):
        (g,), (((one, below, rest), _),) = taken((1,), seed=seed)
        assert (one, below, rest) == (1, -abs(g), g + abs(g) - 1)
    assert taken((0,))[1] == []


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("shapes", [[(2,)], [(3,)], [(6, 5)], [(2, 1, 4), (), (3,)]])
def test_all_pieces_add_up_to_dy(shapes, large):
    g, found = taken(*shapes, large=large)
    assert found and all(np.array_equal(np.sum(pieces, axis=0), g) for pieces, _ in found)


@pytest.mark.parametrize(("size", "large", "count"), [(8, False, 2), (3, False, 2), (2, False, 1), (8, True, 1)])
def test_two_entries_are_taken_alone_of_both_signs_and_of_a_large_subject_or_two_entries_one(size, large, count):
    for seed in range(6):
        g, ((pieces, words), *_) = taken((size,), large=large, seed=seed)
        entries = [int(np.flatnonzero(piece)[0]) for piece in pieces[:count]]
        for piece, k, sign in zip(pieces, entries, (1, -1), strict=False):
            assert np.array_equal(piece, np.where(np.arange(size) == k, sign * g, 0))
        assert len({np.sign(piece.sum()) for piece in pieces[:count]}) == len(set(entries)) == count
        which = " and ".join(f"y[{k}]" for k in entries)
        assert words == f"B(dy) is not the sum of what dy at {which} alone, parts of a few sizes, and the rest give"


@pytest.mark.parametrize(("size", "large", "counts"), [
    (2, False, [1, 1]), (3, False, [1, 1, 2]), (4, False, [1, 1, 2, 3]), (6, False, [1, 1, 2, 3, 5]),
    (13, False, [1, 1, 2, 3, 6, 12]), (64, False, [1, 1, 2, 3, 32, 63]), (2, True, [1, 1]), (64, True, [1, 32, 63]),
])  # fmt: skip
def test_pieces_have_one_entry_two_three_half_of_them_and_all_but_one(size, large, counts):
    for seed in range(6):
        _, ((pieces, _), *_) = taken((size,), large=large, seed=seed)
        assert [np.count_nonzero(piece) for piece in pieces] == counts


def test_the_last_entry_is_one_of_them_but_of_a_large_subject():
    """In a recurrence all steps bear on it, and on the first entries hardly any."""
    for seed in range(6):
        assert taken((8,), seed=seed)[1][0][0][0][-1] != 0
    assert any(taken((8,), large=True, seed=seed)[1][0][0][0][-1] == 0 for seed in range(6))


def test_which_entries_and_halves_it_is_is_drawn():
    drawn = [taken((8,), seed=seed)[1][0][0] for seed in range(4)]
    assert len({tuple(np.flatnonzero(pieces[1])) for pieces in drawn}) > 1
    assert len({tuple(pieces[-2] != 0) for pieces in drawn}) > 1


SUMS = "dy in parts gives: one that sums to zero along every axis, one below zero"


def test_ones_and_a_dy_below_zero_are_taken_from_dy():
    g, found = taken((3, 2))
    ((even, below, ones, rest),) = worded(found, f"{SUMS}, one of ones and the rest of it")
    assert np.array_equal(ones, np.ones(6)) and np.array_equal(below, -abs(g))
    assert even.all() and np.array_equal(rest, g + abs(g) - 1 - even)


def test_of_a_large_subject_the_ones_are_left_out_and_no_axis_is_tried():
    g, (_, (pieces, words)) = taken((3, 2), large=True)
    assert words == f"B(dy) is not the sum of what {SUMS} and the rest of it"
    assert np.array_equal(pieces[1], -abs(g)) and len(pieces) == 3


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_no_bit_of_a_cotangent_that_is_drawn_is_lost_in_its_parts(dtype):
    call = call_of((6, 5, 3))
    g = cotangents(np.random.default_rng(5), 90).astype(dtype).astype(float)
    for pieces, _ in parts(dataclasses.replace(call, g=g), np.random.default_rng(3)):
        assert all(np.array_equal(piece, piece.astype(dtype)) for piece in pieces)
        assert np.array_equal(np.sum(np.array(pieces, np.longdouble), axis=0), g[0])


@pytest.mark.parametrize("shape", [(2,), (7,), (4, 3), (1, 5), (2, 3, 4), (3, 3)])
def test_along_every_axis_the_sums_of_a_balanced_vector_are_exactly_zero(shape):
    x = balanced([shape], np.random.default_rng(3)).reshape(shape)
    assert x.all() and np.abs(x).max() <= 1 and x.sum() == 0
    for axis in range(x.ndim):
        if shape[axis] > 1:
            assert not x.sum(axis=axis).any() and not x.sum(axis=axis, dtype=np.float16).any()


def test_each_of_several_outputs_is_balanced_and_a_single_number_cannot_be():
    x = balanced([(2, 2), (), (3,)], np.random.default_rng(3))
    assert x[:4].sum() == x[5:].sum() == 0 and x[4] == 1


def test_signs_and_sizes_of_a_balanced_vector_are_drawn():
    drawn = [balanced([(8, 6)], np.random.default_rng(seed)) for seed in range(4)]
    assert len({x.tobytes() for x in drawn}) == 4 and all(len(set(np.abs(x))) > 1 for x in drawn)


@pytest.mark.parametrize(
    ("shape", "axis", "lengths"),
    [
        ((6, 5), 0, [1, 4, 1]),
        ((6, 5), 1, [1, 3, 1]),
        ((2, 3), 0, [1, 1]),
        ((3, 3), 1, [1, 1, 1]),
        ((4, 1), 0, [1, 2, 1]),
        ((2, 3, 4), 2, [1, 2, 1]),
    ],
)
def test_both_ends_of_an_axis_are_taken_alone_and_what_lies_between(shape, axis, lengths):
    g, found = taken(shape)
    (pieces,) = along(found, "y", axis)
    wanted = np.split(g.reshape(shape), np.cumsum(lengths)[:-1], axis=axis)
    assert len(pieces) == len(lengths)
    for k, piece in enumerate(pieces):
        for j, part in enumerate(np.split(piece.reshape(shape), np.cumsum(lengths)[:-1], axis=axis)):
            assert np.array_equal(part, wanted[j] if j == k else 0 * part)


def test_an_axis_of_one_has_no_ends():
    assert along(taken((4, 1))[1], "y", 0) and not along(taken((4, 1))[1], "y", 1)


def test_each_of_several_outputs_is_taken_alone_and_one_is_not():
    g, found = taken((2, 2), (3,), ())
    (pieces,) = worded(found, "its outputs' parts give")
    for piece, part in zip(pieces, (slice(0, 4), slice(4, 7), slice(7, 8)), strict=True):
        assert np.array_equal(piece[part], g[part]) and np.count_nonzero(piece) == g[part].size
    assert not worded(taken((2, 2))[1], "its outputs' parts give")


def test_an_axis_of_a_later_output_is_its_own_and_the_other_outputs_are_the_rest():
    g, found = taken((2,), (3,))
    (pieces,) = along(found, "y[1]", 0)
    assert [piece.tolist() for piece in pieces] == [
        [*g[:2], 0, 0, 0],
        [0, 0, g[2], 0, 0],
        [0, 0, 0, g[3], 0],
        [0, 0, 0, 0, g[4]],
    ]


def test_two_outputs_are_taken_apart_as_more_are():
    _, found = taken((2, 3), (4,))
    (pieces,) = worded(found, "its outputs' parts give")
    assert [np.flatnonzero(piece).tolist() for piece in pieces] == [list(range(6)), list(range(6, 10))]


@pytest.mark.parametrize("shapes", [[(3, 4)], [(6, 5)], [(2, 3, 2)], [(4, 2), (5, 3)]])
def test_one_piece_has_one_row_of_zeros_between_others(shapes):
    for seed in range(6):
        _, ((pieces, _), *_) = taken(*shapes, seed=seed)
        fullest = max(pieces[:-1], key=np.count_nonzero)
        for shape, piece in zip(shapes, np.split(fullest, np.cumsum([np.prod(s) for s in shapes])[:-1]), strict=True):
            empty = np.flatnonzero((piece.reshape(-1, shape[-1]) == 0).all(axis=1))
            assert len(empty) == 1 and 0 < empty[0] < piece.size // shape[-1] - 1


def stops(n, zero, dy):
    rows = np.arange(n) < zero[0] if len(zero) and zero[0] > 0 else np.ones(n, bool)
    return dy * rows[:, None]


def last_is_lost(n, zero, dy):
    between = len(zero) and zero[0] > 0 and zero[-1] < n - 1
    return dy * (np.arange(n) < n - 1)[:, None] if between else dy


def counts(n, zero, dy):
    return dy * n / (n - len(zero)) if len(zero) == 1 else dy


@pytest.mark.parametrize("wrong", [stops, last_is_lost, counts])
@pytest.mark.parametrize("n", [3, 6, 64])
def test_what_is_wrong_for_a_row_of_zeros_between_others_fails(n, wrong):
    def backward(x, dy):
        return wrong(n, np.flatnonzero((dy == 0).all(axis=1)), dy) @ W.T

    x = np.random.default_rng(n).normal(size=(n, 4))
    for seed in range(3):
        report = gradcheck.Checker(seed=seed)(pair(lambda x: x @ W, backward), x)
        assert report.verdict == "fail" and "is not the sum of what dy at" in str(report)
