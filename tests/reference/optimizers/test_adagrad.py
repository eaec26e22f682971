import math
import warnings

import numpy as np
from optimizers import Written, steps

from reference.optimizers.adagrad import Adagrad

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # roots of sums of twenty squares
T, RATE = 20, 0.1
RATES = RATE * np.linspace(1, 0.2, T)


def follows_its_equations(optimizer, rng, scale=1.0, eps=1e-10):
    gradients, theta, made = scale * rng.normal(size=T), 0.0, []
    for t, rate in enumerate(RATES):
        root = math.sqrt(math.fsum(g * g for g in gradients[: t + 1]))
        theta -= rate * gradients[t] / (root + eps)
        made.append(theta)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a planted version divides by nearly 0
        found, _ = steps(optimizer, np.zeros(1), gradients[:, None], RATES)
    return np.allclose(found[:, 0], made, **EXACT)


def test_update_equals_its_sum(rng):
    assert follows_its_equations(Adagrad(), rng)
    assert follows_its_equations(Adagrad(), rng, scale=1e-6)
    assert follows_its_equations(Adagrad(eps=0.1), rng, eps=0.1)


# Laws


def moves(optimizer, gradients, rate=RATE):
    made, _ = steps(optimizer, np.zeros_like(gradients[0]), gradients, rate)
    return np.diff(made, axis=0, prepend=np.zeros_like(made[:1]))


def test_first_step_is_the_rate_against_the_sign(rng):
    g = rng.normal(size=(1, 5)) * 10.0 ** np.arange(-8, 2, 2)
    np.testing.assert_allclose(moves(Adagrad(), g), -RATE * g / (abs(g) + 1e-10), **EXACT)


def test_constant_gradient_slows_down_like_a_root(rng):
    g = rng.normal(size=5)
    expected = np.multiply.outer(1 / np.sqrt(np.arange(1, T + 1)), -RATE * np.sign(g))
    np.testing.assert_allclose(moves(Adagrad(eps=1e-300), [g] * T), expected, **EXACT)


def test_no_step_is_longer_than_the_rate(rng):
    assert abs(moves(Adagrad(), rng.standard_cauchy(size=(T, 200)))).max() <= RATE * (1 + 1e-13)


def test_scale_of_the_gradient_does_not_matter(rng):
    gradients = rng.normal(size=(T, 5))
    for power in (-30, 30):
        scaled = moves(Adagrad(eps=2.0**power * 1e-10), 2.0**power * gradients)
        assert np.array_equal(scaled, moves(Adagrad(), gradients))


def test_order_of_what_was_seen_does_not_matter(rng):
    gradients = rng.normal(size=(T, 5))
    shuffled = np.concatenate((rng.permutation(gradients[:-1]), gradients[-1:]))
    np.testing.assert_allclose(moves(Adagrad(), shuffled)[-1], moves(Adagrad(), gradients)[-1], **EXACT)


def test_what_is_rarely_used_keeps_its_rate(rng):
    gradients = np.zeros((T, 2))
    gradients[:, 0], gradients[-1, 1] = rng.normal(size=T), 0.37
    made = moves(Adagrad(eps=1e-300), gradients)
    assert not made[:-1, 1].any()
    np.testing.assert_allclose(made[-1, 1], -RATE, **EXACT)


# Pitfalls: each step written once more, with one thing wrong


def right(theta, g, t, rate, v):
    v = v + g * g
    return theta - rate * g / (np.sqrt(v) + 1e-10), v


def late(theta, g, t, rate, v):
    return theta - rate * g / (np.sqrt(v) + 1e-10), v + g * g


def mean(theta, g, t, rate, v):
    v = v + g * g
    return theta - rate * g / (np.sqrt(v / t) + 1e-10), v


def no_root(theta, g, t, rate, v):
    v = v + g * g
    return theta - rate * g / (v + 1e-10), v


def eps_inside(theta, g, t, rate, v):
    v = v + g * g
    return theta - rate * g / np.sqrt(v + 1e-10), v


def caught(line, rng, scale=1.0):
    return not follows_its_equations(Written(line, 1), rng, scale)


def test_written_once_more_and_right_is_not_caught(rng):
    assert not caught(right, rng)


def test_sum_that_is_one_step_late_is_caught(rng):
    assert caught(late, rng)


def test_mean_in_place_of_the_sum_is_caught(rng):
    assert caught(mean, rng)


def test_missing_root_is_caught(rng):
    assert caught(no_root, rng)


def test_eps_inside_the_root_is_caught(rng):
    assert caught(eps_inside, rng) and caught(eps_inside, rng, scale=1e-6)
