import numpy as np
import pytest
from composites import (
    EDGES,
    WITHOUT_SKIP,
    Bend,
    Detached,
    Echo,
    ExchangedBend,
    ExchangedDecoder,
    SkippedNorm,
    block_settings,
    dropping,
    dtypes,
    generic,
    noting,
    parameters,
    peak,
    plant,
    same,
    same_tree,
    total,
    upstream,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.core.masks import causal, padding
from reference.core.outputs import split
from reference.layers.dropout import Dropout
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear
from reference.layers.residual import PostNorm, PreNorm
from reference.models.decoder import Decoder, DecoderBlock, examples

BOTH = pytest.mark.parametrize("residual", [PreNorm, PostNorm])
MASKS = {"mask": causal(4), "memory_mask": padding(np.array([5, 3]), 5)}


def random_decoder(rng, residual=PreNorm, heads=4, layers=2, width=8, hidden=6):
    return generic(rng, Decoder.init(rng, block_settings(width, heads, hidden, residual), layers))


def sequences(rng, batch=2, t=4, s=5, width=8):
    """Return x (B, T, D) and memory (B, S, D)."""
    return rng.normal(size=(batch, t, width)), rng.normal(size=(batch, s, width))


@pytest.mark.parametrize("i", range(8))
def test_backward_is_proved(prove, rng, i):
    _, layer, inputs, constants = list(examples(rng))[i]
    report = prove(layer, *inputs, **constants)
    assert {g.name for g in report.gradients} == parameters(layer) | {"x", "memory"}
    assert {g.name for g in report.gradients if g.digits is None} == {p for p in parameters(layer) if "key.b" in p}


@pytest.mark.parametrize(("residual", "heads", "masked", "batch", "length"), EDGES)
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, residual, heads, masked, batch, length):
    x, memory = sequences(rng, batch, length, 1 if length > 1 else 3)
    masks = {"mask": causal(length), "memory_mask": np.ones((1, 1, 1, memory.shape[1]), bool)} if masked else {}
    prove(random_decoder(rng, residual, heads, layers=1), x, memory, **masks)


@settings(deadline=None, max_examples=4, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 5), st.sampled_from([PreNorm, PostNorm]), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, residual, seed):
    rng = np.random.default_rng(seed)
    batch, t, s, heads, hidden = shape
    layer, inputs = random_decoder(rng, residual, heads, 1, 4 * heads, hidden), sequences(rng, batch, t, s, 4 * heads)
    report = gradcheck.check(layer, *inputs, mask=causal(t), memory_mask=rng.random((batch, 1, 1, s)) < 0.7)
    assert report.verdict == "pass", str(report)


def test_backward_is_proved_with_auxiliary_outputs_and_dropout(prove, rng):
    layer = noting(dropping(random_decoder(rng, heads=2, width=4, hidden=3), PreNorm, Dropout(0.4)))
    prove(layer, *sequences(rng, 2, 2, 3, 4), rng=np.random.default_rng(5))


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Twins(Layer):
        """Two decoders of one memory; the second takes the first's output to be a memory as well."""

        first: Decoder
        second: Decoder

        def vjp(self, x, memory):
            h, first_pullback = self.first.vjp(x, memory)
            y, second_pullback = self.second.vjp(memory, h)

            def pullback(dy):
                d_second, dmemory_second, dh = second_pullback(dy)
                d_first, dx, dmemory_first = first_pullback(dh)
                return self.cotangent(first=d_first, second=d_second), dx, dmemory_first + dmemory_second

            return y, pullback

    prove(Twins(random_decoder(rng, PostNorm, layers=1), random_decoder(rng, layers=1)), *sequences(rng))


@BOTH
def test_a_block_is_its_three_residual_layers(rng, residual):
    block, (x, memory) = random_decoder(rng, residual).blocks[0], sequences(rng)
    dy = rng.normal(size=x.shape)
    h, self_pullback = block.self_attention.vjp(x, mask=MASKS["mask"])
    c, cross_pullback = block.cross_attention.vjp(h, memory, mask=MASKS["memory_mask"])
    expected, feedforward_pullback = block.feedforward.vjp(c)
    d_feedforward, dc = feedforward_pullback(dy)
    d_cross, dh, dmemory_expected = cross_pullback(dc)
    d_self_attention, dx_expected = self_pullback(dh)
    y, pullback = block.vjp(x, memory, **MASKS)
    d_block, dx, dmemory = pullback(dy)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(dx, dx_expected)
    np.testing.assert_array_equal(dmemory, dmemory_expected)
    same_tree(
        (d_block.self_attention, d_block.cross_attention, d_block.feedforward),
        (d_self_attention, d_cross, d_feedforward),
    )


@BOTH
def test_the_gradient_of_the_memory_is_a_sum_over_blocks(rng, residual):
    layer, (x, memory) = random_decoder(rng, residual, layers=3), sequences(rng)
    pullbacks, h, dy = [], x, rng.normal(size=x.shape)
    for block in layer.blocks:
        h, block_pullback = block.vjp(h, memory.copy(), **MASKS)
        pullbacks.append(block_pullback)
    y, pullback = layer.vjp(x, memory, **MASKS)
    d_layer, dx, dmemory = pullback(dy)
    if residual is PreNorm:
        h, norm_pullback = layer.norm.vjp(h)
        d_norm, dy = norm_pullback(dy)
        same_tree(d_layer.norm, d_norm)
    copies, d_blocks = [], []
    for block_pullback in pullbacks[::-1]:
        d_block, dy, dcopy = block_pullback(dy)
        d_blocks, copies = [d_block, *d_blocks], [dcopy, *copies]
    np.testing.assert_array_equal(y, h)
    np.testing.assert_array_equal(dx, dy)
    same(dmemory, np.sum(copies, axis=0))
    same_tree(d_layer.blocks, tuple(d_blocks))
    assert all(np.abs(dcopy).max() > 1e-3 for dcopy in copies)


@BOTH
def test_causality(rng, residual):
    layer, (x, memory) = random_decoder(rng, residual), sequences(rng)
    y, pullback = layer.vjp(x, memory, **MASKS)
    for t in range(4):
        dy = np.zeros(x.shape)
        dy[:, t] = rng.normal(size=(2, 8))
        _, dx, _ = pullback(dy)
        assert not dx[:, t + 1 :].any() and dx[:, : t + 1].all()
        later = np.arange(4)[:, None] > t
        same(layer(x + 7 * later, memory, **MASKS)[:, : t + 1], y[:, : t + 1])


@BOTH
def test_memory_permutation_invariance(rng, residual):
    layer, (x, memory), order = random_decoder(rng, residual), sequences(rng), [3, 0, 4, 1, 2]
    moved_masks = {**MASKS, "memory_mask": MASKS["memory_mask"][..., order]}
    dy = rng.normal(size=x.shape)
    y, pullback = layer.vjp(x, memory, **MASKS)
    moved, moved_pullback = layer.vjp(x, memory[:, order], **moved_masks)
    (d_layer, dx, dmemory), (d_moved, dx_moved, dmemory_moved) = pullback(dy), moved_pullback(dy)
    same(moved, y)
    same(dx_moved, dx)
    same(dmemory_moved, dmemory[:, order])
    same_tree(d_moved, d_layer)


@BOTH
def test_padding_invariance(rng, residual):
    layer, (x, memory) = random_decoder(rng, residual), sequences(rng)
    hidden, dy = ~MASKS["memory_mask"][:, 0, 0], rng.normal(size=x.shape)
    y, pullback = layer.vjp(x, memory, **MASKS)
    other, other_pullback = layer.vjp(x, np.where(hidden[..., None], 100.0, memory), **MASKS)
    (d_layer, dx, dmemory), (d_other, dx_other, dmemory_other) = pullback(dy), other_pullback(dy)
    assert hidden.any() and not dmemory[hidden].any() and dmemory[~hidden].all()
    same(other, y)
    same(dx_other, dx)
    same(dmemory_other, dmemory)
    same_tree(d_other, d_layer)


@BOTH
def test_a_hidden_memory_gets_no_gradient(rng, residual):
    layer, (x, memory) = random_decoder(rng, residual), sequences(rng)
    nothing = {"mask": causal(4), "memory_mask": np.zeros((1, 1, 1, 5), bool)}
    y, pullback = layer.vjp(x, memory, **nothing)
    _, dx, dmemory = pullback(rng.normal(size=x.shape))
    np.testing.assert_array_equal(layer(x, memory + 1, **nothing), y)
    assert not dmemory.any() and dx.all()


@pytest.mark.parametrize("layers", [1, 3])
def test_three_skips_per_block(rng, layers):
    block = DecoderBlock(*[PreNorm(Echo(), Echo()) for _ in range(3)])
    layer, (x, memory) = Decoder(blocks=(block,) * layers, norm=Echo()), sequences(rng)
    y, pullback = layer.vjp(x, memory)
    _, dx, dmemory = pullback(x)
    np.testing.assert_array_equal(y, 8**layers * x)
    np.testing.assert_array_equal(dx, 8**layers * x)
    assert dmemory.shape == memory.shape and not dmemory.any()


def test_silent_sub_layers_leave_the_final_norm(rng):
    layer, (x, memory) = random_decoder(rng), sequences(rng)
    paths = iter([path for path, _ in tree.leaves(layer)])
    layer = tree.map(lambda p: np.zeros_like(p) if ".inner.output." in next(paths) else p, layer)
    dy = rng.normal(size=x.shape)
    (y, pullback), (n, norm_pullback) = layer.vjp(x, memory), layer.norm.vjp(x)
    _, dx, dmemory = pullback(dy)
    np.testing.assert_array_equal(y, n)
    np.testing.assert_array_equal(dx, norm_pullback(dy)[1])
    assert not dmemory.any()


@BOTH
def test_auxiliary_outputs_stand_behind_in_the_order_of_the_blocks(rng, residual):
    plain, (x, memory) = random_decoder(rng, residual, layers=3), sequences(rng)
    layer, h, notes = noting(plain), x, []
    for block in layer.blocks:
        h, (note,) = split(block(h, memory))
        notes.append(note)
    (y, *got), pullback = layer.vjp(x, memory)
    np.testing.assert_array_equal(y, plain(x, memory))
    np.testing.assert_array_equal(got, notes)
    for last in range(3):  # nothing above a block moves its note
        d_layer, dx, dmemory = pullback((0 * x, *np.array([np.array(float(i == last)) for i in range(3)])))
        reached = [any(leaf.any() for _, leaf in tree.leaves(block)) for block in d_layer.blocks]
        assert reached == [i <= last for i in range(3)] and dx.any() and dmemory.any()


def test_a_generator_goes_to_every_drop(rng):
    plain, inputs = random_decoder(rng, layers=1), sequences(rng)
    layer = noting(dropping(plain, PreNorm, Dropout(0.4)))
    np.testing.assert_array_equal(layer(*inputs)[0], plain(*inputs))
    y, _ = layer.vjp(*inputs, rng=np.random.default_rng(5))
    for a, b in zip(layer(*inputs, rng=np.random.default_rng(5)), y, strict=True):
        np.testing.assert_array_equal(a, b)
    for at in ("self_attention", "cross_attention", "feedforward"):
        one = plant(plain, PreNorm, lambda **fields: PreNorm(**fields | {"drop": Dropout(0.4)}), f"blocks[0].{at}")
        assert (one(*inputs, rng=np.random.default_rng(5)) != plain(*inputs)).any(), at


@BOTH
def test_sequences_do_not_meet(rng, residual):
    layer, (x, memory) = random_decoder(rng, residual), sequences(rng, 3)
    dy = rng.normal(size=x.shape)
    y, pullback = layer.vjp(x, memory)
    d_layer, dx, dmemory = pullback(dy)
    alone = [layer.vjp(x[b : b + 1], memory[b : b + 1]) for b in range(3)]
    back = [one_pullback(dy[b : b + 1]) for b, (_, one_pullback) in enumerate(alone)]
    same(y, np.concatenate([one for one, _ in alone]))
    same(dx, np.concatenate([one for _, one, _ in back]))
    same(dmemory, np.concatenate([one for _, _, one in back]))
    same_tree(d_layer, total(d for d, _, _ in back))


@BOTH
def test_forward_alone_is_the_same_bits(rng, residual):
    layer, (x, memory) = random_decoder(rng, residual), sequences(rng)
    np.testing.assert_array_equal(layer(x, memory, **MASKS), layer.vjp(x, memory, **MASKS)[0])


def test_forward_alone_holds_one_block(rng):
    one, many = (random_decoder(rng, layers=layers) for layers in (1, 6))
    inputs = sequences(rng, 4, 64, 48)
    one(*inputs)
    assert peak(many, *inputs) < 1.2 * peak(one, *inputs)  # one (B, T, D) array more, of about thirty
    assert peak(many.vjp, *inputs) > 3 * peak(one.vjp, *inputs)


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, residual, dtype):
    layer, (x, memory) = random_decoder(rng, residual).astype(dtype), (z.astype(dtype) for z in sequences(rng))
    y, pullback = layer.vjp(x, memory, **MASKS)
    d_layer, dx, dmemory = pullback(y)
    assert dtypes(y, d_layer, dx, dmemory) == {np.dtype(dtype)}


def test_init_draws_in_the_dtype_asked_for_and_ends_a_pre_norm_stack_in_a_norm(rng):
    assert dtypes(Decoder.init(rng, block_settings(), 2)) == {np.dtype(np.float32)}
    assert dtypes(Decoder.init(rng, block_settings(), 2, np.float64)) == {np.dtype(np.float64)}
    assert isinstance(Decoder.init(rng, block_settings(), 2).norm, LayerNorm)
    assert Decoder.init(rng, block_settings(residual=PostNorm), 2).norm is None


def test_empty_batch_gives_empty_output_and_zero_gradient(rng):
    layer, inputs = random_decoder(rng), sequences(rng, 0)
    y, pullback = layer.vjp(*inputs)
    d_layer, dx, dmemory = pullback(y)
    assert y.shape == dx.shape == (0, 4, 8) and dmemory.shape == (0, 5, 8)
    assert not any(leaf.any() for _, leaf in tree.leaves(d_layer))


def test_a_forgotten_skip_gradient_is_caught(caught, rng):
    """The skip around the feed-forward network: right are that layer itself and the final norm."""
    layer = random_decoder(rng, heads=2, layers=1, width=4, hidden=3)
    expected = upstream(parameters(layer) | {"x", "memory"}, "norm.", "blocks[0].feedforward.")
    wrong = plant(layer, PreNorm, WITHOUT_SKIP[PreNorm], "blocks[0].feedforward")
    caught(expected, wrong, *sequences(rng, 2, 3, 2, 4))


@pytest.mark.parametrize("field", ["query", "key", "value"])
def test_a_map_without_gradient_deep_inside_is_caught(caught, rng, field):
    """In the attention to the memory: the query leads back toward x, key and value to the memory."""
    layer, inputs = random_decoder(rng, heads=2, layers=1, width=4, hidden=3), sequences(rng, 2, 3, 2, 4)
    at = "blocks[0].cross_attention"
    reached = {"memory"}
    if field == "query":
        before = ("x", "blocks[0].self_attention.", f"{at}.norm.")
        reached = {name for name in parameters(layer) | {"x"} if name.startswith(before)}
    expected = upstream(reached | {f"{at}.inner.{field}.{p}" for p in "wb"})
    caught(expected, plant(layer, Linear, Detached, f"{at}.inner.{field}"), *inputs)


def bends(rng, count=3):
    return tuple(Bend(w=rng.normal(size=(4, 4)) / 2) for _ in range(count))


class OneBlockOnly(Decoder):
    """The gradient of the memory is overwritten in the loop instead of added up: the first block's remains."""

    def vjp(self, x, memory, **masks):
        y, right_pullback = super().vjp(x, memory, **masks)
        pullbacks = []
        for block in self.blocks:
            x, block_pullback = block.vjp(x, memory, **masks)
            pullbacks.append(block_pullback)

        def pullback(dy):
            dx = dy
            for block_pullback in reversed(pullbacks):
                _, dx, dmemory = block_pullback(dx)
            return (*right_pullback(dy)[:2], dmemory)

        return y, pullback


class LastBlockOnly(Decoder):
    """The gradient of the memory is what the last block returns."""

    def vjp(self, x, memory, **masks):
        y, right_pullback = super().vjp(x, memory, **masks)
        for block in self.blocks:
            x, last_pullback = block.vjp(x, memory, **masks)
        return y, lambda dy: (*right_pullback(dy)[:2], last_pullback(dy)[2])


@pytest.mark.parametrize("wrong", [OneBlockOnly, LastBlockOnly])
def test_the_memory_of_one_block_only_is_caught(caught, prove, rng, wrong):
    inputs = sequences(rng, 2, 3, 2, 4)
    caught({"memory"}, wrong(blocks=bends(rng), norm=None), *inputs)
    prove(wrong(blocks=bends(rng, 1), norm=None), *inputs)  # with one block it cannot be seen


def test_exchanged_cotangents_are_caught(caught, rng):
    """No parameter of the decoder is wrong: it is whoever made x and the memory that gets the wrong one."""
    layer, inputs = random_decoder(rng, heads=2, layers=1, width=4, hidden=3), sequences(rng, 2, 3, 3, 4)
    caught({"x", "memory"}, plant(layer, Decoder, ExchangedDecoder), *inputs)


def test_exchanged_cotangents_of_different_lengths_are_an_error(rng):
    layer, (x, memory) = random_decoder(rng), sequences(rng)
    wrong = plant(layer, Decoder, ExchangedDecoder)
    report = gradcheck.check(wrong, x, memory)
    assert report.verdict == "fail"
    assert any("shape" in f.message for f in report.findings if f.severity == "fail")


def test_exchanged_cotangents_of_one_block_are_caught(caught, rng):
    """In block 1 of 3: all of block 0, and both inputs."""
    layer, inputs = Decoder(blocks=bends(rng), norm=None), sequences(rng, 2, 3, 3, 4)
    caught({"blocks[0].w", "x", "memory"}, plant(layer, Bend, ExchangedBend, "blocks[1]"), *inputs)


def test_a_skipped_final_norm_is_caught(caught, rng):
    layer, inputs = Decoder(blocks=bends(rng, 2), norm=generic(rng, LayerNorm.init(4))), sequences(rng, 2, 3, 2, 4)
    caught(parameters(layer) | {"x", "memory"}, plant(layer, LayerNorm, SkippedNorm, "norm"), *inputs)


@pytest.mark.parametrize(
    ("shapes", "masks", "message"),
    [
        (((4, 8), (2, 5, 8)), {}, r"DecoderBlock: x must have shape \(B, T, D\), got \(4, 8\)"),
        (((2, 4, 8), (3, 5, 8)), {}, r"DecoderBlock: memory must have shape \(2, S, 8\), got \(3, 5, 8\)"),
        (((2, 4, 8), (2, 5, 6)), {}, r"DecoderBlock: memory must have shape \(2, S, 8\), got \(2, 5, 6\)"),
        (
            ((2, 4, 8), (2, 5, 8)),
            {"memory_mask": causal(4)},
            r"MultiHeadAttention: mask must have shape \(2 or 1, 4 or 1, 4 or 1, 5\), got \(1, 1, 4, 4\)",
        ),
    ],
)
def test_a_wrong_shape_is_one_clear_line(rng, shapes, masks, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        random_decoder(rng)(*map(np.zeros, shapes), **masks)


def test_no_layers_is_one_clear_line(rng):
    with pytest.raises(ValueError, match=r"^Decoder\.init: layers must be at least 1, got 0$"):
        Decoder.init(rng, block_settings(), 0)
