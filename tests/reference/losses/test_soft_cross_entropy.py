import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.core.layer import Layer
from reference.layers.linear import Linear
from reference.losses.cross_entropy import cross_entropy_vjp
from reference.losses.kl_divergence import kl_divergence_vjp
from reference.losses.soft_cross_entropy import examples, soft_cross_entropy, soft_cross_entropy_vjp
from reference.losses.weighted_cross_entropy import weighted_cross_entropy_vjp

EXACT = {"rtol": 1e-13, "atol": 1e-13}  # sums of at most 42 products of numbers near 1
REDUCTIONS = ("mean", "sum", "none")
MASK = np.array([[True, True, True], [True, False, False]])


class Classifier(Layer):
    """A composite: a linear layer and the loss."""

    linear: Linear

    def vjp(self, x, **constants):
        logits, linear_pullback = self.linear.vjp(x)
        loss, loss_pullback = soft_cross_entropy_vjp(logits, **constants)

        def pullback(dloss):
            d_linear, dx = linear_pullback(loss_pullback(dloss))
            return self.cotangent(linear=d_linear), dx

        return loss, pullback


def arrays(rng, shape=(2, 3, 7)):
    """Logits, and targets of which the first asks nothing of the first class, and the last for three."""
    targets = rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
    flat = targets.reshape(-1, shape[-1])
    flat[:1, 0], flat[-1:] = 0, 3 * flat[-1:]
    return rng.normal(size=shape), targets


def run(logits, targets, dloss=0.7, **options):
    loss, pullback = soft_cross_entropy_vjp(logits, targets=targets, **options)
    return loss, pullback(dloss if loss.ndim == 0 else np.full(loss.shape, dloss))


def oracle(logits, targets, mask, reduction):
    """Loss and gradient for a dloss of 1 in plain loops, from p, q and -q log p."""
    losses, gradient = np.zeros(mask.shape), np.zeros_like(logits)
    for at in np.ndindex(mask.shape):
        if mask[at]:
            z = math.fsum(math.exp(s) for s in logits[at])
            losses[at] = -math.fsum(q * (s - math.log(z)) for q, s in zip(targets[at], logits[at], strict=True))
            total = math.fsum(targets[at])
            gradient[at] = [total * math.exp(s) / z - q for q, s in zip(targets[at], logits[at], strict=True)]
    share = 1 / max(mask.sum(), 1) if reduction == "mean" else 1
    return losses if reduction == "none" else share * losses.sum(), share * gradient


def planted(wrong):
    """Return the right loss with `wrong(dlogits, logits, dloss, constants)` for its gradient."""

    def vjp(logits, **constants):
        loss, right = soft_cross_entropy_vjp(logits, **constants)
        return loss, lambda dloss: wrong(right(dloss), logits, dloss, constants)

    return vjp


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(3))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@pytest.mark.parametrize("shape", [(7,), (1, 1, 7), (3, 2)])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_backward_is_proved_for_any_leading_shape(prove, rng, shape, reduction):
    logits, targets = arrays(rng, shape)
    prove(soft_cross_entropy_vjp, logits, targets=targets, reduction=reduction)


def test_backward_is_proved_inside_a_composite(prove, rng):
    _, targets = arrays(rng)
    layer = Classifier(linear=Linear(w=rng.normal(size=(5, 7)), b=rng.normal(size=7)))
    prove(layer, rng.normal(size=(2, 3, 5)), targets=targets, mask=MASK)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(shape=st.lists(st.integers(0, 4), max_size=3), v=st.integers(1, 6), reduction=st.sampled_from(REDUCTIONS))
def test_forward_and_backward_equal_their_oracle(shape, v, reduction):
    rng = np.random.default_rng(v)
    (logits, targets), mask = arrays(rng, (*shape, v)), np.asarray(rng.random(shape) < 0.7)
    loss, dlogits = run(logits, targets, mask=mask, reduction=reduction)
    want, gradient = oracle(logits, targets, mask, reduction)
    assert isinstance(loss, np.ndarray) and loss.shape == (mask.shape if reduction == "none" else ())
    same(loss, want)
    same(dlogits, 0.7 * gradient)
    again = soft_cross_entropy(logits, targets=targets, mask=mask, reduction=reduction)
    np.testing.assert_array_equal(again, loss)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_of_one_hots_it_is_the_cross_entropy(rng, smoothing, reduction):
    logits, y = rng.normal(size=(2, 3, 7)), rng.integers(7, size=(2, 3))
    loss, dlogits = run(logits, (1 - smoothing) * np.eye(7)[y] + smoothing / 7, reduction=reduction)
    want, pullback = cross_entropy_vjp(logits, targets=y, smoothing=smoothing, reduction=reduction)
    same(loss, want)
    same(dlogits, pullback(np.full(want.shape, 0.7)))


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_of_weighted_one_hots_it_is_the_weighted_cross_entropy(rng, reduction):
    logits, y, weights = rng.normal(size=(2, 3, 7)), rng.integers(7, size=(2, 3)), rng.uniform(0.2, 3, size=7)
    loss, dlogits = run(logits, weights * np.eye(7)[y], reduction=reduction)
    want, pullback = weighted_cross_entropy_vjp(logits, targets=y, weights=weights, reduction=reduction)
    same(loss, want)
    same(dlogits, pullback(np.full(want.shape, 0.7)))


def test_linear_in_the_targets(rng):
    logits, targets = arrays(rng)
    others = rng.dirichlet(np.ones(7), size=(2, 3))
    one, other, both = (run(logits, q) for q in (targets, others, 2 * targets + others))
    for a, b, c in zip(one, other, both, strict=True):
        same(c, 2 * a + b)


def test_least_loss_is_the_entropy_of_the_target(rng):
    q = rng.dirichlet(np.ones(7), size=(2, 3))
    loss, dlogits = run(np.log(q), q)
    same(loss, -(q * np.log(q)).sum(axis=-1).mean())
    same(dlogits, 0)
    assert soft_cross_entropy(np.log(q) + rng.normal(size=q.shape), targets=q) > loss


def test_less_the_entropy_it_is_the_divergence(rng):
    logits, target_logits = rng.normal(size=(2, 2, 3, 7))
    q = np.exp(target_logits) / np.exp(target_logits).sum(axis=-1, keepdims=True)
    loss, dlogits = run(logits, q, mask=MASK, reduction="sum")
    divergence, pullback = kl_divergence_vjp(logits, target_logits=target_logits, mask=MASK, reduction="sum")
    same(loss + (q * np.log(q))[MASK].sum(), divergence)
    same(dlogits, pullback(0.7))


def test_shift_invariance(rng):
    logits, targets = arrays(rng)
    (loss, dlogits), (shifted, dshifted) = (run(z, targets) for z in (logits, logits + rng.normal(size=(2, 3, 1))))
    same(shifted, loss)
    same(dshifted, dlogits)
    same(dlogits.sum(axis=-1), 0)


def test_costs_of_positions_add_up_to_the_sum(rng):
    logits, targets = arrays(rng)
    (each, deach), (total, dtotal), (mean, dmean) = (
        run(logits, targets, mask=MASK, reduction=reduction) for reduction in ("none", "sum", "mean")
    )
    same([each.sum(), 4 * mean], [total, total])
    same([deach, 4 * dmean], [dtotal, dtotal])


def test_masked_positions_have_no_influence(rng):
    logits, targets = arrays(rng)
    spoilt = (np.where(MASK[..., None], z, np.nan) for z in (logits, targets))
    (loss, dlogits), (spoilt_loss, dspoilt) = run(logits, targets, mask=MASK), run(*spoilt, mask=MASK)
    assert loss == spoilt_loss
    np.testing.assert_array_equal(dspoilt, dlogits)
    assert not dlogits[~MASK].any() and dlogits[MASK].all()


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nothing_counts_gives_zero_loss_and_gradient(rng, reduction):
    logits, targets = arrays(rng)
    loss, dlogits = run(logits, targets, mask=np.zeros((2, 3), bool), reduction=reduction)
    assert not loss.any() and not dlogits.any() and dlogits.shape == logits.shape


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_asked_for_costs_nothing(dtype):
    logits = np.array([[0, 0, -np.inf], [0, -5000, 0]], dtype)
    loss, dlogits = run(logits, np.array([[0.5, 0.5, 0], [0, 1, 0]], dtype), 1.0, reduction="none")
    few = 4 * np.finfo(dtype).eps  # a logarithm, a product and two sums
    np.testing.assert_allclose(loss, [math.log(2), 5000 + math.log(2)], rtol=few, atol=0)
    np.testing.assert_allclose(dlogits, [[0, 0, 0], [0.5, -1, 0.5]], rtol=0, atol=few)
    asked, _ = run(logits[:1], np.array([[0.5, 0.25, 0.25]], dtype), reduction="none")
    assert asked == np.inf


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_dtype_of_the_logits_is_kept(rng, dtype, reduction):
    logits, targets = arrays(rng)
    loss, pullback = soft_cross_entropy_vjp(logits.astype(dtype), targets=targets, mask=MASK, reduction=reduction)
    assert loss.dtype == pullback(loss).dtype == dtype


def test_nothing_received_is_written_and_a_pullback_may_be_called_twice(rng):
    logits, targets = arrays(rng)
    for array in (logits, targets):
        array.flags.writeable = False
    _, pullback = soft_cross_entropy_vjp(logits, targets=targets)
    np.testing.assert_array_equal(pullback(0.7), pullback(0.7))


def test_forgotten_sum_of_the_targets_is_caught(caught, prove, rng):
    def wrong(dlogits, logits, dloss, constants):
        p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        return dloss * (p - constants["targets"])

    logits, targets = arrays(rng)
    caught({"logits"}, planted(wrong), logits, targets=targets, reduction="sum")
    targets /= targets.sum(axis=-1, keepdims=True)
    prove(planted(wrong), logits, targets=targets, reduction="sum")


def test_forgotten_share_is_caught(caught, rng):
    logits, targets = arrays(rng)
    caught({"logits"}, planted(lambda dlogits, *_: 4 * dlogits), logits, targets=targets, mask=MASK)


def test_one_factor_for_all_positions_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        return soft_cross_entropy_vjp(logits, **constants)[1](np.full(dloss.shape, dloss.mean()))

    logits, targets = arrays(rng)
    caught({"logits"}, planted(wrong), logits, targets=targets, reduction="none")


def test_gradient_at_masked_positions_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        return soft_cross_entropy_vjp(logits, **constants | {"mask": None})[1](dloss)

    logits, targets = arrays(rng)
    caught({"logits"}, planted(wrong), logits, targets=targets, mask=MASK, reduction="sum")


def test_bad_input_is_one_clear_line(rng):
    logits, targets = arrays(rng)
    for changed, error, message in (
        ({"targets": targets[0]}, ValueError, r"targets must have shape \(2, 3, 7\), got \(3, 7\)"),
        ({"targets": targets.astype(int)}, TypeError, "targets must be floating or complex, got int64"),
        ({"targets": targets + 1j}, TypeError, "targets must be real, got complex128"),
        ({"targets": targets - 1}, ValueError, r"targets must be finite and at least 0, got -\S+"),
        ({"targets": targets * np.nan}, ValueError, "targets must be finite and at least 0, got nan"),
        ({"mask": MASK[0]}, ValueError, r"mask must have shape \(2, 3\), got \(3,\)"),
        ({"mask": MASK * 1.0}, TypeError, "mask must be a boolean array, got float64"),
        ({"reduction": "all"}, ValueError, "reduction must be 'mean' or 'sum' or 'none', got 'all'"),
    ):
        with pytest.raises(error, match=rf"^soft_cross_entropy: {message}$"):
            soft_cross_entropy(logits, **{"targets": targets, **changed})
    with pytest.raises(ValueError, match=r"^soft_cross_entropy: logits must have shape .* at least 1, got"):
        soft_cross_entropy(logits[..., :0], targets=targets[..., :0])
