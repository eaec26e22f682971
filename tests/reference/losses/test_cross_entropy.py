import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.core.layer import Layer
from reference.functions.softmax import softmax_vjp
from reference.layers.linear import Linear
from reference.losses.cross_entropy import cross_entropy, cross_entropy_vjp, examples

IGNORE = -1
EXACT = {"rtol": 1e-13, "atol": 1e-13}  # sums of at most 42 products of numbers near 1


class Classifier(Layer):
    """A composite: a linear layer and the loss."""

    linear: Linear

    def vjp(self, x, **constants):
        logits, linear_pullback = self.linear.vjp(x)
        loss, loss_pullback = cross_entropy_vjp(logits, **constants)

        def pullback(dloss):
            d_linear, dx = linear_pullback(loss_pullback(dloss))
            return self.cotangent(linear=d_linear), dx

        return loss, pullback


def logits_and_targets(rng, shape=(2, 3, 7), ignored=2):
    """Logits, and targets of which the last few are ignored."""
    targets = rng.integers(shape[-1], size=math.prod(shape[:-1]))
    targets[len(targets) - ignored :] = IGNORE
    return rng.normal(size=shape), targets.reshape(shape[:-1])


def oracle(logits, targets, ignore=None, smoothing=0.0, z_loss=0.0, reduction="mean"):
    """Loss and gradient in plain loops, from p, q, -q log p and the price of log Z."""
    v = logits.shape[-1]
    losses, counted, gradient = np.zeros(targets.shape), 0, np.zeros_like(logits)
    for at in np.ndindex(targets.shape):
        if targets[at] != ignore:
            total = math.fsum(math.exp(s) for s in logits[at])
            losses[at] = z_loss * math.log(total) ** 2
            counted += 1
            for i, s in enumerate(logits[at]):
                q = (1 - smoothing) * (i == targets[at]) + smoothing / v
                losses[at] -= q * (s - math.log(total))
                p = math.exp(s) / total
                gradient[at][i] = p - q + 2 * z_loss * math.log(total) * p
    share = 1 / max(counted, 1) if reduction == "mean" else 1
    return losses if reduction == "none" else share * losses.sum(), share * gradient


def with_gradient(wrong):
    """The right loss with `wrong(dlogits, logits, dloss, constants)` for its gradient."""

    def vjp(logits, **constants):
        loss, right = cross_entropy_vjp(logits, **constants)
        return loss, lambda dloss: wrong(right(dloss), logits, dloss, constants)

    return vjp


def _is_filled(cell):
    try:
        return cell.cell_contents is not None
    except ValueError:  # a variable that was never given a value
        return False


SETTINGS = [
    {"reduction": reduction, "smoothing": smoothing, "ignore": ignore}
    for reduction in ("mean", "sum")
    for smoothing in (0.0, 0.3)
    for ignore in (None, IGNORE)
]
WITH_Z_LOSS = [*SETTINGS, {"reduction": "mean", "smoothing": 0.3, "ignore": IGNORE, "z_loss": 0.2}]
EACH = [{"reduction": "none"}, {"reduction": "none", "smoothing": 0.3, "ignore": IGNORE, "z_loss": 0.2}]


@pytest.mark.parametrize("options", WITH_Z_LOSS + EACH)
def test_backward_is_proved(prove, rng, options):
    logits, targets = logits_and_targets(rng, ignored=0 if options.get("ignore") is None else 2)
    prove(cross_entropy_vjp, logits, targets=targets, **options)


def test_examples_are_proved(prove, rng):
    for _, subject, inputs, constants in examples(rng):
        prove(subject, *inputs, **constants)


@pytest.mark.parametrize("shape", [(7,), (4, 7), (1, 1, 7), (2, 3, 4, 7), (3, 2)])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_backward_is_proved_for_any_leading_shape(prove, rng, shape, reduction):
    logits, targets = logits_and_targets(rng, shape, ignored=0)
    prove(cross_entropy_vjp, logits, targets=targets, smoothing=0.1, reduction=reduction)


def test_backward_is_proved_inside_a_composite(prove, rng):
    _, targets = logits_and_targets(rng)
    layer = Classifier(linear=Linear(w=rng.normal(size=(5, 7)), b=rng.normal(size=7)))
    prove(layer, rng.normal(size=(2, 3, 5)), targets=targets, ignore=IGNORE, smoothing=0.1)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    shape=st.lists(st.integers(0, 4), max_size=3),
    v=st.integers(1, 6),
    ignored=st.integers(0, 5),
    smoothing=st.sampled_from([0.0, 0.1, 0.9]),
    z_loss=st.sampled_from([0.0, 0.3]),
    reduction=st.sampled_from(["mean", "sum", "none"]),
)
def test_forward_and_backward_equal_their_oracle(shape, v, ignored, smoothing, z_loss, reduction):
    ignored = min(ignored, math.prod(shape))
    logits, targets = logits_and_targets(np.random.default_rng(v), (*shape, v), ignored)
    options = {"ignore": IGNORE, "smoothing": smoothing, "z_loss": z_loss, "reduction": reduction}
    loss, pullback = cross_entropy_vjp(logits, targets=targets, **options)
    want, gradient = oracle(logits, targets, **options)
    assert loss.shape == (targets.shape if reduction == "none" else ()) and isinstance(loss, np.ndarray)
    np.testing.assert_allclose(loss, want, **EXACT)
    np.testing.assert_allclose(pullback(np.full(loss.shape, 0.7)), 0.7 * gradient, **EXACT)
    assert np.array_equal(cross_entropy(logits, targets=targets, **options), loss)


def test_upstream_gradient_may_be_a_number_or_an_array(rng):
    logits, targets = logits_and_targets(rng, ignored=0)
    _, pullback = cross_entropy_vjp(logits, targets=targets)
    assert np.array_equal(pullback(0.7), pullback(np.array(0.7)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("options", WITH_Z_LOSS + EACH)
def test_dtype_of_the_logits_is_kept(rng, dtype, options):
    logits, targets = logits_and_targets(rng, ignored=0)
    loss, pullback = cross_entropy_vjp(logits.astype(dtype), targets=targets, **options)
    assert loss.dtype == pullback(loss).dtype == dtype
    assert loss.ndim or pullback(1.0).dtype == dtype


def test_coefficients_of_double_precision_leave_float32_alone(rng):
    logits, targets = logits_and_targets(rng, ignored=0)
    options = {"smoothing": np.float64(0.1), "z_loss": np.float64(0.2)}
    loss, pullback = cross_entropy_vjp(logits.astype(np.float32), targets=targets, **options)
    assert loss.dtype == pullback(loss).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64])
def test_targets_may_be_any_integers(rng, dtype):
    logits, targets = logits_and_targets(rng, ignored=0)
    loss = cross_entropy(logits, targets=targets.astype(dtype), ignore=IGNORE)
    assert loss == cross_entropy(logits, targets=targets)


def test_float32_agrees_with_float64(rng):
    logits, targets = logits_and_targets(rng)
    options = {"targets": targets, "ignore": IGNORE, "smoothing": 0.1, "z_loss": 0.1}
    loss, pullback = cross_entropy_vjp(logits, **options)
    loss32, pullback32 = cross_entropy_vjp(logits.astype(np.float32), **options)
    np.testing.assert_allclose(loss32, loss, rtol=1e-6, atol=0)  # 8 units of rounding, of numbers near 1
    np.testing.assert_allclose(pullback32(1.0), pullback(1.0), rtol=0, atol=1e-7)  # of entries below 1 / 4


def test_empty_batch_gives_zero_loss_and_empty_gradient():
    loss, pullback = cross_entropy_vjp(np.zeros((0, 3, 7), np.float32), targets=np.zeros((0, 3), int))
    assert loss == 0 and loss.dtype == np.float32 and pullback(1.0).shape == (0, 3, 7)


# Laws


def test_shift_invariance(rng):
    logits, targets = logits_and_targets(rng, ignored=0)
    shifted = logits + 100 * rng.normal(size=(2, 3, 1))
    loss, pullback = cross_entropy_vjp(logits, targets=targets, smoothing=0.1)
    loss_shifted, pullback_shifted = cross_entropy_vjp(shifted, targets=targets, smoothing=0.1)
    rounded = {"rtol": 0, "atol": 1e-13}  # the shift itself rounds the logits at 300 u = 3e-14
    np.testing.assert_allclose(loss_shifted, loss, **rounded)
    np.testing.assert_allclose(pullback_shifted(1.0), pullback(1.0), **rounded)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_gradient_of_every_position_sums_to_zero(rng, smoothing):
    logits, targets = logits_and_targets(rng, ignored=0)
    _, pullback = cross_entropy_vjp(logits, targets=targets, smoothing=smoothing)
    np.testing.assert_allclose(pullback(1.0).sum(axis=-1), 0, rtol=0, atol=1e-15)  # 7 roundings of numbers below 1/6


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_equal_logits_cost_log_v(rng, smoothing):
    _, targets = logits_and_targets(rng, ignored=0)
    loss = cross_entropy(np.full((2, 3, 7), 4.2), targets=targets, smoothing=smoothing)
    np.testing.assert_allclose(loss, math.log(7), rtol=1e-15, atol=0)  # one logarithm and a mean of equal numbers


def test_least_loss_is_the_entropy_of_the_target_distribution(rng):
    logits, targets = logits_and_targets(rng, ignored=0)
    q = 0.7 * np.eye(7)[targets] + 0.3 / 7
    loss, pullback = cross_entropy_vjp(np.log(q), targets=targets, smoothing=0.3)
    np.testing.assert_allclose(loss, -(q * np.log(q)).sum(axis=-1).mean(), rtol=1e-14, atol=0)  # sums of 42 terms
    np.testing.assert_allclose(pullback(1.0), 0, rtol=0, atol=1e-16)  # differences of equal numbers below 1, over 6
    assert cross_entropy(logits, targets=targets, smoothing=0.3) > loss


def test_smoothing_mixes_the_costs_of_all_targets(rng):
    logits, targets = logits_and_targets(rng, ignored=0)
    uniform = np.mean([cross_entropy(logits, targets=np.full((2, 3), k)) for k in range(7)])
    smoothed = cross_entropy(logits, targets=targets, smoothing=0.3)
    np.testing.assert_allclose(smoothed, 0.7 * cross_entropy(logits, targets=targets) + 0.3 * uniform, **EXACT)


def test_sum_is_count_times_mean(rng):
    logits, targets = logits_and_targets(rng)
    mean, mean_pullback = cross_entropy_vjp(logits, targets=targets, ignore=IGNORE)
    total, sum_pullback = cross_entropy_vjp(logits, targets=targets, ignore=IGNORE, reduction="sum")
    np.testing.assert_allclose(total, 4 * mean, **EXACT)
    np.testing.assert_allclose(sum_pullback(1.0), 4 * mean_pullback(1.0), **EXACT)


def test_costs_of_positions_add_up_to_the_sum(rng):
    logits, targets = logits_and_targets(rng)
    options = {"targets": targets, "ignore": IGNORE, "smoothing": 0.1, "z_loss": 0.2}
    each, each_pullback = cross_entropy_vjp(logits, reduction="none", **options)
    total, sum_pullback = cross_entropy_vjp(logits, reduction="sum", **options)
    np.testing.assert_allclose(each.sum(), total, **EXACT)
    np.testing.assert_allclose(each_pullback(np.full((2, 3), 0.7)), sum_pullback(0.7), **EXACT)
    assert not each[targets == IGNORE].any()


def test_ignored_positions_have_no_influence(rng):
    logits, targets = logits_and_targets(rng)
    counts = targets != IGNORE
    spoilt = np.where(counts[..., None], logits, np.nan)
    coefficients = {"smoothing": 0.1, "z_loss": 0.1}
    loss, pullback = cross_entropy_vjp(logits, targets=targets, ignore=IGNORE, **coefficients)
    loss_spoilt, pullback_spoilt = cross_entropy_vjp(spoilt, targets=targets, ignore=IGNORE, **coefficients)
    assert loss == loss_spoilt == cross_entropy(logits[counts], targets=targets[counts], **coefficients)
    assert np.array_equal(pullback(1.0), pullback_spoilt(1.0))
    assert not pullback(1.0)[~counts].any() and pullback(1.0)[counts].all()


def test_an_id_of_the_vocabulary_can_be_ignored(rng):
    logits, targets = logits_and_targets(rng, ignored=0)
    padded = np.where(targets == targets[0, 0], IGNORE, targets)
    ignored = cross_entropy(logits, targets=targets, ignore=int(targets[0, 0]))
    assert ignored == cross_entropy(logits, targets=padded, ignore=IGNORE)


@pytest.mark.parametrize("options", [*SETTINGS[1::2], WITH_Z_LOSS[-1]])
def test_nothing_counts_gives_zero_loss_and_gradient(options):
    loss, pullback = cross_entropy_vjp(np.full((2, 3, 7), np.nan), targets=np.full((2, 3), IGNORE), **options)
    assert loss == 0 and not pullback(1.0).any()


def test_z_loss_makes_the_gradient_sum_to_log_z(rng):
    logits, targets = logits_and_targets(rng, ignored=0)
    _, pullback = cross_entropy_vjp(logits, targets=targets, smoothing=0.1, z_loss=0.2)
    log_z = np.log(np.exp(logits).sum(axis=-1))
    np.testing.assert_allclose(pullback(0.7).sum(axis=-1), 2 * 0.7 / 6 * 0.2 * log_z, **EXACT)


def test_z_loss_is_free_at_log_probabilities(rng):
    logits, targets = logits_and_targets(rng, ignored=0)
    log_p = np.log(softmax_vjp(logits)[0])
    loss, pullback = cross_entropy_vjp(log_p, targets=targets)
    priced, priced_pullback = cross_entropy_vjp(log_p, targets=targets, z_loss=10.0)
    np.testing.assert_allclose(priced, loss, **EXACT)
    np.testing.assert_allclose(priced_pullback(1.0), pullback(1.0), **EXACT)


def test_z_loss_is_added_and_blind_to_targets(rng):
    logits, targets = logits_and_targets(rng, ignored=0)
    price = (np.log(np.exp(logits).sum(axis=-1)) ** 2).mean()
    for options in ({"targets": targets}, {"targets": 0 * targets, "smoothing": 0.3}):
        for z_loss in (1e-4, 0.3, 2.0):
            added = cross_entropy(logits, z_loss=z_loss, **options) - cross_entropy(logits, **options)
            np.testing.assert_allclose(added, z_loss * price, **EXACT)


def test_z_loss_of_shifted_logits(rng):
    logits, targets = logits_and_targets(rng, ignored=0)
    shift = rng.normal(size=(2, 3))
    log_z = np.log(np.exp(logits).sum(axis=-1))
    loss, shifted = (
        cross_entropy(z, targets=targets, z_loss=0.2) for z in (logits, logits + shift[..., None])
    )
    np.testing.assert_allclose(shifted - loss, (0.2 * (2 * shift * log_z + shift**2)).mean(), **EXACT)


def test_permutation_of_the_vocabulary(rng):
    logits, targets = logits_and_targets(rng, ignored=0)
    order = rng.permutation(7)
    loss, pullback = cross_entropy_vjp(logits, targets=targets, smoothing=0.1)
    permuted, permuted_pullback = cross_entropy_vjp(
        logits[..., order], targets=np.argsort(order)[targets], smoothing=0.1
    )
    np.testing.assert_allclose(permuted, loss, **EXACT)
    np.testing.assert_allclose(permuted_pullback(1.0), pullback(1.0)[..., order], **EXACT)


def test_leading_axes_are_rows(rng):
    logits, targets = logits_and_targets(rng)
    loss, pullback = cross_entropy_vjp(logits, targets=targets, ignore=IGNORE)
    flat, flat_pullback = cross_entropy_vjp(logits.reshape(6, 7), targets=targets.reshape(6), ignore=IGNORE)
    assert loss == flat and np.array_equal(pullback(1.0).reshape(6, 7), flat_pullback(1.0))


# Numerics


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_logits_stay_exact(dtype):
    logits = np.array([[0, -5000, 0], [1e4, 1e4, -1e4]], dtype)
    loss, pullback = cross_entropy_vjp(logits, targets=np.array([1, 0]), reduction="sum")
    np.testing.assert_allclose(loss, 5000 + 2 * math.log(2), rtol=np.finfo(dtype).eps, atol=0)  # one rounding
    assert np.array_equal(pullback(1.0), np.array([[0.5, -1, 0.5], [-0.5, 0.5, 0]], dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_z_of_large_logits_stays_exact(dtype):
    logits = np.array([[1e4, 1e4, -1e4], [-1e4, -1e4, -2e4]], dtype)
    loss, pullback = cross_entropy_vjp(logits, targets=np.array([0, 0]), z_loss=0.5, reduction="sum")
    log_z = np.array([1e4, -1e4]) + math.log(2)
    few = 4 * np.finfo(dtype).eps  # a logarithm, a sum, a square and a product
    np.testing.assert_allclose(loss, 2 * math.log(2) + 0.5 * (log_z**2).sum(), rtol=few, atol=0)
    weight = (1 + log_z) / 2
    expected = np.stack([weight - 1, weight, 0 * weight], axis=1)
    np.testing.assert_allclose(pullback(1.0), expected, rtol=few, atol=0)


def test_without_a_z_loss_nothing_of_it_is_computed(rng):
    logits, targets = logits_and_targets(rng, ignored=0)
    _, pullback = cross_entropy_vjp(logits, targets=targets)
    _, priced_pullback = cross_entropy_vjp(logits, targets=targets, z_loss=0.1)
    kept, priced = (
        {name for name, cell in zip(p.__code__.co_freevars, p.__closure__, strict=True) if _is_filled(cell)}
        for p in (pullback, priced_pullback)
    )
    assert priced - kept == {"log_z"}


def test_positions_of_different_scale_stay_exact():
    logits = np.array([[1e4, 1e4], [-1e4, -1e4]])
    loss, pullback = cross_entropy_vjp(logits, targets=np.array([0, 1]))
    np.testing.assert_allclose(loss, math.log(2), rtol=1e-15, atol=0)  # a logarithm and a mean of equal numbers
    assert np.array_equal(pullback(1.0), [[-0.25, 0.25], [0.25, -0.25]])


def test_excluded_words_have_no_probability_and_no_gradient():
    logits = np.array([[0.0, -np.inf, 0.0]])
    loss, pullback = cross_entropy_vjp(logits, targets=np.array([0]))
    np.testing.assert_allclose(loss, math.log(2), rtol=1e-15, atol=0)  # one logarithm
    assert np.array_equal(pullback(1.0), [[-0.5, 0, 0.5]])
    assert cross_entropy(logits, targets=np.array([0]), smoothing=0.1) == np.inf


def test_pullback_keeps_one_array_of_the_size_of_the_logits(rng):
    targets = np.zeros(200, int)
    tracemalloc.start()
    kept = cross_entropy_vjp(rng.normal(size=(200, 100)), targets=targets)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 1 <= size / (200 * 100 * 8) < 1.1, kept  # rows, targets and counts are 17 bytes of 800 a position


@pytest.mark.parametrize(("ignore", "arrays"), [(None, 1), (0, 2)])
def test_pullback_makes_no_array_that_it_could_spare(rng, ignore, arrays):
    targets = np.ones(200, int)
    targets[:3] = 0
    _, pullback = cross_entropy_vjp(rng.normal(size=(200, 100)), targets=targets, ignore=ignore, smoothing=0.1)
    tracemalloc.start()
    pullback(1.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert arrays - 0.1 < peak / (200 * 100 * 8) < arrays + 0.1  # indices are a few bytes of 800 a position


def test_received_arrays_are_not_written_to(rng):
    logits, targets = logits_and_targets(rng)
    logits.flags.writeable = targets.flags.writeable = False
    _, pullback = cross_entropy_vjp(logits, targets=targets, ignore=IGNORE)
    assert np.array_equal(pullback(1.0), pullback(1.0)) and pullback(1.0) is not pullback(1.0)


# Pitfalls


def test_mean_over_all_positions_is_caught(caught, rng):
    logits, targets = logits_and_targets(rng)
    wrong = with_gradient(lambda dlogits, logits, dloss, constants: dlogits * 4 / 6)
    caught({"logits"}, wrong, logits, targets=targets, ignore=IGNORE)
    right = cross_entropy(logits, targets=targets, ignore=IGNORE)
    total = cross_entropy(logits, targets=targets, ignore=IGNORE, reduction="sum")
    assert abs(right - oracle(logits, targets, IGNORE)[0]) < 1e-13 < abs(right - total / 6)  # 42 roundings


def test_forgotten_share_is_caught(caught, rng):
    logits, targets = logits_and_targets(rng)
    wrong = with_gradient(lambda dlogits, logits, dloss, constants: dlogits * 4)
    caught({"logits"}, wrong, logits, targets=targets, ignore=IGNORE)


def test_forgotten_smoothing_gradient_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        return cross_entropy_vjp(logits, **{**constants, "smoothing": 0.0})[1](dloss)

    logits, targets = logits_and_targets(rng, ignored=0)
    caught({"logits"}, with_gradient(wrong), logits, targets=targets, smoothing=0.1)


def test_forgotten_z_loss_gradient_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        return cross_entropy_vjp(logits, **{**constants, "z_loss": 0.0})[1](dloss)

    logits, targets = logits_and_targets(rng, (3, 4), ignored=0)
    caught({"logits"}, with_gradient(wrong), logits, targets=targets, z_loss=1e-4)


def test_forgotten_factor_of_the_z_loss_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        return cross_entropy_vjp(logits, **{**constants, "z_loss": constants["z_loss"] / 2})[1](dloss)

    logits, targets = logits_and_targets(rng, (3, 4), ignored=0)
    caught({"logits"}, with_gradient(wrong), logits, targets=targets, z_loss=1e-4)


def test_z_loss_gradient_without_probabilities_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        plain = cross_entropy_vjp(logits, **{**constants, "z_loss": 0.0})[1](dloss)
        log_z = np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return plain + 2 * dloss / 3 * constants["z_loss"] * log_z / 4

    logits, targets = logits_and_targets(rng, (3, 4), ignored=0)
    caught({"logits"}, with_gradient(wrong), logits, targets=targets, z_loss=0.1)


def test_z_loss_without_the_share_is_another_function(rng):
    logits, targets = logits_and_targets(rng)
    ours = cross_entropy(logits, targets=targets, ignore=IGNORE, z_loss=0.1)
    log_z = np.log(np.exp(logits).sum(axis=-1))[targets != IGNORE]
    other = cross_entropy(logits, targets=targets, ignore=IGNORE) + 0.1 * (log_z**2).sum()
    assert abs(ours - oracle(logits, targets, IGNORE, z_loss=0.1)[0]) < 1e-13 < abs(ours - other)  # 42 roundings


def test_one_hot_at_ignored_positions_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        targets = constants["targets"]
        return dlogits - dloss / 4 * (np.eye(7)[targets] * (targets == IGNORE)[..., None])

    logits, targets = logits_and_targets(rng)
    caught({"logits"}, with_gradient(wrong), logits, targets=targets, ignore=IGNORE)


def test_probabilities_at_ignored_positions_are_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        return dlogits + dloss / 4 * (softmax_vjp(logits)[0] * (constants["targets"] == IGNORE)[..., None])

    logits, targets = logits_and_targets(rng)
    caught({"logits"}, with_gradient(wrong), logits, targets=targets, ignore=IGNORE)


def test_one_factor_for_all_positions_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        return cross_entropy_vjp(logits, **constants)[1](np.full(dloss.shape, dloss.mean()))

    logits, targets = logits_and_targets(rng, ignored=0)
    caught({"logits"}, with_gradient(wrong), logits, targets=targets, reduction="none")


def test_forgotten_upstream_gradient_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        return cross_entropy_vjp(logits, **constants)[1](1.0)

    logits, targets = logits_and_targets(rng, ignored=0)
    caught({"logits"}, with_gradient(wrong), logits, targets=targets)


def test_one_hot_in_every_row_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        dz = softmax_vjp(logits)[0] * (dloss / 4)
        dz[:, constants["targets"]] -= dloss / 4
        return dz

    logits, targets = logits_and_targets(rng, (4, 7), ignored=0)
    caught({"logits"}, with_gradient(wrong), logits, targets=targets)


def test_softmax_before_the_loss_is_another_function():
    perfect = softmax_vjp(np.array([[1e4, 0.0, 0.0]]))[0]
    floor = math.log(1 + 2 / math.e)
    np.testing.assert_allclose(cross_entropy(perfect, targets=np.array([0])), floor, rtol=1e-15, atol=0)  # one rounding
    assert cross_entropy(np.array([[1e4, 0.0, 0.0]]), targets=np.array([0])) == 0


def test_smoothing_of_the_other_words_is_another_function(rng):
    logits, targets = logits_and_targets(rng, ignored=0)
    q = 0.7 * np.eye(7)[targets] + 0.3 / 6 * (1 - np.eye(7)[targets])
    other = -(q * np.log(softmax_vjp(logits)[0])).sum(axis=-1).mean()
    ours = cross_entropy(logits, targets=targets, smoothing=0.3)
    assert abs(ours - oracle(logits, targets, smoothing=0.3)[0]) < 1e-13 < abs(ours - other)  # 42 roundings


# Errors


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"targets": np.array([[1, 2, 7], [0, 0, 0]])}, ValueError,
         r"targets must lie in \[0, 7\), got 7 at \(0, 2\)"),
        ({"targets": np.array([[1, 2, -1], [0, -2, 0]]), "ignore": -1}, ValueError,
         r"targets must lie in \[0, 7\), got -2 at \(1, 1\)"),
        ({"targets": np.zeros((2, 3))}, TypeError, r"targets must be an integer array, got float64"),
        ({"targets": np.zeros((2, 3)), "ignore": 0}, TypeError, r"targets must be an integer array, got float64"),
        ({"targets": np.zeros((2, 3), bool)}, TypeError, r"targets must be an integer array, got bool"),
        ({"targets": np.zeros((2, 3), bool), "ignore": 0}, TypeError, r"targets must be an integer array, got bool"),
        ({"targets": [[1, 2, 3], [1, 2, 3]]}, TypeError, r"targets must be an integer array, got list"),
        ({"targets": np.zeros((3, 2), int)}, ValueError, r"targets must have shape \(2, 3\), got \(3, 2\)"),
        ({"smoothing": "0.1"}, TypeError, r"smoothing must be a number, got str"),
        ({"smoothing": 1.0}, ValueError, r"smoothing must lie in \[0, 1\), got 1\.0"),
        ({"smoothing": -0.1}, ValueError, r"smoothing must lie in \[0, 1\), got -0\.1"),
        ({"smoothing": math.nan}, ValueError, r"smoothing must lie in \[0, 1\), got nan"),
        ({"z_loss": -1e-4}, ValueError, r"z_loss must be finite and at least 0, got -0\.0001"),
        ({"z_loss": math.inf}, ValueError, r"z_loss must be finite and at least 0, got inf"),
        ({"z_loss": "x"}, TypeError, r"z_loss must be a number, got str"),
        ({"z_loss": math.nan}, ValueError, r"z_loss must be finite and at least 0, got nan"),
        ({"reduction": "all"}, ValueError, r"reduction must be 'mean' or 'sum' or 'none', got 'all'"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_one_clear_line(change, error, message):
    with pytest.raises(error, match=f"^cross_entropy: {message}$"):
        cross_entropy(np.zeros((2, 3, 7)), **{"targets": np.zeros((2, 3), int), **change})


@pytest.mark.parametrize(
    ("logits", "error", "message"),
    [
        (np.zeros((2, 0)), ValueError, r"logits must have shape \(\.\.\., V\) with V at least 1, got \(2, 0\)"),
        (np.array(1.0), ValueError, r"logits must have shape \(\.\.\., V\) with V at least 1, got \(\)"),
        (np.zeros((2, 3), int), TypeError, r"logits must be floating or complex, got int64"),
    ],
)
def test_wrong_logits_are_one_clear_line(logits, error, message):
    with pytest.raises(error, match=f"^cross_entropy: {message}$"):
        cross_entropy(logits, targets=np.zeros(2, int))
