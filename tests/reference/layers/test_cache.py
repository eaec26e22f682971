import dataclasses

import numpy as np
import pytest

from reference.core.arrays import integers
from reference.core.masks import causal
from reference.functions.alibi import alibi_slopes
from reference.functions.attend import attend
from reference.layers import cache as module
from reference.layers.cache import KeyValueCache, attend_once, attend_to_cache
from reference.layers.grouped_attention import GroupedAttention
from reference.layers.relative import RelativePositions

B, H, G, K, T, R = 2, 4, 2, 3, 11, 4
TOLERANCE = {"rtol": 0, "atol": 1e-12}  # float64: sums of at most 11 terms of size 1, in another order
OPTIONS = [
    {}, {"window": R}, {"window": R, "alibi": True}, {"window": 1}, {"window": 30, "cap": 1.5}, {"alibi": True},
    {"window": R, "alibi": True, "cap": 1.5}, {"relative": True, "scale": 1.0}, {"window": R, "relative": True},
]  # fmt: skip


BUCKETS = RelativePositions(np.random.default_rng(5).normal(size=(6, H)), both=False, far=8)


def layer(rng, relative=False, scale=None, **options):
    drawn = GroupedAttention.init(rng, 5, H, G, head_width=K, dtype=np.float64, **options)
    return dataclasses.replace(drawn, relative=BUCKETS if relative else None, scale=scale)


def qkv(rng):
    return rng.normal(size=(B, T, H, K)), *rng.normal(size=(2, B, T, G, K))


def at_once(q, k, v, options, mask=None):
    """All positions in one pass, (B, T, H, K)."""
    given = {name: options.get(name) for name in ("window", "cap", "scale")}
    at = range(q.shape[1])
    biases = (BUCKETS(queries=at, keys=at),) if options.get("relative") else ()
    slopes = alibi_slopes(H) if options.get("alibi") else None
    q, k, v = (z.swapaxes(1, 2) for z in (q, k, v))
    return attend(q, k, v, *biases, causal=True, slopes=slopes, mask=mask, **given).swapaxes(1, 2)


def in_chunks(rng, q, k, v, options, cut=1, starts=None):
    cache, out = KeyValueCache(layer(rng, **options), B, T, starts), []
    for at in range(0, T, cut):
        chunk = slice(at, at + cut)
        out.append(attend_to_cache(q[:, chunk], k[:, chunk], v[:, chunk], cache))
    return np.concatenate(out, axis=1)


def agree(rng, options, **given):
    q, k, v = qkv(rng)
    return np.allclose(in_chunks(rng, q, k, v, options, **given), at_once(q, k, v, options), **TOLERANCE)


# Laws


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("cut", [1, 2, 3, 5, 7, T])
def test_any_cut_into_chunks_gives_what_one_pass_gives(rng, options, cut):
    assert agree(rng, options, cut=cut)


def test_long_chunks_go_through_blocks(rng, monkeypatch):
    monkeypatch.setattr(module, "LONG", 2)
    assert agree(rng, {"window": R}, cut=5)


@pytest.mark.parametrize("cut", [1, 2, 3, 5, T])
def test_a_ring_holds_the_last_positions(rng, cut):
    q, k, v = qkv(rng)
    cache = KeyValueCache(layer(rng, window=R), B, T)
    for at in range(0, T, cut):
        attend_to_cache(q[:, at : at + cut], k[:, at : at + cut], v[:, at : at + cut], cache)
    for p in range(T - R, T):
        assert np.array_equal(cache.k[:, :, p % R], k[:, p]) and np.array_equal(cache.v[:, :, p % R], v[:, p])


def looked_at(rng, monkeypatch, options):
    """Return how many keys each step looked at, and the numbers that the cache holds at the end."""
    seen, once = [], module.attend_once

    def counted(q, keys, values, **given):
        seen.append(keys.shape[2])
        return once(q, keys, values, **given)

    monkeypatch.setattr(module, "attend_once", counted)
    (q, k, v), cache = qkv(rng), KeyValueCache(layer(rng, **options), B, T)
    for t in range(T):
        attend_to_cache(q[:, t : t + 1], k[:, t : t + 1], v[:, t : t + 1], cache)
    return seen, cache.k.size + cache.v.size


def test_the_cost_of_a_step_does_not_grow_beyond_the_window(rng, monkeypatch):
    seen, numbers = looked_at(rng, monkeypatch, {"window": R})
    assert seen == [min(t + 1, R) for t in range(T)]
    assert numbers == 2 * B * G * R * K


def test_without_a_window_a_step_looks_at_what_there_is(rng, monkeypatch):
    seen, numbers = looked_at(rng, monkeypatch, {})
    assert seen == list(range(1, T + 1)) and numbers == 2 * B * G * T * K


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("cut", [1, 3, T])
def test_padding_before_a_row_has_no_influence(rng, options, cut):
    (q, k, v), starts = qkv(rng), np.array([0, 6])
    y = in_chunks(rng, q, k, v, options, cut, starts)
    np.testing.assert_allclose(y[1:, 6:], at_once(*(z[1:, 6:] for z in (q, k, v)), options), **TOLERANCE)
    np.testing.assert_allclose(y[:1], at_once(*(z[:1] for z in (q, k, v)), options), **TOLERANCE)


@pytest.mark.parametrize("cut", [1, 3])
def test_a_query_of_padding_has_output_0(rng, cut):
    q, k, v = qkv(rng)
    assert not in_chunks(rng, q, k, v, {"window": R}, cut, np.array([6, 6]))[:, :6].any()


def test_one_slot_is_written_at_each_step(rng):
    (q, k, v), cache = qkv(rng), KeyValueCache(layer(rng, window=R), B, T)
    for t in range(T):
        before = cache.k.copy(), cache.v.copy()
        attend_to_cache(q[:, t : t + 1], k[:, t : t + 1], v[:, t : t + 1], cache)
        others = np.arange(R) != t % R
        assert np.array_equal(cache.k[:, :, others], before[0][:, :, others])
        assert np.array_equal(cache.v[:, :, others], before[1][:, :, others])


def test_a_mask_and_one_query_of_a_memory(rng):
    q, (k, v) = rng.normal(size=(B, H, 1, K)), rng.normal(size=(2, B, G, T, K))
    mask = rng.random((B, H, 1, T)) < 0.5
    mask[0, 1] = False
    o = attend_once(q[:, :, 0], k, v, mask=mask[:, :, 0])
    np.testing.assert_allclose(o, attend(q, k, v, mask=mask)[:, :, 0], **TOLERANCE)
    assert not o[0, 1].any()


def test_large_scores_do_not_overflow(rng):
    q, k, v = (1e3 * z for z in qkv(rng))
    assert np.isfinite(in_chunks(rng, q.astype(np.float32), k, v, {})).all()


# Pitfalls


def test_distance_by_the_slot_is_caught(rng, monkeypatch):
    once = module.attend_once

    def by_slot(q, keys, values, *, distance, **given):
        t = by_slot.t = by_slot.t + 1
        return once(q, keys, values, distance=abs(t - integers(range(len(distance)))), **given)

    by_slot.t = -1
    monkeypatch.setattr(module, "attend_once", by_slot)
    assert not agree(rng, {"window": R, "alibi": True})
    by_slot.t = -1
    assert agree(rng, {"window": T, "alibi": True})  # which never turns


def test_empty_slots_that_are_seen_are_caught(rng, monkeypatch):
    class Whole(KeyValueCache):
        def push_one(self, k, v):
            super().push_one(k, v)
            return self.k, self.v

    monkeypatch.setattr(f"{__name__}.KeyValueCache", Whole)
    assert not agree(rng, {"window": R})


def test_a_chunk_that_overwrites_what_it_should_see_is_caught(rng, monkeypatch):
    class Early(KeyValueCache):
        def push(self, k, v):
            _, _, seen = super().push(k, v)
            slots = np.arange(seen.start, seen.stop) % self.ring
            return self.k[:, :, slots], self.v[:, :, slots], seen

    monkeypatch.setattr(f"{__name__}.KeyValueCache", Early)
    assert not agree(rng, {"window": R}, cut=3)


def test_a_ring_that_is_too_short_is_caught(rng, monkeypatch):
    class Short(KeyValueCache):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.ring -= 1
            self.k, self.v = self.k[:, :, 1:], self.v[:, :, 1:]

    monkeypatch.setattr(f"{__name__}.KeyValueCache", Short)
    assert not agree(rng, {"window": R})


def test_padding_that_is_seen_is_caught(rng):
    (q, k, v), starts = qkv(rng), np.array([0, 6])
    hidden, seen = (in_chunks(rng, q, k, v, {}, 1, given) for given in (starts, None))
    assert np.allclose(hidden[:1], seen[:1], **TOLERANCE) and not np.allclose(hidden[1:], seen[1:], **TOLERANCE)


def test_heads_in_another_order_are_caught(rng):
    q, k, v = qkv(rng)
    other = q.reshape(B, T, H // G, G, K).swapaxes(2, 3).reshape(q.shape)
    wrong = in_chunks(rng, other, k, v, {}).reshape(B, T, G, H // G, K).swapaxes(2, 3).reshape(q.shape)
    assert not np.allclose(wrong, at_once(q, k, v, {}), **TOLERANCE)


# Errors


def test_a_layer_that_sees_what_is_to_come_has_no_cache(rng):
    message = r"^GroupedAttention\.cache: attention must be causal, got causal=False, where all see what is to come$"
    with pytest.raises(ValueError, match=message):
        layer(rng, causal=False).cache(B, T)


@pytest.mark.parametrize(("shape", "error"), [
    ((B + 1, 1, 5), r"x must have the batch of the cache, 2, got 3"),
    ((B, T + 1, 5), r"x must fit in the cache's room of 11 positions, got 12"),
    ((B, 1, 6), r"x must have shape \(B, T, 5\), got \(2, 1, 6\)"),
    ((B, 5), r"x must have shape \(B, T, 5\), got \(2, 5\)"),
])  # fmt: skip
def test_what_does_not_fit_the_cache_is_one_line_and_nothing_is_kept(rng, shape, error):
    attention = layer(rng)
    cache = attention.cache(B, T)
    with pytest.raises(ValueError, match=rf"^GroupedAttention\.step: {error}$"):
        attention.step(rng.normal(size=shape), cache)
    assert cache.length == 0 and not cache.k.any()
    y = attention.step(rng.normal(size=(B, T, 5)), cache)
    with pytest.raises(ValueError, match=r"room of 11 positions, got 12$"):
        attention.step(y[:, :1], cache)


def test_the_cache_of_another_layer_is_refused(rng):
    one, other = layer(rng), layer(rng)
    with pytest.raises(ValueError, match=r"^GroupedAttention\.step: cache must be one that this layer made, got"):
        one.step(np.zeros((B, 1, 5)), other.cache(B, T))
    with pytest.raises(TypeError, match=r"^GroupedAttention\.step: cache must be what cache\(batch, room\) returned"):
        one.step(np.zeros((B, 1, 5)), None)


def test_one_pass_of_attention_is_that_of_the_layer(rng):
    attention = layer(rng, window=R, qk_norm=True)
    x = rng.normal(size=(B, T, 5))
    y = attention(x, mask=causal(T))
    np.testing.assert_allclose(attention.step(x, attention.cache(B, T)), y, **TOLERANCE)
