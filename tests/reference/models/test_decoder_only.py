import dataclasses

import numpy as np
import pytest
from composites import (
    PreNormWithoutSkip,
    Unheard,
    WithoutMask,
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
from reference.core.families import DecoderOnlySettings
from reference.core.layer import Layer
from reference.core.masks import packed, padding
from reference.functions.softcap import softcap_vjp
from reference.layers.embedding import Embedding
from reference.layers.feedforward import FeedForward
from reference.layers.gated import GatedFeedForward
from reference.layers.grouped_attention import GroupedAttention
from reference.layers.learned import LearnedPositions
from reference.layers.residual import PreNorm
from reference.layers.sinusoidal import SinusoidalPositions
from reference.losses.cross_entropy import cross_entropy_vjp
from reference.models import decoder_only
from reference.models.decoder_only import DecoderOnly, examples
from reference.models.tied_decoder_only import TiedDecoderOnly

V = 7
KINDS = pytest.mark.parametrize("kind", ["gpt", "llama"])
PLACED = pytest.mark.parametrize("kind", ["gpt", "llama", "alibi"])


SIZES = {"vocabulary": V, "width": 8, "heads": 4, "layers": 1}


def gpt(rng, dtype=np.float32, **more):
    return DecoderOnly.init(rng, DecoderOnlySettings.gpt(**SIZES | {"length": 6} | more), dtype)


def llama(rng, dtype=np.float32, **more):
    return DecoderOnly.init(rng, DecoderOnlySettings.llama(**SIZES | {"hidden": 6, "key_value_heads": 2} | more), dtype)


def model(rng, kind="llama", layers=1, groups=2, window=None, dropout=0.0):
    if kind == "gpt":
        return generic(rng, gpt(rng, layers=layers, hidden=6, dropout=dropout))
    if kind == "alibi":
        return generic(rng, llama(rng, positions="alibi", key_value_heads=groups, layers=layers))
    return generic(rng, llama(rng, key_value_heads=groups, layers=layers, window=window))


def ids(rng, batch=2, length=5):
    return rng.integers(V, size=(batch, length))


def gradients(subject, dlogits, **constants):
    _, pullback = subject.vjp(**constants)
    (d,) = pullback(dlogits)
    return d


@pytest.mark.parametrize("i", range(6))
def test_backward_is_proved(prove, rng, i):
    _, subject, _, constants = list(examples(rng))[i]
    report = prove(subject, **constants)
    assert {g.name for g in report.gradients} == parameters(subject)
    assert {g.name for g in report.gradients if g.digits is None} == {p for p in parameters(subject) if "key.b" in p}


@KINDS
@pytest.mark.parametrize(("batch", "length"), [(1, 5), (2, 1), (1, 1)])
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, kind, batch, length):
    prove(model(rng, kind), tokens=ids(rng, batch, length))


@settings(deadline=None, max_examples=4, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 4), st.none() | st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, window, seed):
    rng = np.random.default_rng(seed)
    batch, length, groups, share = shape
    heads = {"heads": groups * share, "key_value_heads": groups, "width": 4 * groups * share}
    subject = llama(rng, **heads, vocabulary=3, hidden=3, window=window)
    report = gradcheck.check(generic(rng, subject), tokens=rng.integers(3, size=(batch, length)))
    assert report.verdict == "pass", str(report)


@KINDS
def test_backward_is_proved_inside_a_composite(prove, rng, kind):
    class Likelihood(Layer):
        """The loss of the next token, in one sequence more than it is told of."""

        body: DecoderOnly

        def vjp(self, *, tokens):
            logits, body_pullback = self.body.vjp(tokens=tokens[:, :-1])
            loss, loss_pullback = cross_entropy_vjp(logits, targets=tokens[:, 1:])
            return loss, lambda dloss: (self.cotangent(body=body_pullback(loss_pullback(dloss))[0]),)

    prove(Likelihood(model(rng, kind)), tokens=ids(rng))


@KINDS
def test_it_is_its_parts_one_by_one(rng, kind):
    subject, tokens = model(rng, kind, layers=2), ids(rng)
    dlogits = rng.normal(size=(2, 5, V))
    x = subject.embedding.table[tokens]
    if kind == "gpt":
        x = x + subject.positions.table[:5]
    y, stack_pullback = subject.stack.vjp(x)
    logits, output_pullback = subject.output.vjp(y)
    d_output, dy = output_pullback(dlogits)
    d_stack, dx = stack_pullback(dy)
    np.testing.assert_array_equal(subject(tokens=tokens), logits)
    d = gradients(subject, dlogits, tokens=tokens)
    same_tree((d.output, d.stack), (d_output, d_stack))
    same(d.embedding.table, np.einsum("btv,btd->vd", np.eye(V)[tokens], dx))
    if kind == "gpt":
        same(d.positions.table[:5], dx.sum(axis=0))


@KINDS
def test_factor_and_cap_may_stand_outside(rng, kind):
    plain, tokens, dlogits = model(rng, kind), ids(rng), rng.normal(size=(2, 5, V))
    both = dataclasses.replace(plain, scale=2.5, cap=1.5)
    outside = dataclasses.replace(plain, embedding=Embedding(2.5 * plain.embedding.table))
    (logits, pullback), (raw, raw_pullback) = both.vjp(tokens=tokens), outside.vjp(tokens=tokens)
    expected, cap_pullback = softcap_vjp(raw, cap=1.5)
    same(logits, expected)
    np.testing.assert_array_equal(both(tokens=tokens), logits)
    (d,), (d_outside,) = pullback(dlogits), raw_pullback(cap_pullback(dlogits))
    same(d.embedding.table, 2.5 * d_outside.embedding.table)
    same_tree((d.stack, d.output), (d_outside.stack, d_outside.output))


@KINDS
def test_factor_and_cap_are_in_every_step(rng, kind):
    subject, tokens = dataclasses.replace(model(rng, kind), scale=2.5, cap=1.5), ids(rng)
    cache = subject.cache(2, 5)
    steps = [subject.step(tokens[:, start:stop], cache) for start, stop in ((0, 3), (3, 4), (4, 5))]
    same(np.concatenate(steps, axis=1), subject(tokens=tokens))


@KINDS
def test_causality(rng, kind):
    subject, tokens = model(rng, kind, layers=2), np.array([[0, 1, 2, 3, 4]])
    logits = subject(tokens=tokens)
    for t in range(5):
        dlogits = np.zeros((1, 5, V))
        dlogits[:, t] = rng.normal(size=V)
        rows = gradients(subject, dlogits, tokens=tokens).embedding.table
        assert rows[: t + 1].any(axis=1).all() and not rows[t + 1 :].any()
        later = np.where(np.arange(5) > t, 6, tokens)
        same(subject(tokens=later)[:, : t + 1], logits[:, : t + 1])


@KINDS
def test_a_prefix_gives_the_same_logits(rng, kind):
    subject, tokens = model(rng, kind), ids(rng)
    logits = subject(tokens=tokens)
    for length in range(1, 6):
        same(subject(tokens=tokens[:, :length]), logits[:, :length])


@PLACED
def test_sequences_in_one_row_are_as_if_alone(rng, kind):
    subject, tokens, at = model(rng, kind), ids(rng), np.array([[0, 1, 0, 1, 2], [0, 1, 2, 0, 1]])
    logits = subject(tokens=tokens, mask=packed(at), position_ids=at)
    for row, cut in enumerate((2, 3)):
        for part in (slice(0, cut), slice(cut, 5)):
            same(logits[row : row + 1, part], subject(tokens=tokens[row : row + 1, part]))


@PLACED
def test_padding_in_front_changes_nothing(rng, kind):
    subject, tokens = model(rng, kind), ids(rng)
    seen, at = np.ones((2, 1, 1, 5), bool), np.array([[0, 0, 0, 1, 2], [0, 1, 2, 3, 4]])
    seen[0, ..., :2] = False
    logits = subject(tokens=tokens, mask=seen, position_ids=at)
    same(logits[:1, 2:], subject(tokens=tokens[:1, 2:]))
    same(logits[1:], subject(tokens=tokens[1:]))
    same(TiedDecoderOnly.tie(subject)(tokens=tokens, mask=seen, position_ids=at),
         TiedDecoderOnly.tie(subject).vjp(tokens=tokens, mask=seen, position_ids=at)[0])


def test_position_ids_of_another_shape_are_one_clear_line(rng):
    with pytest.raises(ValueError, match=r"^DecoderOnly: position_ids must have shape \(2 or 1, 5\), got \(1, 4\)$"):
        model(rng)(tokens=ids(rng), position_ids=np.arange(4)[None])


def test_rotary_positions_are_relative(rng):
    subject, tokens = model(rng, layers=2), ids(rng, length=4)
    mask = np.ones((1, 1, 1, 7), bool)
    mask[..., :3] = False
    behind = np.concatenate([ids(rng, length=3), tokens], axis=1)
    same(subject(tokens=behind, mask=mask)[:, 3:], subject(tokens=tokens))


@pytest.mark.parametrize(("window", "layers"), [(1, 2), (2, 1), (2, 2), (3, 1)])
def test_a_window_reaches_so_far_and_no_further(rng, window, layers):
    subject, tokens = model(rng, layers=layers, window=window), np.array([[0, 1, 2, 3, 4]])
    dlogits = np.zeros((1, 5, V))
    dlogits[:, 4] = rng.normal(size=V)
    reached = gradients(subject, dlogits, tokens=tokens).embedding.table[:5].any(axis=1)
    np.testing.assert_array_equal(reached, np.arange(5) >= 4 - layers * (window - 1))


def test_rows_without_a_place_get_zero(rng):
    subject, tokens = model(rng, "gpt"), np.array([[0, 3, 3], [5, 0, 1]])
    d = gradients(subject, rng.normal(size=(2, 3, V)), tokens=tokens)
    np.testing.assert_array_equal(d.embedding.table.any(axis=1), np.isin(np.arange(V), tokens))
    np.testing.assert_array_equal(d.positions.table.any(axis=1), np.arange(6) < 3)


@KINDS
def test_tokens_are_interchangeable(rng, kind):
    subject, tokens, order = model(rng, kind), ids(rng), rng.permutation(V)
    paths = iter([path for path, _ in tree.leaves(subject)])
    moves = {"embedding.table": lambda p: p[order], "output.w": lambda p: p[:, order]}
    renamed = tree.map(lambda p: moves.get(next(paths), lambda q: q)(p), subject)
    same(renamed(tokens=np.argsort(order)[tokens]), subject(tokens=tokens)[..., order])
    dlogits = rng.normal(size=(2, 5, V))
    d = gradients(subject, dlogits, tokens=tokens)
    d_renamed = gradients(renamed, dlogits[..., order], tokens=np.argsort(order)[tokens])
    same(d_renamed.embedding.table, d.embedding.table[order])
    same_tree(d_renamed.stack, d.stack)


@KINDS
def test_sequences_do_not_meet(rng, kind):
    subject, tokens, dlogits = model(rng, kind), ids(rng, 3), rng.normal(size=(3, 5, V))
    alone = [slice(b, b + 1) for b in range(3)]
    same(subject(tokens=tokens), np.concatenate([subject(tokens=tokens[b]) for b in alone]))
    d = gradients(subject, dlogits, tokens=tokens)
    same_tree(d, total(gradients(subject, dlogits[b], tokens=tokens[b]) for b in alone))


def test_auxiliary_outputs_pass_as_they_are(rng):
    plain, tokens = model(rng, "gpt", layers=2), ids(rng)
    subject = noting(plain)
    logits, *notes = subject(tokens=tokens)
    np.testing.assert_array_equal(logits, plain(tokens=tokens))
    _, *expected = subject.stack(plain.positions(plain.embedding(ids=tokens)))
    np.testing.assert_array_equal(notes, expected)
    d = gradients(subject, (0 * logits, np.array(0.0), np.array(1.0)), tokens=tokens)
    silent = [path for path, leaf in tree.leaves(d) if not leaf.any()]
    assert silent == ["stack.norm.gamma", "stack.norm.beta", "output.w"]


def test_a_generator_goes_to_every_drop(rng):
    plain, tokens = model(rng, "gpt"), ids(rng)
    subject = generic(rng, gpt(rng, hidden=6, dropout=0.4))
    dropped = subject(tokens=tokens, rng=np.random.default_rng(5))
    logits, _ = subject.vjp(tokens=tokens, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(dropped, logits)
    np.testing.assert_array_equal(subject(tokens=tokens), subject.vjp(tokens=tokens)[0])
    assert (dropped != subject(tokens=tokens)).any()
    sums = DecoderOnly(plain.embedding, plain.positions, plain.stack, plain.output, 0.4)
    assert (sums(tokens=tokens, rng=np.random.default_rng(5)) != plain(tokens=tokens)).any()
    block = subject.stack.blocks[0]
    assert (block.attention.drop.rate, block.feedforward.drop.rate, block.attention.inner.dropout) == (0.4, 0.4, 0.4)


@KINDS
def test_forward_alone_is_the_same_bits(rng, kind):
    subject, tokens, mask = model(rng, kind), ids(rng), padding(np.array([5, 3]), 5)
    np.testing.assert_array_equal(subject(tokens=tokens, mask=mask), subject.vjp(tokens=tokens, mask=mask)[0])


def test_forward_alone_holds_one_block(rng):
    one, many = (llama(rng, np.float64, width=16, hidden=24, layers=layers) for layers in (1, 6))
    tokens = ids(rng, 4, 64)
    one(tokens=tokens)
    assert peak(lambda t: many(tokens=t), tokens) < 1.2 * peak(lambda t: one(tokens=t), tokens)  # parameters aside
    assert peak(lambda t: many.vjp(tokens=t), tokens) > 3 * peak(lambda t: one.vjp(tokens=t), tokens)


@KINDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, kind, dtype):
    subject, tokens = model(rng, kind).astype(dtype), ids(rng)
    logits, pullback = subject.vjp(tokens=tokens)
    assert dtypes(logits, *pullback(logits)) == {np.dtype(dtype)}


@KINDS
def test_init_draws_every_block_anew_in_the_dtype_asked_for(rng, kind):
    for dtype in (np.float32, np.float64):
        subject = {"gpt": gpt, "llama": llama}[kind](rng, dtype, layers=2)
        assert dtypes(subject) == {np.dtype(dtype)}
    first, second = (block.attention.inner.query.w for block in subject.stack.blocks)
    assert (first != second).all()


def test_gpt_and_llama_are_built_from_what_their_papers_name(rng):
    one, other = gpt(rng), llama(rng)
    assert isinstance(one.positions, LearnedPositions) and other.positions is None
    assert one.stack.blocks[0].feedforward.inner.hidden.w.shape == (8, 32)
    assert other.stack.blocks[0].attention.inner.key_value_heads == 2
    assert isinstance(other.stack.blocks[0].feedforward.inner, GatedFeedForward)
    assert not [path for path, _ in tree.leaves(other) if path.endswith(".b")]


def test_empty_batch_gives_empty_output_and_zero_gradient(rng):
    subject = model(rng, "gpt")
    logits, pullback = subject.vjp(tokens=np.zeros((0, 5), int))
    assert logits.shape == (0, 5, V)
    assert not any(leaf.any() for _, leaf in tree.leaves(pullback(logits)[0]))


class Outside(DecoderOnly):
    """A model that forgets, on the way back, what it did to embeddings or to logits."""

    without: str = "scale"

    def vjp(self, *, tokens):
        logits, right_pullback = super().vjp(tokens=tokens)

        def pullback(dlogits):
            if self.without == "cap":
                dlogits = dlogits / (1 - logits * logits / self.cap / self.cap)
            (d,) = right_pullback(dlogits)
            if self.without == "scale":
                d = dataclasses.replace(d, embedding=Embedding(d.embedding.table / self.scale))
            return (d,)

        return logits, pullback


def outside(rng, without):
    plain = model(rng)
    return Outside(plain.embedding, None, plain.stack, plain.output, 0.0, 2.5, 1.5, without)


def test_a_forgotten_factor_of_the_embeddings_is_caught(caught, rng):
    caught({"embedding.table"}, outside(rng, "scale"), tokens=ids(rng, length=3))


def test_a_forgotten_slope_of_the_cap_is_caught(caught, rng):
    subject = outside(rng, "cap")
    caught({path for path in parameters(subject) if "key.b" not in path}, subject, tokens=ids(rng, length=3))


def test_positions_of_one_sequence_are_caught(caught, rng):
    class Wrong(LearnedPositions):
        def vjp(self, x):
            y, _ = super().vjp(x)
            length = x.shape[1]
            pad = np.zeros((len(self.table) - length, x.shape[2]))
            return y, lambda dy: (self.cotangent(table=np.concatenate([dy[-1], pad])), dy)

    caught({"positions.table"}, plant(model(rng, "gpt"), LearnedPositions, Wrong), tokens=ids(rng, length=3))


def test_dropout_forgotten_in_the_backward_is_caught(caught, rng, monkeypatch):
    plain = model(rng, "gpt")
    subject = DecoderOnly(plain.embedding, plain.positions, plain.stack, plain.output, 0.4)
    monkeypatch.setattr(decoder_only, "Dropout", WithoutMask)
    constants = {"tokens": ids(rng, length=3), "rng": np.random.default_rng(5)}
    caught({"embedding.table", "positions.table"}, subject, **constants)


def test_a_forgotten_skip_gradient_is_caught(caught, rng):
    """Of the one block's last skip: wrong is what comes before it."""
    subject = model(rng)
    wrong = plant(subject, PreNorm, PreNormWithoutSkip, "stack.blocks[0].feedforward")
    right = ("output.", "stack.norm.", "stack.blocks[0].feedforward.")
    caught({p for p in parameters(subject) if not p.startswith(right)}, wrong, tokens=ids(rng, length=3))


def test_one_head_of_a_group_is_caught(caught, rng):
    class Wrong(GroupedAttention):
        """The key map gets what the first query head of each group sends back, and passes on no more."""

        def vjp(self, x, **constants):
            y, right_pullback = super().vjp(x, **constants)
            first = np.arange(self.heads) % (self.heads // self.key_value_heads) == 0
            columns = np.repeat(first, self.head_width)
            only = plant_output(self, np.where(columns[:, None], self.output.w, 0))
            _, part_pullback = only.vjp(x, **constants)

            def pullback(dy):
                d_self, dx = right_pullback(dy)
                d_part, _ = part_pullback(dy)
                fields = {name: getattr(d_self, name) for name in ("query", "value", "output", "rotary")}
                return self.cotangent(key=d_part.key, **fields), dx

            return y, pullback

    def plant_output(layer, w):
        fields = {name: getattr(layer, name) for name in layer.__dataclass_fields__}
        return GroupedAttention(**fields | {"output": type(layer.output)(w, layer.output.b)})

    subject = model(rng)
    wrong = plant(subject, GroupedAttention, Wrong)
    caught({"stack.blocks[0].attention.inner.key.w"}, wrong, tokens=ids(rng, length=3))


def test_a_lost_auxiliary_cotangent_is_caught(caught, rng):
    subject = model(rng, "gpt")
    wrong = plant(subject, FeedForward, lambda **fields: Unheard(FeedForward(**fields)))
    right = ("output.", "stack.norm.")
    names = {p for p in parameters(wrong) if not p.startswith(right) and not p.endswith("key.b")}
    caught(names, wrong, tokens=ids(rng, length=3))


@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        (np.zeros((2, 3)), TypeError, "DecoderOnly: tokens must be an integer array, got float64"),
        (np.zeros(3, int), ValueError, r"DecoderOnly: tokens must have shape \(B, T\), got \(3,\)"),
        (np.array([[0, 7]]), ValueError, r"DecoderOnly: tokens must lie in \[0, 7\), got 7 at \(0, 1\)"),
        (np.zeros((1, 7), int), ValueError, "LearnedPositions: x must have at most 6 positions, got 7"),
    ],
)
def test_wrong_tokens_are_one_clear_line(rng, tokens, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        model(rng, "gpt")(tokens=tokens)


@pytest.mark.parametrize("positions", ["sinusoidal", "alibi", "none"])
def test_backward_is_proved_with_every_other_kind_of_positions(prove, rng, positions):
    prove(generic(rng, gpt(rng, positions=positions, width=4, heads=2, hidden=3)), tokens=ids(rng, length=3))


def test_positions_are_of_the_kind_that_the_settings_name(rng):
    kinds = {kind: gpt(rng, positions=kind) for kind in ("sinusoidal", "rotary", "alibi", "none")}
    assert {name for name, one in kinds.items() if isinstance(one.positions, SinusoidalPositions)} == {"sinusoidal"}
    attention = {name: one.stack.blocks[0].attention.inner for name, one in kinds.items()}
    assert {name for name, one in attention.items() if one.alibi} == {"alibi"}
    assert {name for name, one in attention.items() if one.rotary is not None} == {"rotary"}


def test_settings_of_a_tied_model_are_one_clear_line(rng):
    with pytest.raises(ValueError, match=r"^DecoderOnly\.init: embeddings must be 'separate', got 'tied'$"):
        gpt(rng, embeddings="tied")
