import numpy as np
import pytest

from reference.core.blocks import part, reach, seen_blocks, sees_all, slices
from reference.core.masks import visible

RULES = [{"causal": causal, "window": window} for causal in (False, True) for window in (None, 1, 2, 4, 9)]
RANGES = [range(start, stop) for start in range(7) for stop in range(start + 1, 7)]


def test_slices_cut_a_length_without_gap_or_overlap():
    assert list(slices(2, 9, 3)) == [slice(2, 5), slice(5, 8), slice(8, 9)]
    assert list(slices(2, 8, 3)) == [slice(2, 5), slice(5, 8)]
    assert list(slices(4, 4, 3)) == list(slices(4, 2, 3)) == []


@pytest.mark.parametrize("shape", [(2, 4, 3, 5), (1, 4, 3, 5), (2, 1, 3, 5), (2, 4, 1, 5), (1, 1, 1, 5)])
def test_a_part_is_a_view_of_the_whole_where_an_axis_of_one_stands_for_all(rng, shape):
    table = rng.random(shape)
    for b, h in np.ndindex(2, 4):
        got = part(table, b, h, slice(1, 3), slice(2, 4))
        assert got.shape == (2 if shape[2] == 3 else 1, 2) and np.shares_memory(got, table)
        whole = np.broadcast_to(table, (2, 4, 3, 5))[b, h, 1:3, 2:4]
        np.testing.assert_array_equal(np.broadcast_to(got, (2, 2)), whole)


@pytest.mark.parametrize("rule", RULES)
def test_reach_is_the_first_and_the_last_key_that_a_query_sees(rule):
    for queries in RANGES:
        seen = np.flatnonzero(visible(queries, range(7), **rule)[0, 0].any(axis=0))
        assert reach(queries, 7, **rule) == (seen[0], seen[-1] + 1)


@pytest.mark.parametrize("rule", RULES)
def test_all_is_seen_exactly_where_the_table_hides_nothing(rule):
    for queries in RANGES:
        for keys in RANGES:
            assert sees_all(queries, keys, **rule) == visible(queries, keys, **rule).all()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("shape", [None, (2, 3, 4, 7), (1, 1, 1, 7), (2, 1, 1, 7)])
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_the_blocks_hold_all_that_is_seen_and_no_block_is_blank(rng, rule, shape, size):
    mask = None if shape is None else rng.random(shape) < 0.4
    whole = np.broadcast_to(visible(range(3, 7), range(7), **rule) & (True if mask is None else mask), (2, 3, 4, 7))
    for b, h in np.ndindex(2, 3):
        for rows in slices(0, 4, size):
            table = np.zeros((rows.stop - rows.start, 7), bool)
            for columns, seen in seen_blocks(mask, b, h, rows, queries=4, keys=7, size=size, **rule):
                assert columns.stop - columns.start <= size
                table[:, columns] = True if seen is None else seen
                assert table[:, columns].any()
            np.testing.assert_array_equal(table, whole[b, h, rows])


def test_where_all_see_all_there_is_no_table():
    blocks = list(seen_blocks(None, 0, 0, slice(2, 4), queries=4, keys=4, size=2, causal=True))
    assert [(columns, seen is None) for columns, seen in blocks] == [(slice(0, 2), True), (slice(2, 4), False)]


def test_about_half_of_the_blocks_are_left_out_under_a_causal_mask():
    counts = [
        sum(len(list(seen_blocks(None, 0, 0, rows, queries=64, keys=64, size=4, **rule))) for rows in slices(0, 64, 4))
        for rule in ({}, {"causal": True}, {"causal": True, "window": 4})
    ]
    assert counts == [256, 136, 16 + 15]  # n^2, n (n + 1) / 2; a window of one block reaches into the block before
