import math
import re

import numpy as np
import pytest
from optimizers import Written, linear, steps

from reference.core import tree
from reference.core.groups import everything
from reference.optimizers.adam import Adam
from reference.optimizers.adamw import AdamW

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # 1 - beta2 ** t has 13 digits at t = 1
T, RATE, DECAY = 20, 0.1, 0.3
RATES = RATE * np.linspace(1, 0.2, T)


def oracle(gradients, beta1=0.9, beta2=0.999, eps=1e-8, decay=DECAY, theta=1.0):
    """One number after each step, from weighted sums over all gradients so far."""
    made = []
    for t, rate in enumerate(RATES, start=1):
        w = [beta1 ** (t - i) for i in range(1, t + 1)]
        u = [beta2 ** (t - i) for i in range(1, t + 1)]
        m = math.fsum(a * g for a, g in zip(w, gradients, strict=False)) / math.fsum(w)
        v = math.fsum(a * g * g for a, g in zip(u, gradients, strict=False)) / math.fsum(u)
        theta -= rate * m / (math.sqrt(v) + eps) + rate * decay * theta
        made.append(theta)
    return np.array(made)


def follows_its_equations(optimizer, rng, **settings):
    gradients = rng.normal(size=T)
    made, _ = steps(optimizer, np.ones((1, 1)), gradients[:, None, None], RATES)
    return np.allclose(made[:, 0, 0], oracle(gradients, **settings), **EXACT)


@pytest.mark.parametrize(
    "settings", [{}, {"decay": 0.01}, {"decay": 0.0}, {"beta1": 0.5, "beta2": 0.9, "eps": 1e-3}, {"beta1": 0.0}]
)
def test_update_equals_its_closed_form(rng, settings):
    settings = {"decay": DECAY} | settings
    assert follows_its_equations(AdamW(**settings), rng, **settings)


# Laws


def test_without_decay_it_is_adam(rng):
    gradients = rng.normal(size=(T, 4, 3))
    (made, state), (adam, plain) = (steps(o, np.ones((4, 3)), gradients, RATES) for o in (AdamW(decay=0.0), Adam()))
    np.testing.assert_allclose(made, adam, **EXACT)
    assert np.array_equal(state.m, plain.m) and np.array_equal(state.v, plain.v)


def test_means_know_nothing_of_the_decay(rng):
    gradients = rng.normal(size=(T, 4, 3))
    (_, state), (_, plain) = (steps(o, np.ones((4, 3)), gradients, RATES) for o in (AdamW(decay=DECAY), Adam()))
    assert np.array_equal(state.m, plain.m) and np.array_equal(state.v, plain.v)


def test_without_a_gradient_it_shrinks_by_one_factor(rng):
    theta = rng.normal(size=(4, 3))
    made, _ = steps(AdamW(decay=DECAY), theta, np.zeros((T, 4, 3)), RATE)
    np.testing.assert_allclose(made, [(1 - RATE * DECAY) ** t * theta for t in range(1, T + 1)], **EXACT)


def test_decay_is_beside_the_step(rng):
    theta, g = rng.normal(size=(2, 4, 3))
    ours, adam = (steps(o, theta, [g], RATE)[0][0] for o in (AdamW(decay=DECAY), Adam()))
    np.testing.assert_allclose(ours - adam, -RATE * DECAY * theta, **EXACT)


def test_constant_gradient_settles_at_one_over_the_decay(rng):
    g = rng.normal(size=(4, 3)) * 10.0 ** np.arange(-3, 6, 3)
    made, _ = steps(AdamW(decay=DECAY), rng.normal(size=(4, 3)), [g] * 1000, RATE)
    np.testing.assert_allclose(made[-1], -g / (abs(g) + 1e-8) / DECAY, **EXACT)


def test_scale_of_the_gradient_does_not_matter(rng):
    gradients, theta = rng.normal(size=(T, 4, 3)), rng.normal(size=(4, 3))
    made, _ = steps(AdamW(decay=DECAY), theta, gradients, RATES)
    for power in (-30, 30):
        scaled, _ = steps(AdamW(eps=2.0**power * 1e-8, decay=DECAY), theta, 2.0**power * gradients, RATES)
        assert np.array_equal(scaled, made)


def moved(optimizer, model):
    """The paths of the parameters that move without a gradient."""
    after, _ = optimizer.step(model, tree.map(np.zeros_like, model), optimizer.init(model), RATE)
    pairs = zip(tree.leaves(after), tree.leaves(model), strict=True)
    return {path for (path, new), (_, old) in pairs if (new != old).any()}


def test_only_what_is_chosen_decays(rng):
    model = (linear(rng), linear(rng))
    assert moved(AdamW(), model) == {"[0].w", "[1].w"}
    assert moved(AdamW(decayed=everything), model) == {path for path, _ in tree.leaves(model)}
    assert moved(AdamW(decayed=lambda path, parameter: path == "[1].b"), model) == {"[1].b"}
    assert moved(AdamW(decay=0.0), model) == set()


# Pitfalls: each step written once more, with one thing wrong


def direction(g, t, m, v, late=0):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    s = max(t - late, 1)
    return m / (1 - 0.9**s) / (np.sqrt(v / (1 - 0.999**s)) + 1e-8), m, v


def right(theta, g, t, rate, m, v):
    u, m, v = direction(g, t, m, v)
    return theta - rate * (u + DECAY * theta), m, v


def in_the_gradient(theta, g, t, rate, m, v):
    u, m, v = direction(g + DECAY * theta, t, m, v)
    return theta - rate * u, m, v


def without_the_rate(theta, g, t, rate, m, v):
    u, m, v = direction(g, t, m, v)
    return theta - rate * u - DECAY * theta, m, v


def after_the_step(theta, g, t, rate, m, v):
    u, m, v = direction(g, t, m, v)
    return (1 - rate * DECAY) * (theta - rate * u), m, v


def divided(theta, g, t, rate, m, v):
    u, m, v = direction(g, t, m, v)
    return theta - rate * (u + DECAY * theta / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)), m, v


def uncorrected(theta, g, t, rate, m, v):
    u, m, v = direction(g, 10**9, m, v)
    return theta - rate * (u + DECAY * theta), m, v


def corrected_late(theta, g, t, rate, m, v):
    u, m, v = direction(g, t, m, v, late=1)
    return theta - rate * (u + DECAY * theta), m, v


def caught(line, rng):
    return not follows_its_equations(Written(line, 2), rng)


def test_written_once_more_and_right_is_not_caught(rng):
    assert not caught(right, rng)


def test_decay_in_the_gradient_is_caught(rng):
    assert caught(in_the_gradient, rng)


def test_decay_without_the_rate_is_caught(rng):
    assert caught(without_the_rate, rng)


def test_decay_after_the_step_is_caught(rng):
    assert caught(after_the_step, rng)
    theta, g = rng.normal(size=(2, 4, 3))
    wrong, ours = (steps(Written(line, 2), theta, [g], RATE)[0][0] for line in (after_the_step, right))
    np.testing.assert_allclose(wrong - ours, RATE**2 * DECAY * g / (abs(g) + 1e-8), **EXACT)


def test_decay_that_is_divided_is_caught(rng):
    assert caught(divided, rng)


@pytest.mark.parametrize("line", [uncorrected, corrected_late])
def test_correction_that_is_missing_or_late_is_caught(rng, line):
    assert caught(line, rng)


# Errors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decay": 1.0}, "AdamW: decay must lie in [0, 1), got 1.0"),
        ({"beta1": 1.0}, "AdamW: beta1 must lie in [0, 1), got 1.0"),
        ({"eps": 0.0}, "AdamW: eps must be positive and finite, got 0.0"),
    ],
)
def test_wrong_settings_are_one_clear_line(settings, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        AdamW(**settings)


def test_what_decays_must_be_said_by_a_function(rng):
    with pytest.raises(TypeError, match=r"^AdamW: decayed must be a function of a path and a parameter, got tuple$"):
        AdamW(decayed=("w",))
    model = linear(rng)
    optimizer = AdamW(decayed=lambda path, parameter: None)
    with pytest.raises(TypeError, match=r"^AdamW\.step: decayed must say True or False of 'w', got NoneType$"):
        optimizer.step(model, model, optimizer.init(model), RATE)
