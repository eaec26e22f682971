import math

import numpy as np
import pytest
from composites import (
    WITHOUT_SKIP,
    Bigrams,
    ExchangedDecoder,
    Never,
    Noted,
    Speaker,
    Unnoted,
    draw,
    dtypes,
    generic,
    noting,
    parameters,
    parts,
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
from reference.core.masks import padding
from reference.layers.attention import MultiHeadAttention, SelfAttention
from reference.layers.embedding import Embedding
from reference.layers.feedforward import FeedForward
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear
from reference.layers.residual import PostNorm, PreNorm
from reference.losses.cross_entropy import cross_entropy_vjp
from reference.losses.soft_cross_entropy import soft_cross_entropy
from reference.losses.weighted_cross_entropy import weighted_cross_entropy
from reference.models.decoder import Decoder
from reference.models.objective import Objective, examples
from reference.models.tied import TiedTransformer
from reference.models.transformer import Transformer

MODELS = pytest.mark.parametrize("kind", [Transformer, TiedTransformer])
COUNTS = pytest.mark.parametrize(("residual", "wrong", "arrays"), [(PreNorm, 37, 50), (PostNorm, 35, 46)])
MASK = padding(np.array([5, 3]), 5)
IGNORE, V = -1, 7
SOFT = np.ones((2, 4, V))


def random_model(rng, kind=Transformer, residual=PreNorm, heads=4, layers=(1, 1), vocabulary=V, width=8, hidden=6):
    return generic(rng, draw(rng, kind, residual, heads, layers, vocabulary, width, hidden))


def example(rng, batch=2, s=5, t=4, vocabulary=V):
    """Return source, target and labels, of which the last one is ignored in the last sequence."""
    source, target, labels = (rng.integers(vocabulary, size=(batch, length)) for length in (s, t, t))
    labels[-1:, 1:] = np.where(np.arange(1, t) == t - 1, IGNORE, labels[-1:, 1:])
    return {"source": source, "target": target, "labels": labels}


def spoken(rng, batch=2, t=3, vocabulary=V):
    """Return tokens and labels of a small model, of which the last one is ignored in the last sequence."""
    tokens, labels = rng.integers(vocabulary, size=(2, batch, t))
    labels[-1:, 1:] = np.where(np.arange(1, t) == t - 1, IGNORE, labels[-1:, 1:])
    return {"tokens": tokens, "labels": labels}


@pytest.mark.parametrize("i", range(6))
def test_backward_is_proved(prove, rng, i):
    _, layer, _, constants = list(examples(rng))[i]
    report = prove(layer, **constants)
    assert {g.name for g in report.gradients} == parameters(layer)
    assert {g.name for g in report.gradients if g.digits is None} == {p for p in parameters(layer) if "key.b" in p}


@pytest.mark.parametrize(("batch", "t"), [(1, 3), (2, 1), (1, 1)])
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, batch, t):
    prove(Objective(Bigrams(rng.normal(size=(V, V))), IGNORE, reduction="sum"), **spoken(rng, batch, t))


@settings(deadline=None, max_examples=8, derandomize=True)
@given(
    st.tuples(*[st.integers(1, 3)] * 2, st.integers(2, 4)),
    st.sampled_from(["mean", "sum"]),
    st.floats(0, 0.9),
    st.integers(0, 2**32 - 1),
)
def test_backward_is_proved_at_any_shape(shape, reduction, smoothing, seed):
    rng = np.random.default_rng(seed)
    layer = Objective(Bigrams(rng.normal(size=(shape[-1], shape[-1]))), IGNORE, smoothing, reduction)
    gradcheck.assert_gradients(layer, **spoken(rng, *shape))


@pytest.mark.parametrize("pooled", [False, True])
def test_backward_is_proved_with_auxiliary_outputs_and_dropout(prove, rng, pooled):
    """Of every token, or one thing of a whole sequence."""
    batch = spoken(rng, 2, 3, 4) | ({"labels": np.array([3, 0])} if pooled else {})
    layer = Objective(Speaker.draw(rng, 4, 3, 4, pooled), IGNORE, balance=0.7)
    prove(layer, **batch, rng=np.random.default_rng(5))


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Regularised(Layer):
        """The objective plus half the square of every output weight."""

        objective: Objective

        def vjp(self, **batch):
            w = self.objective.model.output.w
            loss, objective_pullback = self.objective.vjp(**batch)

            def pullback(dloss):
                (d_objective,) = objective_pullback(dloss)
                d_objective.model.output.w[...] += dloss * w
                return (self.cotangent(objective=d_objective),)

            return loss + (w * w).sum() / 2, pullback

    prove(Regularised(Objective(Speaker.draw(rng, 4, 3, 4), IGNORE)), **spoken(rng, 2, 3, 4))


@MODELS
@pytest.mark.parametrize("settings", [{}, {"reduction": "sum"}, {"ignore": IGNORE, "smoothing": 0.1, "z_loss": 1e-3}])
def test_it_is_the_loss_of_the_model(rng, kind, settings):
    model, batch = random_model(rng, kind), example(rng)
    if "ignore" not in settings:
        batch["labels"] = abs(batch["labels"])
    ids = {"source": batch["source"], "target": batch["target"], "source_mask": MASK}
    logits, model_pullback = model.vjp(**ids)
    expected, loss_pullback = cross_entropy_vjp(logits, targets=batch["labels"], **settings)
    loss, pullback = Objective(model, **settings).vjp(**batch, source_mask=MASK)
    np.testing.assert_array_equal(loss, expected)
    (d_objective,), (d_model,) = pullback(3.0), model_pullback(loss_pullback(3.0))
    assert loss.shape == () and type(d_objective) is Objective
    for (path, leaf), (_, other) in zip(tree.leaves(d_objective.model), tree.leaves(d_model), strict=True):
        np.testing.assert_array_equal(leaf, other, err_msg=path)


@pytest.mark.parametrize("pooled", [False, True])
def test_classes_have_weights_and_labels_may_be_distributions(prove, rng, pooled):
    """Of every token, or one thing of a whole sequence."""
    model, batch = Speaker.draw(rng, 4, 3, 4, pooled), spoken(rng, 2, 3, 4)
    ids = np.array([3, 0]) if pooled else batch["labels"]
    weights, soft = rng.uniform(0.3, 2, size=4), rng.dirichlet(np.ones(4), size=ids.shape)
    (logits, *_), tokens = model(tokens=batch["tokens"]), {"tokens": batch["tokens"]}
    weighted = Objective(model, IGNORE, smoothing=0.1)
    want = weighted_cross_entropy(logits, targets=ids, weights=weights, ignore=IGNORE, smoothing=0.1)
    assert weighted(labels=ids, weights=weights, **tokens) == want
    assert Objective(model)(labels=soft, **tokens) == soft_cross_entropy(logits, targets=soft)
    prove(weighted, labels=ids, weights=weights, **tokens)
    prove(Objective(model, reduction="sum"), labels=soft, **tokens)


@pytest.mark.parametrize(
    ("fields", "given", "message"),
    [
        ({"z_loss": 0.1}, {"weights": np.ones(V)}, "z_loss must be 0.0 with weights, got 0.1"),
        ({"ignore": 3}, {"labels": SOFT}, "ignore must be None with distributions as labels, got 3"),
        ({"smoothing": 0.1}, {"labels": SOFT}, "smoothing must be 0.0 with distributions as labels, got 0.1"),
        ({"z_loss": 0.1}, {"labels": SOFT}, "z_loss must be 0.0 with distributions as labels, got 0.1"),
        ({}, {"labels": SOFT, "weights": np.ones(V)}, "weights must be None with distributions as labels, got some"),
        ({}, {"labels": np.ones((2, 4, V + 1))}, r"labels must have shape \(2, 4, 7\), got \(2, 4, 8\)"),
        ({}, {"labels": np.ones((2, 3, V))}, r"labels must have shape \(2, 4, 7\), got \(2, 3, 7\)"),
        ({}, {"labels": np.ones((2, V))}, r"labels must have shape \(2, 4, 7\), got \(2, 7\)"),
    ],
)
def test_weights_and_distributions_that_do_not_fit_are_one_clear_line(rng, fields, given, message):
    with pytest.raises(ValueError, match=rf"^Objective: {message}$"):
        Objective(random_model(rng), **fields)(**example(rng) | given)


def test_auxiliary_outputs_are_added_with_their_weight(rng):
    plain, batch = random_model(rng), example(rng)
    model = noting(plain)
    _, *notes = model(source=batch["source"], target=batch["target"])
    (loss, pullback), (without, plain_pullback), (_, none_pullback) = (
        Objective(m, IGNORE, balance=balance).vjp(**batch) for m, balance in ((model, 0.5), (plain, 0), (model, 0))
    )
    np.testing.assert_allclose(loss, without + 0.5 * sum(notes), rtol=1e-15, atol=0)  # one rounding
    (d_none,), (d_plain,) = none_pullback(1.0), plain_pullback(1.0)
    for (_, a), (_, b) in zip(tree.leaves(d_none), tree.leaves(d_plain), strict=True):
        same(a, b)
    (d_loss,) = pullback(1.0)
    assert any((a != b).any() for (_, a), (_, b) in zip(tree.leaves(d_loss), tree.leaves(d_none), strict=True))


def test_forgotten_auxiliary_cotangents_are_caught(caught, rng):
    table = rng.normal(size=(V, V))
    gradcheck.assert_gradients(Objective(Noted(table), IGNORE, balance=0.7), **spoken(rng))
    caught({"model.table"}, Objective(Unnoted(table), IGNORE, balance=0.7), **spoken(rng))


@MODELS
def test_the_pullback_is_linear(rng, kind):
    _, pullback = Objective(random_model(rng, kind), IGNORE).vjp(**example(rng))
    for (path, one), (_, two), (_, none) in zip(*(tree.leaves(pullback(c)[0]) for c in (1.0, 2.0, 0.0)), strict=True):
        np.testing.assert_array_equal(two, 2 * one, err_msg=path)
        assert not none.any(), path


@MODELS
def test_ignored_labels_do_not_count(rng, kind):
    layer, batch = Objective(random_model(rng, kind), IGNORE), example(rng)
    batch["labels"][:, 2:] = IGNORE
    changed = batch | {"target": np.where(np.arange(4) < 2, batch["target"], (batch["target"] + 1) % V)}
    (loss, pullback), (other, other_pullback) = layer.vjp(**batch), layer.vjp(**changed)
    same(other, loss)
    same_tree(other_pullback(1.0), pullback(1.0))


@MODELS
def test_nothing_counts_then_nothing_moves(rng, kind):
    batch = example(rng)
    batch["labels"][...] = IGNORE
    loss, pullback = Objective(random_model(rng, kind), IGNORE, 0.1).vjp(**batch)
    (d_objective,) = pullback(1.0)
    assert loss == 0 and not any(leaf.any() for _, leaf in tree.leaves(d_objective))


@MODELS
def test_the_sum_is_the_mean_times_the_count(rng, kind):
    model, batch = random_model(rng, kind), example(rng)
    count = (batch["labels"] != IGNORE).sum()
    mean, mean_pullback = Objective(model, IGNORE, reduction="mean").vjp(**batch)
    loss, pullback = Objective(model, IGNORE, reduction="sum").vjp(**batch)
    assert count == 7
    same(loss, count * mean)
    same_tree(pullback(1.0)[0].model, mean_pullback(float(count))[0].model)


@MODELS
def test_sequences_add_up(rng, kind):
    layer, batch = Objective(random_model(rng, kind), IGNORE, reduction="sum"), example(rng, 3)
    mask = padding(np.array([5, 3, 4]), 5)
    loss, pullback = layer.vjp(**batch, source_mask=mask)
    alone = [layer.vjp(**{k: v[[b]] for k, v in batch.items()}, source_mask=mask[[b]]) for b in range(3)]
    same(loss, sum(one for one, _ in alone))
    same_tree(pullback(1.0)[0], total(one_pullback(1.0)[0] for _, one_pullback in alone))


def test_output_bias_gradient_adds_up_to_zero(rng):
    _, pullback = Objective(random_model(rng), IGNORE, 0.1).vjp(**example(rng))
    gradient = pullback(1.0)[0].model.output.b
    assert abs(math.fsum(gradient)) < 1e-15 and np.abs(gradient).max() > 0.01  # rounding of 7 numbers below 1


@MODELS
def test_forward_alone_is_the_same_bits(rng, kind):
    layer, batch = Objective(random_model(rng, kind), IGNORE, 0.1), example(rng)
    np.testing.assert_array_equal(layer(**batch, source_mask=MASK), layer.vjp(**batch, source_mask=MASK)[0])


def test_forward_alone_holds_one_block(rng):
    one, many = (Objective(random_model(rng, layers=layers)) for layers in ((1, 1), (5, 5)))
    batch = example(rng, 4, 48, 64)
    batch["labels"] = abs(batch["labels"])
    one(**batch)
    assert peak(lambda: many(**batch)) < 1.2 * peak(lambda: one(**batch))  # one (B, T, D) array more, of about thirty
    assert peak(lambda: many.vjp(**batch)) > 3 * peak(lambda: one.vjp(**batch))


@MODELS
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, kind, dtype):
    layer = Objective(random_model(rng, kind, PostNorm), IGNORE, 0.1).astype(dtype)
    loss, pullback = layer.vjp(**example(rng), source_mask=MASK)
    assert dtypes(loss, *pullback(1.0), *pullback(loss)) == {np.dtype(dtype)}


def test_empty_batch_has_loss_zero_and_gradient_zero(rng):
    loss, pullback = Objective(random_model(rng)).vjp(**example(rng, 0))
    (d_objective,) = pullback(1.0)
    assert loss == 0 and not any(leaf.any() for _, leaf in tree.leaves(d_objective))


def inputs_for(layer, rng):
    """Return (inputs, constants) for one leaf layer of width 4, or None for what is built of leaf layers."""
    x, memory = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4))
    if isinstance(layer, Linear):
        return (rng.normal(size=(2, 3, len(layer.w))),), {}
    if isinstance(layer, Embedding):
        return (), {"ids": rng.integers(len(layer.table), size=(2, 3))}
    if isinstance(layer, SelfAttention | FeedForward | LayerNorm):
        return (x,), {}
    return ((x, memory), {}) if isinstance(layer, MultiHeadAttention) else None


def classic(rng, residual):
    """Skip gradients never added, and the decoder's two cotangents exchanged, as in one public model."""
    model = random_model(rng, residual=residual, heads=2, vocabulary=5, width=4, hidden=3)
    baseline = plant(plant(model, residual, WITHOUT_SKIP[residual]), Decoder, ExchangedDecoder)
    return model, baseline, example(rng, 2, 3, 3, 5)


def harmed(baseline):
    """Right is what follows the last skip: output, final norm, the decoder's feed-forward network with its norm."""
    last = "model.body.decoder.blocks[0].feedforward."
    return upstream(parameters(Objective(baseline)), "model.output.", "model.body.decoder.norm.", last)


@COUNTS
def test_the_classic_failing_baseline(caught, prove, rng, residual, wrong, arrays):
    """Every leaf layer passes on its own, and of the whole model three arrays in four get a wrong gradient."""
    _, baseline, batch = classic(rng, residual)
    leaves = [(part, inputs_for(part, rng)) for _, part in parts(baseline) if inputs_for(part, rng)]
    for part, (inputs, constants) in leaves:
        prove(part, *inputs, **constants)
    assert {id(p) for part, _ in leaves for _, p in tree.leaves(part)} == {id(p) for _, p in tree.leaves(baseline)}
    report = caught(harmed(baseline), Objective(baseline, IGNORE), **batch)
    assert (sum(g.verdict == "fail" for g in report.gradients), len(report.gradients)) == (wrong, arrays)


@COUNTS
def test_the_classic_failing_baseline_against_the_proved_gradient(rng, residual, wrong, arrays):
    """The same count without a checker: the arrays that differ from those of the model that is right."""
    model, baseline, batch = classic(rng, residual)
    (loss, pullback), (same_loss, wrong_pullback) = (Objective(m, IGNORE).vjp(**batch) for m in (model, baseline))
    right, claimed = (dict(tree.leaves(back(1.0)[0])) for back in (pullback, wrong_pullback))
    differing = {name for name, g in right.items() if np.abs(claimed[name] - g).max() > 1e-9}
    assert loss == same_loss and differing == harmed(baseline)
    assert (len(differing), len(right)) == (wrong, arrays)


class Deaf(Objective):
    """The incoming cotangent is taken to be 1."""

    def vjp(self, **batch):
        loss, right_pullback = super().vjp(**batch)
        return loss, lambda dloss: right_pullback(1.0)


class Unscaled(Objective):
    """The mean in the forward pass, the sum in the backward pass."""

    def vjp(self, *, labels, **ids):
        loss, right_pullback = super().vjp(labels=labels, **ids)
        return loss, lambda dloss: right_pullback(dloss * int((labels != IGNORE).sum()))


def test_an_ignored_cotangent_is_caught(caught, rng):
    caught({"model.table"}, Deaf(Bigrams(rng.normal(size=(V, V))), IGNORE), **spoken(rng))


def test_a_mean_without_its_factor_is_caught(caught, rng):
    caught({"model.table"}, Unscaled(Bigrams(rng.normal(size=(V, V))), IGNORE), **spoken(rng))


@pytest.mark.parametrize("shape", [(2,), (4,), (2, 5), (1, 4)])
def test_labels_of_another_shape_are_one_clear_line(rng, shape):
    layer, batch = Objective(Never()), example(rng)
    got = str(shape).replace("(", r"\(").replace(")", r"\)")
    for run in (layer, layer.vjp):
        with pytest.raises(
            ValueError, match=rf"^Objective: labels must have the shape of target, \(2, 4\), got {got}$"
        ):
            run(source=batch["source"], target=batch["target"], labels=np.zeros(shape, int))


def test_a_label_outside_the_vocabulary_is_one_clear_line(rng):
    layer, batch = Objective(random_model(rng)), example(rng)
    with pytest.raises(ValueError, match=r"^Objective: labels must lie in \[0, 7\), got -1 at \(1, 3\)$"):
        layer(**batch)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([[7, 0, 0, 0], [0, 0, 0, 0]], ValueError, r"labels must lie in \[0, 7\), got 7 at \(0, 0\)"),
        ([[0, 0, 0, 0], [0, 0, -2, 0]], ValueError, r"labels must lie in \[0, 7\), got -2 at \(1, 2\)"),
        (np.zeros((2, 4)), TypeError, r"labels must be an integer array, got float64"),
    ],
)
def test_a_label_that_is_none_is_found_before_a_generator_moves(rng, labels, error, message):
    layer, batch, draws = Objective(random_model(rng), ignore=IGNORE), example(rng), np.random.default_rng(5)
    for run in (layer, layer.vjp):
        with pytest.raises(error, match=f"^Objective: {message}$"):
            run(**batch | {"labels": np.array(labels), "rng": draws})
    assert draws.bit_generator.state == np.random.default_rng(5).bit_generator.state


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"smoothing": 1.0}, ValueError, r"smoothing must lie in \[0, 1\), got 1\.0"),
        ({"reduction": "max"}, ValueError, r"reduction must be 'mean' or 'sum', got 'max'"),
        ({"ignore": [1, 5]}, TypeError, r"ignore must be a whole number or None, got list"),
        ({"ignore": "1"}, TypeError, r"ignore must be a whole number or None, got str"),
        ({"balance": "x"}, TypeError, r"balance must be a number, got str"),
        ({"z_loss": -1}, ValueError, r"z_loss must be finite and at least 0, got -1"),
    ],
)
def test_a_setting_that_is_none_is_found_where_the_layer_is_made(fields, error, message):
    with pytest.raises(error, match=f"^Objective: {message}$"):
        Objective(Never(), **fields)
