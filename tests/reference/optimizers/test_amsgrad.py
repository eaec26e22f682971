import math
import warnings

import numpy as np
import pytest
from optimizers import Written, steps

from reference.optimizers.adam import Adam
from reference.optimizers.amsgrad import AMSGrad

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # 1 - beta2 ** t has 13 digits at t = 1
T, RATE = 40, 0.1
RATES = RATE * np.linspace(1, 0.2, T)
FALLING = np.linspace(2, 0.1, T)  # sizes of gradients whose mean of squares rises and then falls


def follows_its_equations(optimizer, rng, beta1=0.9, beta2=0.9, eps=1e-8):
    gradients, theta, made, means = FALLING * rng.normal(size=T), 0.0, [], []
    for t, rate in enumerate(RATES, start=1):
        m = (1 - beta1) * math.fsum(beta1 ** (t - i) * gradients[i - 1] for i in range(1, t + 1))
        means.append((1 - beta2) * math.fsum(beta2 ** (t - i) * gradients[i - 1] ** 2 for i in range(1, t + 1)))
        theta -= rate * m / (1 - beta1**t) / (math.sqrt(max(means) / (1 - beta2**t)) + eps)
        made.append(theta)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a planted version divides by nearly 0
        found, _ = steps(optimizer, np.zeros(1), gradients[:, None], RATES)
    return np.allclose(found[:, 0], made, **EXACT)


@pytest.mark.parametrize("settings", [{"beta2": 0.9}, {"beta2": 0.999}, {"beta1": 0.0, "beta2": 0.5, "eps": 0.1}])
def test_update_equals_its_closed_form(rng, settings):
    assert follows_its_equations(AMSGrad(**settings), rng, **settings)


# Laws


def moves(optimizer, gradients):
    made, _ = steps(optimizer, np.zeros_like(gradients[0]), gradients, RATE)
    return np.diff(made, axis=0, prepend=np.zeros_like(made[:1]))


def test_while_the_mean_rises_it_is_adam(rng):
    rising = np.sort(abs(rng.normal(size=(T, 5))), axis=0) * rng.choice([-1, 1], size=(T, 5))
    assert np.array_equal(moves(AMSGrad(), rising), moves(Adam(), rising))
    assert not np.array_equal(moves(AMSGrad(beta2=0.9), rising[::-1]), moves(Adam(beta2=0.9), rising[::-1]))


def test_no_step_is_longer_than_adams(rng):
    gradients = rng.standard_cauchy(size=(T, 200))
    ours, adam = (abs(moves(optimizer, gradients)) for optimizer in (AMSGrad(beta2=0.9), Adam(beta2=0.9)))
    assert (ours <= adam * (1 + 1e-12) + 1e-15).all() and (ours < 0.5 * adam).any()  # differences of parameters


def test_the_largest_mean_never_falls(rng):
    theta, optimizer = np.zeros(5), AMSGrad(beta2=0.5)
    state = optimizer.init(theta)
    for g in rng.normal(size=(T, 5)):
        before = state.w
        theta, state = optimizer.step(theta, g, state, RATE)
        assert np.array_equal(state.w, np.maximum(before, state.v))


def test_scale_of_the_gradient_does_not_matter(rng):
    gradients = FALLING[:, None] * rng.normal(size=(T, 5))
    for power in (-30, 30):
        scaled = moves(AMSGrad(beta2=0.9, eps=2.0**power * 1e-8), 2.0**power * gradients)
        assert np.array_equal(scaled, moves(AMSGrad(beta2=0.9), gradients))


def where_it_ends(optimizer, large=4.0):
    """On the example of the paper: every third gradient is large, the others are -1, theta stays within [-1, 1]."""
    theta, state = np.zeros(1), optimizer.init(np.zeros(1))
    for t in range(1, 3001):
        g = np.full(1, large if t % 3 == 1 else -1.0)
        theta, state = optimizer.step(theta, g, state, 0.5 / math.sqrt(t))
        theta = np.clip(theta, -1, 1)
    return theta[0]


def test_it_converges_where_adam_does_not():
    forgetful = {"beta1": 0.0, "beta2": 1 / 17}
    assert where_it_ends(AMSGrad(**forgetful)) < -0.9 < 0.9 < where_it_ends(Adam(**forgetful))


# Pitfalls: each step written once more, with one thing wrong


def means(g, m, v):
    return 0.9 * m + 0.1 * g, 0.9 * v + 0.1 * g * g


def along(m, w, t):
    return m / (1 - 0.9**t) / (np.sqrt(w / (1 - 0.9**t)) + 1e-8)


def right(theta, g, t, rate, m, v, w):
    m, v = means(g, m, v)
    w = np.maximum(w, v)
    return theta - rate * along(m, w, t), m, v, w


def kept_as_the_mean(theta, g, t, rate, m, v, w):
    m, new = means(g, m, v)
    v = np.maximum(v, new)
    return theta - rate * along(m, v, t), m, v, v


def of_the_squares(theta, g, t, rate, m, v, w):
    m, v = means(g, m, v)
    w = np.maximum(w, g * g)
    return theta - rate * along(m, w, t), m, v, w


def of_corrected_means(theta, g, t, rate, m, v, w):
    m, v = means(g, m, v)
    w = np.maximum(w, v / (1 - 0.9**t))
    return theta - rate * m / (1 - 0.9**t) / (np.sqrt(w) + 1e-8), m, v, w


def late(theta, g, t, rate, m, v, w):
    m, new = means(g, m, v)
    return theta - rate * along(m, np.maximum(w, v), t), m, new, np.maximum(w, v)


def least(theta, g, t, rate, m, v, w):
    m, v = means(g, m, v)
    w = np.minimum(w, v)
    return theta - rate * along(m, w, t), m, v, w


def caught(line, rng):
    return not follows_its_equations(Written(line, 3), rng)


def test_written_once_more_and_right_is_not_caught(rng):
    assert not caught(right, rng)


def test_largest_kept_as_the_mean_is_caught(rng):
    assert caught(kept_as_the_mean, rng)


def test_largest_of_the_squares_is_caught(rng):
    assert caught(of_the_squares, rng)


def test_largest_of_corrected_means_is_caught(rng):
    assert caught(of_corrected_means, rng)


def test_largest_that_is_one_step_late_is_caught(rng):
    assert caught(late, rng)


def test_least_in_place_of_largest_is_caught(rng):
    assert caught(least, rng)


@pytest.mark.parametrize("name", ["beta1", "beta2"])
def test_a_beta_must_be_a_share(name):
    with pytest.raises(ValueError, match=rf"^AMSGrad: {name} must lie in \[0, 1\), got 1\.0$"):
        AMSGrad(**{name: 1.0})
