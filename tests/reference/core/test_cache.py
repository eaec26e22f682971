import numpy as np
import pytest

from reference.core.cache import Cache, begin, expect_cache, expect_rows, go_on, reorder, rewind, walk
from reference.layers.attention import MultiHeadAttention
from reference.layers.dropout import Dropout
from reference.layers.linear import Linear


def test_caches_are_found_at_any_depth_the_outer_first():
    inner, other = Cache("inner", 2, 3), Cache("other", 2, 3)
    outer = Cache("outer", 2, 3, None, (None, (lambda x: x, inner), other))
    assert [cache.layer for cache in walk(outer)] == ["outer", "inner", "other"]
    assert list(walk((len, None))) == []


def test_all_parts_are_rewound_and_reordered():
    inner = Cache("inner", 3, 9, np.array([0, 1, 2]))
    outer = Cache("outer", 3, 9, None, ((inner, len),))
    outer.length = inner.length = 5
    rewind(outer, 7)
    assert (outer.length, inner.length) == (5, 5)
    rewind(outer, 2)
    assert (outer.length, inner.length) == (2, 2)
    reorder(outer, np.array([2, 2, 0]))
    assert inner.starts.tolist() == [2, 2, 0]


def test_a_memory_is_reordered_with_its_mask(rng):
    layer = MultiHeadAttention.init(rng, 8, 2, np.float64)
    memory, mask = rng.normal(size=(3, 5, 8)), rng.random((3, 1, 1, 5)) < 0.6
    x, rows = rng.normal(size=(3, 1, 8)), np.array([1, 1, 0])
    cache = layer.cache(3, 4, memory, mask=mask)
    reorder(cache, rows)
    np.testing.assert_allclose(layer.step(x, cache), layer(x, memory[rows], mask=mask[rows]), rtol=0, atol=1e-13)


def test_what_neither_steps_nor_works_on_each_position_alone_is_refused():
    message = r"^A\.cache: a part must have a method step, or ready if it works on each position alone, got Dropout$"
    with pytest.raises(TypeError, match=message):
        begin("A.cache", Dropout(0.5), 2, 3)


def test_a_part_goes_on_by_its_step_or_by_what_was_made_ready(rng):
    layer, x = Linear.init(rng, 3, 2), rng.normal(size=(2, 1, 3))
    assert np.array_equal(go_on(layer, x, begin("A", layer, 2, 3)), layer(x))


@pytest.mark.parametrize(("sizes", "error", "message"), [
    ((0, 3), ValueError, "batch must be at least 1, got 0"),
    ((2.0, 3), TypeError, "batch must be a whole number, got float"),
    ((2, 0), ValueError, "room must be at least 1, got 0"),
    ((2, True), TypeError, "room must be a whole number, got bool"),
    ((2, 3, [0, 1]), TypeError, "starts must be an integer array, got list"),
    ((2, 3, np.zeros(2)), TypeError, "starts must be an integer array, got float64"),
    ((2, 3, np.zeros(3, int)), ValueError, r"starts must have shape \(2,\), got \(3,\)"),
    ((2, 3, np.array([0, 4])), ValueError, r"starts must lie in \[0, 3\], got 4"),
    ((2, 3, np.array([-1, 2])), ValueError, r"starts must lie in \[0, 3\], got -1"),
])  # fmt: skip
def test_sizes_and_starts_are_one_line(sizes, error, message):
    with pytest.raises(error, match=f"^A: {message}$"):
        expect_rows("A", *sizes)
    expect_rows("A", 2, 3, np.array([0, 3]))


def test_a_cache_must_be_one_of_this_layer():
    one, other = 1.5, "another"
    expect_cache(one, Cache(one, 1, 1))
    with pytest.raises(ValueError, match=r"^float\.step: cache must be one that this layer made, got one of another"):
        expect_cache(one, Cache(other, 1, 1))
    with pytest.raises(TypeError, match=r"^float\.step: cache must be what cache\(batch, room\) returned, got list$"):
        expect_cache(one, [])
