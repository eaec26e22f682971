import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.core.layer import Layer
from reference.functions.softmax import softmax
from reference.layers.linear import Linear
from reference.losses.cross_entropy import cross_entropy, cross_entropy_vjp
from reference.losses.kl_divergence import examples, kl_divergence, kl_divergence_vjp

EXACT = {"rtol": 1e-13, "atol": 1e-13}  # sums of at most 42 products of numbers near 1
SHAPE = (2, 3, 7)
MASK = np.array([[True, True, True], [True, False, False]])
TAU = 2.5


class Student(Layer):
    """A composite: a linear layer and the loss."""

    linear: Linear

    def vjp(self, x, **constants):
        logits, linear_pullback = self.linear.vjp(x)
        loss, loss_pullback = kl_divergence_vjp(logits, **constants)

        def pullback(dloss):
            d_linear, dx = linear_pullback(loss_pullback(dloss))
            return self.cotangent(linear=d_linear), dx

        return loss, pullback


def planted(wrong):
    """Return the right loss with `wrong(dlogits, logits, dloss, constants)` for its gradient."""

    def vjp(logits, **constants):
        loss, right = kl_divergence_vjp(logits, **constants)
        return loss, lambda dloss: wrong(right(dloss), logits, dloss, constants)

    return vjp


def arrays(rng, shape=SHAPE):
    """Logits, and target logits that exclude a word of the first position."""
    logits, target_logits = rng.normal(size=(2, *shape))
    target_logits.reshape(-1)[: shape[-1] > 1] = -np.inf
    return logits, target_logits


def run(logits, target_logits, dloss=0.7, **options):
    loss, pullback = kl_divergence_vjp(logits, target_logits=target_logits, **options)
    return loss, pullback(dloss)


def oracle(logits, target_logits, temperature=1.0, mask=None, reduction="mean"):
    """Loss and gradient in plain loops, from p, q and q log(q / p)."""
    costs, gradient = [], np.zeros_like(logits)
    counted = [at for at in np.ndindex(logits.shape[:-1]) if mask is None or mask[at]]
    for at in counted:
        p, q = (
            [math.exp(s / temperature) / math.fsum(math.exp(r / temperature) for r in row) for s in row]
            for row in (logits[at], target_logits[at])
        )
        costs += [b * math.log(b / a) for a, b in zip(p, q, strict=True) if b > 0]
        gradient[at] = [(a - b) / temperature for a, b in zip(p, q, strict=True)]
    share = 1 / max(len(counted), 1) if reduction == "mean" else 1
    return share * math.fsum(costs), share * gradient


@pytest.mark.parametrize("i", range(3))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@pytest.mark.parametrize("shape", [(7,), (1, 1, 7), (3, 2)])
def test_backward_is_proved_for_any_leading_shape(prove, rng, shape):
    logits, target_logits = arrays(rng, shape)
    prove(kl_divergence_vjp, logits, target_logits=target_logits, temperature=0.7)


def test_backward_is_proved_inside_a_composite(prove, rng):
    _, target_logits = arrays(rng)
    layer = Student(linear=Linear(w=rng.normal(size=(4, 7)), b=rng.normal(size=7)))
    prove(layer, rng.normal(size=(2, 3, 4)), target_logits=target_logits, temperature=TAU, mask=MASK)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    shape=st.lists(st.integers(0, 4), max_size=3),
    v=st.integers(1, 6),
    temperature=st.sampled_from([1, 0.5, 3.0]),
    masked=st.booleans(),
    reduction=st.sampled_from(["mean", "sum"]),
)
def test_forward_and_backward_equal_their_oracle(shape, v, temperature, masked, reduction):
    rng = np.random.default_rng(v)
    logits, target_logits = rng.normal(size=(2, *shape, v))
    mask = np.asarray(rng.random(shape) < 0.6) if masked else None
    options = {"temperature": temperature, "mask": mask, "reduction": reduction}
    loss, dlogits = run(logits, target_logits, **options)
    want, gradient = oracle(logits, target_logits, **options)
    assert loss.shape == () and isinstance(loss, np.ndarray)
    np.testing.assert_allclose(loss, want, **EXACT)
    np.testing.assert_allclose(dlogits, 0.7 * gradient, **EXACT)
    assert np.array_equal(kl_divergence(logits, target_logits=target_logits, **options), loss)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("mask", [None, MASK])
def test_dtype_in_is_dtype_out(rng, dtype, mask):
    logits, target_logits = arrays(rng)
    options = {"target_logits": target_logits, "temperature": np.float64(TAU), "mask": mask}
    loss, pullback = kl_divergence_vjp(logits.astype(dtype), **options)
    assert loss.dtype == pullback(loss).dtype == pullback(1.0).dtype == dtype


def test_float32_agrees_with_float64(rng):
    logits, target_logits = arrays(rng)
    loss, dlogits = run(logits, target_logits, temperature=TAU)
    loss32, dlogits32 = run(logits.astype(np.float32), target_logits, temperature=TAU)
    np.testing.assert_allclose(loss32, loss, rtol=0, atol=1e-6)  # 16 units of rounding, of numbers near 1
    np.testing.assert_allclose(dlogits32, dlogits, rtol=0, atol=1e-7)  # of entries below 1 / 20


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_empty_batch_gives_zero_loss_and_empty_gradient(dtype):
    loss, dlogits = run(np.zeros((0, 3, 7), dtype), np.zeros((0, 3, 7)))
    assert loss == 0 and loss.dtype == dtype and dlogits.shape == (0, 3, 7)


def test_complex_step_gives_the_derivative(rng):
    logits, target_logits = arrays(rng)
    delta = rng.normal(size=SHAPE)
    loss, dlogits = run(logits, target_logits, 1.0, temperature=TAU)
    stepped = kl_divergence(logits + 1e-30j * delta, target_logits=target_logits, temperature=TAU)
    np.testing.assert_allclose(stepped.real, loss, **EXACT)
    np.testing.assert_allclose(stepped.imag / 1e-30, np.vdot(dlogits, delta), **EXACT)


def test_received_arrays_are_not_written_to(rng):
    logits, target_logits = arrays(rng)
    logits.flags.writeable = target_logits.flags.writeable = False
    for mask in (None, MASK):
        _, pullback = kl_divergence_vjp(logits, target_logits=target_logits, mask=mask)
        first, second = pullback(0.7), pullback(0.7)
        assert np.array_equal(first, second) and not np.shares_memory(first, second)


def test_pullback_keeps_one_array_of_the_size_of_the_logits(rng):
    logits, target_logits = rng.normal(size=(2, 800, 100))
    tracemalloc.start()
    kept = kl_divergence_vjp(logits, target_logits=target_logits)
    size, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 1 <= size / logits.nbytes < 1.1, kept  # the mask and closures are a few bytes of 800 a position
    assert peak / logits.nbytes < 5.2  # five arrays, a few columns, and a tenth for a buffer of NumPy 2.1


@pytest.mark.parametrize(("ignored", "arrays"), [(0, 1), (3, 2)])
def test_pullback_makes_no_array_that_it_could_spare(rng, ignored, arrays):
    logits, target_logits = rng.normal(size=(2, 200, 100))
    _, pullback = kl_divergence_vjp(logits, target_logits=target_logits, mask=np.arange(200) >= ignored)
    tracemalloc.start()
    pullback(1.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert arrays - 0.1 < peak / logits.nbytes < arrays + 0.1  # indices are a few bytes of 800 a position


# Laws


def test_it_is_never_negative(rng):
    for scale in (1e-3, 1.0, 30.0):
        logits, target_logits = scale * rng.normal(size=(2, 50, 7))
        costs = [kl_divergence(z, target_logits=t) for z, t in zip(logits, target_logits, strict=True)]
        assert min(costs) > 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [1.0, TAU])
def test_equal_logits_cost_nothing(rng, dtype, temperature):
    _, target_logits = arrays(rng)
    same = target_logits.astype(dtype)
    loss, dlogits = run(same, same, temperature=temperature)
    assert loss == 0 and not dlogits.any()


def test_shift_invariance_on_either_side(rng):
    logits, target_logits = arrays(rng)
    shift = 100 * rng.normal(size=(2, 3, 1))
    loss, dlogits = run(logits, target_logits, temperature=TAU)
    for shifted in ((logits + shift, target_logits), (logits, target_logits + shift)):
        other, dother = run(*shifted, temperature=TAU)
        np.testing.assert_allclose(other, loss, rtol=0, atol=1e-13)  # the shift rounds the logits at 300 u = 3e-14
        np.testing.assert_allclose(dother, dlogits, rtol=0, atol=1e-13)  # as above


def test_gradient_of_every_position_sums_to_zero(rng):
    _, dlogits = run(*arrays(rng), temperature=TAU)
    np.testing.assert_allclose(dlogits.sum(axis=-1), 0, rtol=0, atol=1e-15)  # 7 roundings of numbers below 1/6


def test_a_certain_target_makes_it_cross_entropy(rng):
    logits, targets = rng.normal(size=SHAPE), rng.integers(7, size=(2, 3))
    certain = np.where(np.arange(7) == targets[..., None], 3.0, -np.inf)
    loss, dlogits = run(logits, certain)
    expected, pullback = cross_entropy_vjp(logits, targets=targets)
    np.testing.assert_allclose(loss, expected, **EXACT)
    np.testing.assert_allclose(dlogits, pullback(0.7), **EXACT)


def test_a_uniform_target(rng):
    logits = rng.normal(size=SHAPE)
    costs = [cross_entropy(logits, targets=np.full((2, 3), k)) for k in range(7)]
    loss = kl_divergence(logits, target_logits=np.full(SHAPE, 4.2))
    np.testing.assert_allclose(loss, np.mean(costs) - math.log(7), **EXACT)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_minus_infinity_on_both_sides_removes_a_word(rng, dtype):
    logits, target_logits = rng.normal(size=(2, *SHAPE))
    logits[..., [1, 4]] = target_logits[..., [1, 4]] = -np.inf
    rest = [0, 2, 3, 5, 6]
    loss, dlogits = run(logits.astype(dtype), target_logits, temperature=TAU)
    shorter, dshorter = run(logits[..., rest], target_logits[..., rest], temperature=TAU)
    np.testing.assert_allclose(loss, shorter, **EXACT)
    np.testing.assert_allclose(dlogits[..., rest], dshorter, **EXACT)
    assert not dlogits[..., [1, 4]].any()


def test_temperature_divides_both(rng):
    logits, target_logits = arrays(rng)
    loss, dlogits = run(logits, target_logits, temperature=TAU)
    divided, ddivided = run(logits / TAU, target_logits / TAU)
    np.testing.assert_allclose(divided, loss, **EXACT)
    np.testing.assert_allclose(ddivided, TAU * dlogits, **EXACT)


def test_hot_it_matches_logits(rng):
    logits, target_logits = rng.normal(size=(2, *SHAPE))
    tau = 1e4
    d = logits - target_logits
    d -= d.mean(axis=-1, keepdims=True)
    loss, dlogits = run(logits, target_logits, 1.0, temperature=tau, reduction="sum")
    np.testing.assert_allclose(tau**2 * loss, (d * d).sum() / 14, rtol=1e-3, atol=0)  # the next order is 1 / tau
    np.testing.assert_allclose(tau**2 * dlogits, d / 7, rtol=0, atol=1e-3)  # as above


def test_permutation_of_the_vocabulary(rng):
    (logits, target_logits), order = arrays(rng), rng.permutation(7)
    loss, dlogits = run(logits, target_logits, temperature=TAU)
    permuted, dpermuted = run(logits[..., order], target_logits[..., order], temperature=TAU)
    np.testing.assert_allclose(permuted, loss, **EXACT)
    np.testing.assert_allclose(dpermuted, dlogits[..., order], **EXACT)


def test_sum_is_count_times_mean(rng):
    mean, total = (run(*arrays(np.random.default_rng(1)), mask=MASK, reduction=r) for r in ("mean", "sum"))
    for got, expected in zip(total, mean, strict=True):
        np.testing.assert_allclose(got, 4 * expected, **EXACT)


def test_masked_positions_have_no_influence(rng):
    logits, target_logits = arrays(rng)
    loss, dlogits = run(logits, target_logits, mask=MASK)
    spoilt = [np.where(MASK[..., None], z, np.nan) for z in (logits, target_logits)]
    loss_spoilt, dlogits_spoilt = run(*spoilt, mask=MASK)
    assert loss == loss_spoilt == kl_divergence(logits[MASK], target_logits=target_logits[MASK])
    assert np.array_equal(dlogits, dlogits_spoilt)
    assert not dlogits[~MASK].any() and dlogits[MASK].all()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_nothing_counts_gives_zero_loss_and_gradient(reduction):
    nothing = np.full(SHAPE, np.nan)
    loss, dlogits = run(nothing, nothing, mask=np.zeros((2, 3), bool), reduction=reduction)
    assert loss == 0 and not dlogits.any()


# Numerics


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_logits_stay_exact(dtype):
    logits = np.array([[0, -5000, 0], [1e4, 1e4, -1e4]], dtype)
    target_logits = np.array([[-9000, 0, -9000], [-1e4, 0, 0]], dtype)
    loss, dlogits = run(logits, target_logits, 1.0, reduction="sum")
    expected = 5000 + math.log(2) + (math.log(2) - math.log(2) + 2e4 / 2)  # q is (0, 1, 0) and (0, 1/2, 1/2)
    np.testing.assert_allclose(loss, expected, rtol=np.finfo(dtype).eps, atol=0)  # one rounding
    assert np.array_equal(dlogits, np.array([[0.5, -1, 0.5], [0.5, 0, -0.5]], dtype))


def test_a_word_that_only_the_model_excludes_costs_infinitely_much():
    logits, target_logits = np.array([[0.0, -np.inf, 0.0]]), np.zeros((1, 3))
    loss, dlogits = run(logits, target_logits, 1.0)
    assert loss == np.inf
    np.testing.assert_allclose(dlogits, [[1 / 6, -1 / 3, 1 / 6]], **EXACT)


def test_small_temperatures_do_not_overflow():
    loss, dlogits = run(np.array([[900.0, 899.0]]), np.array([[900.0, 800.0]]), 1.0, temperature=1e-3)
    assert loss == 0 and not dlogits.any()


# Pitfalls


def test_gradient_of_the_other_direction_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        p, q = softmax(logits), softmax(constants["target_logits"])
        gap = np.log(p / q)
        return dloss / 6 * p * (gap - (p * gap).sum(axis=-1, keepdims=True))

    logits, target_logits = rng.normal(size=(2, *SHAPE))
    caught({"logits"}, planted(wrong), logits, target_logits=target_logits)


def test_forgotten_temperature_in_the_backward_is_caught(caught, rng):
    logits, target_logits = arrays(rng)
    wrong = planted(lambda dlogits, logits, dloss, constants: TAU * dlogits)
    caught({"logits"}, wrong, logits, target_logits=target_logits, temperature=TAU)


def test_squared_temperature_in_the_backward_is_caught(caught, rng):
    logits, target_logits = arrays(rng)
    wrong = planted(lambda dlogits, logits, dloss, constants: TAU**2 * dlogits)
    caught({"logits"}, wrong, logits, target_logits=target_logits, temperature=TAU)


def test_target_at_another_temperature_is_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        return dloss / 6 / TAU * (softmax(logits / TAU) - softmax(constants["target_logits"]))

    logits, target_logits = arrays(rng)
    caught({"logits"}, planted(wrong), logits, target_logits=target_logits, temperature=TAU)


def test_forgotten_share_is_caught(caught, rng):
    logits, target_logits = arrays(rng)
    wrong = planted(lambda dlogits, logits, dloss, constants: dlogits / 6)
    caught({"logits"}, wrong, logits, target_logits=target_logits, reduction="sum")


def test_probabilities_at_masked_positions_are_caught(caught, rng):
    def wrong(dlogits, logits, dloss, constants):
        return dlogits + dloss / 4 * softmax(logits) * ~constants["mask"][..., None]

    logits, target_logits = arrays(rng)
    caught({"logits"}, planted(wrong), logits, target_logits=target_logits, mask=MASK)


def test_probabilities_are_no_logits(rng):
    logits, target_logits = arrays(rng)
    right = oracle(logits, target_logits)[0]
    ours = kl_divergence(logits, target_logits=target_logits)
    other = kl_divergence(logits, target_logits=softmax(target_logits))
    assert abs(ours - right) < 1e-13 < abs(other - right)  # 42 roundings


# Errors


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"target_logits": np.zeros((3, 2, 7))}, ValueError,
         r"target_logits must have shape \(2, 3, 7\), got \(3, 2, 7\)"),
        ({"target_logits": np.zeros(SHAPE, int)}, TypeError, r"target_logits must be floating or complex, got int64"),
        ({"target_logits": np.zeros(SHAPE, complex)}, TypeError, r"target_logits must be real, got complex128"),
        ({"target_logits": None}, TypeError, r"target_logits must be an array, got NoneType"),
        ({"temperature": None}, TypeError, r"temperature must be a number, got NoneType"),
        ({"temperature": 0}, ValueError, r"temperature must be positive and finite, got 0"),
        ({"temperature": -1.0}, ValueError, r"temperature must be positive and finite, got -1\.0"),
        ({"temperature": math.nan}, ValueError, r"temperature must be positive and finite, got nan"),
        ({"temperature": math.inf}, ValueError, r"temperature must be positive and finite, got inf"),
        ({"mask": np.ones((2, 3))}, TypeError, r"mask must be a boolean array, got float64"),
        ({"mask": [[True] * 3] * 2}, TypeError, r"mask must be a boolean array, got list"),
        ({"mask": np.ones((2, 3, 7), bool)}, ValueError, r"mask must have shape \(2, 3\), got \(2, 3, 7\)"),
        ({"reduction": "batchmean"}, ValueError, r"reduction must be 'mean' or 'sum', got 'batchmean'"),
        ({"logits": np.zeros((2, 0))}, ValueError,
         r"logits must have shape \(\.\.\., V\) with V at least 1, got \(2, 0\)"),
        ({"logits": np.zeros((2, 3), int)}, TypeError, r"logits must be floating or complex, got int64"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_one_clear_line(change, error, message):
    arguments = {"logits": np.zeros(SHAPE), "target_logits": np.zeros(SHAPE), **change}
    with pytest.raises(error, match=f"^kl_divergence: {message}$"):
        kl_divergence(arguments.pop("logits"), **arguments)
