import math
import re

import numpy as np
import pytest
from optimizers import Written, linear, steps

from reference.core import tree
from reference.core.groups import everything
from reference.optimizers.lion import Lion

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # sums of twenty numbers near 1
T, RATE, DECAY = 20, 0.1, 0.3
RATES = RATE * np.linspace(1, 0.2, T)


def follows_its_equations(optimizer, rng, beta1=0.9, beta2=0.99, decay=DECAY):
    gradients, theta, made = rng.normal(size=T), np.full(7, 1.0), []
    gradients = np.array([gradients, -gradients, *rng.normal(size=(5, T))]).T  # some signs of every kind
    for t, rate in enumerate(RATES):
        past = sum((1 - beta2) * beta2 ** (t - 1 - i) * gradients[i] for i in range(t))
        theta = theta - rate * (np.sign(beta1 * past + (1 - beta1) * gradients[t]) + decay * theta)
        made.append(theta)
    found, _ = steps(optimizer, np.ones((1, 7)), gradients[:, None], RATES)
    return np.allclose(found[:, 0], made, **EXACT)


@pytest.mark.parametrize("settings", [{}, {"decay": 0.0}, {"beta1": 0.5, "beta2": 0.9}, {"beta1": 0.0}])
def test_update_equals_its_closed_form(rng, settings):
    settings = {"decay": DECAY} | settings
    assert follows_its_equations(Lion(**settings), rng, **settings)


# Laws


def moves(optimizer, gradients, rate=RATE):
    made, _ = steps(optimizer, np.zeros_like(gradients[0]), gradients, rate)
    return np.diff(made, axis=0, prepend=np.zeros_like(made[:1]))


def test_every_step_is_the_rate(rng):
    np.testing.assert_allclose(abs(moves(Lion(decay=0.0), rng.normal(size=(T, 5)))), RATE, **EXACT)


def test_scale_of_the_gradient_does_not_matter(rng):
    gradients = rng.normal(size=(T, 5))
    for power in (-200, 200):
        assert np.array_equal(moves(Lion(), 2.0**power * gradients), moves(Lion(), gradients))


def test_no_gradient_no_step(rng):
    gradients = rng.normal(size=(T, 1, 5))
    gradients[:, :, 2] = 0
    theta = rng.normal(size=(1, 5))
    made, _ = steps(Lion(decay=DECAY), theta, gradients, RATE)
    np.testing.assert_allclose(made[-1][0, 2], (1 - RATE * DECAY) ** T * theta[0, 2], **EXACT)


def test_steps_turn_round_with_the_gradients(rng):
    gradients = rng.normal(size=(T, 5))
    assert np.array_equal(moves(Lion(decay=0.0), -gradients), -moves(Lion(decay=0.0), gradients))


def test_constant_gradient_settles_at_one_over_the_decay(rng):
    g = rng.normal(size=(4, 3)) * 10.0 ** np.arange(-3, 6, 3)
    made, _ = steps(Lion(decay=DECAY), rng.normal(size=(4, 3)), [g] * 1000, RATE)
    np.testing.assert_allclose(made[-1], -np.sign(g) / DECAY, **EXACT)


def test_with_equal_betas_it_is_the_sign_of_a_mean(rng):
    gradients, m = rng.normal(size=(T, 5)), 0
    made = moves(Lion(0.9, 0.9), gradients)
    for g, move in zip(gradients, made, strict=True):
        m = 0.9 * m + 0.1 * g
        np.testing.assert_allclose(move, -RATE * np.sign(m), **EXACT)


def moved(optimizer, model):
    """The paths of the parameters that move without a gradient."""
    after, _ = optimizer.step(model, tree.map(np.zeros_like, model), optimizer.init(model), RATE)
    pairs = zip(tree.leaves(after), tree.leaves(model), strict=True)
    return {path for (path, new), (_, old) in pairs if (new != old).any()}


def test_only_what_is_chosen_decays(rng):
    model = (linear(rng), linear(rng))
    assert moved(Lion(), model) == {"[0].w", "[1].w"}
    assert moved(Lion(decayed=everything), model) == {path for path, _ in tree.leaves(model)}
    assert moved(Lion(decay=0.0), model) == set()


# Pitfalls: each step written once more, with one thing wrong


def right(theta, g, t, rate, m):
    u = np.sign(0.9 * m + 0.1 * g) + DECAY * theta
    return theta - rate * u, 0.99 * m + 0.01 * g


def of_what_is_kept(theta, g, t, rate, m):
    m = 0.99 * m + 0.01 * g
    return theta - rate * (np.sign(m) + DECAY * theta), m


def exchanged(theta, g, t, rate, m):
    u = np.sign(0.99 * m + 0.01 * g) + DECAY * theta
    return theta - rate * u, 0.9 * m + 0.1 * g


def within(theta, g, t, rate, m):
    return theta - rate * np.sign(0.9 * m + 0.1 * g + DECAY * theta), 0.99 * m + 0.01 * g


def without_the_rate(theta, g, t, rate, m):
    return (1 - DECAY) * theta - rate * np.sign(0.9 * m + 0.1 * g), 0.99 * m + 0.01 * g


def stepped_along_kept(theta, g, t, rate, m):
    m = 0.9 * m + 0.1 * g
    return theta - rate * (np.sign(m) + DECAY * theta), m


def caught(line, rng):
    return not follows_its_equations(Written(line, 1), rng)


def test_written_once_more_and_right_is_not_caught(rng):
    assert not caught(right, rng)


def test_sign_of_what_is_kept_is_caught(rng):
    assert caught(of_what_is_kept, rng)


def test_exchanged_betas_are_caught(rng):
    assert caught(exchanged, rng)


def test_decay_within_the_sign_is_caught(rng):
    assert caught(within, rng)


def test_decay_without_the_rate_is_caught(rng):
    assert caught(without_the_rate, rng)


def test_what_was_stepped_along_kept_is_caught(rng):
    assert caught(stepped_along_kept, rng)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta1": 1.0}, "Lion: beta1 must lie in [0, 1), got 1.0"),
        ({"decay": math.nan}, "Lion: decay must lie in [0, 1), got nan"),
    ],
)
def test_wrong_settings_are_one_clear_line(settings, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Lion(**settings)
