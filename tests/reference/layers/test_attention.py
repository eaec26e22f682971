import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from composites import peak
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.core.masks import causal, padding
from reference.functions.attend import attend_vjp
from reference.layers import attention
from reference.layers.attention import (
    MultiHeadAttention,
    SelfAttention,
    attention_vjp,
    examples,
    merge_heads,
    split_heads,
)
from reference.layers.linear import Linear

EXACT = {"rtol": 1e-12, "atol": 1e-12}  # float64, sums of at most 8 x 8 products of numbers near 1 in another order
NAMES = {f"{field}.{p}" for field in ("query", "key", "value", "output") for p in "wb"}


def random_layer(rng, kind=MultiHeadAttention, heads=4, width=8):
    """Weights of size 1/2 keep the scores near 1, so that no softmax saturates."""
    layer = kind.init(rng, width, heads, np.float64)
    return tree.map(lambda p: rng.normal(scale=0.5, size=p.shape), layer)


def sequences(rng, t=3, s=5, batch=2, width=8):
    return rng.normal(size=(batch, t, width)), rng.normal(size=(batch, s, width))


def some_mask(rng, t=3, s=5, heads=4, batch=2):
    """About a third hidden; one query sees nothing in one head, one in all of them."""
    mask = rng.random((batch, heads, t, s)) < 0.7
    mask[0, 0, -1] = False
    mask[-1, :, 0] = False
    return mask


def oracle(layer, x, memory, dy, mask=None):
    """Every quantity of forward and backward, head by head, in einsum and loops."""
    heads, k = layer.heads, layer.query.w.shape[1] // layer.heads
    r = SimpleNamespace(layer=layer, x=x, memory=memory, dy=dy)
    q, key, v = (
        np.einsum("btd,dk->btk", z, m.w) + m.b
        for z, m in ((x, layer.query), (memory, layer.key), (memory, layer.value))
    )
    do = np.einsum("btd,kd->btk", dy, layer.output.w)
    o, r.dq, r.dk, r.dv = (np.zeros(z.shape) for z in (q, q, key, v))
    for h in range(heads):
        c = slice(h * k, (h + 1) * k)
        e = np.exp(np.einsum("btk,bsk->bts", q[..., c], key[..., c]) / np.sqrt(k))
        e = e if mask is None else np.where(mask[:, h if mask.shape[1] > 1 else 0], e, 0)
        total = e.sum(axis=-1, keepdims=True)
        p = e / np.where(total == 0, 1, total)
        o[..., c] = np.einsum("bts,bsk->btk", p, v[..., c])
        dp = np.einsum("btk,bsk->bts", do[..., c], v[..., c])
        ds = p * (dp - np.einsum("bts,bts->bt", p, dp)[..., None]) / np.sqrt(k)
        r.dq[..., c] = np.einsum("bts,bsk->btk", ds, key[..., c])
        r.dk[..., c] = np.einsum("bts,btk->bsk", ds, q[..., c])
        r.dv[..., c] = np.einsum("bts,btk->bsk", p, do[..., c])
    r.o, r.y = o, np.einsum("btk,kd->btd", o, layer.output.w) + layer.output.b
    return r


def back(r):
    """The cotangents of the layer, of x, and of the memory along its two paths, from dq, dk, dv."""

    def through(m, z, dz):
        return m.cotangent(w=np.einsum("bti,btj->ij", z, dz), b=dz.sum(axis=(0, 1))), dz @ m.w.T

    d_query, dx = through(r.layer.query, r.x, r.dq)
    d_key, by_key = through(r.layer.key, r.memory, r.dk)
    d_value, by_value = through(r.layer.value, r.memory, r.dv)
    d_output, _ = through(r.layer.output, r.o, r.dy)
    return r.layer.cotangent(query=d_query, key=d_key, value=d_value, output=d_output), dx, by_key, by_value


def planted(layer, wrong):
    """Return `layer` with `wrong(right quantities) -> (d_layer, dx, dmemory)` for its pullback."""

    class Wrong(MultiHeadAttention):
        def vjp(self, x, memory, *, mask=None):
            y, _ = super().vjp(x, memory, mask=mask)
            return y, lambda dy: wrong(oracle(self, x, memory, dy, mask))

    return Wrong(layer.query, layer.key, layer.value, layer.output, layer.heads)


def total(r):
    d_layer, dx, by_key, by_value = back(r)
    return d_layer, dx, by_key + by_value


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


def same_tree(got, expected):
    for (path, leaf), (_, other) in zip(tree.leaves(got), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(leaf, other, **EXACT, err_msg=path)


@pytest.mark.parametrize("i", range(12))
def test_backward_is_proved(prove, rng, i):
    _, layer, inputs, constants = list(examples(rng))[i]
    report = prove(layer, *inputs, **constants)
    assert {g.name for g in report.gradients} == NAMES | ({"x"} if len(inputs) == 1 else {"x", "memory"})
    assert [g.name for g in report.gradients if g.digits is None] == ["key.b"]


@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize(("t", "s", "batch"), [(1, 5, 2), (3, 1, 2), (5, 3, 1), (1, 1, 1)])
def test_backward_is_proved_at_length_one_and_batch_one(prove, rng, heads, t, s, batch):
    prove(random_layer(rng, heads=heads), *sequences(rng, t, s, batch))


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 5), st.booleans(), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, masked, seed):
    rng = np.random.default_rng(seed)
    batch, heads, t, s, k = shape
    layer, inputs = random_layer(rng, heads=heads, width=heads * k), sequences(rng, t, s, batch, heads * k)
    mask = some_mask(rng, t, s, heads, batch) if masked else None
    report = gradcheck.check(layer, *inputs, mask=mask)
    assert report.verdict == "pass", str(report)


def test_backward_is_proved_inside_a_composite(prove, rng):
    class TwoHops(Layer):
        """Self-attention, then attention to a memory, which also asks itself."""

        own: SelfAttention
        cross: MultiHeadAttention

        def vjp(self, x, memory, *, mask=None):
            h, own_pullback = self.own.vjp(x, mask=mask)
            y, cross_pullback = self.cross.vjp(h, memory)

            def pullback(dy):
                d_cross, dh, dmemory = cross_pullback(dy)
                d_own, dx = own_pullback(dh)
                return self.cotangent(own=d_own, cross=d_cross), dx, dmemory

            return y, pullback

    layer = TwoHops(own=random_layer(rng, SelfAttention), cross=random_layer(rng, heads=1))
    prove(layer, *sequences(rng), mask=causal(3))


@pytest.mark.parametrize("kind", [MultiHeadAttention, SelfAttention])
def test_a_factor_of_the_scores_is_one_of_the_map_of_queries(rng, kind):
    layer, inputs = random_layer(rng, kind), sequences(rng)[: 1 if kind is SelfAttention else 2]
    dy = rng.normal(size=inputs[0].shape)
    query = Linear(0.3 * np.sqrt(2) * layer.query.w, 0.3 * np.sqrt(2) * layer.query.b)
    unscaled, moved = dataclasses.replace(layer, scale=0.3), dataclasses.replace(layer, query=query)
    (y, pullback), (expected, expected_pullback) = (each.vjp(*inputs) for each in (unscaled, moved))
    same(y, expected)
    (d, *dinputs), (d_moved, *dexpected) = pullback(dy), expected_pullback(dy)
    for got, want in zip(dinputs, dexpected, strict=True):
        same(got, want)
    same(d.query.w, 0.3 * np.sqrt(2) * d_moved.query.w)
    same(d.key.w, d_moved.key.w)


def test_a_factor_of_the_scores_is_that_of_steps_too(rng):
    x, memory = sequences(rng)
    layer = dataclasses.replace(random_layer(rng), scale=0.3)
    cache = layer.cache(2, 3, memory)
    same(np.concatenate([layer.step(x[:, :2], cache), layer.step(x[:, 2:], cache)], axis=1), layer(x, memory))


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("masked", [False, True])
def test_forward_and_backward_equal_their_loop_oracle(rng, heads, masked):
    layer, (x, memory) = random_layer(rng, heads=heads), sequences(rng)
    dy, mask = rng.normal(size=x.shape), some_mask(rng, heads=heads) if masked else None
    r = oracle(layer, x, memory, dy, mask)
    y, pullback = layer.vjp(x, memory, mask=mask)
    d_layer, dx, dmemory = pullback(dy)
    expected, dx_expected, dmemory_expected = total(r)
    same(y, r.y)
    same(dx, dx_expected)
    same(dmemory, dmemory_expected)
    same_tree(d_layer, expected)


def test_memory_may_have_a_width_of_its_own(prove, rng):
    shapes = {"query": (6, 8), "key": (5, 8), "value": (5, 8), "output": (8, 6)}
    maps = {n: Linear(rng.normal(scale=0.5, size=shape), rng.normal(size=shape[1])) for n, shape in shapes.items()}
    prove(MultiHeadAttention(**maps, heads=4), rng.normal(size=(2, 3, 6)), rng.normal(size=(2, 4, 5)))


def test_values_may_have_a_width_of_their_own(prove, rng):
    layer, (x, memory) = random_layer(rng), sequences(rng)
    value, output = Linear(rng.normal(size=(8, 12)), rng.normal(size=12)), Linear(rng.normal(size=(12, 8)), None)
    layer = dataclasses.replace(layer, value=value, output=output)
    prove(layer, x, memory)
    cache = layer.cache(2, 3, memory)
    same(np.concatenate([layer.step(x[:, :1], cache), layer.step(x[:, 1:], cache)], axis=1), layer(x, memory))
    own = SelfAttention(layer.query, layer.key, value, output, 4)
    cache, y = own.cache(2, 3), own(x, mask=causal(3))
    same(np.concatenate([own.step(x[:, :1], cache), own.step(x[:, 1:], cache)], axis=1), y)


def test_split_heads_is_a_view_and_merge_heads_its_inverse_and_transpose(rng):
    x, z = rng.normal(size=(2, 3, 8)), rng.normal(size=(2, 4, 3, 2))
    assert np.shares_memory(split_heads(x, 4), x)
    np.testing.assert_array_equal(split_heads(x, 4)[1, 3, 2], x[1, 2, 6:8])
    np.testing.assert_array_equal(merge_heads(split_heads(x, 4)), x)
    same((split_heads(x, 4) * z).sum(), (x * merge_heads(z)).sum())


def test_permutation_equivariance(rng):
    layer, (_, x) = random_layer(rng, SelfAttention), sequences(rng)
    dy, order = rng.normal(size=x.shape), [3, 0, 4, 1, 2]
    (y, pullback), (moved, moved_pullback) = layer.vjp(x), layer.vjp(x[:, order])
    same(moved, y[:, order])
    d_layer, dx = pullback(dy)
    d_moved, dx_moved = moved_pullback(dy[:, order])
    same(dx_moved, dx[:, order])
    same_tree(d_moved, d_layer)


def test_key_permutation_invariance(rng):
    layer, (x, memory) = random_layer(rng), sequences(rng)
    dy, mask, order = rng.normal(size=x.shape), some_mask(rng), [3, 0, 4, 1, 2]
    y, pullback = layer.vjp(x, memory, mask=mask)
    moved, moved_pullback = layer.vjp(x, memory[:, order], mask=mask[..., order])
    same(moved, y)
    d_layer, dx, dmemory = pullback(dy)
    d_moved, dx_moved, dmemory_moved = moved_pullback(dy)
    same(dx_moved, dx)
    same(dmemory_moved, dmemory[:, order])
    same_tree(d_moved, d_layer)


@pytest.mark.parametrize("heads", [1, 4])
def test_causality(rng, heads):
    layer, (_, x) = random_layer(rng, SelfAttention, heads), sequences(rng)
    y, pullback = layer.vjp(x, mask=causal(5))
    for t in range(5):
        dy = np.zeros(x.shape)
        dy[:, t] = rng.normal(size=(2, 8))
        _, dx = pullback(dy)
        assert not dx[:, t + 1 :].any() and dx[:, : t + 1].all()
        later = np.arange(5)[:, None] > t
        same(layer(x + 7 * later, mask=causal(5))[:, : t + 1], y[:, : t + 1])


def test_padding_invariance(rng):
    layer, (x, memory) = random_layer(rng), sequences(rng)
    dy, mask = rng.normal(size=x.shape), padding(np.array([3, 1]), 5)
    hidden = np.broadcast_to(~mask[:, 0, 0, :, None], memory.shape)
    y, pullback = layer.vjp(x, memory, mask=mask)
    other, other_pullback = layer.vjp(x, np.where(hidden, 1e3, memory), mask=mask)
    same(other, y)
    d_layer, dx, dmemory = pullback(dy)
    d_other, dx_other, dmemory_other = other_pullback(dy)
    assert hidden.any() and not dmemory[hidden].any()
    same(dx_other, dx)
    same(dmemory_other, dmemory)
    same_tree(d_other, d_layer)


def test_shift_invariance(prove, rng):
    layer, inputs = random_layer(rng), sequences(rng)
    key = Linear(layer.key.w, layer.key.b + rng.normal(size=8))
    shifted = MultiHeadAttention(layer.query, key, layer.value, layer.output, layer.heads)
    same(shifted(*inputs), layer(*inputs))
    digits = {g.name: g.digits for g in prove(layer, *inputs).gradients}
    assert [name for name, reached in digits.items() if reached is None] == ["key.b"]


def test_value_bias_passes_through(rng):
    layer, (x, memory) = random_layer(rng), sequences(rng)
    mask, dy, shift = some_mask(rng), rng.normal(size=x.shape), rng.normal(size=8)
    value = Linear(layer.value.w, layer.value.b + shift)
    shifted = MultiHeadAttention(layer.query, layer.key, value, layer.output, layer.heads)
    seeing = np.repeat(mask.any(axis=-1).swapaxes(1, 2), 2, axis=-1)  # (B, T, H K)
    y, pullback = layer.vjp(x, memory, mask=mask)
    same(shifted(x, memory, mask=mask), y + (seeing * shift) @ layer.output.w)
    d_layer, _, _ = pullback(dy)
    same(d_layer.value.b, (seeing * (dy @ layer.output.w.T)).sum(axis=(0, 1)))


def test_a_position_that_sees_nothing_returns_the_output_bias(rng):
    layer, (x, memory) = random_layer(rng), sequences(rng)
    mask, dy = np.ones((2, 1, 3, 5), bool), np.zeros(x.shape)
    mask[1, 0, 2], dy[1, 2] = False, rng.normal(size=8)
    y, pullback = layer.vjp(x, memory, mask=mask)
    np.testing.assert_array_equal(y[1, 2], layer.output.b)
    d_layer, dx, dmemory = pullback(dy)
    assert not dx.any() and not dmemory.any()
    assert [path for path, leaf in tree.leaves(d_layer) if leaf.any()] == ["output.b"]


def test_heads_are_interchangeable(rng):
    layer, inputs = random_layer(rng), sequences(rng)
    order = np.arange(8).reshape(4, 2)[[2, 0, 3, 1]].ravel()
    maps = (Linear(m.w[:, order], m.b[order]) for m in (layer.query, layer.key, layer.value))
    moved = MultiHeadAttention(*maps, Linear(layer.output.w[order], layer.output.b), layer.heads)
    same(moved(*inputs), layer(*inputs))


def test_one_head_is_attention_itself(rng):
    layer, (x, memory) = random_layer(rng, heads=1), sequences(rng)
    q, k, v = layer.query(x), layer.key(memory), layer.value(memory)
    o, _ = attend_vjp(q[:, None], k[:, None], v[:, None])
    same(layer(x, memory), layer.output(o[:, 0]))


def test_layers_attend_as_attention_says(rng):
    q, (k, v), do = rng.normal(size=(2, 4, 3, 6)), rng.normal(size=(2, 2, 2, 5, 6)), rng.normal(size=(2, 4, 3, 6))
    bias, options = rng.normal(size=(1, 4, 3, 5)), {"causal": True, "window": 3, "cap": 1.5}
    (o, pullback), (expected, expected_pullback) = (f(q, k, v, bias, **options) for f in (attention_vjp, attend_vjp))
    same(o, expected)
    for got, want in zip(pullback(do), expected_pullback(do), strict=True):
        same(got, want)


def test_long_sequences_attend_in_blocks(rng, monkeypatch):
    layer, x, mask = random_layer(rng, SelfAttention, 2, 16), rng.normal(size=(1, 1024, 16)), causal(1024)

    def both_ways():
        y, pullback = layer.vjp(x, mask=mask)
        d_layer, dx = pullback(x)
        return [y, dx, *(leaf for _, leaf in tree.leaves(d_layer))]

    in_blocks, least = both_ways(), peak(both_ways)
    monkeypatch.setattr(attention, "LONG", 2048)
    for got, expected in zip(in_blocks, both_ways(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10)  # sums over 1024 rows of numbers near 100
    table = 2 * 1024 * 1024 * 8  # bytes of the scores of two heads
    assert least < table / 2 and peak(both_ways) > 2 * table


@pytest.mark.parametrize(("t", "s", "blocks"), [(511, 513, False), (512, 512, True), (1, 2**18, True)])
def test_the_number_of_scores_decides(rng, monkeypatch, t, s, blocks):
    chosen = []
    for name in ("attend_vjp", "blockwise_vjp"):
        monkeypatch.setattr(attention, name, lambda *_, name=name, **__: chosen.append(name))
    attention_vjp(np.zeros((1, 1, t, 2)), *np.zeros((2, 1, 1, s, 2)))
    assert chosen == ["blockwise_vjp" if blocks else "attend_vjp"]


@pytest.mark.parametrize("kind", [MultiHeadAttention, SelfAttention])
def test_weights_as_an_output_are_those_with_which_the_layer_mixes_its_values(rng, kind):
    layer, (x, memory) = random_layer(rng, kind), sequences(rng, s=3 if kind is SelfAttention else 5)
    inputs = (x,) if kind is SelfAttention else (x, memory)
    mask = some_mask(rng, s=inputs[-1].shape[1])
    (y, w), pullback = layer.vjp(*inputs, mask=mask, weights=True)
    alone, alone_pullback = layer.vjp(*inputs, mask=mask)
    np.testing.assert_array_equal(y, alone)
    v = layer.value(inputs[-1]).reshape(2, -1, 4, 2)
    same(y, layer.output(np.einsum("bhts,bshk->bthk", w, v).reshape(2, 3, 8)))
    dy = rng.normal(size=y.shape)
    same_tree(pullback((dy, np.zeros(w.shape))), alone_pullback(dy))


def test_weights_are_an_output_where_attention_would_go_in_blocks(rng, monkeypatch):
    layer, (x, memory) = random_layer(rng), sequences(rng)
    y, w = layer(x, memory, weights=True)
    monkeypatch.setattr(attention, "LONG", 1)
    called = []
    monkeypatch.setattr(attention, "blockwise_vjp", lambda *_, **__: called.append(1))
    again, weights = layer(x, memory, weights=True)
    np.testing.assert_array_equal(again, y)
    np.testing.assert_array_equal(weights, w)
    assert not called


def test_a_lost_cotangent_of_the_weights_is_caught(caught, rng):
    class Wrong(MultiHeadAttention):
        def vjp(self, x, memory):
            out, pullback = super().vjp(x, memory, weights=True)
            return out, lambda given: pullback((given[0], 0 * given[1]))

    caught({"query.w", "query.b", "key.w", "x", "memory"}, random_layer(rng, Wrong), *sequences(rng))


def test_self_attention_is_attention_to_itself(rng):
    own, (x, _) = random_layer(rng, SelfAttention), sequences(rng)
    cross, dy = MultiHeadAttention(own.query, own.key, own.value, own.output, own.heads), rng.normal(size=x.shape)
    (y, own_pullback), (y_cross, cross_pullback) = own.vjp(x, mask=causal(3)), cross.vjp(x, x, mask=causal(3))
    np.testing.assert_array_equal(y, y_cross)
    (d_own, dx), (d_cross, dx_query, dx_memory) = own_pullback(dy), cross_pullback(dy)
    assert isinstance(d_own, SelfAttention)
    np.testing.assert_array_equal(dx, dx_query + dx_memory)
    for (_, a), (_, b) in zip(tree.leaves(d_own), tree.leaves(d_cross), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("masked", [False, True])
def test_dtype_in_is_dtype_out(rng, dtype, masked):
    layer, (x, memory) = random_layer(rng).astype(dtype), (z.astype(dtype) for z in sequences(rng))
    y, pullback = layer.vjp(x, memory, mask=some_mask(rng) if masked else None)
    d_layer, dx, dmemory = pullback(y)
    assert {z.dtype for z in (y, dx, dmemory, *(leaf for _, leaf in tree.leaves(d_layer)))} == {np.dtype(dtype)}


def test_init_draws_four_different_maps_in_the_dtype_asked_for(rng):
    assert {leaf.dtype for _, leaf in tree.leaves(MultiHeadAttention.init(rng, 8, 4))} == {np.dtype(np.float32)}
    layer = SelfAttention.init(rng, 8, 4, np.float64)
    assert {leaf.dtype for _, leaf in tree.leaves(layer)} == {np.dtype(np.float64)}
    assert len({m.w[0, 0] for m in (layer.query, layer.key, layer.value, layer.output)}) == 4


def test_init_draws_query_key_and_value_as_one_map(rng):
    layer = MultiHeadAttention.init(rng, 64, 4, np.float64)
    for w, columns in ((layer.query.w, 192), (layer.key.w, 192), (layer.value.w, 192), (layer.output.w, 64)):
        limit = np.sqrt(6 / (64 + columns))
        assert 0.99 * limit < abs(w).max() <= limit  # the largest of 4,096 is so near to the end of its interval
        assert w.flags.c_contiguous


@pytest.mark.parametrize("lengths", [{"batch": 0}, {"t": 0}, {"s": 0}])
def test_zero_lengths_give_zero_gradient(rng, lengths):
    layer, (x, memory) = random_layer(rng), sequences(rng, **lengths)
    y, pullback = layer.vjp(x, memory)
    d_layer, dx, dmemory = pullback(np.ones_like(y))
    assert (y.shape, dx.shape, dmemory.shape) == (x.shape, x.shape, memory.shape)
    assert not dx.any() and not dmemory.any()
    assert {path for path, leaf in tree.leaves(d_layer) if leaf.any()} <= {"output.b"}


@pytest.mark.parametrize("kept", [2, 3])
def test_a_forgotten_path_to_the_memory_is_caught(caught, rng, kept):
    def wrong(r):
        cotangents = back(r)
        return cotangents[0], cotangents[1], cotangents[kept]

    caught({"memory"}, planted(random_layer(rng), wrong), *sequences(rng))


@pytest.mark.parametrize("kept", [1, 2])
def test_a_forgotten_path_of_self_attention_is_caught(caught, rng, kept):
    class Wrong(SelfAttention):
        def vjp(self, x, *, mask=None):
            y, attention_pullback = MultiHeadAttention.vjp(self, x, x, mask=mask)

            def pullback(dy):
                cotangents = attention_pullback(dy)
                return cotangents[0], cotangents[kept]

            return y, pullback

    caught({"x"}, random_layer(rng, Wrong), sequences(rng)[0])


@pytest.mark.parametrize("name", ["query", "key", "value"])
def test_a_map_without_gradient_is_caught(caught, rng, name):
    def wrong(r):
        d_layer, dx, dmemory = total(r)
        fields = {n: getattr(d_layer, n) for n in ("query", "key", "value", "output")}
        fields[name] = tree.map(np.zeros_like, fields[name])
        return r.layer.cotangent(**fields), dx, dmemory

    visible = {f"{name}.w", f"{name}.b"} - {"key.b"}  # the key bias has no gradient to lose
    caught(visible, planted(random_layer(rng), wrong), *sequences(rng))


def test_exchanged_cotangents_of_x_and_memory_are_caught(caught, rng):
    def wrong(r):
        d_layer, dx, dmemory = total(r)
        return d_layer, dmemory, dx

    caught({"x", "memory"}, planted(random_layer(rng), wrong), *sequences(rng, t=5))


def test_consistent_heads_without_the_exchange_of_axes_break_permutation_equivariance(prove, rng, monkeypatch):
    def plain_split(x, heads):
        return x.reshape(x.shape[0], heads, x.shape[1], -1)

    def plain_merge(x):
        return x.reshape(x.shape[0], x.shape[2], -1)

    layer, (_, x) = random_layer(rng, SelfAttention), sequences(rng)
    monkeypatch.setattr(attention, "split_heads", plain_split)
    monkeypatch.setattr(attention, "merge_heads", plain_merge)
    prove(layer, x)  # the gradient is right, of a function that mixes positions into heads
    order = [3, 0, 4, 1, 2]
    assert np.abs(layer(x[:, order]) - layer(x)[:, order]).max() > 0.1


def test_heads_permuted_in_the_merge_is_caught(caught, rng):
    def wrong(r):
        r.dq = r.dq.reshape(2, 3, 4, 2)[:, :, [2, 0, 3, 1]].reshape(2, 3, 8)
        return total(r)

    caught({"query.w", "query.b", "x"}, planted(random_layer(rng), wrong), *sequences(rng))


def test_split_without_the_exchange_of_axes_is_caught(caught, rng):
    def wrong(r):
        heads_first = r.dv.reshape(2, 5, 4, 2).swapaxes(1, 2)
        r.dv = heads_first.reshape(2, 5, 8)
        return total(r)

    caught({"value.w", "value.b", "memory"}, planted(random_layer(rng), wrong), *sequences(rng))


def test_mask_ignored_in_the_backward_is_caught(caught, rng):
    def wrong(r):
        return total(oracle(r.layer, r.x, r.memory, r.dy))

    layer, (x, memory) = random_layer(rng, heads=2, width=4), sequences(rng, width=4)
    touched = (NAMES | {"x", "memory"}) - {"key.b", "output.b"}  # zero and the sum of dy, mask or not
    caught(touched, planted(layer, wrong), x, memory, mask=some_mask(rng, heads=2))


def test_inputs_that_do_not_fit_are_one_clear_line(rng):
    layer, (x, memory) = random_layer(rng), sequences(rng)
    own = random_layer(rng, SelfAttention)
    with pytest.raises(ValueError, match=r"^MultiHeadAttention: x must have shape \(B, T, 8\), got \(3, 8\)$"):
        layer.vjp(x[0], memory)
    with pytest.raises(ValueError, match=r"^SelfAttention: x must have shape \(B, T, 8\), got \(2, 3, 7\)$"):
        own.vjp(x[..., :7])
    with pytest.raises(ValueError, match=r"^MultiHeadAttention: memory must have shape \(2, S, 8\), got \(1, 5, 8\)$"):
        layer.vjp(x, memory[:1])
    with pytest.raises(TypeError, match=r"^MultiHeadAttention: memory must be floating or complex, got int64$"):
        layer.vjp(x, memory.astype(np.int64))


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("query", (8, 4), r"key\.w must have shape \(D, 4\), got \(8, 8\)"),
        ("key", (8, 12), r"key\.w must have shape \(D, 8\), got \(8, 12\)"),
        ("value", (7, 8), r"value\.w must have shape \(8, H W\), got \(7, 8\)"),
        ("value", (8, 6), r"heads must divide the width 6, got 4"),
        ("output", (12, 8), r"output\.w must have shape \(8, D\), got \(12, 8\)"),
    ],
)
def test_projections_that_do_not_fit_are_one_clear_line(rng, name, shape, message):
    right = random_layer(rng)
    maps = {field: getattr(right, field) for field in ("query", "key", "value", "output")}
    wrong = MultiHeadAttention(**maps | {name: Linear.init(rng, *shape, np.float64)}, heads=4)
    with pytest.raises(ValueError, match=f"^MultiHeadAttention: {message}$"):
        wrong.vjp(*sequences(rng))


@pytest.mark.parametrize("shape", [(3, 5), (2, 5), (2, 3, 5), (2, 3, 4, 5), (2, 4, 3, 1)])
def test_a_mask_of_another_shape_is_one_clear_line(rng, shape):
    message = r"^MultiHeadAttention: mask must have shape \(2 or 1, 4 or 1, 3 or 1, 5\), got \(.*\)$"
    with pytest.raises(ValueError, match=message):
        random_layer(rng).vjp(*sequences(rng), mask=np.ones(shape, bool))


@pytest.mark.parametrize("kind", [MultiHeadAttention, SelfAttention])
def test_heads_that_do_not_divide_the_width_are_one_clear_line(rng, kind):
    name, right = kind.__name__, random_layer(rng, kind)
    with pytest.raises(ValueError, match=f"^{name}.init: heads must divide the width 8, got 3$"):
        kind.init(rng, 8, 3)
    with pytest.raises(ValueError, match=f"^{name}.init: heads must be at least 1, got 0$"):
        kind.init(rng, 8, 0)
    wrong = kind(right.query, right.key, right.value, right.output, 3)
    with pytest.raises(ValueError, match=f"^{name}: heads must divide the width 8, got 3$"):
        wrong.vjp(*(sequences(rng) if kind is MultiHeadAttention else sequences(rng)[:1]))
