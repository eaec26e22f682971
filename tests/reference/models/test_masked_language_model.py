import dataclasses

import numpy as np
import pytest
from composites import dtypes, generic, parameters, same, same_tree
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.families import EncoderOnlySettings
from reference.core.masks import padding
from reference.functions.relu import relu_vjp
from reference.layers.embedding import Embedding
from reference.layers.language_model_head import LanguageModelHead
from reference.models.headed import Headed
from reference.models.masked_language_model import MaskedLanguageModel, examples
from reference.models.objective import Objective
from reference.models.tied import Projection

V = 7


def model(rng, dropout=0.0):
    sizes = {"vocabulary": V, "length": 6, "width": 8, "heads": 4, "hidden": 6, "layers": 1}
    return generic(rng, MaskedLanguageModel.init(rng, EncoderOnlySettings(**sizes, dropout=dropout)))


def ids(rng, batch=2, length=5):
    return rng.integers(V, size=(batch, length))


def with_table(subject, table, bias):
    body = dataclasses.replace(subject.body, embedding=Embedding(table))
    return dataclasses.replace(subject, body=body, bias=bias)


def planted(subject, combine):
    """Return the model with `combine(dE_i, dE_o)` for the gradient of its table."""

    class Wrong(MaskedLanguageModel):
        def vjp(self, **inputs):
            logits, separate_pullback = self.separate().vjp(**inputs)

            def pullback(dlogits):
                (d,) = separate_pullback(dlogits)
                dE = combine(d.body.embedding.table, d.head.output.table)
                d_body = dataclasses.replace(d.body, embedding=self.body.embedding.cotangent(table=dE))
                head = {"dense": d.head.dense, "dense_norm": d.head.norm, "bias": d.head.output.b}
                return (self.cotangent(body=d_body, **head),)

            return logits, pullback

    return Wrong(*(getattr(subject, field.name) for field in dataclasses.fields(subject)))


@pytest.mark.parametrize("i", range(2))
def test_backward_is_proved(prove, rng, i):
    _, subject, _, constants = list(examples(rng))[i]
    report = prove(subject, **constants)
    assert {g.name for g in report.gradients} == parameters(subject)
    assert {g.name for g in report.gradients if g.digits is None} == {p for p in parameters(subject) if "key.b" in p}


@pytest.mark.parametrize(("batch", "length"), [(1, 5), (2, 1), (1, 1)])
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, batch, length):
    prove(model(rng), tokens=ids(rng, batch, length))


def test_backward_is_proved_with_another_activation(prove, rng):
    prove(dataclasses.replace(model(rng), activation=relu_vjp), tokens=ids(rng, 1, 3))


@settings(deadline=None, max_examples=3, derandomize=True)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(batch, length, seed):
    rng = np.random.default_rng(seed)
    report = gradcheck.check(model(rng), tokens=ids(rng, batch, length))
    assert report.verdict == "pass", str(report)


def test_backward_is_proved_inside_a_composite(prove, rng):
    labels = np.array([[-1, 3, -1, -1, 0], [6, -1, 3, -1, -1]])  # only the masked tokens count
    prove(Objective(model(rng), ignore=-1), tokens=ids(rng), labels=labels)


def test_it_is_the_separate_model_with_two_copies(rng):
    subject, tokens, dlogits = model(rng), ids(rng), rng.normal(size=(2, 5, V))
    output = Projection(subject.body.embedding.table.copy(), subject.bias)
    copies = Headed(subject.body, LanguageModelHead(subject.dense, subject.dense_norm, output))
    (logits, pullback), (expected, expected_pullback) = subject.vjp(tokens=tokens), copies.vjp(tokens=tokens)
    np.testing.assert_array_equal(logits, expected)
    (d,), (d_copies,) = pullback(dlogits), expected_pullback(dlogits)
    dE = d_copies.body.embedding.table + d_copies.head.output.table
    np.testing.assert_array_equal(d.body.embedding.table, dE)
    same_tree(d.body.stack, d_copies.body.stack)
    same_tree((d.dense, d.dense_norm), (d_copies.head.dense, d_copies.head.norm))
    np.testing.assert_array_equal(d.bias, d_copies.head.output.b)


def test_rows_of_absent_tokens_learn_from_the_output_only(rng):
    subject, tokens, dlogits = model(rng), rng.integers(5, size=(2, 5)), rng.normal(size=(2, 5, V))  # never 5 or 6
    (d,), (d_separate,) = (each.vjp(tokens=tokens)[1](dlogits) for each in (subject, subject.separate()))
    assert d.body.embedding.table.any(axis=1).all()
    same(d.body.embedding.table[5:], d_separate.head.output.table[5:])


def test_tokens_are_interchangeable(rng):
    subject, tokens, order = model(rng), ids(rng), rng.permutation(V)
    renamed = with_table(subject, subject.body.embedding.table[order], subject.bias[order])
    same(renamed(tokens=np.argsort(order)[tokens]), subject(tokens=tokens)[..., order])


def test_the_bias_passes_through(rng):
    subject, tokens, shift = model(rng), ids(rng), rng.normal(size=V)
    same(dataclasses.replace(subject, bias=subject.bias + shift)(tokens=tokens), subject(tokens=tokens) + shift)


def test_padding_changes_nothing_elsewhere(rng):
    subject, tokens, mask = model(rng), ids(rng), padding(np.array([5, 3]), 5)
    other = np.where(mask[:, 0, 0], tokens, (tokens + 1) % V)
    seen = mask[:, 0, 0]
    same(subject(tokens=other, mask=mask)[seen], subject(tokens=tokens, mask=mask)[seen])


def test_forward_alone_is_the_same_bits(rng):
    subject, tokens, mask = model(rng, 0.4), ids(rng), padding(np.array([5, 3]), 5)
    for generator in (None, 5):
        draws = [{} if generator is None else {"rng": np.random.default_rng(generator)} for _ in range(2)]
        logits, _ = subject.vjp(tokens=tokens, mask=mask, **draws[0])
        np.testing.assert_array_equal(subject(tokens=tokens, mask=mask, **draws[1]), logits)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    logits, pullback = model(rng).astype(dtype).vjp(tokens=ids(rng))
    assert dtypes(logits, *pullback(logits)) == {np.dtype(dtype)}


def test_init_draws_in_the_dtype_asked_for(rng):
    sizes = EncoderOnlySettings(vocabulary=V, length=6, width=8, heads=4, hidden=6)
    for dtype in (np.float32, np.float64):
        assert dtypes(MaskedLanguageModel.init(rng, sizes, dtype)) == {np.dtype(dtype)}


def test_empty_batch_gives_empty_logits_and_zero_gradient(rng):
    logits, pullback = model(rng).vjp(tokens=ids(rng, 0))
    assert logits.shape == (0, 5, V)
    assert not any(leaf.any() for _, leaf in tree.leaves(pullback(logits)[0]))


def test_the_table_stands_once(rng):
    subject = model(rng)
    assert [path for path, leaf in tree.leaves(subject) if leaf.shape == (V, 8)] == ["body.embedding.table"]
    assert subject.separate().head.output.table is subject.body.embedding.table
    with pytest.raises(ValueError, match=r"^a parameter must stand once in a tree"):
        tree.leaves(subject.separate())


@pytest.mark.parametrize("kept", [0, 1])
def test_a_forgotten_path_is_caught(caught, rng, kept):
    wrong = planted(model(rng), lambda *paths: paths[kept])
    caught({"body.embedding.table"}, wrong, tokens=ids(rng, length=3))


def test_the_mean_of_both_paths_is_caught(caught, rng):
    wrong = planted(model(rng), lambda dE_i, dE_o: (dE_i + dE_o) / 2)
    caught({"body.embedding.table"}, wrong, tokens=ids(rng, length=3))


def test_a_bias_without_gradient_is_caught(caught, rng):
    class Wrong(MaskedLanguageModel):
        def vjp(self, **inputs):
            logits, right_pullback = super().vjp(**inputs)

            def pullback(dlogits):
                (d,) = right_pullback(dlogits)
                return (dataclasses.replace(d, bias=np.zeros_like(d.bias)),)

            return logits, pullback

    subject = model(rng)
    wrong = Wrong(*(getattr(subject, field.name) for field in dataclasses.fields(subject)))
    caught({"bias"}, wrong, tokens=ids(rng, length=3))


def test_wrong_arguments_are_one_clear_line(rng):
    with pytest.raises(ValueError, match=r"^EncoderOnly: tokens must lie in \[0, 7\), got 7 at \(0, 1\)$"):
        model(rng).vjp(tokens=np.array([[0, 7]]))
    with pytest.raises(ValueError, match=r"^Projection: b must have shape \(7,\), got \(6,\)$"):
        dataclasses.replace(model(rng), bias=np.zeros(6))(tokens=np.array([[0, 1]]))
