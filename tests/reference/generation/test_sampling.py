import numpy as np
import pytest
from strict import Strict, numbers, strict

from reference.functions.softmax import softmax
from reference.generation.sampling import (
    LEAST,
    MOST,
    Sampling,
    ban,
    bias_logits,
    draw,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    penalize,
    temper,
)

B, V = 6, 9
LEAVING = {
    "top-k": lambda logits: keep_top_k(logits, 3),
    "min-p": lambda logits: keep_min_p(logits, 0.2),
    "banned": lambda logits: ban(logits, (1, 4)),
    "temperature 0": lambda logits: temper(logits, 0),
    "top-p": lambda logits: keep_top_p(logits, 0.7),
}
every_leaving = pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)


class Fixed(np.random.Generator):
    """Draws the numbers that it is told."""

    def __init__(self, x):
        super().__init__(np.random.PCG64(0))
        self.x = np.asarray(x, float)

    def random(self, shape):
        return np.broadcast_to(self.x.reshape(-1, 1), shape)


def some(rng):
    return 2 * rng.normal(size=(B, V))


# Laws


def test_temperatures_multiply(rng):
    logits = some(rng)
    np.testing.assert_allclose(temper(temper(logits, 0.3), 2.5), temper(logits, 0.75), rtol=1e-14, atol=0)


def test_temperature_0_is_the_limit(rng):
    logits = some(rng)
    np.testing.assert_allclose(softmax(temper(logits, 1e-6)), softmax(temper(logits, 0)), rtol=0, atol=1e-15)
    assert np.array_equal(temper(logits, 0).argmax(-1), logits.argmax(-1))
    assert np.isfinite(temper(np.zeros((1, V)), 0)).tolist() == [[True] + [False] * (V - 1)]


@every_leaving
def test_what_is_left_is_as_it_was_and_a_second_time_changes_nothing(rng, leave):
    logits = some(rng)
    before, left = logits.copy(), leave(logits)
    kept = np.isfinite(left)
    assert np.array_equal(left[kept], logits[kept]) and kept.any() and not kept.all()
    assert np.array_equal(logits, before)
    if leave is not LEAVING["top-p"]:
        assert np.array_equal(leave(left), left)


@pytest.mark.parametrize("p", [0.05, 0.3, 0.7, 0.95, 0.999, 1.0])
def test_top_p_leaves_the_fewest_that_reach_it(rng, p):
    logits = some(rng)
    for row, left in zip(softmax(logits), np.isfinite(keep_top_p(logits, p)), strict=True):
        kept = np.sort(row[left])
        assert p == 1 or kept.sum() >= p
        assert kept[1:].sum() < p  # without the least likely it is not reached
        assert not left.all() or p > 0.9
        assert kept[0] >= row[~left].max(initial=0)


@every_leaving
def test_the_likeliest_is_always_left(rng, leave):
    logits = some(rng)
    logits[:, [1, 4]] = -5  # which are banned
    assert np.array_equal(leave(logits).argmax(-1), logits.argmax(-1))
    for p in (1e-300, 1e-9, 1.0):
        assert np.isfinite(keep_top_p(logits, p)).any(axis=-1).all()
        assert np.isfinite(keep_min_p(logits, p)).any(axis=-1).all()


@every_leaving
def test_a_constant_passes_through_what_leaves_some_out(rng, leave):
    logits = some(rng)
    assert np.array_equal(np.isfinite(leave(logits + 3.5)), np.isfinite(leave(logits)))


def test_neutral_settings_change_nothing(rng):
    logits, said = some(rng), rng.random((B, V)) < 0.5
    neutral = [
        temper(logits, 1), keep_top_k(logits, V), keep_top_k(logits, V + 5), keep_top_p(logits, 1.0),
        keep_min_p(logits, 0), penalize(logits, said, 1), penalize(logits, said & False, 3), ban(logits, ()),
        bias_logits(logits, np.zeros(V)), Sampling()(logits, said),
    ]  # fmt: skip
    assert all(np.array_equal(changed, logits) for changed in neutral)


def test_the_penalty_lowers_what_was_said_and_its_inverse_undoes_it(rng):
    logits, said = some(rng), rng.random((B, V)) < 0.5
    lower = penalize(logits, said, 1.7)
    assert (lower[said] < logits[said]).all() and np.array_equal(lower[~said], logits[~said])
    np.testing.assert_allclose(penalize(lower, said, 1 / 1.7), logits, rtol=1e-14, atol=0)


def test_each_token_has_the_interval_of_its_probability(rng):
    logits = np.repeat(some(rng)[:1], 4001, axis=0)
    logits[:, 2] = -np.inf
    x = (np.arange(4001) + 0.5) / 4001  # a grid, of which each token gets its share to within one step
    counts = np.bincount(draw(logits, Fixed(x)), minlength=V)
    assert np.abs(counts / 4001 - softmax(logits)[0]).max() < 1.01 / 4001
    assert counts[2] == 0


def test_the_same_seed_draws_the_same_and_rows_are_alone(rng):
    logits = some(rng)
    ids = draw(logits, np.random.default_rng(7))
    assert np.array_equal(ids, draw(logits, np.random.default_rng(7)))
    other = logits.copy()
    other[1:] = 0
    assert draw(other, np.random.default_rng(7))[0] == ids[0]
    assert len({tuple(draw(logits, np.random.default_rng(seed))) for seed in range(20)}) > 10


def test_settings_are_done_in_their_order(rng):
    logits, said, bias = some(rng), rng.random((B, V)) < 0.5, rng.normal(size=V)
    every = Sampling(bias=bias, banned=(3,), penalty=1.3, temperature=0.7, k=6, p=0.9, min_p=0.05)
    by_hand = penalize(ban(bias_logits(logits, bias), (3,)), said, 1.3)
    by_hand = keep_min_p(keep_top_p(keep_top_k(temper(by_hand, 0.7), 6), 0.9), 0.05)
    assert np.array_equal(every(logits, said), by_hand)


def test_it_runs_on_strict_arrays_and_in_float32(rng):
    logits, said = some(rng).astype(np.float32), rng.random((B, V)) < 0.5
    every = Sampling(banned=(3,), penalty=1.3, temperature=0.7, k=6, p=0.9, min_p=0.05)
    moved = every(strict(logits), strict(said))
    assert type(moved) is Strict and np.array_equal(numbers(moved), every(logits, said))
    assert every(logits, said).dtype == np.float32
    ids = draw(moved, np.random.default_rng(1))
    assert np.array_equal(numbers(ids), draw(every(logits, said), np.random.default_rng(1)))
    assert np.array_equal(numbers(bias_logits(strict(logits), strict(logits[0]))), logits + logits[0])


# Pitfalls


def test_a_nucleus_without_the_token_that_reaches_p_is_caught(rng):
    logits = some(rng)
    p = np.sort(softmax(logits))[:, ::-1]
    wrong = (np.cumsum(p, axis=-1) <= 0.7).sum(axis=-1)
    assert (wrong < np.isfinite(keep_top_p(logits, 0.7)).sum(axis=-1)).all()


def test_a_negative_logit_that_is_divided_is_caught(rng):
    logits = some(rng)
    said = np.ones((B, V), bool)
    assert ((logits / 1.7 > logits) == (logits < 0)).all() and (penalize(logits, said, 1.7) < logits).all()


def test_an_absolute_threshold_is_caught():
    flat = np.zeros((1, V))
    assert not (softmax(flat) >= 0.2).any() and np.isfinite(keep_min_p(flat, 0.2)).all()


def test_more_than_k_of_equal_ones_are_caught():
    logits = np.array([[1.0, 3.0, 2.0, 2.0, 2.0]])
    assert (logits >= np.sort(logits)[:, -2]).sum() == 4
    assert np.isfinite(keep_top_k(logits, 2)).tolist() == [[False, True, True, False, False]]


def test_a_token_of_probability_0_is_never_drawn():
    logits = np.log(np.array([[0.0, 0.25, 0.0, 0.75, 0.0]]) + 1e-300)
    logits[logits < -600] = -np.inf
    assert [int(draw(logits, Fixed(x))[0]) for x in (0.0, 0.2, 0.3, 1 - 2.0**-53)] == [1, 1, 3, 3]
    total = np.cumsum(softmax(logits), axis=-1)
    assert (total < 0.0).sum() == 0  # of which token 0 would come


@pytest.mark.parametrize("sampling", [
    Sampling(temperature=size, penalty=penalty) for size in (LEAST, MOST) for penalty in (LEAST, MOST)
])  # fmt: skip
def test_the_ends_of_what_is_allowed_leave_numbers_of_float32(sampling, rng):
    logits = 1e3 * rng.normal(size=(3, 8)).astype(np.float32)
    with np.errstate(over="raise", invalid="raise"):
        assert np.isfinite(sampling(logits, np.ones((3, 8), bool))).all()


# Errors

LOGITS = np.zeros((2, 5))


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: temper(LOGITS, -0.5), ValueError, "temper: temperature must be finite and at least 0, got -0.5"),
    (lambda: temper(LOGITS, np.inf), ValueError, "temper: temperature must be finite and at least 0, got inf"),
    (lambda: temper(LOGITS, 1e-320), ValueError,
     r"temper: temperature must be 0 or lie in \[1e-06, 1e\+06\], got 1e-320"),
    (lambda: penalize(LOGITS, LOGITS > 0, 1e7), ValueError,
     r"penalize: penalty must lie in \[1e-06, 1e\+06\], got 10000000.0"),
    (lambda: Sampling(temperature=1e7), ValueError,
     r"Sampling: temperature must be 0 or lie in \[1e-06, 1e\+06\], got 10000000.0"),
    (lambda: Sampling(penalty=1e-7), ValueError, r"Sampling: penalty must lie in \[1e-06, 1e\+06\], got 1e-07"),
    (lambda: temper(LOGITS, "1"), TypeError, "temper: temperature must be a number, got str"),
    (lambda: temper(LOGITS[0], 1), ValueError, r"temper: logits must have shape \(B, V\), got \(5,\)"),
    (lambda: keep_top_k(LOGITS, 0), ValueError, "keep_top_k: k must be at least 1, got 0"),
    (lambda: keep_top_k(LOGITS, 2.0), TypeError, "keep_top_k: k must be a whole number, got float"),
    (lambda: keep_top_p(LOGITS, 0), ValueError, r"keep_top_p: p must lie in \(0, 1\], got 0"),
    (lambda: keep_top_p(LOGITS, 1.1), ValueError, r"keep_top_p: p must lie in \(0, 1\], got 1.1"),
    (lambda: keep_top_p(LOGITS, np.nan), ValueError, r"keep_top_p: p must lie in \(0, 1\], got nan"),
    (lambda: keep_top_p(LOGITS, True), TypeError, "keep_top_p: p must be a number, got bool"),
    (lambda: keep_min_p(LOGITS, -0.1), ValueError, r"keep_min_p: p must lie in \[0, 1\], got -0.1"),
    (lambda: penalize(LOGITS, LOGITS > 0, 0), ValueError, "penalize: penalty must be positive and finite, got 0"),
    (lambda: penalize(LOGITS, LOGITS, 2), TypeError, "penalize: said must be a boolean array, got float64"),
    (lambda: penalize(LOGITS, LOGITS[:1] > 0, 2), ValueError, r"penalize: said must have shape \(2, 5\), got \(1, 5\)"),
    (lambda: bias_logits(LOGITS, np.zeros(4)), ValueError, r"bias_logits: bias must have shape \(5,\), got \(4,\)"),
    (lambda: ban(LOGITS, (5,)), ValueError, r"ban: an id must lie in \[0, 5\), got 5"),
    (lambda: ban(LOGITS, 3), TypeError, "ban: ids must be a list or a tuple, got int"),
    (lambda: ban(LOGITS, (1.0,)), TypeError, "ban: an id must be a whole number, got float"),
    (lambda: draw(LOGITS, 7), TypeError, r"draw: rng must be a numpy\.random\.Generator, got int"),
    (lambda: draw(LOGITS - np.inf, np.random.default_rng(0)), ValueError,
     "draw: every row of logits must have one that is finite, got none in row 0"),
    (lambda: Sampling(p=0), ValueError, r"Sampling: p must lie in \(0, 1\], got 0"),
    (lambda: Sampling(temperature=-1), ValueError, "Sampling: temperature must be finite and at least 0, got -1"),
    (lambda: Sampling(k=0), ValueError, "Sampling: k must be at least 1, got 0"),
    (lambda: Sampling(min_p=2), ValueError, r"Sampling: min_p must lie in \[0, 1\], got 2"),
    (lambda: Sampling(penalty=0), ValueError, "Sampling: penalty must be positive and finite, got 0"),
])  # fmt: skip
def test_what_is_wrong_is_one_line(call, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        call()


def test_a_bias_that_is_complex_is_one_clear_line():
    alone = "bias_logits", lambda bias: bias_logits(np.zeros((2, 5)), bias)
    for where, call in (("Sampling", lambda bias: Sampling(bias=bias)), alone):
        with pytest.raises(TypeError, match=rf"^{where}: bias must be real, got complex128$"):
            call(np.zeros(5, complex))
