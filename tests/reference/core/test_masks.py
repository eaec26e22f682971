import sys

import numpy as np
import pytest

from reference.core.masks import causal, expect_bias, expect_mask, packed, padding, positions, visible

SHAPE = (2, 4, 3, 5)  # B, H, T, S


@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (4, 4), (2, 5), (1, 5), (0, 0), (0, 3)])
def test_a_query_sees_keys_up_to_its_own_position_counted_from_the_end(queries, keys):
    mask = causal(queries, keys)
    assert mask.shape == (1, 1, queries, keys) and mask.dtype == bool
    for t, s in np.ndindex(queries, keys):
        assert mask[0, 0, t, s] == (s <= t + keys - queries)


def test_as_many_keys_as_queries_unless_told():
    np.testing.assert_array_equal(causal(4), causal(4, 4))


def test_the_last_queries_of_a_longer_mask_are_the_mask_of_the_last_queries():
    np.testing.assert_array_equal(causal(5)[:, :, 3:], causal(2, 5))


@pytest.mark.parametrize("window", [1, 2, 5, 9])
@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (5, 5), (3, 5), (1, 5), (0, 3)])
def test_a_window_shows_the_last_keys_up_to_a_position(queries, keys, window):
    mask = causal(queries, keys, window)
    assert mask.shape == (1, 1, queries, keys) and mask.dtype == bool
    for t, j in np.ndindex(queries, keys):
        assert mask[0, 0, t, j] == (0 <= t + keys - queries - j < window)


def test_a_window_as_long_as_the_keys_hides_nothing_more():
    np.testing.assert_array_equal(causal(3, 5, 5), causal(3, 5))
    np.testing.assert_array_equal(causal(3, 5, 4).sum(axis=-1), [[[3, 4, 4]]])


HUGE = [10, 2**31 - 1, sys.maxsize, 2**63, 10**30, np.int64(2**63 - 1), np.int8(127), np.uint64(2**64 - 1)]


@pytest.mark.parametrize("window", HUGE, ids=repr)
@pytest.mark.parametrize("is_causal", [False, True])
def test_a_window_beyond_all_distances_hides_nothing(window, is_causal):
    free = visible(range(3, 9), range(9), causal=is_causal)
    np.testing.assert_array_equal(visible(range(3, 9), range(9), causal=is_causal, window=window), free)
    np.testing.assert_array_equal(causal(6, 9, window), causal(6, 9))


def test_queries_stand_at_the_last_positions():
    assert positions("attend", 3, 5) == range(2, 5)
    assert positions("attend", 0, 5) == range(5, 5)


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("window", [None, 1, 3, 10])
def test_a_block_is_part_of_the_table_of_its_rule(is_causal, window):
    whole = visible(range(4, 9), range(9), causal=is_causal, window=window)
    assert whole.shape == (1, 1, 5, 9) and whole.dtype == bool
    for t, j in np.ndindex(5, 9):
        distance = 4 + t - j
        near = window is None or abs(distance) < window
        assert whole[0, 0, t, j] == (near and (distance >= 0 or not is_causal))
    block = visible(range(5, 8), range(3, 7), causal=is_causal, window=window)
    np.testing.assert_array_equal(block, whole[:, :, 1:4, 3:7])


def test_without_a_rule_all_is_visible():
    assert visible(range(2, 5), range(4)).all()


def test_a_bias_has_the_axes_of_a_mask():
    assert expect_bias("attend", "bias", np.zeros((1, 4, 1, 5)), SHAPE) is None
    want = r"bias must have shape \(2 or 1, 4 or 1, 3 or 1, 5\), got \(3, 5\)"
    with pytest.raises(ValueError, match=f"^attend: {want}$"):
        expect_bias("attend", "bias", np.zeros((3, 5)), SHAPE)
    with pytest.raises(TypeError, match=r"^attend: bias must be floating or complex, got bool$"):
        expect_bias("attend", "bias", np.zeros((1, 1, 1, 5), bool), SHAPE)


def test_packed_rows_of_two_kinds_show_each_sequence_its_own():
    ids, others = np.array([[0, 1, 0, 1], [4, 0, 1, 0]]), np.array([[0, 0, 1, 2, 3], [0, 1, 2, 0, 0]])
    number, of = np.array([[0, 0, 1, 1], [0, 1, 1, 2]]), np.array([[0, 1, 1, 1, 1], [0, 0, 0, 1, 2]])
    seen = packed(ids, others)
    assert seen.shape == (2, 1, 4, 5)
    for b, t, s in np.ndindex(2, 4, 5):
        assert seen[b, 0, t, s] == (number[b, t] == of[b, s])
    with pytest.raises(ValueError, match=r"^packed: others must have shape \(2, S\), got \(1, 5\)$"):
        packed(ids, others[:1])
    with pytest.raises(TypeError, match=r"^packed: others must be an integer array, got float64$"):
        packed(ids, others * 1.0)


def test_packed_rows_show_the_places_of_one_sequence():
    ids = np.array([[0, 1, 2, 0, 1], [3, 4, 0, 0, 7]])
    sequences = np.array([[0, 0, 0, 1, 1], [0, 0, 1, 2, 3]])
    seen = packed(ids)
    assert seen.shape == (2, 1, 5, 5) and seen.dtype == bool
    assert np.array_equal(seen[:, 0], sequences[:, :, None] == sequences[:, None])
    assert packed(np.zeros((2, 0), int)).shape == (2, 1, 0, 0) and packed(ids[:, :1]).all()


@pytest.mark.parametrize(("ids", "error", "message"), [
    (np.zeros(3, int), ValueError, r"position_ids must have shape \(B, T\), got \(3,\)"),
    (np.zeros((1, 3)), TypeError, "position_ids must be an integer array, got float64"),
])  # fmt: skip
def test_bad_ids_of_packed_rows_are_one_clear_line(ids, error, message):
    with pytest.raises(error, match=f"^packed: {message}$"):
        packed(ids)


def test_padding_shows_the_first_keys_of_each_sequence():
    mask = padding(np.array([5, 0, 3]), 5)
    assert mask.shape == (3, 1, 1, 5) and mask.dtype == bool
    for b, length in enumerate([5, 0, 3]):
        np.testing.assert_array_equal(mask[b, 0, 0], [s < length for s in range(5)])


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.uint64])
def test_lengths_may_be_of_any_integer_type(kind):
    np.testing.assert_array_equal(padding(np.array([2, 5], kind), 5), padding(np.array([2, 5]), 5))


def test_an_empty_batch_has_an_empty_mask():
    assert padding(np.zeros(0, int), 5).shape == (0, 1, 1, 5)
    assert padding(np.zeros(2, int), 0).shape == (2, 1, 1, 0)


def test_masks_combine_by_and():
    both = causal(3, 5) & padding(np.array([4, 2]), 5)
    assert both.shape == (2, 1, 3, 5)
    expect_mask("attend", both, SHAPE)
    np.testing.assert_array_equal(both[1, 0, 2], [True, True, False, False, False])


@pytest.mark.parametrize(
    "shape", [(2, 4, 3, 5), (1, 4, 3, 5), (2, 1, 3, 5), (2, 4, 1, 5), (1, 1, 3, 5), (2, 1, 1, 5), (1, 1, 1, 5)]
)
def test_axes_of_one_stand_for_all(shape):
    mask = np.ones(shape, bool)
    expect_mask("attend", mask, SHAPE)
    assert np.broadcast_to(mask, SHAPE).shape == SHAPE


def test_no_mask_is_a_mask():
    assert expect_mask("attend", None, SHAPE) is None


@pytest.mark.parametrize(
    "shape", [(3, 5), (1, 3, 5), (2, 4, 3, 1), (3, 4, 3, 5), (2, 2, 3, 5), (2, 4, 2, 5), (2, 4, 3, 4)]
)
def test_any_other_shape_is_an_error(shape):
    got = str(shape).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(
        ValueError, match=rf"^attend: mask must have shape \(2 or 1, 4 or 1, 3 or 1, 5\), got {got}$"
    ):
        expect_mask("attend", np.ones(shape, bool), SHAPE)


@pytest.mark.parametrize(
    ("mask", "got"), [(np.ones(SHAPE), "float64"), (np.ones(SHAPE, int), "int64"), ([[True]], "list"), (True, "bool")]
)
def test_a_mask_that_is_not_boolean_is_an_error(mask, got):
    with pytest.raises(TypeError, match=rf"^attend: mask must be a boolean array, got {got}$"):
        expect_mask("attend", mask, SHAPE)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3, 2), ValueError, r"causal: queries must be at most keys = 2, got 3"),
        ((-1,), ValueError, r"causal: queries must be at least 0, got -1"),
        ((2, 5.0), TypeError, r"causal: keys must be a whole number, got float"),
        ((2, 5, 0), ValueError, r"causal: window must be at least 1, got 0"),
        ((2, 5, -4), ValueError, r"causal: window must be at least 1, got -4"),
        ((2, 5, 2.5), TypeError, r"causal: window must be a whole number, got float"),
    ],
)
def test_bad_lengths_of_a_causal_mask_are_one_clear_line(arguments, error, message):
    with pytest.raises(error, match=rf"^{message}$"):
        causal(*arguments)


@pytest.mark.parametrize(
    ("lengths", "keys", "error", "message"),
    [
        ([2.0, 3.0], 5, TypeError, r"padding: lengths must be an integer array, got float64"),
        ([[2, 3]], 5, ValueError, r"padding: lengths must have shape \(B,\), got \(1, 2\)"),
        ([2, 6, 7], 5, ValueError, r"padding: lengths must lie in \[0, 5\], got 6 at 1"),
        ([2, 3, -1], 5, ValueError, r"padding: lengths must lie in \[0, 5\], got -1 at 2"),
        ([2], -5, ValueError, r"padding: keys must be at least 0, got -5"),
    ],
)
def test_bad_lengths_of_a_padding_mask_are_one_clear_line(lengths, keys, error, message):
    with pytest.raises(error, match=rf"^{message}$"):
        padding(np.array(lengths), keys)


@pytest.mark.parametrize("lengths", [3, "no", None, [[1], [2, 3]], [1.0], np.ma.ones(2, int), np.ones(2), {2: 3}])
def test_lengths_of_another_kind_are_one_clear_line(lengths):
    with pytest.raises(TypeError, match=r"^padding: lengths must be an integer array, got \w+$"):
        padding(lengths, 5)


@pytest.mark.parametrize("lengths", [[3, 0], (3, 0), [np.int8(3), 0]])
def test_lengths_may_be_a_list_of_whole_numbers(lengths):
    np.testing.assert_array_equal(padding(lengths, 5), padding(np.array([3, 0]), 5))


@pytest.mark.parametrize("window", [9, 10**9, sys.maxsize, 10**30, np.int64(2**63 - 1), np.uint64(2**64 - 1)])
@pytest.mark.parametrize("causal_too", [False, True])
def test_a_window_that_reaches_beyond_every_key_hides_nothing(window, causal_too):
    rules = range(2, 5), range(5)
    np.testing.assert_array_equal(
        visible(*rules, causal=causal_too, window=window), visible(*rules, causal=causal_too)
    )
