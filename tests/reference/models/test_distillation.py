import math
from types import SimpleNamespace

import numpy as np
import pytest
from composites import (
    Bigrams,
    Never,
    Noted,
    Speaker,
    Unnoted,
    draw,
    dtypes,
    generic,
    parameters,
    peak,
    same,
    same_tree,
    total,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.layer import Layer
from reference.losses.cross_entropy import cross_entropy_vjp
from reference.losses.kl_divergence import kl_divergence_vjp
from reference.models.distillation import Distillation, examples
from reference.models.objective import Objective

IGNORE, V, TAU, SHARE = -1, 4, 2.5, 0.3
SETTINGS = {"temperature": TAU, "share": SHARE, "ignore": IGNORE}


def example(rng, batch=2, t=3, vocabulary=V):
    """Return tokens, labels, of which the last one is ignored in the last sequence, and the teacher's logits."""
    tokens, labels = rng.integers(vocabulary, size=(2, batch, t))
    labels[-1:, 1:] = np.where(np.arange(1, t) == t - 1, IGNORE, labels[-1:, 1:])
    return {"tokens": tokens, "labels": labels, "teacher_logits": rng.normal(size=(batch, t, vocabulary))}


def bigrams(rng, kind=Distillation, **changes):
    return kind(Bigrams(rng.normal(size=(V, V))), **SETTINGS | changes)


def run(layer, batch, dloss=1.0):
    loss, pullback = layer.vjp(**batch)
    return loss, pullback(dloss)[0].model


def softmax(s):
    e = [math.exp(r) for r in s]
    return np.array([r / math.fsum(e) for r in e])


def pieces(layer, logits, labels, teacher_logits):
    """Loss and gradients of the two parts by loops over positions, as means, without their weights."""
    p = SimpleNamespace(share=layer.share, tau=layer.temperature, n=int((labels != IGNORE).sum()), cost=[0.0, 0.0])
    p.hard, p.hot, p.soft, p.padding, p.of_teacher = np.zeros((5, *logits.shape))
    for at in np.ndindex(labels.shape):
        sharp, flat, q = (softmax(r) for r in (logits[at], logits[at] / p.tau, teacher_logits[at] / p.tau))
        if labels[at] == IGNORE:
            p.padding[at] = (flat - q) / p.tau / p.n
            continue
        label = np.arange(len(q)) == labels[at]
        gap = np.log(q / flat)
        p.cost[0] -= math.log(sharp[labels[at]]) / p.n
        p.cost[1] += (q * gap).sum() / p.n
        p.hard[at], p.hot[at], p.soft[at] = (sharp - label) / p.n, (flat - label) / p.n, (flat - q) / p.tau / p.n
        p.of_teacher[at] = q * (gap - (q * gap).sum()) / p.tau / p.n
    return p


def right(p):
    return (1 - p.share) * p.hard + p.share * p.tau**2 * p.soft


def planted(gradient):
    """Return a Distillation with `gradient(pieces)` for that of its logits."""

    class Wrong(Distillation):
        def vjp(self, *, labels, teacher_logits, **inputs):
            loss, _ = super().vjp(labels=labels, teacher_logits=teacher_logits, **inputs)
            logits, model_pullback = self.model.vjp(**inputs)

            def pullback(dloss):
                dlogits = dloss * gradient(pieces(self, logits.real, labels, teacher_logits))
                return (self.cotangent(model=model_pullback(dlogits)[0]),)

            return loss, pullback

    return Wrong


@pytest.mark.parametrize("i", range(2))
def test_backward_is_proved(prove, rng, i):
    _, layer, _, constants = list(examples(rng))[i]
    report = prove(layer, **constants)
    assert {g.name for g in report.gradients} == parameters(layer)


@pytest.mark.parametrize(("batch", "t"), [(1, 3), (2, 1), (1, 1)])
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, batch, t):
    prove(bigrams(rng), **example(rng, batch, t))


@settings(deadline=None, max_examples=5, derandomize=True)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(2, 4)),
    st.floats(0, 1),
    st.floats(0.5, 20),
    st.sampled_from(["mean", "sum"]),
    st.integers(0, 2**32 - 1),
)
def test_backward_is_proved_at_any_shape(shape, share, temperature, reduction, seed):
    rng = np.random.default_rng(seed)
    layer = Distillation(Bigrams(rng.normal(size=(shape[-1], shape[-1]))), temperature, share, reduction=reduction)
    batch = example(rng, *shape)
    batch["labels"] = abs(batch["labels"])
    gradcheck.assert_gradients(layer, **batch)


@pytest.mark.parametrize("pooled", [False, True])
def test_backward_is_proved_with_auxiliary_outputs_and_dropout(prove, rng, pooled):
    """Of every token, or one thing of a whole sequence; of width 5, as of 3 hidden units hardly one may be awake."""
    layer, batch = Distillation(Speaker.draw(rng, V, 5, 6, pooled), **SETTINGS, balance=0.7), example(rng, 2, 3)
    batch["teacher_logits"] = rng.normal(size=(2, 3, 6))
    if pooled:
        batch |= {"labels": np.array([5, 0]), "teacher_logits": rng.normal(size=(2, 6))}
    prove(layer, **batch, rng=np.random.default_rng(5))


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Regularised(Layer):
        """The distillation plus half the square of the student's parameters."""

        distillation: Distillation

        def vjp(self, **batch):
            table = self.distillation.model.table
            loss, distillation_pullback = self.distillation.vjp(**batch)

            def pullback(dloss):
                (d_distillation,) = distillation_pullback(dloss)
                d_distillation.model.table[...] += dloss * table
                return (self.cotangent(distillation=d_distillation),)

            return loss + (table * table).sum() / 2, pullback

    prove(Regularised(bigrams(rng)), **example(rng))


@pytest.mark.parametrize("changes", [{}, {"temperature": 0.7}, {"share": 0.0}, {"share": 1.0}])
def test_forward_and_backward_equal_their_oracle(rng, changes):
    layer, batch = bigrams(rng, **changes), example(rng)
    logits = layer.model(tokens=batch["tokens"])
    p = pieces(layer, logits, batch["labels"], batch["teacher_logits"])
    loss, d_model = run(layer, batch, 0.7)
    assert p.n == 5 and loss.shape == ()
    same(loss, (1 - p.share) * p.cost[0] + p.share * p.tau**2 * p.cost[1])
    expected = np.zeros((V, V))
    for at in np.ndindex(batch["tokens"].shape):
        expected[batch["tokens"][at]] += 0.7 * right(p)[at]
    same(d_model.table, expected)
    same(run(bigrams(rng, planted(right), **changes), batch)[0].shape, ())


def test_share_zero_is_the_objective(rng):
    layer, batch = bigrams(rng, share=0), example(rng)
    expected, pullback = Objective(layer.model, IGNORE).vjp(tokens=batch["tokens"], labels=batch["labels"])
    loss, d_model = run(layer, batch)
    assert loss == expected and np.array_equal(d_model.table, pullback(1.0)[0].model.table)


def test_share_one_with_equal_logits_moves_nothing(rng):
    layer, batch = bigrams(rng, share=1), example(rng)
    batch["teacher_logits"] = layer.model(tokens=batch["tokens"])
    loss, d_model = run(layer, batch)
    assert loss == 0 and not d_model.table.any()
    assert run(bigrams(rng, share=1), batch)[0] > 0


def test_linear_in_the_share(rng):
    model, batch = Bigrams(rng.normal(size=(V, V))), example(rng)
    (loss, d), (hard, d_hard), (soft, d_soft) = (
        run(Distillation(model, TAU, share, IGNORE), batch) for share in (0.3, 0, 1)
    )
    same(loss, 0.7 * hard + 0.3 * soft)
    same(d.table, 0.7 * d_hard.table + 0.3 * d_soft.table)


def test_an_undecided_teacher_is_label_smoothing(rng):
    layer, batch = bigrams(rng, temperature=1), example(rng)
    batch["teacher_logits"] = np.full((2, 3, V), 0.8)
    smoothed = Objective(layer.model, IGNORE, smoothing=SHARE)
    expected, pullback = smoothed.vjp(tokens=batch["tokens"], labels=batch["labels"])
    loss, d_model = run(layer, batch)
    same(loss, expected - SHARE * math.log(V))
    same(d_model.table, pullback(1.0)[0].model.table)


def test_a_certain_teacher_is_a_label(rng):
    layer, batch = bigrams(rng, temperature=1), example(rng)
    labels = batch["labels"]
    batch["teacher_logits"] = np.where(np.arange(V) == labels[..., None], 0.4, -np.inf)
    batch["teacher_logits"][labels == IGNORE] = np.nan
    loss, d_model = run(layer, batch)
    expected, d_expected = run(Distillation(layer.model, 1, 0, IGNORE), batch | {"teacher_logits": np.zeros((2, 3, V))})
    same(loss, expected)
    same(d_model.table, d_expected.table)


def test_hot_the_gradient_does_not_know_the_temperature(rng):
    model, batch = Bigrams(rng.normal(size=(V, V))), example(rng)
    counts = (batch["labels"] != IGNORE)[..., None]
    gap = model(tokens=batch["tokens"]) - batch["teacher_logits"]
    gap -= gap.mean(axis=-1, keepdims=True)
    limit = np.zeros((V, V))
    np.add.at(limit, batch["tokens"], counts * gap / V / 5)
    for temperature in (1e3, 1e4):
        loss, d_model = run(Distillation(model, temperature, 1, IGNORE), batch)
        loose = {"rtol": 0, "atol": 10 / temperature}  # the next order of 1 / temperature
        np.testing.assert_allclose(loss, (counts * gap * gap).sum() / (2 * V) / 5, **loose)
        np.testing.assert_allclose(d_model.table, limit, **loose)
    assert np.abs(limit).max() > 0.1


def test_the_teacher_may_be_shifted(rng):
    layer, batch = bigrams(rng), example(rng)
    shifted = batch | {"teacher_logits": batch["teacher_logits"] + rng.normal(size=(2, 3, 1))}
    (loss, d_model), (other, d_other) = run(layer, batch), run(layer, shifted)
    same(other, loss)
    same(d_other.table, d_model.table)


def test_the_pullback_is_linear(rng):
    _, pullback = bigrams(rng).vjp(**example(rng))
    one, two, none = (pullback(c)[0].model.table for c in (1.0, 2.0, 0.0))
    assert np.array_equal(two, 2 * one) and one.any() and not none.any()


def test_ignored_positions_do_not_count(rng):
    layer, batch = bigrams(rng), example(rng)
    spoilt = batch["teacher_logits"].copy()
    spoilt[1, 2] = np.nan
    tokens = batch["tokens"].copy()
    tokens[1, 2] = (tokens[1, 2] + 1) % V
    loss, d_model = run(layer, batch)
    other, d_other = run(layer, batch | {"teacher_logits": spoilt, "tokens": tokens})
    assert other == loss and np.array_equal(d_other.table, d_model.table)


def test_nothing_counts_then_nothing_moves(rng):
    batch = example(rng)
    batch["labels"][...], batch["teacher_logits"][...] = IGNORE, np.nan
    loss, d_model = run(bigrams(rng), batch)
    assert loss == 0 and not d_model.table.any()
    loss, d_model = run(bigrams(rng), example(rng, 0))
    assert loss == 0 and not d_model.table.any()


def test_the_sum_is_the_mean_times_the_count(rng):
    model, batch = Bigrams(rng.normal(size=(V, V))), example(rng)
    mean, d_mean = run(Distillation(model, **SETTINGS), batch)
    loss, d_model = run(Distillation(model, **SETTINGS, reduction="sum"), batch)
    same(loss, 5 * mean)
    same(d_model.table, 5 * d_mean.table)


def test_sequences_add_up(rng):
    layer, batch = bigrams(rng, reduction="sum"), example(rng, 3)
    loss, d_model = run(layer, batch)
    alone = [run(layer, {name: value[[b]] for name, value in batch.items()}) for b in range(3)]
    same(loss, sum(one for one, _ in alone))
    same_tree(d_model, total(d_one for _, d_one in alone))


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_auxiliary_outputs_are_added_with_their_weight(rng, share):
    model, batch = Speaker.draw(rng, V, 3, V), example(rng)
    inputs = {"tokens": batch.pop("tokens"), "rng": None}
    (logits, note), model_pullback = model.vjp(**inputs)
    hard, hard_pullback = cross_entropy_vjp(logits, targets=batch["labels"], ignore=IGNORE)
    soft, soft_pullback = kl_divergence_vjp(
        logits, target_logits=batch["teacher_logits"], temperature=TAU, mask=batch["labels"] != IGNORE
    )
    loss, d_model = run(Distillation(model, TAU, share, IGNORE, balance=0.7), batch | inputs, 2.0)
    same(loss, (1 - share) * hard + share * TAU**2 * soft + 0.7 * note)
    dlogits = hard_pullback(2 * (1 - share)) + soft_pullback(2 * share * TAU**2)
    same_tree(d_model, model_pullback((dlogits, np.asarray(1.4)))[0])


def test_output_bias_gradient_adds_up_to_zero(rng):
    _, d_model = run(Distillation(Speaker.draw(rng, V, 3, V), **SETTINGS), example(rng))
    assert abs(math.fsum(d_model.output.b)) < 1e-15 < np.abs(d_model.output.b).max()  # rounding of numbers below 1


def test_auxiliary_outputs_do_not_count_unless_that_is_asked_for(rng):
    model, batch = Speaker.draw(rng, V, 3, V), example(rng)
    loss, d_model = run(Distillation(model, **SETTINGS), batch)
    without, d_without = run(Distillation(model, **SETTINGS, balance=0.0), batch)
    assert loss == without != run(Distillation(model, **SETTINGS, balance=0.7), batch)[0]
    same_tree(d_model, d_without)


@pytest.mark.parametrize("balance", [0.0, 0.7])
def test_forward_alone_is_the_same_bits(rng, balance):
    layer, batch = Distillation(Speaker.draw(rng, V, 3, V), **SETTINGS, balance=balance), example(rng)
    assert layer(**batch) == layer.vjp(**batch)[0]


def test_forward_alone_holds_one_block(rng):
    one, many = (Distillation(generic(rng, draw(rng, heads=2, layers=(n, n))), TAU, SHARE) for n in (1, 4))
    source, target, labels = rng.integers(7, size=(3, 4, 24))
    batch = {"source": source, "target": target, "labels": labels, "teacher_logits": rng.normal(size=(4, 24, 7))}
    one(**batch)
    assert peak(lambda: many(**batch)) < 1.2 * peak(lambda: one(**batch))  # one (B, T, D) array more, of many
    assert peak(lambda: many.vjp(**batch)) > 2 * peak(lambda: one.vjp(**batch))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    layer = Distillation(Speaker.draw(rng, V, 3, V), np.float64(TAU), np.float64(SHARE), balance=0.7).astype(dtype)
    batch = example(rng)
    loss, pullback = layer.vjp(**batch | {"labels": abs(batch["labels"])})
    assert dtypes(loss, *pullback(1.0), *pullback(loss)) == {np.dtype(dtype)}


def test_float32_loses_what_the_temperature_takes(rng):
    batch = example(rng)
    for temperature, loose in ((1.0, 1e-6), (20.0, 1e-4), (100.0, 3e-3)):  # a few temperature^2 u, u = 6e-8
        layer = bigrams(rng, temperature=temperature)
        (loss, d_model), (loss32, d32) = run(layer, batch), run(layer.astype(np.float32), batch)
        np.testing.assert_allclose(loss32, loss, rtol=0, atol=loose)
        np.testing.assert_allclose(d32.table, d_model.table, rtol=0, atol=1e-6 * temperature)  # a few temperature u


def test_forgotten_square_in_the_backward_is_caught(caught, rng):
    wrong = planted(lambda p: (1 - p.share) * p.hard + p.share * p.soft)
    caught({"model.table"}, bigrams(rng, wrong), **example(rng))


def test_one_temperature_for_its_square_is_caught(caught, rng):
    wrong = planted(lambda p: (1 - p.share) * p.hard + p.share * p.tau * p.soft)
    caught({"model.table"}, bigrams(rng, wrong), **example(rng))


def test_a_differentiated_teacher_is_caught(caught, rng):
    wrong = planted(lambda p: right(p) + p.share * p.tau**2 * p.of_teacher)
    caught({"model.table"}, bigrams(rng, wrong), **example(rng))


def test_labels_at_the_temperature_are_caught(caught, rng):
    wrong = planted(lambda p: right(p) + (1 - p.share) * (p.hot - p.hard))
    caught({"model.table"}, bigrams(rng, wrong), **example(rng))


def test_exchanged_weights_are_caught(caught, rng):
    wrong = planted(lambda p: p.share * p.hard + (1 - p.share) * p.tau**2 * p.soft)
    caught({"model.table"}, bigrams(rng, wrong), **example(rng))
    gradcheck.assert_gradients(bigrams(rng, wrong, share=0.5), **example(rng))


def test_a_teacher_of_padding_is_caught(caught, rng):
    wrong = planted(lambda p: right(p) + p.share * p.tau**2 * p.padding)
    caught({"model.table"}, bigrams(rng, wrong), **example(rng))


def test_a_mean_over_all_positions_is_caught(caught, rng):
    wrong = planted(lambda p: right(p) - p.share * p.tau**2 * p.soft / 6)  # 5 of 6 positions count
    caught({"model.table"}, bigrams(rng, wrong), **example(rng))


def test_an_ignored_cotangent_is_caught(caught, rng):
    class Deaf(Distillation):
        def vjp(self, **batch):
            loss, pullback = super().vjp(**batch)
            return loss, lambda dloss: pullback(1.0)

    caught({"model.table"}, bigrams(rng, Deaf), **example(rng))


def test_forgotten_auxiliary_cotangents_are_caught(caught, rng):
    table = rng.normal(size=(V, V))
    gradcheck.assert_gradients(Distillation(Noted(table), **SETTINGS, balance=0.7), **example(rng))
    caught({"model.table"}, Distillation(Unnoted(table), **SETTINGS, balance=0.7), **example(rng))


def test_probabilities_are_no_teacher_logits(rng):
    layer, batch = bigrams(rng, share=1), example(rng)
    batch["teacher_logits"] = layer.model(tokens=batch["tokens"])
    probabilities = np.exp(batch["teacher_logits"]) / np.exp(batch["teacher_logits"]).sum(axis=-1, keepdims=True)
    assert layer(**batch) == 0 and layer(**batch | {"teacher_logits": probabilities}) > 0.01


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": np.zeros((2, 4), int)}, ValueError,
         r"labels must have the shape of tokens, \(2, 3\), got \(2, 4\)"),
        ({"labels": np.zeros(3, int)}, ValueError, r"labels must have the shape of tokens, \(2, 3\), got \(3,\)"),
        ({"teacher_logits": np.zeros((2, V))}, ValueError, r"teacher_logits must have shape \(2, 3, V\), got \(2, 4\)"),
        ({"teacher_logits": np.zeros((3, 2, V))}, ValueError,
         r"teacher_logits must have shape \(2, 3, V\), got \(3, 2, 4\)"),
        ({"labels": np.zeros(2, int)}, ValueError, r"teacher_logits must have shape \(2, V\), got \(2, 3, 4\)"),
        ({"teacher_logits": np.zeros((2, 3, V), int)}, TypeError,
         r"teacher_logits must be floating or complex, got int64"),
        ({"teacher_logits": np.zeros((2, 3, V), complex)}, TypeError, r"teacher_logits must be real, got complex128"),
        ({"share": "half"}, TypeError, r"share must be a number, got str"),
        ({"share": 1.1}, ValueError, r"share must lie in \[0, 1\], got 1\.1"),
        ({"share": -0.1}, ValueError, r"share must lie in \[0, 1\], got -0\.1"),
        ({"share": math.nan}, ValueError, r"share must lie in \[0, 1\], got nan"),
        ({"temperature": None}, TypeError, r"temperature must be a number, got NoneType"),
        ({"temperature": 0}, ValueError, r"temperature must be positive and finite, got 0"),
        ({"temperature": math.inf}, ValueError, r"temperature must be positive and finite, got inf"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_one_clear_line(rng, change, error, message):
    batch, fields = example(rng), {"model": Never(), **SETTINGS}
    (batch if set(change) <= set(batch) else fields).update(change)
    for forward in (lambda layer: layer, lambda layer: layer.vjp):
        with pytest.raises(error, match=f"^Distillation: {message}$"):
            forward(Distillation(**fields))(**batch)


def test_a_teacher_of_another_vocabulary_is_one_clear_line(rng):
    batch = example(rng) | {"teacher_logits": np.zeros((2, 3, 5))}
    message = r"^kl_divergence: target_logits must have shape \(2, 3, 4\), got \(2, 3, 5\)$"
    with pytest.raises(ValueError, match=message):
        bigrams(rng)(**batch)
