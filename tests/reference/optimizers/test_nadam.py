import dataclasses
import itertools
import math
import re
import warnings

import numpy as np
import pytest
from optimizers import Written, steps

from reference.optimizers.adam import Adam
from reference.optimizers.nadam import NAdam

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # 1 - beta2 ** t has 13 digits at t = 1
T, RATE = 20, 0.1
RATES = RATE * np.linspace(1, 0.2, T)


def mu(t, beta1=0.9, rise=0.004):
    return beta1 * (1 - 0.5 * 0.96 ** (rise * t))


def follows_its_equations(optimizer, rng, beta1=0.9, beta2=0.999, eps=1e-8, rise=0.004):
    gradients, theta, made = rng.normal(size=T), 0.0, []
    for t, rate in enumerate(RATES, start=1):
        m = (1 - beta1) * math.fsum(beta1 ** (t - i) * gradients[i - 1] for i in range(1, t + 1))
        v = (1 - beta2) * math.fsum(beta2 ** (t - i) * gradients[i - 1] ** 2 for i in range(1, t + 1))
        momenta = [mu(i, beta1, rise) for i in range(1, t + 2)]
        present = (1 - momenta[-2]) / (1 - math.prod(momenta[:-1])) * gradients[t - 1]
        past = momenta[-1] / (1 - math.prod(momenta)) * m
        theta -= rate * (present + past) / (math.sqrt(v / (1 - beta2**t)) + eps)
        made.append(theta)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a planted version divides by 0
        found, _ = steps(optimizer, np.zeros(1), gradients[:, None], RATES)
    return np.allclose(found[:, 0], made, **EXACT)


@pytest.mark.parametrize("settings", [{}, {"beta1": 0.5, "beta2": 0.9, "eps": 0.1}, {"rise": 0.0}, {"rise": 5.0}])
def test_update_equals_its_closed_form(rng, settings):
    assert follows_its_equations(NAdam(**settings), rng, **settings)


# Laws


def moves(optimizer, gradients):
    made, _ = steps(optimizer, np.zeros_like(gradients[0]), gradients, RATE)
    return np.diff(made, axis=0, prepend=np.zeros_like(made[:1]))


def test_first_step_is_the_rate_and_a_little_more(rng):
    g = rng.normal(size=(1, 5))
    factor = 1 + mu(2) * 0.1 / (1 - mu(1) * mu(2))
    np.testing.assert_allclose(moves(NAdam(), g), -RATE * factor * g / (abs(g) + 1e-8), **EXACT)


def products(count, **settings):
    """What the state keeps after each step."""
    optimizer, theta = NAdam(**settings), np.zeros(1)
    state = optimizer.init(theta)
    for _ in range(count):
        theta, state = optimizer.step(theta, np.ones(1), state, RATE)
        yield state.p


def product(steps_made, **settings):
    return list(products(steps_made, **settings))[-1]


def test_momentum_rises_from_half():
    ratios = [after / before for before, after in itertools.pairwise(products(200, rise=1.0))]
    assert all(0.45 < one <= two <= 0.9 for one, two in itertools.pairwise(ratios))
    np.testing.assert_allclose(product(9, rise=0.0), 0.45**9, **EXACT)


def test_the_state_keeps_the_product():
    np.testing.assert_allclose(product(T), math.prod(mu(t) for t in range(1, T + 1)), **EXACT)
    assert type(product(T, beta1=np.float64(0.9))) is float


def test_scale_of_the_gradient_does_not_matter(rng):
    gradients = rng.normal(size=(T, 5))
    for power in (-30, 30):
        scaled = moves(NAdam(eps=2.0**power * 1e-8), 2.0**power * gradients)
        assert np.array_equal(scaled, moves(NAdam(), gradients))


def test_without_momentum_it_is_adam(rng):
    gradients = rng.normal(size=(T, 5))
    np.testing.assert_allclose(moves(NAdam(beta1=0.0), gradients), moves(Adam(beta1=0.0), gradients), **EXACT)


def test_constant_gradient_moves_by_the_rate_at_last(rng):
    g = rng.normal(size=5)
    last = moves(NAdam(rise=1.0), [g] * 1000)[-1]
    np.testing.assert_allclose(last, -RATE * np.sign(g), rtol=1e-6, atol=0)  # eps against gradients above 0.01


# Pitfalls: each step written once more, with one thing wrong


def written(present, past, product, next_product, mean=lambda m, before: m):
    """A NAdam with these momenta, products and mean, each a function of the step."""

    def line(theta, g, t, rate, m, v):
        before, m, v = m, 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        one = (1 - present(t)) / np.float64(1 - product(t)) * g
        two = past(t) / np.float64(1 - next_product(t)) * mean(m, before)
        return theta - rate * (one + two) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v

    return Written(line, 2)


def p(t):
    return math.prod(mu(i) for i in range(1, t + 1))


def following(f):
    return lambda t: f(t + 1)


def caught(rng, *parts):
    return not follows_its_equations(written(*parts), rng)


def test_written_once_more_and_right_is_not_caught(rng):
    assert not caught(rng, mu, following(mu), p, following(p))


def test_momentum_of_the_wrong_step_is_caught(rng):
    assert caught(rng, mu, mu, p, following(p))
    assert caught(rng, following(mu), following(mu), p, following(p))


def test_power_in_place_of_the_product_is_caught(rng):
    assert caught(rng, mu, following(mu), lambda t: mu(t) ** t, lambda t: mu(t + 1) ** (t + 1))


def test_product_that_is_one_step_late_is_caught(rng):
    assert caught(rng, mu, following(mu), lambda t: p(t - 1), p)


def test_past_of_the_step_before_is_caught(rng):
    assert caught(rng, mu, following(mu), p, following(p), lambda m, before: before)


def test_one_correction_for_both_is_caught(rng):
    assert caught(rng, mu, following(mu), p, p)


# Errors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta1": 1.0}, "NAdam: beta1 must lie in [0, 1), got 1.0"),
        ({"rise": -1}, "NAdam: rise must be finite and at least 0, got -1"),
    ],
)
def test_wrong_settings_are_one_clear_line(settings, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        NAdam(**settings)


def test_a_product_that_is_none_is_one_clear_line():
    optimizer = NAdam()
    for number in (math.nan, -1.0, 1.5):
        state = dataclasses.replace(optimizer.init(np.zeros(3)), p=number)
        with pytest.raises(ValueError, match=rf"^NAdam\.step: state\.p must lie in \[0, 1\], got {number}$"):
            optimizer.step(np.zeros(3), np.zeros(3), state, RATE)
