import dataclasses
import math

import numpy as np
import pytest
from composites import (
    EDGES,
    Detached,
    ExchangedDecoder,
    draw,
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
from reference.core.families import TransformerSettings
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.layers.embedding import Embedding
from reference.layers.linear import Linear
from reference.layers.residual import PostNorm, PreNorm
from reference.layers.sinusoidal import sinusoidal
from reference.losses.cross_entropy import cross_entropy_vjp
from reference.models.decoder import Decoder
from reference.models.transformer import Transformer, examples

BOTH = pytest.mark.parametrize("residual", [PreNorm, PostNorm])
MASK = padding(np.array([5, 3]), 5)
V, D = 7, 8


def random_model(rng, residual=PreNorm, heads=4, layers=(1, 1), vocabulary=V, width=D, hidden=6):
    return generic(rng, draw(rng, Transformer, residual, heads, layers, vocabulary, width, hidden))


def tokens(rng, batch=2, s=5, t=4, vocabulary=V):
    return {"source": rng.integers(vocabulary, size=(batch, s)), "target": rng.integers(vocabulary, size=(batch, t))}


def small(rng, **lengths):
    """A model in which to plant a bug, and its tokens."""
    model = random_model(rng, heads=2, vocabulary=5, width=4, hidden=3)
    return model, tokens(rng, 2, **{"s": 3, "t": 2, **lengths}, vocabulary=5)


@pytest.mark.parametrize("i", range(6))
def test_backward_is_proved(prove, rng, i):
    _, model, _, constants = list(examples(rng))[i]
    report = prove(model, **constants)
    assert {g.name for g in report.gradients} == parameters(model)
    assert {g.name for g in report.gradients if g.digits is None} == {p for p in parameters(model) if "key.b" in p}


@pytest.mark.parametrize(("residual", "heads", "masked", "batch", "length"), EDGES)
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, residual, heads, masked, batch, length):
    """Length of the target; the source has length 1 where the target is longer."""
    s = 1 if length > 1 else 3
    mask = np.ones((1, 1, 1, s), bool) if masked else None
    prove(random_model(rng, residual, heads), **tokens(rng, batch, s, length), source_mask=mask)


@settings(deadline=None, max_examples=3, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 4), st.sampled_from([PreNorm, PostNorm]), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, residual, seed):
    rng = np.random.default_rng(seed)
    batch, s, t, heads = shape
    model = random_model(rng, residual, heads, vocabulary=3, width=4 * heads, hidden=2)
    report = gradcheck.check(model, **tokens(rng, batch, s, t, 3), source_mask=rng.random((batch, 1, 1, s)) < 0.7)
    assert report.verdict == "pass", str(report)


def test_backward_is_proved_with_auxiliary_outputs_and_dropout(prove, rng):
    model = noting(generic(rng, draw(rng, heads=2, vocabulary=5, width=4, hidden=3, dropout=0.4)))
    prove(model, **tokens(rng, 2, 3, 2, 5), rng=np.random.default_rng(5))


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Scorer(Layer):
        """Two models of the same text, whose logits are added, and the loss of the sum."""

        first: Transformer
        second: Transformer

        def vjp(self, *, labels, **ids):
            a, first_pullback = self.first.vjp(**ids)
            b, second_pullback = self.second.vjp(**ids)
            loss, loss_pullback = cross_entropy_vjp(a + b, targets=labels)

            def pullback(dloss):
                dlogits = loss_pullback(dloss)
                (d_first,), (d_second,) = first_pullback(dlogits), second_pullback(dlogits)
                return (self.cotangent(first=d_first, second=d_second),)

            return loss, pullback

    (first, ids), (second, _) = small(rng), small(rng)
    prove(Scorer(first, second), **ids, labels=rng.integers(5, size=ids["target"].shape))


def test_source_and_target_may_have_vocabularies_of_their_own(prove, rng):
    model = random_model(rng)
    foreign = Transformer(Embedding(rng.normal(size=(3, D)) / 2), model.target_embedding, model.body, model.output)
    prove(foreign, source=rng.integers(3, size=(2, 5)), target=rng.integers(V, size=(2, 4)))


@BOTH
def test_forward_and_backward_equal_their_loop_oracle(rng, residual):
    model, ids, dlogits = random_model(rng, residual), tokens(rng), rng.normal(size=(2, 4, V))
    source, target = (
        np.array([[[math.sqrt(D) * e for e in embedding.table[i]] for i in row] for row in rows])
        for embedding, rows in ((model.source_embedding, ids["source"]), (model.target_embedding, ids["target"]))
    )
    y, body_pullback = model.body.vjp(source, target, source_mask=MASK)
    d_body, _, _ = body_pullback(np.einsum("btv,dv->btd", dlogits, model.output.w))
    logits, pullback = model.vjp(**ids, source_mask=MASK)
    (d_model,) = pullback(dlogits)
    same(logits, np.einsum("btd,dv->btv", y, model.output.w) + model.output.b)
    same_tree(d_model.body, d_body)
    same(d_model.output.w, np.einsum("btd,btv->dv", y, dlogits))
    same(d_model.output.b, np.einsum("btv->v", dlogits))


@BOTH
def test_rows_of_the_tables_collect_their_places(rng, residual):
    model, dlogits = random_model(rng, residual), rng.normal(size=(2, 4, V))
    ids = {"source": np.array([[2, 0, 2, 5, 2], [5, 0, 1, 1, 5]]), "target": np.array([[3, 3, 0, 6], [3, 6, 6, 6]])}
    scale = math.sqrt(D)
    embedded = (
        scale * embedding.table[rows]
        for embedding, rows in ((model.source_embedding, ids["source"]), (model.target_embedding, ids["target"]))
    )
    _, body_pullback = model.body.vjp(*embedded)
    _, dsource, dtarget = body_pullback(dlogits @ model.output.w.T)
    _, pullback = model.vjp(**ids)
    (d_model,) = pullback(dlogits)
    for table, rows, dx in (
        (d_model.source_embedding.table, ids["source"], dsource),
        (d_model.target_embedding.table, ids["target"], dtarget),
    ):
        for token in range(V):
            same(table[token], scale * dx[rows == token].sum(axis=0))
            assert table[token].any() == (token in rows)


def test_a_factor_of_the_embeddings_is_in_their_tables(rng):
    model, ids, dlogits = random_model(rng), tokens(rng), rng.normal(size=(2, 4, V))
    embeddings = model.source_embedding, model.target_embedding
    larger = Transformer(*(Embedding(math.sqrt(D) * each.table) for each in embeddings), model.body, model.output, 1.0)
    (logits, pullback), (other, other_pullback) = (each.vjp(**ids) for each in (model, larger))
    same(other, logits)
    (d,), (d_other,) = pullback(dlogits), other_pullback(dlogits)
    same(d.source_embedding.table, math.sqrt(D) * d_other.source_embedding.table)
    assert (dataclasses.replace(model, scale=1.0)(**ids) != logits).all()


@BOTH
def test_every_parameter_gets_its_gradient(rng, residual):
    model = random_model(rng, residual, layers=(2, 2))
    _, pullback = model.vjp(**tokens(rng), source_mask=MASK)
    (d_model,) = pullback(rng.normal(size=(2, 4, V)))
    assert parameters(d_model) == parameters(model)
    for (path, p), (_, dp) in zip(tree.leaves(model), tree.leaves(d_model), strict=True):
        assert dp.shape == p.shape and dp.dtype == p.dtype, path
        assert (np.abs(dp).max() > 1e-6) != path.endswith("key.b"), path


@BOTH
def test_causality(rng, residual):
    """Target tokens are all different, so that each row of the table belongs to one place."""
    model, source = random_model(rng, residual), tokens(rng, 1)["source"]
    target = np.array([[4, 0, 6, 2]])
    logits, pullback = model.vjp(source=source, target=target)
    for t in range(4):
        dlogits = np.zeros(logits.shape)
        dlogits[:, t] = rng.normal(size=V)
        (d_model,) = pullback(dlogits)
        rows = d_model.target_embedding.table[target[0]]
        assert not rows[t + 1 :].any() and rows[: t + 1].all()
        other = np.where(np.arange(4) > t, (target + 1) % V, target)
        same(model(source=source, target=other)[:, : t + 1], logits[:, : t + 1])


@BOTH
def test_padding_invariance(rng, residual):
    model, ids, dlogits = random_model(rng, residual), tokens(rng), rng.normal(size=(2, 4, V))
    mask = padding(np.array([3, 2]), 5)
    logits, pullback = model.vjp(**ids, source_mask=mask)
    (d_model,) = pullback(dlogits)
    changed = np.where(mask[:, 0, 0], ids["source"], (ids["source"] + 1) % V)
    for source, seen in ((changed, mask), (ids["source"][:, :3], mask[..., :3])):
        other, other_pullback = model.vjp(source=source, target=ids["target"], source_mask=seen)
        same(other, logits)
        same_tree(other_pullback(dlogits), (d_model,))


@BOTH
@pytest.mark.parametrize("mask", [None, MASK])
def test_encode_then_decode_is_the_same_bits(rng, residual, mask):
    model, ids = random_model(rng, residual), tokens(rng)
    logits, _ = model.vjp(**ids, source_mask=mask)
    memory = model.encode(source=ids["source"], source_mask=mask)
    np.testing.assert_array_equal(model(**ids, source_mask=mask), logits)
    np.testing.assert_array_equal(model.decode(memory, target=ids["target"], source_mask=mask), logits)


@BOTH
def test_a_prefix_gives_the_same_logits(rng, residual):
    model, ids = random_model(rng, residual), tokens(rng)
    logits, memory = model(**ids), model.encode(source=ids["source"])
    for t in range(5):
        same(model.decode(memory, target=ids["target"][:, :t]), logits[:, :t])


@BOTH
def test_tokens_are_interchangeable(rng, residual):
    model, ids, dlogits = random_model(rng, residual), tokens(rng), rng.normal(size=(2, 4, V))
    new = rng.permutation(V)  # token v is called new[v] from now on
    old = np.argsort(new)
    moved = Transformer(
        Embedding(model.source_embedding.table[old]),
        Embedding(model.target_embedding.table[old]),
        model.body,
        Linear(model.output.w[:, old], model.output.b[old]),
    )
    logits, pullback = model.vjp(**ids)
    renamed, moved_pullback = moved.vjp(source=new[ids["source"]], target=new[ids["target"]])
    same(renamed, logits[..., old])
    ((d_model,), (d_moved,)) = pullback(dlogits), moved_pullback(dlogits[..., old])
    same_tree(d_moved.body, d_model.body)
    same(d_moved.source_embedding.table, d_model.source_embedding.table[old])
    same(d_moved.target_embedding.table, d_model.target_embedding.table[old])
    same(d_moved.output.w, d_model.output.w[:, old])


def test_the_output_bias_passes_through(rng):
    model, ids, shift = random_model(rng), tokens(rng), rng.normal(size=V)
    shifted = Linear(model.output.w, model.output.b + shift)
    other = Transformer(model.source_embedding, model.target_embedding, model.body, shifted)
    same(other(**ids), model(**ids) + shift)


def test_auxiliary_outputs_pass_as_they_are(rng):
    plain, ids = random_model(rng), tokens(rng)
    model = noting(plain)
    (logits, *notes), pullback = model.vjp(**ids)
    np.testing.assert_array_equal(logits, plain(**ids))
    np.testing.assert_array_equal(notes, model(**ids)[1:])
    (d_model,) = pullback((0 * logits, np.array(1.0), np.array(1.0)))
    assert len(notes) == 2 and not any(leaf.any() for _, leaf in tree.leaves(d_model.output))
    assert d_model.source_embedding.table.any() and d_model.target_embedding.table.any()


def test_a_generator_goes_to_every_drop(rng):
    model, ids = generic(rng, draw(rng, dropout=0.4)), tokens(rng)
    whole, dropped = model(**ids), model(**ids, rng=np.random.default_rng(5))
    logits, _ = model.vjp(**ids, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(dropped, logits)
    np.testing.assert_array_equal(whole, model.vjp(**ids)[0])
    assert (whole != dropped).any()


@BOTH
def test_sequences_do_not_meet(rng, residual):
    model, ids, dlogits = random_model(rng, residual), tokens(rng, 3), rng.normal(size=(3, 4, V))
    mask = padding(np.array([5, 3, 4]), 5)
    logits, pullback = model.vjp(**ids, source_mask=mask)
    rows = [slice(b, b + 1) for b in range(3)]
    alone = [model.vjp(source=ids["source"][b], target=ids["target"][b], source_mask=mask[b]) for b in rows]
    same(logits, np.concatenate([one for one, _ in alone]))
    back = [one_pullback(dlogits[b]) for b, (_, one_pullback) in zip(rows, alone, strict=True)]
    same_tree(pullback(dlogits), total(back))


def test_forward_alone_holds_one_block(rng):
    one, many = (random_model(rng, layers=layers) for layers in ((1, 1), (5, 5)))
    ids = tokens(rng, 4, 48, 64)
    one(**ids)
    assert peak(lambda: many(**ids)) < 1.2 * peak(lambda: one(**ids))  # one (B, T, D) array more, of about thirty
    assert peak(lambda: many.vjp(**ids)) > 3 * peak(lambda: one.vjp(**ids))


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, residual, dtype):
    model = random_model(rng, residual).astype(dtype)
    logits, pullback = model.vjp(**tokens(rng), source_mask=MASK)
    assert dtypes(logits, *pullback(logits)) == {np.dtype(dtype)}


def test_init_draws_every_part_in_the_dtype_asked_for(rng):
    assert dtypes(draw(rng, layers=(1, 2))) == {np.dtype(np.float32)}
    model = draw(rng, layers=(1, 2), dtype=np.float64)
    assert dtypes(model) == {np.dtype(np.float64)}
    assert (model.source_embedding.table != model.target_embedding.table).all()
    assert model.output.w.shape == (D, V)


def test_embedded_tokens_begin_smaller_than_their_positions(rng):
    sizes = TransformerSettings(vocabulary=400, width=300, heads=1)
    model, size = Transformer.init(rng, sizes), sinusoidal(8, 300).std()
    for table in (model.source_embedding.table, model.target_embedding.table):
        # 120,000 draws: the standard deviation is known to 0.2 %, four of its own are 0.008
        np.testing.assert_allclose(math.sqrt(300) * table.std(dtype=float), 0.5, rtol=0.008, atol=0)  # see above
        assert math.sqrt(300) * table.std() < size


def test_empty_batch_gives_empty_logits_and_zero_gradient(rng):
    model = random_model(rng)
    logits, pullback = model.vjp(**tokens(rng, 0))
    (d_model,) = pullback(logits)
    assert logits.shape == (0, 4, V)
    assert not any(leaf.any() for _, leaf in tree.leaves(d_model))


def test_exchanged_cotangents_of_the_decoder_are_caught(caught, rng):
    """The source and all of the encoder get the target's, the target gets the memory's; the rest is right."""
    model, ids = small(rng, t=3)
    expected = upstream(parameters(model), "output.", "body.decoder.")
    caught(expected, plant(model, Decoder, ExchangedDecoder), **ids)


@pytest.mark.parametrize("field", ["query", "key", "value"])
def test_a_map_without_gradient_deep_inside_is_caught(caught, rng, field):
    """In the encoder's attention: the map itself, the norm before it, and the table of the source.

    But not the bias of that norm where the key is lost: what all keys share, no softmax sees.
    """
    model, ids = small(rng)
    at = "body.encoder.blocks[0].attention"
    expected = {"source_embedding.table", f"{at}.norm.gamma", f"{at}.norm.beta"}
    expected = upstream(expected | {f"{at}.inner.{field}.{p}" for p in "wb"})
    if field == "key":
        expected.remove(f"{at}.norm.beta")
    caught(expected, plant(model, Linear, Detached, f"{at}.inner.{field}"), **ids)


class Scaled(Transformer):
    """The factor sqrt(D) is in the forward pass only."""

    def vjp(self, **ids):
        logits, right_pullback = super().vjp(**ids)

        def pullback(dlogits):
            (d,) = right_pullback(dlogits)
            scale = math.sqrt(d.source_embedding.table.shape[1])
            source, target = (Embedding(e.table / scale) for e in (d.source_embedding, d.target_embedding))
            return (self.cotangent(source_embedding=source, target_embedding=target, body=d.body, output=d.output),)

        return logits, pullback


class LastWriteWins(Embedding):
    """Of several places of a token one gets through."""

    def vjp(self, *, ids):
        y, _ = super().vjp(ids=ids)

        def pullback(dy):
            table = np.zeros_like(self.table)
            table[ids] = dy
            return (self.cotangent(table=table),)

        return y, pullback


def test_a_forgotten_scale_is_caught(caught, rng):
    model, ids = small(rng)
    caught({"source_embedding.table", "target_embedding.table"}, plant(model, Transformer, Scaled), **ids)


def test_last_write_wins_is_caught(caught, rng):
    model, _ = small(rng)
    ids = {"source": np.array([[1, 4, 1], [0, 1, 2]]), "target": np.array([[1, 2], [3, 4]])}  # no target token twice
    caught({"source_embedding.table"}, plant(model, Embedding, LastWriteWins), **ids)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ([[0, 7]], [[1, 2]], r"source must lie in \[0, 7\), got 7 at \(0, 1\)"),
        ([[0, 6]], [[1, -1]], r"target must lie in \[0, 7\), got -1 at \(0, 1\)"),
        ([0, 6], [[1, 2]], r"source must have shape \(B, S\), got \(2,\)"),
        ([[0, 6]], [1, 2], r"target must have shape \(1, T\), got \(2,\)"),
        ([[0, 6]], [[1], [2]], r"target must have shape \(1, T\), got \(2, 1\)"),
    ],
)
def test_wrong_tokens_are_one_clear_line_before_any_work(rng, source, target, message):
    model = random_model(rng)
    idle = tree.rebuild(model, vars(model) | {"body": None})
    for run in (idle, idle.vjp):
        with pytest.raises(ValueError, match=f"^Transformer: {message}$"):
            run(source=np.array(source), target=np.array(target))


def test_tokens_that_are_no_integers_are_one_clear_line(rng):
    model, ids = random_model(rng), tokens(rng)
    with pytest.raises(TypeError, match=r"^Transformer: source must be an integer array, got float64$"):
        model.encode(source=ids["source"] / 2)
    with pytest.raises(TypeError, match=r"^Transformer: target must be an integer array, got list$"):
        model(source=ids["source"], target=ids["target"].tolist())
    with pytest.raises(ValueError, match=r"^Transformer: target must have shape \(B, T\), got \(4,\)$"):
        model.decode(model.encode(source=ids["source"]), target=ids["target"][0])
