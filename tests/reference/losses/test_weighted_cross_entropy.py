import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.core.layer import Layer
from reference.layers.linear import Linear
from reference.losses.cross_entropy import cross_entropy_vjp
from reference.losses.weighted_cross_entropy import examples, weighted_cross_entropy, weighted_cross_entropy_vjp

IGNORE = -1
EXACT = {"rtol": 1e-13, "atol": 1e-13}  # sums of at most 42 products of numbers near 1
REDUCTIONS = ("mean", "sum", "none")


class Classifier(Layer):
    """A composite: a linear layer and the loss."""

    linear: Linear

    def vjp(self, x, **constants):
        logits, linear_pullback = self.linear.vjp(x)
        loss, loss_pullback = weighted_cross_entropy_vjp(logits, **constants)

        def pullback(dloss):
            d_linear, dx = linear_pullback(loss_pullback(dloss))
            return self.cotangent(linear=d_linear), dx

        return loss, pullback


def arrays(rng, shape=(2, 3, 7), ignored=2):
    """Logits, targets of which the last few are ignored, and weights."""
    targets = rng.integers(shape[-1], size=math.prod(shape[:-1]))
    targets[len(targets) - ignored :] = IGNORE
    return rng.normal(size=shape), targets.reshape(shape[:-1]), rng.uniform(0.2, 3, size=shape[-1])


def run(logits, targets, weights, dloss=0.7, **options):
    loss, pullback = weighted_cross_entropy_vjp(logits, targets=targets, weights=weights, **options)
    return loss, pullback(dloss if loss.ndim == 0 else np.full(loss.shape, dloss))


def oracle(logits, targets, weights, smoothing=0.0, reduction="mean"):
    """Loss and gradient for a dloss of 1 in plain loops, from p, q and -w q log p."""
    v, total = logits.shape[-1], 0.0
    losses, gradient = np.zeros(targets.shape), np.zeros_like(logits)
    for at in np.ndindex(targets.shape):
        if targets[at] != IGNORE:
            z = math.fsum(math.exp(s) for s in logits[at])
            q = [(1 - smoothing) * (i == targets[at]) + smoothing / v for i in range(v)]
            asked = [w * b for w, b in zip(weights, q, strict=True)]
            losses[at] = -math.fsum(b * (s - math.log(z)) for b, s in zip(asked, logits[at], strict=True))
            gradient[at] = [math.fsum(asked) * math.exp(s) / z - b for b, s in zip(asked, logits[at], strict=True)]
            total += weights[targets[at]]
    share = (1 / total if total else 0) if reduction == "mean" else 1
    return losses if reduction == "none" else share * losses.sum(), share * gradient


def planted(wrong):
    """Return the right loss with `wrong(dlogits, logits, dloss, constants)` for its gradient."""

    def vjp(logits, **constants):
        loss, right = weighted_cross_entropy_vjp(logits, **constants)
        return loss, lambda dloss: wrong(right(dloss), logits, dloss, constants)

    return vjp


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(4))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@pytest.mark.parametrize("shape", [(7,), (1, 1, 7), (3, 2)])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_backward_is_proved_for_any_leading_shape(prove, rng, shape, reduction):
    logits, targets, weights = arrays(rng, shape, ignored=0)
    prove(weighted_cross_entropy_vjp, logits, targets=targets, weights=weights, smoothing=0.1, reduction=reduction)


def test_backward_is_proved_inside_a_composite(prove, rng):
    _, targets, weights = arrays(rng)
    layer = Classifier(linear=Linear(w=rng.normal(size=(5, 7)), b=rng.normal(size=7)))
    prove(layer, rng.normal(size=(2, 3, 5)), targets=targets, weights=weights, ignore=IGNORE, smoothing=0.1)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    shape=st.lists(st.integers(0, 4), max_size=3),
    v=st.integers(1, 6),
    ignored=st.integers(0, 5),
    smoothing=st.sampled_from([0.0, 0.1, 0.9]),
    reduction=st.sampled_from(REDUCTIONS),
)
def test_forward_and_backward_equal_their_oracle(shape, v, ignored, smoothing, reduction):
    ignored = min(ignored, math.prod(shape))
    logits, targets, weights = arrays(np.random.default_rng(v), (*shape, v), ignored)
    loss, dlogits = run(logits, targets, weights, ignore=IGNORE, smoothing=smoothing, reduction=reduction)
    want, gradient = oracle(logits, targets, weights, smoothing, reduction)
    assert isinstance(loss, np.ndarray) and loss.shape == (targets.shape if reduction == "none" else ())
    same(loss, want)
    same(dlogits, 0.7 * gradient)
    again = weighted_cross_entropy(
        logits, targets=targets, weights=weights, ignore=IGNORE, smoothing=smoothing, reduction=reduction
    )
    np.testing.assert_array_equal(again, loss)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_with_equal_weights_it_is_the_cross_entropy(rng, smoothing):
    logits, targets, _ = arrays(rng)
    for reduction, times in (("mean", 1), ("sum", 2.5), ("none", 2.5)):
        options = {"ignore": IGNORE, "smoothing": smoothing, "reduction": reduction}
        loss, pullback = cross_entropy_vjp(logits, targets=targets, **options)
        weighted, dlogits = run(logits, targets, np.full(7, 2.5), **options)
        same(weighted, times * loss)
        same(dlogits, times * pullback(np.full(loss.shape, 0.7)))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_weight_of_two_counts_a_class_twice(rng, reduction):
    logits, targets, _ = arrays(rng, (5, 7), ignored=0)
    targets[[1, 3]] = 4
    targets[[0, 2, 4]] = 5
    weights = np.where(np.arange(7) == 4, 2.0, 1.0)
    twice = np.array([0, 1, 1, 2, 3, 3, 4])
    loss, dlogits = run(logits, targets, weights, reduction=reduction)
    repeated, drepeated = run(logits[twice], targets[twice], np.ones(7), reduction=reduction)
    same(loss, repeated)
    same(dlogits, [drepeated[twice == i].sum(axis=0) for i in range(5)])


def test_linear_in_the_weights(rng):
    logits, targets, weights = arrays(rng)
    others = rng.uniform(0.2, 3, size=7)
    options = {"ignore": IGNORE, "smoothing": 0.3, "reduction": "none"}
    one, other, both = (run(logits, targets, w, **options) for w in (weights, others, 2 * weights + others))
    for a, b, c in zip(one, other, both, strict=True):
        same(c, 2 * a + b)


def test_a_class_without_weight_is_ignored(rng):
    logits, targets, weights = arrays(rng, ignored=0)
    weights[targets[0, 0]] = 0
    logits[..., targets[0, 0]] = np.where(targets == targets[0, 0], -np.inf, logits[..., targets[0, 0]])
    ignored = np.where(targets == targets[0, 0], IGNORE, targets)
    for reduction in REDUCTIONS:
        here, there = (run(logits, y, weights, ignore=IGNORE, reduction=reduction) for y in (targets, ignored))
        for a, b in zip(here, there, strict=True):
            same(a, b)


def test_shift_invariance(rng):
    logits, targets, weights = arrays(rng)
    shifted = logits + rng.normal(size=(2, 3, 1))
    (loss, dlogits), (loss_shifted, dshifted) = (
        run(z, targets, weights, ignore=IGNORE, smoothing=0.1) for z in (logits, shifted)
    )
    same(loss_shifted, loss)
    same(dshifted, dlogits)
    same(dlogits.sum(axis=-1), 0)


def test_costs_of_positions_add_up_to_the_sum(rng):
    logits, targets, weights = arrays(rng)
    options = {"ignore": IGNORE, "smoothing": 0.1}
    (each, deach), (total, dtotal) = (
        run(logits, targets, weights, reduction=reduction, **options) for reduction in ("none", "sum")
    )
    same(each.sum(), total)
    same(deach, dtotal)
    assert not each[targets == IGNORE].any()


def test_permutation_of_the_classes(rng):
    (logits, targets, weights), order = arrays(rng, ignored=0), rng.permutation(7)
    loss, dlogits = run(logits, targets, weights, smoothing=0.1)
    permuted, dpermuted = run(logits[..., order], np.argsort(order)[targets], weights[order], smoothing=0.1)
    same(permuted, loss)
    same(dpermuted, dlogits[..., order])


def test_ignored_positions_have_no_influence(rng):
    logits, targets, weights = arrays(rng)
    counts = targets != IGNORE
    spoilt = np.where(counts[..., None], logits, np.nan)
    (loss, dlogits), (spoilt_loss, dspoilt) = (
        run(z, targets, weights, ignore=IGNORE, smoothing=0.1) for z in (logits, spoilt)
    )
    assert loss == spoilt_loss
    np.testing.assert_array_equal(dspoilt, dlogits)
    assert not dlogits[~counts].any() and dlogits[counts].all()


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_nothing_counts_gives_zero_loss_and_gradient(rng, smoothing):
    logits, targets, weights = arrays(rng, ignored=0)
    loss, dlogits = run(np.full((2, 3, 7), np.nan), np.full((2, 3), IGNORE), weights, ignore=IGNORE)
    assert loss == 0 and not dlogits.any()
    loss, dlogits = run(logits, 0 * targets, np.arange(7.0), smoothing=smoothing)
    assert loss == 0 and not dlogits.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_dtype_of_the_logits_is_kept(rng, dtype, reduction):
    logits, targets, weights = arrays(rng)
    options = {"ignore": IGNORE, "smoothing": np.float64(0.1), "reduction": reduction}
    loss, pullback = weighted_cross_entropy_vjp(logits.astype(dtype), targets=targets, weights=weights, **options)
    assert loss.dtype == pullback(loss).dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_logits_stay_exact(dtype):
    logits, weights = np.array([[0, -5000, 0], [1e4, 1e4, -1e4]], dtype), np.array([2, 0.5, 1], dtype)
    loss, dlogits = run(logits, np.array([1, 0]), weights, 1.0, reduction="sum")
    want = 0.5 * (5000 + math.log(2)) + 2 * math.log(2)
    np.testing.assert_allclose(loss, want, rtol=4 * np.finfo(dtype).eps, atol=0)  # two products, two sums
    np.testing.assert_array_equal(dlogits, np.array([[0.25, -0.5, 0.25], [-1, 1, 0]], dtype))


def test_nothing_received_is_written_and_a_pullback_may_be_called_twice(rng):
    logits, targets, weights = arrays(rng)
    for array in (logits, targets, weights):
        array.flags.writeable = False
    _, pullback = weighted_cross_entropy_vjp(logits, targets=targets, weights=weights, ignore=IGNORE, smoothing=0.1)
    np.testing.assert_array_equal(pullback(0.7), pullback(0.7))


def given_to_wrong(rng, **options):
    logits, targets, weights = arrays(rng)
    return (logits,), {"targets": targets, "weights": weights, "ignore": IGNORE, **options}


def parts(logits, constants):
    """p, and the one-hots of the targets, 0 where one is ignored."""
    e, y = np.exp(logits), constants["targets"]
    return e / e.sum(axis=-1, keepdims=True), np.eye(7)[y] * (y != IGNORE)[..., None]


def test_weighted_probabilities_are_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        p, hot = parts(logits, constants)
        return dloss * constants["weights"] * (p * hot.sum(axis=-1, keepdims=True) - hot)

    inputs, constants = given_to_wrong(rng, reduction="sum")
    caught({"logits"}, planted(wrong), *inputs, **constants)


def test_unweighted_probabilities_are_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        p, hot = parts(logits, constants)
        return dloss * (p * hot.sum(axis=-1, keepdims=True) - constants["weights"] * hot)

    inputs, constants = given_to_wrong(rng, reduction="sum")
    caught({"logits"}, planted(wrong), *inputs, **constants)


def test_forgotten_share_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        y = constants["targets"]
        return dlogits * constants["weights"][y[y != IGNORE]].sum()

    inputs, constants = given_to_wrong(rng)
    caught({"logits"}, planted(wrong), *inputs, **constants)


def test_one_factor_for_all_positions_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        _, pullback = weighted_cross_entropy_vjp(logits, **constants)
        return pullback(np.full(dloss.shape, dloss.mean()))

    inputs, constants = given_to_wrong(rng, reduction="none")
    caught({"logits"}, planted(wrong), *inputs, **constants)


def test_one_hot_at_ignored_positions_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        return dlogits - dloss * np.eye(7)[constants["targets"]] * (constants["targets"] == IGNORE)[..., None]

    inputs, constants = given_to_wrong(rng)
    caught({"logits"}, planted(wrong), *inputs, **constants)


def test_bad_input_is_one_clear_line(rng):
    logits, targets, weights = arrays(rng, ignored=0)
    for changed, error, message in (
        ({"weights": weights[:5]}, ValueError, r"weights must have shape \(7,\), got \(5,\)"),
        ({"weights": weights.astype(int)}, TypeError, "weights must be floating or complex, got int64"),
        ({"weights": weights + 1j}, TypeError, "weights must be real, got complex128"),
        ({"weights": weights - 3}, ValueError, r"weights must be finite and at least 0, got -\S+"),
        ({"weights": weights * np.inf}, ValueError, "weights must be finite and at least 0, got inf"),
        ({"weights": None}, TypeError, "weights must be an array, got NoneType"),
        ({"targets": targets + 7}, ValueError, r"targets must lie in \[0, 7\), got \d+ at \(0, 0\)"),
        ({"targets": targets[0]}, ValueError, r"targets must have shape \(2, 3\), got \(3,\)"),
        ({"smoothing": 1.0}, ValueError, r"smoothing must lie in \[0, 1\), got 1\.0"),
        ({"reduction": "all"}, ValueError, "reduction must be 'mean' or 'sum' or 'none', got 'all'"),
    ):
        with pytest.raises(error, match=rf"^weighted_cross_entropy: {message}$"):
            weighted_cross_entropy(logits, **{"targets": targets, "weights": weights, **changed})
