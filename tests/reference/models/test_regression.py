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
from reference.layers.linear import Linear
from reference.losses.mean_squared_error import mean_squared_error_vjp
from reference.models.regression import Regression, examples

V, C = 4, 2
COUNTS = np.array([[True, True, True], [True, True, False]])


def example(rng, batch=2, t=3, numbers=C):
    return {"tokens": rng.integers(V, size=(batch, t)), "labels": rng.normal(size=(batch, t, numbers))}


def bigrams(rng, kind=Regression, **changes):
    return kind(Bigrams(rng.normal(size=(V, C))), **changes)


def run(layer, batch, dloss=1.0):
    loss, pullback = layer.vjp(**batch)
    return loss, pullback(dloss)[0].model


def planted(wrong):
    """Return a Regression with `wrong(errors where they count, all errors)` for the gradient of its answers."""

    class Wrong(Regression):
        def vjp(self, *, labels, counts=None, **inputs):
            loss, _ = super().vjp(labels=labels, counts=counts, **inputs)
            y, model_pullback = self.model.vjp(**inputs)
            e = y.real - labels
            counted = e if counts is None else e * counts[..., None]
            return loss, lambda dloss: (self.cotangent(model=model_pullback(dloss * wrong(counted, e))[0]),)

    return Wrong


@pytest.mark.parametrize("i", range(2))
def test_backward_is_proved(prove, rng, i):
    _, layer, _, constants = list(examples(rng))[i]
    report = prove(layer, **constants)
    assert {g.name for g in report.gradients} == parameters(layer)


@pytest.mark.parametrize(("batch", "t"), [(1, 3), (2, 1), (1, 1)])
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, batch, t):
    prove(bigrams(rng), **example(rng, batch, t))


@settings(deadline=None, max_examples=8, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 3), st.sampled_from(["mean", "sum"]), st.data())
def test_backward_is_proved_at_any_shape(shape, reduction, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    layer = Regression(Bigrams(rng.normal(size=(V, shape[-1]))), reduction)
    counts = rng.random(shape[: data.draw(st.integers(1, 3))]) < 0.7
    counts.flat[0] = True
    gradcheck.assert_gradients(layer, **example(rng, *shape), counts=counts)


@pytest.mark.parametrize("numbers", [1, 2])
def test_backward_is_proved_of_whole_sequences(prove, rng, numbers):
    batch = example(rng, 3, 2) | {"labels": rng.normal(size=(3, numbers)), "counts": np.array([True, False, True])}
    layer = Regression(Speaker.draw(rng, V, 3, numbers, pooled=True), balance=0.7)
    prove(layer, **batch, rng=np.random.default_rng(5))


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Regularised(Layer):
        """The regression plus half the square of the model's parameters."""

        regression: Regression

        def vjp(self, **batch):
            table = self.regression.model.table
            loss, regression_pullback = self.regression.vjp(**batch)

            def pullback(dloss):
                (d_regression,) = regression_pullback(dloss)
                d_regression.model.table[...] += dloss * table
                return (self.cotangent(regression=d_regression),)

            return loss + (table * table).sum() / 2, pullback

    prove(Regularised(bigrams(rng)), **example(rng), counts=COUNTS)


@pytest.mark.parametrize("counts", [None, COUNTS, COUNTS[..., None] & np.array([True, False])])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_forward_and_backward_equal_their_loop_oracle(rng, counts, reduction):
    layer, batch = bigrams(rng, reduction=reduction), example(rng)
    tokens, labels = batch["tokens"], batch["labels"]
    counted = [at for at in np.ndindex(labels.shape) if counts is None or counts[at[: counts.ndim]].all()]
    share = 1 / len(counted) if reduction == "mean" else 1
    expected, gradient = 0.0, np.zeros((V, C))
    for at in counted:
        error = layer.model.table[tokens[at[:2]], at[2]] - labels[at]
        expected += share * error * error
        gradient[tokens[at[:2]], at[2]] += 0.7 * share * 2 * error
    loss, d_model = run(layer, batch | {"counts": counts}, 0.7)
    assert loss.shape == ()
    same(loss, expected)
    same(d_model.table, gradient)


def test_it_is_the_loss_of_the_model(rng):
    layer, batch = bigrams(rng), example(rng)
    y, model_pullback = layer.model.vjp(tokens=batch["tokens"])
    expected, loss_pullback = mean_squared_error_vjp(y, target=batch["labels"], mask=COUNTS)
    loss, d_model = run(layer, batch | {"counts": COUNTS}, 3.0)
    assert loss == expected and np.array_equal(d_model.table, model_pullback(loss_pullback(3.0))[0].table)


def test_right_answers_move_nothing(rng):
    layer, batch = bigrams(rng), example(rng)
    loss, d_model = run(layer, batch | {"labels": layer.model(tokens=batch["tokens"])})
    assert loss == 0 and not d_model.table.any()
    assert run(layer, batch)[0] > 0


def test_the_pullback_is_linear(rng):
    _, pullback = bigrams(rng).vjp(**example(rng))
    one, two, none = (pullback(c)[0].model.table for c in (1.0, 2.0, 0.0))
    assert np.array_equal(two, 2 * one) and one.any() and not none.any()


def test_the_gradient_is_affine_in_the_labels(rng):
    layer, batch = Regression(Speaker.draw(rng, V, 3, C)), example(rng)
    first, second = batch["labels"], rng.normal(size=(2, 3, C))
    one, other, between = (run(layer, batch | {"labels": t})[1] for t in (first, second, (first + second) / 2))
    same(2 * between.embedding.table, one.embedding.table + other.embedding.table)
    same(2 * between.output.w, one.output.w + other.output.w)


def test_least_squares_leave_the_output_alone(rng):
    model, batch = Speaker.draw(rng, V, 2, C), example(rng, 3, 4)  # fewer columns than tokens: an error is left
    eye = Speaker(model.embedding, model.block, Linear(np.eye(2), np.zeros(2)))
    x = eye(tokens=batch["tokens"])[0].reshape(12, 2)
    rows = np.concatenate([x, np.ones((12, 1))], axis=1)
    best = np.linalg.lstsq(rows, batch["labels"].reshape(12, C), rcond=None)[0]
    _, d_model = run(Regression(Speaker(model.embedding, model.block, Linear(best[:2], best[2]))), batch)
    same(d_model.output.w, 0)
    same(d_model.output.b, 0)
    assert np.abs(d_model.embedding.table).max() > 1e-3


def test_labels_that_do_not_count(rng):
    layer, batch = bigrams(rng), example(rng) | {"counts": COUNTS}
    tokens = batch["tokens"].copy()
    tokens[1, 2] = (tokens[1, 2] + 1) % V
    spoilt = {"labels": np.where(COUNTS[..., None], batch["labels"], np.nan), "tokens": tokens}
    (loss, d_model), (other, d_other) = run(layer, batch), run(layer, batch | spoilt)
    assert other == loss and np.array_equal(d_other.table, d_model.table)


def test_nothing_counts_then_nothing_moves(rng):
    for batch in (example(rng) | {"counts": np.zeros((2, 3), bool)}, example(rng, 0)):
        loss, d_model = run(bigrams(rng), batch)
        assert loss == 0 and not d_model.table.any()


def test_the_sum_is_the_mean_times_the_count(rng):
    model, batch = Bigrams(rng.normal(size=(V, C))), example(rng) | {"counts": COUNTS}
    (mean, d_mean), (loss, d_model) = run(Regression(model), batch), run(Regression(model, "sum"), batch)
    same(loss, 5 * C * mean)
    same(d_model.table, 5 * C * d_mean.table)


def test_sequences_add_up(rng):
    layer, batch = bigrams(rng, reduction="sum"), example(rng, 3)
    loss, d_model = run(layer, batch)
    alone = [run(layer, {name: value[[b]] for name, value in batch.items()}) for b in range(3)]
    same(loss, sum(one for one, _ in alone))
    same_tree(d_model, total(d_one for _, d_one in alone))


def test_auxiliary_outputs_are_added_with_their_weight(rng):
    model, batch = Speaker.draw(rng, V, 3, C), example(rng)
    (y, note), model_pullback = model.vjp(tokens=batch["tokens"])
    errors, errors_pullback = mean_squared_error_vjp(y, target=batch["labels"])
    loss, d_model = run(Regression(model, balance=0.7), batch, 2.0)
    same(loss, errors + 0.7 * note)
    same_tree(d_model, model_pullback((errors_pullback(2.0), np.asarray(1.4)))[0])


def test_auxiliary_outputs_do_not_count_unless_that_is_asked_for(rng):
    model, batch = Speaker.draw(rng, V, 3, C), example(rng)
    loss, d_model = run(Regression(model), batch)
    without, d_without = run(Regression(model, balance=0.0), batch)
    assert loss == without != run(Regression(model, balance=0.7), batch)[0]
    same_tree(d_model, d_without)


@pytest.mark.parametrize("pooled", [False, True])
def test_forward_alone_is_the_same_bits(rng, pooled):
    layer, batch = Regression(Speaker.draw(rng, V, 3, C, pooled), balance=0.7), example(rng)
    batch |= {"labels": rng.normal(size=(2, C)), "counts": np.array([True, False])} if pooled else {"counts": COUNTS}
    assert layer(**batch) == layer.vjp(**batch)[0]


def test_forward_alone_holds_one_block(rng):
    one, many = (Regression(generic(rng, draw(rng, heads=2, layers=(n, n)))) for n in (1, 4))
    source, target = rng.integers(7, size=(2, 4, 24))
    batch = {"source": source, "target": target, "labels": rng.normal(size=(4, 24, 7))}
    one(**batch)
    assert peak(lambda: many(**batch)) < 1.2 * peak(lambda: one(**batch))  # one (B, T, D) array more, of many
    assert peak(lambda: many.vjp(**batch)) > 2 * peak(lambda: one.vjp(**batch))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    layer = Regression(Speaker.draw(rng, V, 3, C), balance=0.7).astype(dtype)
    loss, pullback = layer.vjp(**example(rng), counts=COUNTS)
    assert dtypes(loss, *pullback(1.0), *pullback(loss)) == {np.dtype(dtype)}


def test_a_forgotten_factor_is_caught(caught, rng):
    wrong = planted(lambda e, everywhere: e / (5 * C))
    caught({"model.table"}, bigrams(rng, wrong), **example(rng), counts=COUNTS)


def test_a_mean_over_all_positions_is_caught(caught, rng):
    wrong = planted(lambda e, everywhere: 2 * e / e.size)
    caught({"model.table"}, bigrams(rng, wrong), **example(rng), counts=COUNTS)
    gradcheck.assert_gradients(bigrams(rng, wrong), **example(rng))


def test_a_mean_over_positions_is_caught(caught, rng):
    wrong = planted(lambda e, everywhere: 2 * e / 5)
    caught({"model.table"}, bigrams(rng, wrong), **example(rng), counts=COUNTS)


def test_a_mean_without_its_factor_is_caught(caught, rng):
    wrong = planted(lambda e, everywhere: 2 * e)
    caught({"model.table"}, bigrams(rng, wrong), **example(rng), counts=COUNTS)


def test_errors_of_padding_are_caught(caught, rng):
    wrong = planted(lambda e, everywhere: 2 * everywhere / (5 * C))
    caught({"model.table"}, bigrams(rng, wrong), **example(rng), counts=COUNTS)


def test_a_wrong_sign_is_caught(caught, rng):
    wrong = planted(lambda e, everywhere: -2 * e / (5 * C))
    caught({"model.table"}, bigrams(rng, wrong), **example(rng), counts=COUNTS)


def test_an_ignored_cotangent_is_caught(caught, rng):
    class Deaf(Regression):
        def vjp(self, **batch):
            loss, pullback = super().vjp(**batch)
            return loss, lambda dloss: pullback(1.0)

    caught({"model.table"}, bigrams(rng, Deaf), **example(rng))


def test_forgotten_auxiliary_cotangents_are_caught(caught, rng):
    table = rng.normal(size=(V, C))
    gradcheck.assert_gradients(Regression(Noted(table), balance=0.7), **example(rng))
    caught({"model.table"}, Regression(Unnoted(table), balance=0.7), **example(rng))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": np.zeros(2)}, ValueError, r"labels must have shape \(2, 3, C\), got \(2,\)"),
        ({"labels": np.zeros((3, 2))}, ValueError, r"labels must have shape \(2, C\), got \(3, 2\)"),
        ({"labels": np.zeros((2, 4, 2))}, ValueError, r"labels must have shape \(2, 3, C\), got \(2, 4, 2\)"),
        ({"labels": np.zeros((2, 3, 2), int)}, TypeError, r"labels must be floating or complex, got int64"),
        ({"labels": [[1.0]]}, TypeError, r"labels must be an array, got list"),
        ({"counts": np.ones((2, 3))}, TypeError, r"counts must be a boolean array, got float64"),
        ({"counts": [True, True]}, TypeError, r"counts must be a boolean array, got list"),
        ({"counts": np.ones((3, 2), bool)}, ValueError,
         r"counts must have the shape of the first axes of labels, \(2, 3, 2\), got \(3, 2\)"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_one_clear_line(rng, change, error, message):
    layer = Regression(Never())
    for forward in (layer, layer.vjp):
        with pytest.raises(error, match=f"^Regression: {message}$"):
            forward(**example(rng) | change)


def test_the_labels_of_a_decoder_are_those_of_its_target(rng):
    ids = {"source": np.zeros((2, 5), int), "target": np.zeros((2, 4), int)}
    with pytest.raises(ValueError, match=r"^Regression: labels must have shape \(2, 4, C\), got \(2, 3\)$"):
        Regression(Never())(**ids, labels=np.zeros((2, 3)))


def test_answers_of_another_width_are_one_clear_line(rng):
    with pytest.raises(ValueError, match=r"^mean_squared_error: target must have shape \(2, 3, 2\), got \(2, 3, 1\)$"):
        bigrams(rng)(**example(rng, numbers=1))
