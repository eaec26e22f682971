import itertools
import re

import numpy as np
import pytest
from optimizers import linear, steps, vector

from reference.core import tree
from reference.core.groups import everything
from reference.optimizers.momentum import Momentum, MomentumState
from reference.optimizers.sgd import SGD

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # sums of some twenty numbers near 1
T, RATE = 20, 0.1
RATES = RATE * np.linspace(1, 0.2, T)


def oracle(gradients, rates, theta=1.0, mu=0.9, nesterov=False, decay=0.0):
    """The parameter after each step, with the sum over all gradients so far written out."""
    seen, made = [], []
    for g, rate in zip(gradients, rates, strict=True):
        seen.append(g + decay * theta)
        b = sum(mu**age * old for age, old in enumerate(reversed(seen)))
        theta -= rate * (seen[-1] + mu * b if nesterov else b)
        made.append(theta)
    return np.array(made)


def follows_its_equations(optimizer, rng, **settings):
    gradients = rng.normal(size=T)
    made, _ = steps(optimizer, np.ones((1, 1)), gradients[:, None, None], RATES)
    return np.allclose(made[:, 0, 0], oracle(gradients, RATES, **settings), **EXACT)


@pytest.mark.parametrize(("nesterov", "decay", "mu"), [*itertools.product((False, True), (0.0, 0.3), (0.9, 0.5))])
def test_update_equals_its_sum(rng, nesterov, decay, mu):
    settings = {"nesterov": nesterov, "decay": decay}
    assert follows_its_equations(Momentum(momentum=mu, **settings), rng, mu=mu, **settings)


# Laws


@pytest.mark.parametrize("nesterov", [False, True])
def test_without_momentum_it_is_gradient_descent(rng, nesterov):
    model, d_model = linear(rng), linear(rng)
    ours, plain = Momentum(0.0, nesterov), SGD()
    after, _ = ours.step(model, d_model, ours.init(model), RATE)
    expected, _ = plain.step(model, d_model, plain.init(model), RATE)
    assert np.array_equal(vector(after), vector(expected))


def test_constant_gradient_gathers_speed(rng):
    g = rng.normal(size=5)
    made, _ = steps(Momentum(), np.zeros(5), [g] * T, RATE)
    moves = np.diff(made, axis=0, prepend=np.zeros((1, 5)))
    expected = np.multiply.outer((1 - 0.9 ** np.arange(1, T + 1)) / (1 - 0.9), -RATE * g)
    np.testing.assert_allclose(moves, expected, **EXACT)


def along(optimizer, gradient, theta, count=T):
    """The parameters before and after every step on a loss with this gradient."""
    state, made = optimizer.init(theta), [theta]
    for _ in range(count):
        theta, state = optimizer.step(theta, gradient(theta), state, RATE)
        made.append(theta)
    return np.array(made)


def test_quadratic_follows_the_recurrence(rng):
    k, mu = rng.uniform(0.5, 3, size=5), 0.8
    made = along(Momentum(mu), lambda theta: k * theta, rng.normal(size=5))
    np.testing.assert_allclose(made[2:], (1 + mu - RATE * k) * made[1:-1] - mu * made[:-2], **EXACT)


def test_nesterov_takes_its_gradient_ahead(rng):
    a, x, mu = rng.normal(size=(4, 4)), rng.normal(size=4), 0.8
    gradient = lambda theta: a.T @ np.cos(a @ theta)  # noqa: E731
    made = along(Momentum(mu, nesterov=True), gradient, x)
    v, ahead = np.zeros(4), []
    for _ in range(T + 1):
        ahead.append(x + mu * v)
        v = mu * v - RATE * gradient(ahead[-1])
        x = x + v
    np.testing.assert_allclose(made, ahead, rtol=1e-10, atol=1e-11)  # a nonlinear map, twenty times


@pytest.mark.parametrize("nesterov", [False, True])
def test_decay_is_a_penalty(rng, nesterov):
    k, theta = rng.uniform(0.5, 3, size=(4, 3)), rng.normal(size=(4, 3))
    decayed = along(Momentum(0.8, nesterov, decay=0.3), lambda theta: k * theta, theta)
    penalised = along(Momentum(0.8, nesterov), lambda theta: k * theta + 0.3 * theta, theta)
    np.testing.assert_allclose(decayed, penalised, **EXACT)


def moved(optimizer, model):
    """The paths of the parameters that move without a gradient."""
    after, _ = optimizer.step(model, tree.map(np.zeros_like, model), optimizer.init(model), RATE)
    pairs = zip(tree.leaves(after), tree.leaves(model), strict=True)
    return {path for (path, new), (_, old) in pairs if (new != old).any()}


def test_only_what_is_chosen_decays(rng):
    model = (linear(rng), linear(rng))
    assert moved(Momentum(decay=0.1), model) == {"[0].w", "[1].w"}
    assert moved(Momentum(decay=0.1, decayed=everything), model) == {path for path, _ in tree.leaves(model)}
    assert moved(Momentum(decay=0.1, decayed=lambda path, parameter: path == "[1].b"), model) == {"[1].b"}
    assert moved(Momentum(), model) == set()


def test_a_new_rate_holds_at_once(rng):
    gradients, rates = rng.normal(size=(T, 3)), np.full(T, RATE)
    rates[10:] = 0
    made, _ = steps(Momentum(), np.zeros(3), gradients, rates)
    assert (made[9] != made[8]).all() and np.array_equal(made[10:], np.broadcast_to(made[9], (T - 10, 3)))


# Pitfalls: each step written once more, with one thing wrong


def wrong_step(line, **settings):
    """A Momentum for a bare array that uses `line` for its step: (theta, g, b, rate, settings) to (theta, b)."""

    class Wrong(Momentum):
        def step(self, theta, g, state, rate):
            theta, b = line(theta, g, state.b, rate, self)
            return theta, MomentumState(b=b, step=state.step + 1)

    return Wrong(**settings)


def right(theta, g, b, rate, own):
    g = g + own.decay * theta
    b = own.momentum * b + g
    return theta - rate * (g + own.momentum * b if own.nesterov else b), b


def rate_inside(theta, g, b, rate, own):
    b = own.momentum * b + rate * g
    return theta - b, b


def mean(theta, g, b, rate, own):
    b = own.momentum * b + (1 - own.momentum) * g
    return theta - rate * b, b


def sum_of_the_step_before(theta, g, b, rate, own):
    return theta - rate * (g + own.momentum * b), own.momentum * b + g


def decay_outside(theta, g, b, rate, own):
    b = own.momentum * b + g
    return theta - rate * (b + own.decay * theta), b


def decay_after(theta, g, b, rate, own):
    b = own.momentum * b + g
    theta = theta - rate * b
    return theta - rate * own.decay * theta, b


@pytest.mark.parametrize("settings", [{}, {"nesterov": True}, {"decay": 0.3}])
def test_written_once_more_and_right_is_not_caught(rng, settings):
    assert follows_its_equations(wrong_step(right, **settings), rng, **settings)


def test_rate_inside_of_the_sum_is_caught(rng):
    assert not follows_its_equations(wrong_step(rate_inside), rng)
    gradients = rng.normal(size=(T, 3))  # and with a constant rate it is the same
    same = [steps(optimizer, np.zeros(3), gradients, RATE)[0] for optimizer in (Momentum(), wrong_step(rate_inside))]
    np.testing.assert_allclose(*same, **EXACT)


def test_mean_in_place_of_the_sum_is_caught(rng):
    assert not follows_its_equations(wrong_step(mean), rng)


def test_nesterov_with_the_sum_of_the_step_before_is_caught(rng):
    assert not follows_its_equations(wrong_step(sum_of_the_step_before), rng, nesterov=True)
    assert follows_its_equations(wrong_step(sum_of_the_step_before), rng)  # it is Polyak's


@pytest.mark.parametrize("line", [decay_outside, decay_after])
def test_decay_outside_of_the_sum_is_caught(rng, line):
    assert not follows_its_equations(wrong_step(line, decay=0.3), rng, decay=0.3)
    assert follows_its_equations(wrong_step(line), rng)  # without decay there is nothing to see


def test_decay_after_the_step_is_caught(rng):
    gradients = rng.normal(size=(1, 4, 3))
    lines = (right, decay_after)
    first, second = (steps(wrong_step(line, decay=0.3), np.ones((4, 3)), gradients, RATE)[0] for line in lines)
    np.testing.assert_allclose(second - first, RATE**2 * 0.3 * gradients, **EXACT)


def test_sum_updated_in_place_is_caught(rng):
    def in_place(theta, g, b, rate, own):
        b *= own.momentum
        b += g
        return theta - rate * b, b

    g = rng.normal(size=3)
    for line, same in ((right, True), (in_place, False)):
        optimizer = wrong_step(line)
        _, state = steps(optimizer, np.zeros(3), [g] * 2, RATE)
        first, second = (optimizer.step(np.zeros(3), g, state, RATE)[0] for _ in range(2))
        assert np.array_equal(first, second) is same


# Errors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"momentum": 1.0}, "Momentum: momentum must lie in [0, 1), got 1.0"),
        ({"decay": 1.0}, "Momentum: decay must lie in [0, 1), got 1.0"),
    ],
)
def test_wrong_settings_are_one_clear_line(settings, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Momentum(**settings)


def test_what_decays_must_be_said_by_a_function():
    message = "Momentum: decayed must be a function of a path and a parameter, got list"
    with pytest.raises(TypeError, match=f"^{message}$"):
        Momentum(decayed=["w"])
