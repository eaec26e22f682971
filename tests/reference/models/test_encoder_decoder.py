import dataclasses
import re

import numpy as np
import pytest
from composites import (
    EDGES,
    Bend,
    Echo,
    ExchangedDecoder,
    WithoutMask,
    body_settings,
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
)
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.core.masks import causal, packed, padding
from reference.layers.dropout import Dropout
from reference.layers.grouped_attention import GroupedAttention
from reference.layers.learned import LearnedPositions
from reference.layers.linear import Linear
from reference.layers.relative import RelativePositions
from reference.layers.residual import PostNorm, PreNorm
from reference.layers.rotary import Rotary
from reference.layers.sinusoidal import SinusoidalPositions
from reference.models import encoder_decoder
from reference.models.decoder import Decoder
from reference.models.encoder import Stack
from reference.models.encoder_decoder import EncoderDecoder, examples
from reference.models.relative_stack import RelativeStack

BOTH = pytest.mark.parametrize("residual", [PreNorm, PostNorm])
MASK = padding(np.array([5, 3]), 5)


class Learned(Layer):
    """A table of positions that is learned."""

    table: np.ndarray  # (R, D), R at least the longest sequence

    def vjp(self, x):
        length = x.shape[1]

        def pullback(dy):
            d_table = np.zeros_like(self.table)
            d_table[:length] = dy.sum(axis=0)
            return self.cotangent(table=d_table), dy

        return x + self.table[:length], pullback


def random_model(rng, residual=PreNorm, heads=4, layers=(1, 2), width=8, hidden=6):
    return generic(rng, EncoderDecoder.init(rng, body_settings(width, heads, hidden, layers, residual)))


def sequences(rng, batch=2, s=5, t=4, width=8):
    """Return source (B, S, D) and target (B, T, D)."""
    return rng.normal(size=(batch, s, width)), rng.normal(size=(batch, t, width))


@pytest.mark.parametrize("i", range(6))
def test_backward_is_proved(prove, rng, i):
    _, layer, inputs, constants = list(examples(rng))[i]
    report = prove(layer, *inputs, **constants)
    assert {g.name for g in report.gradients} == parameters(layer) | {"source", "target"}
    assert {g.name for g in report.gradients if g.digits is None} == {p for p in parameters(layer) if "key.b" in p}


@pytest.mark.parametrize(("residual", "heads", "masked", "batch", "length"), EDGES)
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, residual, heads, masked, batch, length):
    """Length of the target; the source has length 1 where the target is longer."""
    source, target = sequences(rng, batch, 1 if length > 1 else 3, length)
    mask = np.ones((1, 1, 1, source.shape[1]), bool) if masked else None
    prove(random_model(rng, residual, heads, (1, 1)), source, target, source_mask=mask)


@settings(deadline=None, max_examples=3, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 5), st.sampled_from([PreNorm, PostNorm]), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, residual, seed):
    rng = np.random.default_rng(seed)
    batch, s, t, heads, hidden = shape
    layer = random_model(rng, residual, heads, (1, 1), 4 * heads, hidden)
    mask = rng.random((batch, 1, 1, s)) < 0.7
    report = gradcheck.check(layer, *sequences(rng, batch, s, t, 4 * heads), source_mask=mask)
    assert report.verdict == "pass", str(report)


def with_dropout(model, rate=0.4):
    """Return the model with dropout everywhere: of both sums with the positions, and on every branch."""
    model = dropping(model, PreNorm, Dropout(rate))
    return EncoderDecoder(model.encoder, model.decoder, model.positions, rate)


def test_backward_is_proved_with_auxiliary_outputs_and_dropout(prove, rng):
    model = noting(with_dropout(random_model(rng, heads=2, layers=(1, 1), width=4, hidden=3)))
    prove(model, *sequences(rng, 2, 3, 2, 4), rng=np.random.default_rng(5))


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Autoencoder(Layer):
        """Source and target are the same sequence, seen through one linear map."""

        entry: Linear
        body: EncoderDecoder

        def vjp(self, x):
            e, entry_pullback = self.entry.vjp(x)
            y, body_pullback = self.body.vjp(e, e)

            def pullback(dy):
                d_body, dsource, dtarget = body_pullback(dy)
                d_entry, dx = entry_pullback(dsource + dtarget)
                return self.cotangent(entry=d_entry, body=d_body), dx

            return y, pullback

    entry = generic(rng, Linear.init(rng, 3, 8))
    prove(Autoencoder(entry, random_model(rng, layers=(1, 1))), rng.normal(size=(2, 4, 3)))


@BOTH
def test_forward_and_backward_are_those_of_encoder_and_decoder(rng, residual):
    layer, (source, target) = random_model(rng, residual), sequences(rng)
    positions, dy = SinusoidalPositions(), rng.normal(size=target.shape)
    memory, encoder_pullback = layer.encoder.vjp(positions(source), mask=MASK)
    expected, decoder_pullback = layer.decoder.vjp(positions(target), memory, mask=causal(4), memory_mask=MASK)
    d_decoder, dtarget_expected, dmemory = decoder_pullback(dy)
    d_encoder, dsource_expected = encoder_pullback(dmemory)
    y, pullback = layer.vjp(source, target, source_mask=MASK)
    d_layer, dsource, dtarget = pullback(dy)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(dsource, dsource_expected)
    np.testing.assert_array_equal(dtarget, dtarget_expected)
    same_tree((d_layer.encoder, d_layer.decoder), (d_encoder, d_decoder))


@BOTH
def test_causality(rng, residual):
    layer, (source, target) = random_model(rng, residual), sequences(rng)
    y, pullback = layer.vjp(source, target, source_mask=MASK)
    for t in range(4):
        dy = np.zeros(target.shape)
        dy[:, t] = rng.normal(size=(2, 8))
        _, _, dtarget = pullback(dy)
        assert not dtarget[:, t + 1 :].any() and dtarget[:, : t + 1].all()
        later = np.arange(4)[:, None] > t
        same(layer(source, target + 7 * later, source_mask=MASK)[:, : t + 1], y[:, : t + 1])


@BOTH
def test_padding_invariance(rng, residual):
    layer, (source, target) = random_model(rng, residual), sequences(rng)
    hidden, dy = ~MASK[:, 0, 0], rng.normal(size=target.shape)
    y, pullback = layer.vjp(source, target, source_mask=MASK)
    other, other_pullback = layer.vjp(np.where(hidden[..., None], 100.0, source), target, source_mask=MASK)
    (d_layer, dsource, dtarget), (d_other, dsource_other, dtarget_other) = pullback(dy), other_pullback(dy)
    assert hidden.any() and not dsource[hidden].any() and dsource[~hidden].all()
    same(other, y)
    same(dsource_other, dsource)
    same(dtarget_other, dtarget)
    same_tree(d_other, d_layer)


@BOTH
def test_padding_may_be_cut_off(rng, residual):
    layer, (source, target) = random_model(rng, residual), sequences(rng)
    dy, mask = rng.normal(size=target.shape), padding(np.array([3, 3]), 5)
    y, pullback = layer.vjp(source, target, source_mask=mask)
    cut, cut_pullback = layer.vjp(source[:, :3], target)
    (d_layer, dsource, dtarget), (d_cut, dsource_cut, dtarget_cut) = pullback(dy), cut_pullback(dy)
    same(cut, y)
    same(dsource_cut, dsource[:, :3])
    same(dtarget_cut, dtarget)
    same_tree(d_cut, d_layer)


@BOTH
@pytest.mark.parametrize("masked", [False, True])
def test_encode_then_decode_is_the_same_bits(rng, residual, masked):
    layer, (source, target), mask = random_model(rng, residual), sequences(rng), MASK if masked else None
    y, _ = layer.vjp(source, target, source_mask=mask)
    memory = layer.encode(source, source_mask=mask)
    np.testing.assert_array_equal(layer(source, target, source_mask=mask), y)
    np.testing.assert_array_equal(layer.decode(memory, target, source_mask=mask), y)


@BOTH
def test_a_prefix_gives_the_same_prefix(rng, residual):
    layer, (source, target) = random_model(rng, residual), sequences(rng)
    y = layer(source, target, source_mask=MASK)
    for t in range(5):
        same(layer(source, target[:, :t], source_mask=MASK), y[:, :t])


def test_shared_positions_get_both_gradients(prove, rng):
    body, (source, target) = random_model(rng, layers=(1, 1)), sequences(rng)
    learned = EncoderDecoder(body.encoder, body.decoder, Learned(rng.normal(size=(6, 8))))
    assert "positions.table" in {g.name for g in prove(learned, source, target).gradients}
    _, pullback = learned.vjp(source, target)
    d_learned, dsource, dtarget = pullback(rng.normal(size=target.shape))
    same(d_learned.positions.table[:4], (dsource[:, :4] + dtarget).sum(axis=0))
    same(d_learned.positions.table[4], dsource[:, 4].sum(axis=0))
    assert not d_learned.positions.table[5].any()


def test_only_positions_tell_the_source_order(rng):
    layer, (source, target), order = random_model(rng), sequences(rng), [1, 0, 2, 3, 4]
    without = EncoderDecoder(layer.encoder, layer.decoder, Echo())
    same(without(source[:, order], target), without(source, target))
    assert np.abs(layer(source[:, order], target) - layer(source, target)).max() > 1e-3


def knowing(rng, positions):
    """A model whose positions are added to the sequences, or known to its self-attention in both stacks."""
    layer = random_model(rng, layers=(1, 2))
    if positions is not None:
        return EncoderDecoder(layer.encoder, layer.decoder, positions(rng))

    def placed(block, name, causal):
        attention = GroupedAttention.init(rng, 8, 4, 2, causal=causal, rotary=Rotary(base=50.0), dtype=np.float64)
        return dataclasses.replace(block, **{name: PreNorm(getattr(block, name).norm, attention)})

    encoder = Stack(tuple(placed(block, "attention", False) for block in layer.encoder.blocks), layer.encoder.norm)
    blocks = tuple(placed(block, "self_attention", True) for block in layer.decoder.blocks)
    encoder, decoder = (
        RelativeStack(RelativePositions(rng.normal(size=(8, 4)), both, far=5), stack)
        for both, stack in ((True, encoder), (False, Decoder(blocks, layer.decoder.norm)))
    )
    return generic(rng, EncoderDecoder(encoder, decoder, None))


KNOWN = pytest.mark.parametrize("positions", [
    None, lambda rng: SinusoidalPositions(halves=True), lambda rng: LearnedPositions(rng.normal(size=(9, 8))),
], ids=["attention", "sinusoidal", "learned"])  # fmt: skip


@KNOWN
def test_position_ids_say_where_source_and_target_stand(rng, positions):
    layer, (source, target), dy = knowing(rng, positions), sequences(rng), rng.normal(size=(2, 4, 8))
    usual = {"source_position_ids": np.arange(5)[None], "target_position_ids": np.arange(4)[None]}
    (y, pullback), (z, z_pullback) = layer.vjp(source, target), layer.vjp(source, target, **usual)
    same(z, y)
    for (_, got), (_, want) in zip(tree.leaves(z_pullback(dy)), tree.leaves(pullback(dy)), strict=True):
        same(got, want)
    for name, at in (("source_position_ids", [[4, 1, 0, 2, 7]]), ("target_position_ids", [[8, 2, 5, 5]])):
        other = usual | {name: np.array(at)}
        moved, _ = layer.vjp(source, target, **other)
        assert np.abs(moved - y).max() > 1e-3
        np.testing.assert_array_equal(layer(source, target, **other), moved)


@KNOWN
def test_backward_is_proved_with_position_ids(prove, rng, positions):
    ids = {"source_position_ids": np.array([[2, 0, 1]]), "target_position_ids": np.array([[3, 0]])}
    prove(knowing(rng, positions), *sequences(rng, 1, 3, 2), **ids)


@KNOWN
def test_padding_in_front_of_the_source_changes_nothing(rng, positions):
    layer, (source, target), dy = knowing(rng, positions), sequences(rng), rng.normal(size=(2, 4, 8))
    seen, at = np.ones((2, 1, 1, 5), bool), np.array([[0, 0, 0, 1, 2], [0, 1, 2, 3, 4]])
    seen[0, ..., :2] = False
    y, pullback = layer.vjp(source, target, source_mask=seen, source_position_ids=at)
    _, dsource, dtarget = pullback(dy)
    for row, first in ((slice(0, 1), 2), (slice(1, 2), 0)):
        alone, alone_pullback = layer.vjp(source[row, first:], target[row])
        _, ds, dt = alone_pullback(dy[row])
        for got, want in ((y[row], alone), (dsource[row, first:], ds), (dtarget[row], dt)):
            same(got, want)
    assert not dsource[0, :2].any()


class ForgetfulIds(EncoderDecoder):
    """Gradients of the target's positions go to the first rows of the table, and not to those of its ids."""

    def vjp(self, source, target, *, target_position_ids):
        y, right_pullback = super().vjp(source, target, target_position_ids=target_position_ids)

        def pullback(dy):
            d, dsource, dtarget = right_pullback(dy)
            table, added = d.positions.table.copy(), dtarget.sum(axis=0)
            table[target_position_ids[0]] -= added
            table[: len(added)] += added
            return dataclasses.replace(d, positions=self.positions.cotangent(table=table)), dsource, dtarget

        return y, pullback


def test_forgotten_ids_of_the_target_are_caught(caught, rng):
    wrong = ForgetfulIds(*small_parts(rng), LearnedPositions(rng.normal(size=(3, 4))))
    caught({"positions.table"}, wrong, *sequences(rng, 2, 3, 2, 4), target_position_ids=np.array([[2, 0]]))


@pytest.mark.parametrize(("given", "error", "message"), [
    ({"source_position_ids": np.zeros((2, 4), int)}, ValueError,
     r"source_position_ids must have shape \(2 or 1, 5\), got \(2, 4\)"),
    ({"target_position_ids": np.zeros((3, 4), int)}, ValueError,
     r"target_position_ids must have shape \(2 or 1, 4\), got \(3, 4\)"),
    ({"target_position_ids": np.zeros((2, 4))}, TypeError, "target_position_ids must be an integer array, got float64"),
    ({"source_position_ids": np.full((1, 5), -1)}, ValueError,
     r"source_position_ids must lie in \[0, 100000000\), got -1 at \(0, 0\)"),
])  # fmt: skip
def test_position_ids_that_are_none_are_one_clear_line(rng, given, error, message):
    layer, inputs = random_model(rng), sequences(rng)
    for run in (layer, layer.vjp):
        with pytest.raises(error, match=f"^EncoderDecoder: {message}$"):
            run(*inputs, **given)


def test_auxiliary_outputs_of_both_stacks_stand_behind(rng):
    plain, (source, target) = random_model(rng, layers=(2, 1)), sequences(rng)
    model = noting(plain)
    memory, *of_encoder = model.encode(source)
    y, *of_decoder = model.decode(memory, target)
    (got, *notes), pullback = model.vjp(source, target)
    np.testing.assert_array_equal(got, y)
    np.testing.assert_array_equal(notes, of_encoder + of_decoder)
    assert len(of_encoder) == 2 and len(of_decoder) == 1
    d_model, dsource, dtarget = pullback((0 * y, np.array(1.0), np.array(1.0), np.array(0.0)))
    assert dsource.any() and not dtarget.any()
    assert not any(leaf.any() for _, leaf in tree.leaves(d_model.decoder))
    d_model, dsource, dtarget = pullback((0 * y, np.array(0.0), np.array(0.0), np.array(1.0)))
    assert dsource.any() and dtarget.any() and any(leaf.any() for _, leaf in tree.leaves(d_model.encoder))


def test_a_generator_goes_to_every_drop(rng):
    plain, inputs = random_model(rng), sequences(rng)
    model = with_dropout(plain)
    np.testing.assert_array_equal(model(*inputs), plain(*inputs))
    y, _ = model.vjp(*inputs, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(model(*inputs, rng=np.random.default_rng(5)), y)
    sums = EncoderDecoder(plain.encoder, plain.decoder, plain.positions, 0.4)
    memory = plain.encode(inputs[0])
    assert (sums.encode(inputs[0], rng=np.random.default_rng(5)) != memory).any()
    assert (sums.decode(memory, inputs[1], rng=np.random.default_rng(5)) != plain.decode(memory, inputs[1])).any()


def test_init_puts_dropout_everywhere(rng):
    model = EncoderDecoder.init(rng, body_settings(dropout=0.1))
    blocks = model.encoder.blocks[0], model.decoder.blocks[0]
    residuals = [layer for block in blocks for layer in vars(block).values()]
    assert [layer.drop.rate for layer in residuals] == [0.1] * 5 and model.dropout == 0.1


@BOTH
def test_sequences_do_not_meet(rng, residual):
    layer, (source, target) = random_model(rng, residual), sequences(rng, 3)
    mask, dy = padding(np.array([5, 3, 4]), 5), rng.normal(size=target.shape)
    y, pullback = layer.vjp(source, target, source_mask=mask)
    d_layer, dsource, dtarget = pullback(dy)
    rows = [slice(b, b + 1) for b in range(3)]
    alone = [layer.vjp(source[b], target[b], source_mask=mask[b]) for b in rows]
    back = [one_pullback(dy[b]) for b, (_, one_pullback) in zip(rows, alone, strict=True)]
    same(y, np.concatenate([one for one, _ in alone]))
    same(dsource, np.concatenate([one for _, one, _ in back]))
    same(dtarget, np.concatenate([one for _, _, one in back]))
    same_tree(d_layer, total(d for d, _, _ in back))


def test_a_source_that_nobody_sees_is_no_nan(rng):
    layer, (source, target) = random_model(rng), sequences(rng)
    y, pullback = layer.vjp(source, target, source_mask=padding(np.array([5, 0]), 5))
    d_layer, dsource, dtarget = pullback(rng.normal(size=target.shape))
    arrays = [y, dsource, dtarget, *(leaf for _, leaf in tree.leaves(d_layer))]
    assert all(np.isfinite(a).all() for a in arrays)
    assert not dsource[1].any() and dsource[0].all()


def test_forward_alone_holds_one_block(rng):
    one, many = (random_model(rng, layers=layers) for layers in ((1, 1), (5, 5)))
    inputs = sequences(rng, 4, 48, 64)
    one(*inputs)
    assert peak(many, *inputs) < 1.2 * peak(one, *inputs)  # one (B, T, D) array more, of about thirty
    assert peak(many.vjp, *inputs) > 3 * peak(one.vjp, *inputs)


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, residual, dtype):
    layer, (source, target) = random_model(rng, residual).astype(dtype), (z.astype(dtype) for z in sequences(rng))
    y, pullback = layer.vjp(source, target, source_mask=MASK)
    assert dtypes(y, *pullback(y)) == {np.dtype(dtype)}


def test_init_draws_in_the_dtype_asked_for(rng):
    assert dtypes(EncoderDecoder.init(rng, body_settings(layers=(1, 2)))) == {np.dtype(np.float32)}
    layer = EncoderDecoder.init(rng, body_settings(layers=(1, 2)), np.float64)
    assert dtypes(layer) == {np.dtype(np.float64)}
    assert len(layer.encoder.blocks) == 1 and len(layer.decoder.blocks) == 2


def test_empty_batch_gives_empty_output_and_zero_gradient(rng):
    layer, inputs = random_model(rng), sequences(rng, 0)
    y, pullback = layer.vjp(*inputs)
    d_layer, dsource, dtarget = pullback(y)
    assert y.shape == dtarget.shape == (0, 4, 8) and dsource.shape == (0, 5, 8)
    assert not any(leaf.any() for _, leaf in tree.leaves(d_layer))


class ForgetfulEncoder(Stack):
    """Gets a cotangent and makes nothing of it."""

    def vjp(self, x, *, mask=None):
        y, right_pullback = super().vjp(x, mask=mask)
        return y, lambda dy: right_pullback(0 * dy)


class LastPositionsOnly(EncoderDecoder):
    """The gradient of shared positions is the source's, which comes last."""

    def vjp(self, source, target, **masks):
        y, right_pullback = super().vjp(source, target, **masks)

        def pullback(dy):
            d_self, dsource, dtarget = right_pullback(dy)
            d_positions = tree.map(np.copy, d_self.positions)
            d_positions.table[: dtarget.shape[1]] -= dtarget.sum(axis=0)
            d_self = self.cotangent(encoder=d_self.encoder, decoder=d_self.decoder, positions=d_positions)
            return d_self, dsource, dtarget

        return y, pullback


def small_parts(rng, encoder=Stack):
    """An encoder with one parameter, and a decoder."""
    decoder = random_model(rng, heads=2, layers=(1, 1), width=4, hidden=3).decoder
    return encoder(blocks=(Bend(w=rng.normal(size=(4, 4)) / 2),), norm=None), decoder


def test_exchanged_cotangents_are_caught(caught, rng):
    """All of the encoder and both inputs are wrong, and nothing of the decoder."""
    layer = EncoderDecoder(*small_parts(rng), SinusoidalPositions())
    wrong = plant(layer, Decoder, ExchangedDecoder)
    caught({"encoder.blocks[0].w", "source", "target"}, wrong, *sequences(rng, 2, 3, 3, 4))


def test_an_encoder_without_gradient_is_caught(caught, rng):
    wrong = EncoderDecoder(*small_parts(rng, ForgetfulEncoder), SinusoidalPositions())
    caught({"encoder.blocks[0].w", "source"}, wrong, *sequences(rng, 2, 3, 2, 4))


def test_forgotten_positions_are_caught(caught, rng):
    wrong = LastPositionsOnly(*small_parts(rng), Learned(rng.normal(size=(3, 4))))
    caught({"positions.table"}, wrong, *sequences(rng, 2, 3, 2, 4))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((5, 8), (2, 4, 8)), r"source must have shape \(B, S, D\), got \(5, 8\)"),
        (((2, 5, 8), (3, 4, 8)), r"target must have shape \(2, T, 8\), got \(3, 4, 8\)"),
        (((2, 5, 8), (2, 4, 6)), r"target must have shape \(2, T, 8\), got \(2, 4, 6\)"),
    ],
)
def test_a_wrong_shape_is_one_clear_line(rng, shapes, message):
    for run in (random_model(rng), random_model(rng).vjp):
        with pytest.raises(ValueError, match=f"^EncoderDecoder: {message}$"):
            run(*map(np.zeros, shapes))


@pytest.mark.parametrize("shape", [(2, 5), (2, 1, 4, 5), (2, 4, 1, 5), (3, 1, 1, 5), (2, 1, 5, 4)])
def test_a_wrong_mask_is_one_clear_line(rng, shape):
    """(B, H, 1, S) would do for the encoder, and for the decoder where heads happen to agree."""
    layer, (source, target), mask = random_model(rng), sequences(rng), np.ones(shape, bool)
    message = "^EncoderDecoder: " + re.escape(f"source_mask must have shape (2 or 1, 1, 5 or 1, 5), got {shape}") + "$"
    for run in (layer, layer.vjp, lambda s, t, **m: layer.encode(s, **m), layer.decode):
        with pytest.raises(ValueError, match=message):
            run(source, target, source_mask=mask)


@pytest.mark.parametrize(("name", "columns"), [("target_mask", 4), ("memory_mask", 5)])
def test_a_wrong_mask_of_targets_is_one_clear_line(rng, name, columns):
    layer, (source, target) = random_model(rng), sequences(rng)
    for wrong in ((2, 4), (2, 1, 5, columns), (2, 4, 1, columns), (2, 1, 4, 3)):
        must = f"{name} must have shape (2 or 1, 1, 4 or 1, {columns}), got {wrong}"
        for run in (layer, layer.vjp, layer.decode):
            with pytest.raises(ValueError, match=f"^EncoderDecoder: {re.escape(must)}$"):
                run(source, target, **{name: np.ones(wrong, bool)})
    with pytest.raises(TypeError, match=f"^EncoderDecoder: {name} must be a boolean array, got float64$"):
        layer(source, target, **{name: np.ones((2, 1, 4, columns))})


def test_a_mask_of_the_sources_rows_needs_one_of_the_memory(rng):
    layer, (source, target) = random_model(rng), sequences(rng)
    mask, message = np.ones((2, 1, 5, 5), bool), "memory_mask must be given where source_mask has 5 rows, got None"
    for run in (layer, layer.vjp, layer.decode):
        with pytest.raises(ValueError, match=f"^EncoderDecoder: {message}$"):
            run(source, target, source_mask=mask)
    same(layer.encode(source, source_mask=mask), layer.encode(source))
    must = r"source_mask must have shape \(2 or 1, 1, 1, 5\), got \(2, 1, 5, 5\)"
    with pytest.raises(ValueError, match=rf"^EncoderDecoder\.cache: {must}$"):
        layer.cache(2, 4, source, source_mask=mask)


SOURCES, TARGETS = np.array([[0, 1, 2, 0, 1]]), np.array([[0, 1, 0, 1]])  # position ids of two sequences in a row
ROWS = {"source_mask": packed(SOURCES), "target_mask": packed(TARGETS), "memory_mask": packed(TARGETS, SOURCES)}
ROWS |= {"source_position_ids": SOURCES, "target_position_ids": TARGETS}


@pytest.mark.parametrize("positions", [SinusoidalPositions(), LearnedPositions(np.ones((6, 8))), None])
def test_sequences_of_a_row_are_those_sequences_alone(rng, positions):
    layer = generic(rng, dataclasses.replace(random_model(rng), positions=positions))
    source, target = sequences(rng, 1)
    dy = rng.normal(size=target.shape)
    y, pullback = layer.vjp(source, target, **ROWS)
    d_layer, dsource, dtarget = pullback(dy)
    pairs = [(slice(0, 3), slice(0, 2)), (slice(3, 5), slice(2, 4))]
    alone = [layer.vjp(source[:, s], target[:, t]) for s, t in pairs]
    back = [one_pullback(dy[:, t]) for (_, t), (_, one_pullback) in zip(pairs, alone, strict=True)]
    same(y, np.concatenate([one for one, _ in alone], axis=1))
    same(dsource, np.concatenate([one for _, one, _ in back], axis=1))
    same(dtarget, np.concatenate([one for _, _, one in back], axis=1))
    same_tree(d_layer, total(d for d, _, _ in back))
    assert np.array_equal(layer(source, target, **ROWS), y)
    for name in ("source_mask", "target_mask", "memory_mask"):
        other = ROWS | {name: np.ones_like(ROWS[name])}
        assert np.abs(layer(source, target, **other) - y).max() > 1e-3


def test_masks_of_a_row_forgotten_in_the_backward_are_caught(caught, rng):
    class Wrong(EncoderDecoder):
        def vjp(self, source, target, **rows):
            y, _ = super().vjp(source, target, **rows)
            return y, super().vjp(source, target, **rows | {"memory_mask": np.ones((1, 1, 4, 5), bool)})[1]

    layer = random_model(rng)
    wrong = Wrong(layer.encoder, layer.decoder, layer.positions)
    right = {name for name in parameters(wrong) if name.endswith("key.b")} | {"decoder.norm.beta"}  # 0, or dy alone
    caught({"source", "target"} | parameters(wrong) - right, wrong, *sequences(rng, 1), **ROWS)


@pytest.mark.parametrize(("mask", "got"), [(np.ones((1, 1, 1, 5)), "float64"), ([True] * 5, "list")])
def test_a_mask_that_is_not_boolean_is_one_clear_line(rng, mask, got):
    layer, (source, target) = random_model(rng), sequences(rng)
    with pytest.raises(TypeError, match=f"^EncoderDecoder: source_mask must be a boolean array, got {got}$"):
        layer(source, target, source_mask=mask)


def test_a_memory_of_another_batch_is_one_clear_line(rng):
    layer, (source, target) = random_model(rng), sequences(rng)
    with pytest.raises(ValueError, match=r"^EncoderDecoder: target must have shape \(1, T, 8\), got \(2, 4, 8\)$"):
        layer.decode(layer.encode(source[:1]), target)
    with pytest.raises(ValueError, match=r"^EncoderDecoder: memory must have shape \(B, S, D\), got \(5, 8\)$"):
        layer.decode(source[0], target)


def test_dropout_forgotten_in_the_backward_is_caught(caught, rng, monkeypatch):
    """Wrong is what comes before the drops: the inputs alone, as sinusoidal positions have no parameters."""
    plain = random_model(rng, heads=2, layers=(1, 1), width=4, hidden=3)
    model = EncoderDecoder(plain.encoder, plain.decoder, plain.positions, 0.4)
    monkeypatch.setattr(encoder_decoder, "Dropout", WithoutMask)
    caught({"source", "target"}, model, *sequences(rng, 2, 3, 2, 4), rng=np.random.default_rng(5))
