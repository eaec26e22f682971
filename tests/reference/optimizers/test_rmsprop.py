import math
import warnings

import numpy as np
import pytest
from optimizers import Written, steps

from reference.optimizers.adam import Adam
from reference.optimizers.rmsprop import RMSprop

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # 1 - beta has 14 digits
T, RATE = 20, 0.1
RATES = RATE * np.linspace(1, 0.2, T)


def follows_its_equations(optimizer, rng, scale=1.0, beta=0.99, eps=1e-8):
    gradients, theta, made = scale * rng.normal(size=T), 0.0, []
    for t, rate in enumerate(RATES):
        v = (1 - beta) * math.fsum(beta ** (t - i) * gradients[i] ** 2 for i in range(t + 1))
        theta -= rate * gradients[t] / (math.sqrt(v) + eps)
        made.append(theta)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a planted version divides by nearly 0
        found, _ = steps(optimizer, np.zeros(1), gradients[:, None], RATES)
    return np.allclose(found[:, 0], made, **EXACT)


def test_update_equals_its_closed_form(rng):
    assert follows_its_equations(RMSprop(), rng)
    assert follows_its_equations(RMSprop(), rng, scale=1e-6)
    assert follows_its_equations(RMSprop(0.5, 0.1), rng, beta=0.5, eps=0.1)


# Laws


def moves(optimizer, gradients, rate=RATE):
    made, _ = steps(optimizer, np.zeros_like(gradients[0]), gradients, rate)
    return np.diff(made, axis=0, prepend=np.zeros_like(made[:1]))


def test_constant_gradient_comes_down_to_the_rate(rng):
    g = rng.normal(size=5)
    made = moves(RMSprop(eps=1e-300), [g] * 2000)
    expected = np.multiply.outer(1 / np.sqrt(1 - 0.99 ** np.arange(1, 2001)), -RATE * np.sign(g))
    np.testing.assert_allclose(made, expected, rtol=1e-11, atol=1e-13)  # differences of parameters up to 200
    np.testing.assert_allclose(made[[0, -1]], [-10 * RATE * np.sign(g), -RATE * np.sign(g)], rtol=1e-8, atol=0)


def test_no_step_is_longer_than_the_first(rng):
    made = abs(moves(RMSprop(), rng.standard_cauchy(size=(T, 200))))
    assert made.max() <= 10 * RATE * (1 + 1e-12)


def test_scale_of_the_gradient_does_not_matter(rng):
    gradients = rng.normal(size=(T, 5))
    for power in (-30, 30):
        scaled = moves(RMSprop(eps=2.0**power * 1e-8), 2.0**power * gradients)
        assert np.array_equal(scaled, moves(RMSprop(), gradients))


def test_without_memory_every_step_is_the_rate(rng):
    gradients = rng.normal(size=(T, 5))
    expected = -RATE * gradients / (abs(gradients) + 1e-8)
    np.testing.assert_allclose(moves(RMSprop(beta=0.0), gradients), expected, **EXACT)


def test_it_is_adam_without_mean_and_correction(rng):
    gradients, tiny = rng.normal(size=(T, 5)), 1e-300
    adam = moves(Adam(beta1=0.0, beta2=0.99, eps=tiny), gradients)
    correction = np.sqrt(1 - 0.99 ** np.arange(1, T + 1))[:, None]
    np.testing.assert_allclose(moves(RMSprop(eps=tiny), gradients), adam / correction, **EXACT)


# Pitfalls: each step written once more, with one thing wrong


def right(theta, g, t, rate, v):
    v = 0.99 * v + 0.01 * g * g
    return theta - rate * g / (np.sqrt(v) + 1e-8), v


def exchanged(theta, g, t, rate, v):
    v = 0.01 * v + 0.99 * g * g
    return theta - rate * g / (np.sqrt(v) + 1e-8), v


def late(theta, g, t, rate, v):
    return theta - rate * g / (np.sqrt(v) + 1e-8), 0.99 * v + 0.01 * g * g


def corrected(theta, g, t, rate, v):
    v = 0.99 * v + 0.01 * g * g
    return theta - rate * g / (np.sqrt(v / (1 - 0.99**t)) + 1e-8), v


def eps_inside(theta, g, t, rate, v):
    v = 0.99 * v + 0.01 * g * g
    return theta - rate * g / np.sqrt(v + 1e-8), v


def total(theta, g, t, rate, v):
    v = 0.99 * v + g * g
    return theta - rate * g / (np.sqrt(v) + 1e-8), v


def caught(line, rng, scale=1.0):
    return not follows_its_equations(Written(line, 1), rng, scale)


def test_written_once_more_and_right_is_not_caught(rng):
    assert not caught(right, rng)


def test_exchanged_weights_are_caught(rng):
    assert caught(exchanged, rng)


def test_mean_that_is_one_step_late_is_caught(rng):
    assert caught(late, rng)


def test_correction_is_caught(rng):
    assert caught(corrected, rng)


def test_eps_inside_the_root_is_caught(rng):
    assert caught(eps_inside, rng) and caught(eps_inside, rng, scale=1e-6)


def test_sum_in_place_of_the_mean_is_caught(rng):
    assert caught(total, rng)


def test_beta_must_be_a_share():
    with pytest.raises(ValueError, match=r"^RMSprop: beta must lie in \[0, 1\), got 1\.0$"):
        RMSprop(beta=1.0)
