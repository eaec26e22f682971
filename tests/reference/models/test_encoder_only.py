import numpy as np
import pytest
from composites import (
    Bend,
    Detached,
    Echo,
    SkippedNorm,
    dtypes,
    generic,
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
from reference.core.families import EncoderOnlySettings
from reference.core.layer import Layer
from reference.core.masks import packed, padding
from reference.functions.gelu import gelu_vjp
from reference.layers.attention import SelfAttention
from reference.layers.dropout import Dropout
from reference.layers.embedding import Embedding
from reference.layers.layernorm import LayerNorm
from reference.layers.learned import LearnedPositions
from reference.layers.linear import Linear
from reference.layers.mixture import MixtureOfExperts
from reference.layers.residual import PostNorm
from reference.layers.sinusoidal import SinusoidalPositions
from reference.models.encoder import Block, Stack
from reference.models.encoder_only import EncoderOnly, examples

MASK = padding(np.array([5, 3]), 5)
TABLES = {"embedding.table", "positions.table", "segments.table"}
V, D = 7, 8


def sizes(vocabulary=V, length=6, width=D, heads=4, hidden=6, layers=1, **more):
    fields = {"vocabulary": vocabulary, "length": length, "width": width, "heads": heads, "hidden": hidden}
    return EncoderOnlySettings(**fields, layers=layers, **more)


def random_model(rng, *arguments, **options):
    return generic(rng, EncoderOnly.init(rng, sizes(*arguments, **options)))


def ids(rng, batch=2, length=5, vocabulary=V, segments=2):
    """Return tokens and segments; each id occurs if there is room for all."""
    tokens, segments = (rng.permutation(np.arange(batch * length) % bound) for bound in (vocabulary, segments))
    return {"tokens": tokens.reshape(batch, length), "segments": segments.reshape(batch, length)}


def small(rng, **options):
    """A model in which to plant a bug, and its ids."""
    return random_model(rng, 4, 3, 4, 2, 2, **options), ids(rng, 2, 3, 4)


def parted(model, **fields):
    """Return `model` with other fields."""
    names = ("embedding", "positions", "segments", "norm", "stack", "dropout")
    return EncoderOnly(**{name: getattr(model, name) for name in names} | fields)


def bent(rng):
    """A model with a stack of one parameter, in which to plant a bug in front of the stack, and its ids."""
    model, given = small(rng)
    return parted(model, stack=Stack((Bend(rng.normal(size=(4, 4)) / 2),), None)), given


def routed(rng):
    """A model with a mixture of two experts in its block, and ids at which no choice is close and both are chosen.

    Not equally often: of equal shares the balance has no gradient.
    """
    while True:
        model, given = small(rng)
        (block,) = model.stack.blocks
        attention = PostNorm(block.attention.norm, Echo())  # fewer arrays to check
        experts = generic(rng, MixtureOfExperts.init(rng, 4, 2, 2, 1))
        x = attention(parted(model, stack=Stack((), None))(**given))
        lead = np.diff(experts.router(x))
        if np.abs(lead).min() > 0.2 and np.ptp(np.sign(lead)) and np.sign(lead).sum():
            block = Block(attention, PostNorm(block.feedforward.norm, experts))
            return parted(model, stack=Stack((block,), None)), given


def planted(model, wrong):
    """Return `model` with the fields `wrong(model, d, **ids)` in place of those of its gradient d."""

    class Wrong(EncoderOnly):
        def vjp(self, **given):
            y, right_pullback = super().vjp(**given)

            def pullback(dy):
                (d,) = right_pullback(dy)
                d_fields = {name: getattr(d, name) for name in ("embedding", "positions", "segments", "norm", "stack")}
                return (self.cotangent(**d_fields | wrong(d, **given)),)

            return y, pullback

    return plant(model, EncoderOnly, Wrong)


@pytest.mark.parametrize("i", range(4))
def test_backward_is_proved(prove, rng, i):
    _, model, _, constants = list(examples(rng))[i]
    report = prove(model, **constants)
    assert {g.name for g in report.gradients} == parameters(model)
    assert {g.name for g in report.gradients if g.digits is None} == {p for p in parameters(model) if "key.b" in p}


@pytest.mark.parametrize(("batch", "length", "masked"), [(1, 3, True), (2, 1, False)])
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, batch, length, masked):
    mask = np.ones((1, 1, 1, length), bool) if masked else None
    prove(random_model(rng, 3, 3, 4, 2, 2), **ids(rng, batch, length, 3), mask=mask)


@settings(deadline=None, max_examples=3, derandomize=True)
@given(st.tuples(*[st.integers(1, 2)] * 3), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, segmented, normalised, seed):
    rng = np.random.default_rng(seed)
    batch, length, heads = shape
    model, given = random_model(rng, 3, 3, 4 * heads, heads, 2, dropout=0.2), ids(rng, batch, length, 3)
    model = parted(model, **{} if segmented else {"segments": None}, **{} if normalised else {"norm": None})
    given |= {} if segmented else {"segments": None}
    mask = rng.random((batch, 1, 1, length)) < 0.7
    report = gradcheck.check(model, **given, mask=mask, rng=np.random.default_rng(1))
    assert report.verdict == "pass", str(report)


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Similarity(Layer):
        """Products of the hidden states of two sequences under one model, as for retrieval."""

        model: EncoderOnly

        def vjp(self, *, first, second):
            (y, y_pullback), (z, z_pullback) = self.model.vjp(tokens=first), self.model.vjp(tokens=second)

            def pullback(ds):
                (d_first,) = y_pullback(np.einsum("bst,btd->bsd", ds, z))
                (d_second,) = z_pullback(np.einsum("bst,bsd->btd", ds, y))
                return (self.cotangent(model=total([d_first, d_second])),)

            return np.einsum("bsd,btd->bst", y, z), pullback

    model, given = small(rng)
    prove(Similarity(model), first=given["tokens"], second=given["tokens"][:, ::-1][:, :2].copy())


def test_forward_and_backward_equal_their_loop_oracle(rng):
    model, given, dy = random_model(rng, dropout=0.3), ids(rng), rng.normal(size=(2, 5, D))
    tables = model.embedding.table, model.segments.table, model.positions.table
    z = np.zeros((2, 5, D))
    for b, s in np.ndindex(2, 5):
        rows = given["tokens"][b, s], given["segments"][b, s], s
        z[b, s] = sum(table[row] for table, row in zip(tables, rows, strict=True))
    n, norm_pullback = model.norm.vjp(z)
    factor = (np.random.default_rng(7).random(z.shape, np.float32) >= 0.3) / 0.7
    draws = np.random.default_rng(7)
    draws.random(z.shape, np.float32)
    expected, stack_pullback = model.stack.vjp(factor * n, mask=MASK, rng=draws)
    d_stack, du = stack_pullback(dy)
    d_norm, dz = norm_pullback(factor * du)
    d_tables = [np.zeros_like(table) for table in tables]
    for b, s in np.ndindex(2, 5):
        rows = given["tokens"][b, s], given["segments"][b, s], s
        for table, row in zip(d_tables, rows, strict=True):
            table[row] += dz[b, s]
    y, pullback = model.vjp(**given, mask=MASK, rng=np.random.default_rng(7))
    (d_model,) = pullback(dy)
    same(y, expected)
    same_tree((d_model.stack, d_model.norm), (d_stack, d_norm))
    got = d_model.embedding.table, d_model.segments.table, d_model.positions.table
    same_tree(got, tuple(d_tables))


def test_every_parameter_gets_its_gradient(rng):
    model, given = random_model(rng, length=5, layers=2), ids(rng)
    (d_model,) = model.vjp(**given, mask=MASK)[1](rng.normal(size=(2, 5, D)))
    assert parameters(d_model) == parameters(model)
    for (path, p), (_, dp) in zip(tree.leaves(model), tree.leaves(d_model), strict=True):
        assert dp.shape == p.shape and dp.dtype == p.dtype, path
        assert (np.abs(dp).max() > 1e-6) != path.endswith("key.b"), path


def test_the_tables_share_one_gradient(rng):
    model, given, dy, c = random_model(rng), ids(rng), rng.normal(size=(2, 5, D)), rng.normal(size=D)
    y, pullback = model.vjp(**given)
    (d,) = pullback(dy)
    same(d.segments.table.sum(axis=0), d.embedding.table.sum(axis=0))
    same(d.positions.table.sum(axis=0), d.embedding.table.sum(axis=0))
    embedding, segments = Embedding(model.embedding.table + c), Embedding(model.segments.table - c)
    same(parted(model, embedding=embedding, segments=segments)(**given), y)
    positions = LearnedPositions(model.positions.table - c)
    same(parted(model, embedding=embedding, positions=positions)(**given), y)


def test_rows_of_the_tables_have_sum_zero(rng):
    model, given = random_model(rng), ids(rng)
    (d,) = model.vjp(**given)[1](rng.normal(size=(2, 5, D)))
    for table in (d.embedding.table, d.segments.table, d.positions.table):
        same(table.sum(axis=1), 0)
        assert np.abs(table).max() > 0.1


def test_what_does_not_occur_gets_no_gradient(rng):
    model = random_model(rng, segments=3)
    tokens, segments = np.array([[2, 0, 2, 5], [5, 2, 6, 6]]), np.array([[0, 0, 2, 2], [0, 2, 2, 2]])
    (d,) = model.vjp(tokens=tokens, segments=segments)[1](rng.normal(size=(2, 4, D)))
    for table, there in ((d.embedding, {0, 2, 5, 6}), (d.segments, {0, 2}), (d.positions, {0, 1, 2, 3})):
        assert {i for i, row in enumerate(table.table) if row.any()} == there


def test_padding_invariance(rng):
    model, given, dy = random_model(rng, layers=2), ids(rng), rng.normal(size=(2, 5, D))
    mask = padding(np.array([3, 2]), 5)
    seen = mask[:, 0, 0]
    dy[~seen] = 0
    y, pullback = model.vjp(**given, mask=mask)
    (d_model,) = pullback(dy)
    other = np.where(seen, given["tokens"], (given["tokens"] + 1) % V)
    changed, changed_pullback = model.vjp(tokens=other, segments=given["segments"], mask=mask)
    same(changed[seen], y[seen])
    same_tree(changed_pullback(dy), (d_model,))
    short = {name: array[:, :3] for name, array in given.items()}
    cut, cut_pullback = model.vjp(**short, mask=mask[..., :3])
    same(cut[seen[:, :3]], y[seen])
    same_tree(cut_pullback(dy[:, :3]), (d_model,))


def test_padding_in_front_changes_nothing(rng):
    model, given = random_model(rng), ids(rng)
    seen, at = np.ones((2, 1, 1, 5), bool), np.array([[0, 0, 0, 1, 2], [0, 1, 2, 3, 4]])
    seen[0, ..., :2] = False
    states = model(**given, mask=seen, position_ids=at)
    for row, first in ((0, 2), (1, 0)):
        alone = {name: value[row : row + 1, first:] for name, value in given.items()}
        np.testing.assert_allclose(states[row : row + 1, first:], model(**alone), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(states, model.vjp(**given, mask=seen, position_ids=at)[0])
    with pytest.raises(ValueError, match=r"^EncoderOnly: position_ids must have shape \(2 or 1, 5\), got \(2, 4\)$"):
        model(**given, position_ids=at[:, :4])


def test_sequences_in_one_row_are_what_they_are_alone(rng):
    """Hidden states and gradients: of two of lengths 3 and 2 in a row, and of one of length 4 with padding behind."""
    model, given, dy = random_model(rng), ids(rng), rng.normal(size=(2, 5, D))
    at = np.array([[0, 1, 2, 0, 1], [0, 1, 2, 3, 0]])
    dy[1, 4:] = 0
    y, pullback = model.vjp(**given, mask=packed(at), position_ids=at)
    total = None
    for row, part in ((0, slice(0, 3)), (0, slice(3, 5)), (1, slice(0, 4))):
        alone, alone_pullback = model.vjp(**{name: value[row : row + 1, part] for name, value in given.items()})
        same(y[row : row + 1, part], alone)
        (d,) = alone_pullback(dy[row : row + 1, part])
        total = d if total is None else tree.map(np.add, total, d)
    for (_, got), (_, want) in zip(tree.leaves(pullback(dy)[0]), tree.leaves(total), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12)  # the same numbers, added in another order


def test_a_mask_of_padding_alone_for_packed_rows_is_caught(caught, rng):
    """In the backward pass of attention: sequences of a row are kept apart on the way there only."""

    class Mixed(SelfAttention):
        def vjp(self, x, *, mask=None):
            y, _ = super().vjp(x, mask=mask)
            return y, super().vjp(x, mask=np.ones_like(mask[:, :, :1]))[1]

    model, given = small(rng)
    at = np.array([[0, 1, 0], [0, 0, 1]])
    expected = upstream(parameters(model), "stack.blocks[0].feedforward", "stack.blocks[0].attention.norm")
    expected -= {f"stack.blocks[0].attention.inner.{b}" for b in ("value.b", "output.b")}  # weights add up to 1
    caught(expected, plant(model, SelfAttention, Mixed), **given, mask=packed(at), position_ids=at)


def test_order_is_in_the_positions(rng):
    model, given, order = random_model(rng, length=5), ids(rng), [3, 0, 4, 1, 2]
    moved = parted(model, positions=LearnedPositions(model.positions.table[order]))
    same(moved(**{name: array[:, order] for name, array in given.items()}), model(**given)[:, order])


def test_tokens_are_interchangeable(rng):
    model, given, dy = random_model(rng), ids(rng), rng.normal(size=(2, 5, D))
    new = rng.permutation(V)  # token v is called new[v] from now on
    old = np.argsort(new)
    renamed = parted(model, embedding=Embedding(model.embedding.table[old]))
    (y, pullback), (z, renamed_pullback) = model.vjp(**given), renamed.vjp(**given | {"tokens": new[given["tokens"]]})
    same(z, y)
    ((d_model,), (d_renamed,)) = pullback(dy), renamed_pullback(dy)
    same(d_renamed.embedding.table, d_model.embedding.table[old])
    same_tree(d_renamed.stack, d_model.stack)


def test_no_segments_are_segments_zero(rng):
    model, tokens = random_model(rng), ids(rng)["tokens"]
    y, pullback = model.vjp(tokens=tokens)
    np.testing.assert_array_equal(y, model(tokens=tokens, segments=np.zeros_like(tokens)))
    np.testing.assert_array_equal(y, model(tokens=tokens))
    (d,) = pullback(rng.normal(size=y.shape))
    assert d.segments.table[0].any() and not d.segments.table[1].any()


def test_sequences_do_not_meet(rng):
    model, given, dy = random_model(rng), ids(rng, 3), rng.normal(size=(3, 5, D))
    mask = padding(np.array([5, 3, 4]), 5)
    y, pullback = model.vjp(**given, mask=mask)
    rows = [slice(b, b + 1) for b in range(3)]
    alone = [model.vjp(**{name: array[b] for name, array in given.items()}, mask=mask[b]) for b in rows]
    same(y, np.concatenate([one for one, _ in alone]))
    same_tree(pullback(dy), total([one_pullback(dy[b]) for b, (_, one_pullback) in zip(rows, alone, strict=True)]))


def test_forward_alone_is_the_same_bits(rng):
    model, given = random_model(rng, layers=2, dropout=0.3), ids(rng)
    plain = parted(model, segments=None, norm=None, positions=SinusoidalPositions())
    for one, seen in ((model, given), (plain, {"tokens": given["tokens"]})):
        for draws in (lambda: None, lambda: np.random.default_rng(7)):
            y, _ = one.vjp(**seen, mask=MASK, rng=draws())
            np.testing.assert_array_equal(one(**seen, mask=MASK, rng=draws()), y)
    assert (model(**given, rng=np.random.default_rng(7)) != model(**given)).any()


def test_auxiliary_outputs_pass_by(prove, rng):
    model, given = routed(rng)
    y, balance = model(**given)
    assert y.shape == (2, 3, 4) and balance.shape == () and balance > 0
    report = prove(model, **given)
    assert all(g.digits is not None for g in report.gradients)


def test_bert_is_made_as_asked_for(rng):
    model = EncoderOnly.init(rng, sizes(hidden=10, layers=3, segments=4, dropout=0.1))
    assert dtypes(model) == {np.dtype(np.float32)} and dtypes(random_model(rng).astype(float)) == {np.dtype(float)}
    shapes = {name: getattr(model, name).table.shape for name in ("embedding", "positions", "segments")}
    assert shapes == {"embedding": (V, D), "positions": (6, D), "segments": (4, D)}
    assert len(model.stack.blocks) == 3 and model.stack.norm is None and model.dropout == 0.1
    for block in model.stack.blocks:
        for residual in (block.attention, block.feedforward):
            assert type(residual) is PostNorm and residual.drop.rate == 0.1
        assert block.attention.inner.heads == 4
        assert block.feedforward.inner.activation is gelu_vjp and block.feedforward.inner.hidden.w.shape == (D, 10)
    without = EncoderOnly.init(rng, sizes(hidden=10), np.float64)
    assert dtypes(without) == {np.dtype(np.float64)}
    assert without.stack.blocks[0].attention.drop is None and without.dropout == 0


def test_forward_alone_holds_one_block(rng):
    one, many = (random_model(rng, length=64, layers=layers) for layers in (1, 6))
    given = ids(rng, 4, 64)
    one(**given)
    assert peak(lambda: many(**given)) < 1.2 * peak(lambda: one(**given))  # one (B, S, D) array more, of about thirty
    assert peak(lambda: many.vjp(**given)) > 3 * peak(lambda: one.vjp(**given))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    model = random_model(rng, dropout=0.3).astype(dtype)
    y, pullback = model.vjp(**ids(rng), mask=MASK, rng=np.random.default_rng(7))
    assert dtypes(y, *pullback(y)) == {np.dtype(dtype)}


def test_empty_batch_gives_empty_states_and_zero_gradient(rng):
    model = random_model(rng)
    y, pullback = model.vjp(**{name: array[:0] for name, array in ids(rng).items()})
    (d_model,) = pullback(y)
    assert y.shape == (0, 5, D)
    assert not any(leaf.any() for _, leaf in tree.leaves(d_model))


def test_a_lost_segment_gradient_is_caught(caught, rng):
    model, given = bent(rng)
    wrong = planted(model, lambda d, **_: {"segments": tree.map(np.zeros_like, d.segments)})
    caught({"segments.table"}, wrong, **given)


def test_a_norm_skipped_in_the_backward_is_caught(caught, rng):
    model, given = bent(rng)
    caught(TABLES | {"norm.gamma", "norm.beta"}, plant(model, LayerNorm, SkippedNorm, "norm"), **given)


def test_a_dropout_skipped_in_the_backward_is_caught(caught, rng, monkeypatch):
    class Skipped(Dropout):
        def vjp(self, x, *, rng=None):
            y, _ = super().vjp(x, rng=rng)
            return y, lambda dy: (self.cotangent(), dy)

    model, given = bent(rng)
    monkeypatch.setattr("reference.models.encoder_only.Dropout", Skipped)
    expected = TABLES | {"norm.gamma", "norm.beta"}
    caught(expected, parted(model, dropout=0.3), **given, rng=np.random.default_rng(7))


def test_a_gradient_added_twice_is_caught(caught, rng):
    model, given = bent(rng)
    wrong = planted(model, lambda d, **_: {"embedding": Embedding(2 * d.embedding.table)})
    caught({"embedding.table"}, wrong, **given)


def test_exchanged_ids_are_caught(caught, rng):
    model, given = bent(rng)
    given["tokens"] = np.array([[0, 1, 1], [1, 0, 1]])
    given["segments"] = np.array([[0, 0, 1], [0, 1, 1]])

    def exchanged(d, *, tokens, segments):
        rows = np.linalg.lstsq(np.eye(2)[segments.ravel()].T, d.segments.table, rcond=None)[0]  # some dg of this sum
        return {"segments": Embedding(np.eye(2)[tokens.ravel()].T @ rows)}

    caught({"segments.table"}, planted(model, exchanged), **given)


def test_a_mask_ignored_in_the_backward_is_caught(caught, rng):
    """In the attention of the block: its output map gets the unmasked values, all before it their gradient."""

    class Unmasked(SelfAttention):
        def vjp(self, x, *, mask=None):
            y, _ = super().vjp(x, mask=mask)
            return y, super().vjp(x)[1]

    model, given = small(rng)
    expected = upstream(parameters(model), "stack.blocks[0].feedforward", "stack.blocks[0].attention.norm")
    expected -= {f"stack.blocks[0].attention.inner.{b}" for b in ("value.b", "output.b")}  # weights add up to 1
    caught(expected, plant(model, SelfAttention, Unmasked), **given, mask=padding(np.array([2, 1]), 3))


def test_a_dropped_auxiliary_cotangent_is_caught(caught, rng):
    class Dropped(MixtureOfExperts):
        def vjp(self, x):
            out, right_pullback = super().vjp(x)
            return out, lambda cotangents: right_pullback((cotangents[0], np.zeros_like(cotangents[1])))

    model, given = routed(rng)
    at = "stack.blocks[0].feedforward"
    expected = upstream(parameters(model), f"{at}.norm", f"{at}.inner.experts")
    caught(expected, plant(model, MixtureOfExperts, Dropped), **given)


def test_a_map_without_gradient_deep_inside_is_caught(caught, rng):
    """The key map of the block itself, and all that stands in front of the stack but for what all keys share."""
    model, given = small(rng)
    at = "stack.blocks[0].attention.inner.key"
    caught(TABLES | {"norm.gamma", f"{at}.w"}, plant(model, Linear, Detached, at), **given)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tokens": np.array([[0, 7]])}, r"tokens must lie in \[0, 7\), got 7 at \(0, 1\)"),
        ({"tokens": np.array([[0, -1]])}, r"tokens must lie in \[0, 7\), got -1 at \(0, 1\)"),
        ({"tokens": np.array([0, 6])}, r"tokens must have shape \(B, S\), got \(2,\)"),
        ({"segments": np.array([[0, 2]])}, r"segments must lie in \[0, 2\), got 2 at \(0, 1\)"),
        ({"segments": np.array([[0]])}, r"segments must have the shape of tokens, \(1, 2\), got \(1, 1\)"),
        ({"mask": np.ones((1, 2), bool)}, r"mask must have shape \(1 or 1, 1, 2 or 1, 2\), got \(1, 2\)"),
        ({"mask": np.ones((1, 2, 1, 2), bool)}, r"mask must have shape \(1 or 1, 1, 2 or 1, 2\), got \(1, 2, 1, 2\)"),
        ({"mask": np.ones((2, 1, 2, 2), bool)}, r"mask must have shape \(1 or 1, 1, 2 or 1, 2\), got \(2, 1, 2, 2\)"),
    ],
)
def test_wrong_values_are_one_clear_line_before_any_work(rng, changed, message):
    model = random_model(rng)
    idle = tree.rebuild(model, vars(model) | {"positions": None, "norm": None, "stack": None})
    for run in (idle, idle.vjp):
        with pytest.raises(ValueError, match=f"^EncoderOnly: {message}$"):
            run(**{"tokens": np.array([[0, 6]])} | changed)


def test_segments_without_a_table_and_a_rate_of_one_are_one_clear_line(rng):
    model, given = random_model(rng), {"tokens": np.array([[0, 6]]), "segments": np.array([[0, 1]])}
    with pytest.raises(ValueError, match=r"^EncoderOnly: segments must lie in \[0, 1\), got 1 at \(0, 1\)$"):
        parted(model, segments=None)(**given)
    with pytest.raises(ValueError, match=r"^EncoderOnly: dropout must lie in \[0, 1\), got 1\.0$"):
        parted(model, dropout=1.0)(**given)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tokens": np.array([[0.0, 6.0]])}, "tokens must be an integer array, got float64"),
        ({"tokens": [[0, 6]]}, "tokens must be an integer array, got list"),
        ({"segments": [[0, 1]]}, "segments must be an integer array, got list"),
        ({"mask": np.ones((1, 1, 1, 2))}, "mask must be a boolean array, got float64"),
        ({"mask": [True, True]}, "mask must be a boolean array, got list"),
        ({"rng": 1}, r"rng must be a numpy\.random\.Generator or None, got int"),
    ],
)
def test_wrong_types_are_one_clear_line(rng, changed, message):
    with pytest.raises(TypeError, match=f"^EncoderOnly: {message}$"):
        random_model(rng)(**{"tokens": np.array([[0, 6]])} | changed)


def test_too_many_positions_are_refused_by_the_part_that_has_them(rng):
    with pytest.raises(ValueError, match=r"^LearnedPositions: x must have at most 6 positions, got 7$"):
        random_model(rng)(tokens=np.zeros((1, 7), int))


@pytest.mark.parametrize(("name", "want", "got"), [("segments", D, 1), ("embedding", 1, D)])
def test_a_table_that_would_broadcast_is_one_clear_line(rng, name, want, got):
    model, narrow = random_model(rng), Embedding(np.ones((V, 1)))
    message = rf"^EncoderOnly: segments\.table must have shape \(G, {want}\), got \(\d, {got}\)$"
    with pytest.raises(ValueError, match=message):
        parted(model, **{name: narrow})(tokens=np.array([[0, 6]]), segments=np.array([[0, 1]]))
