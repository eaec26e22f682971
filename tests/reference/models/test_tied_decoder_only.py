import dataclasses

import numpy as np
import pytest
from composites import dtypes, generic, parameters, same, same_tree
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.families import DecoderOnlySettings
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.layers.embedding import Embedding
from reference.layers.linear import Linear
from reference.losses.cross_entropy import cross_entropy_vjp
from reference.models.decoder_only import DecoderOnly
from reference.models.encoder import Stack
from reference.models.tied import Projection
from reference.models.tied_decoder_only import TiedDecoderOnly, examples

V = 7
KINDS = pytest.mark.parametrize("kind", ["gpt", "llama"])


def sizes(kind, **more):
    fields = {"vocabulary": V, "length": 6, "width": 8, "heads": 4, "hidden": 6, "layers": 1}
    return getattr(DecoderOnlySettings, kind)(**fields, key_value_heads=4 if kind == "gpt" else 2, **more)


def model(rng, kind="llama", dropout=0.0):
    return generic(rng, TiedDecoderOnly.init(rng, sizes(kind, embeddings="tied", dropout=dropout)))


def ids(rng, batch=2, length=5):
    return rng.integers(V, size=(batch, length))


def planted(subject, combine):
    """Return the model with `combine(dE_i, dE_o, tokens)` for the gradient of its table."""

    class Wrong(TiedDecoderOnly):
        def vjp(self, *, tokens):
            logits, separate_pullback = self.separate().vjp(tokens=tokens)

            def pullback(dlogits):
                (d,) = separate_pullback(dlogits)
                dE = combine(d.embedding.table, d.output.table, tokens)
                return (self.cotangent(vocabulary=self.vocabulary.cotangent(table=dE), stack=d.stack),)

            return logits, pullback

    return Wrong(subject.vocabulary, None, subject.stack)


@pytest.mark.parametrize("i", range(3))
def test_backward_is_proved(prove, rng, i):
    _, subject, _, constants = list(examples(rng))[i]
    report = prove(subject, **constants)
    assert {g.name for g in report.gradients} == parameters(subject)
    assert {g.name for g in report.gradients if g.digits is None} == {p for p in parameters(subject) if "key.b" in p}


@pytest.mark.parametrize(("batch", "length"), [(1, 5), (2, 1), (1, 1)])
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, batch, length):
    prove(model(rng), tokens=ids(rng, batch, length))


def test_backward_is_proved_with_dropout(prove, rng):
    prove(model(rng, "gpt", 0.3), tokens=ids(rng, length=3), rng=np.random.default_rng(5))


@settings(deadline=None, max_examples=3, derandomize=True)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(batch, length, seed):
    rng = np.random.default_rng(seed)
    report = gradcheck.check(model(rng), tokens=ids(rng, batch, length))
    assert report.verdict == "pass", str(report)


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Likelihood(Layer):
        body: TiedDecoderOnly

        def vjp(self, *, tokens):
            logits, body_pullback = self.body.vjp(tokens=tokens[:, :-1])
            loss, loss_pullback = cross_entropy_vjp(logits, targets=tokens[:, 1:])
            return loss, lambda dloss: (self.cotangent(body=body_pullback(loss_pullback(dloss))[0]),)

    prove(Likelihood(model(rng)), tokens=ids(rng))


@KINDS
def test_it_is_the_separate_model_with_two_copies(rng, kind):
    subject, tokens, dlogits = model(rng, kind), ids(rng), rng.normal(size=(2, 5, V))
    E = subject.vocabulary.table
    copies = DecoderOnly(Embedding(E.copy()), subject.positions, subject.stack, Projection(E.copy()))
    (logits, pullback), (expected, expected_pullback) = subject.vjp(tokens=tokens), copies.vjp(tokens=tokens)
    np.testing.assert_array_equal(logits, expected)
    (d,), (d_copies,) = pullback(dlogits), expected_pullback(dlogits)
    np.testing.assert_array_equal(d.vocabulary.table, d_copies.embedding.table + d_copies.output.table)
    same_tree(d.stack, d_copies.stack)


def test_factor_and_cap_are_those_of_the_separate_model(rng):
    subject, tokens = dataclasses.replace(model(rng), scale=2.5, cap=1.5), ids(rng)
    assert (subject.separate().scale, subject.separate().cap) == (2.5, 1.5)
    again = TiedDecoderOnly.tie(subject.separate())
    np.testing.assert_array_equal(again(tokens=tokens), subject(tokens=tokens))
    cache = subject.cache(2, 5)
    steps = [subject.step(tokens[:, start:stop], cache) for start, stop in ((0, 3), (3, 4), (4, 5))]
    same(np.concatenate(steps, axis=1), subject(tokens=tokens))


def test_every_row_gets_a_gradient_through_the_output(rng):
    subject, tokens = model(rng), np.array([[0, 1, 2, 3, 4]])
    dlogits = np.zeros((1, 5, V))
    dlogits[:, 0] = rng.normal(size=V)
    (d,) = subject.vjp(tokens=tokens)[1](dlogits)
    assert d.vocabulary.table.any(axis=1).all()
    later = np.where(np.arange(5) > 0, 6, tokens)
    same(subject(tokens=later)[:, 0], subject(tokens=tokens)[:, 0])


def test_tokens_are_interchangeable(rng):
    subject, tokens, order = model(rng), ids(rng), rng.permutation(V)
    renamed = TiedDecoderOnly(Embedding(subject.vocabulary.table[order]), None, subject.stack)
    same(renamed(tokens=np.argsort(order)[tokens]), subject(tokens=tokens)[..., order])


def test_without_a_stack_logits_are_products_of_rows(rng):
    E, tokens = rng.normal(size=(V, 4)), ids(rng)
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    plain, turned = (TiedDecoderOnly(Embedding(e), None, Stack((), None)) for e in (E, E @ turn))
    same(plain(tokens=tokens), (E @ E.T)[tokens])
    same(turned(tokens=tokens), plain(tokens=tokens))


@KINDS
def test_forward_alone_is_the_same_bits(rng, kind):
    subject, tokens, mask = model(rng, kind, 0.4), ids(rng), padding(np.array([5, 3]), 5)
    for generator in (None, 5):
        draws = [{} if generator is None else {"rng": np.random.default_rng(generator)} for _ in range(2)]
        logits, _ = subject.vjp(tokens=tokens, mask=mask, **draws[0])
        np.testing.assert_array_equal(subject(tokens=tokens, mask=mask, **draws[1]), logits)


@KINDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, kind, dtype):
    subject = model(rng, kind).astype(dtype)
    logits, pullback = subject.vjp(tokens=ids(rng))
    assert dtypes(logits, *pullback(logits)) == {np.dtype(dtype)}


def test_the_table_stands_once(rng):
    separate = DecoderOnly.init(rng, sizes("gpt"))
    subject = TiedDecoderOnly.tie(separate)
    assert subject.vocabulary.table is separate.embedding.table
    assert np.shares_memory(subject.separate().output.table, subject.vocabulary.table)
    assert [path for path in parameters(subject) if "table" in path and "positions" not in path] == ["vocabulary.table"]
    with pytest.raises(ValueError, match=r"^a parameter must stand once in a tree"):
        tree.leaves(subject.separate())


def test_settings_of_a_model_with_two_tables_are_one_clear_line(rng):
    with pytest.raises(ValueError, match=r"^TiedDecoderOnly\.init: embeddings must be 'tied', got 'separate'$"):
        TiedDecoderOnly.init(rng, sizes("gpt"))


def test_the_output_of_the_model_that_is_tied_is_dropped(rng):
    separate = DecoderOnly.init(rng, sizes("llama"))
    assert isinstance(separate.output, Linear)
    assert not [path for path in parameters(TiedDecoderOnly.tie(separate)) if path.startswith("output")]


@pytest.mark.parametrize("kept", [0, 1])
def test_a_forgotten_path_is_caught(caught, rng, kept):
    wrong = planted(model(rng), lambda *paths: paths[kept])
    caught({"vocabulary.table"}, wrong, tokens=ids(rng, length=3))


def test_the_mean_of_both_paths_is_caught(caught, rng):
    wrong = planted(model(rng), lambda dE_i, dE_o, tokens: (dE_i + dE_o) / 2)
    caught({"vocabulary.table"}, wrong, tokens=ids(rng, length=3))


def test_rows_of_absent_tokens_forgotten_is_caught(caught, rng):
    def wrong(dE_i, dE_o, tokens):
        return dE_i + np.where(np.isin(np.arange(V), tokens)[:, None], dE_o, 0)

    report = caught({"vocabulary.table"}, planted(model(rng), wrong), tokens=np.array([[0, 3, 3], [1, 0, 5]]))
    (gradient,) = (g for g in report.gradients if g.verdict == "fail")
    assert {row for row, _ in gradient.wrong} == {2, 4, 6}


def test_wrong_tokens_are_one_clear_line(rng):
    with pytest.raises(ValueError, match=r"^DecoderOnly: tokens must lie in \[0, 7\), got 7 at \(0, 1\)$"):
        model(rng).vjp(tokens=np.array([[0, 7]]))
