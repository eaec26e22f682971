import dataclasses
import math
import re

import numpy as np
import pytest
from optimizers import Written, linear, steps

from reference.core import tree
from reference.optimizers.adafactor import Adafactor

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # sums of twenty numbers near 1
T, RATE = 20, 0.1
RATES = RATE * np.linspace(1, 0.2, T)
SIZES = np.concatenate((np.linspace(1, 0.05, T // 2), np.linspace(3, 0.1, T // 2)))  # of gradients: some steps are cut


def rms(x):
    return math.sqrt(math.fsum(np.ravel(x) ** 2) / np.size(x))


def weights(t, power):
    """Of the gradients 1 to t in the mean of squares."""
    beta = [1 - s**-power for s in range(1, t + 1)]
    return [(1 - beta[i]) * math.prod(beta[i + 1 :]) for i in range(t)]


def oracle(theta, gradients, power=0.8, most=1.0, eps1=1e-30, eps2=1e-3):
    made = []
    for t, rate in enumerate(RATES, start=1):
        squares = sum(w * (g * g + eps1) for w, g in zip(weights(t, power), gradients, strict=False))
        if theta.ndim > 1:
            squares = np.outer(squares.sum(1), squares.sum(0)) / squares.sum()
        u = gradients[t - 1] / np.sqrt(squares)
        theta = theta - rate * max(eps2, rms(theta)) * u / max(1.0, rms(u) / most)
        made.append(theta)
    return np.array(made)


def follows_its_equations(optimizer, rng, shape=(3, 3), start=1.0, **settings):
    gradients = SIZES.reshape(-1, *([1] * len(shape))) * rng.normal(size=(T, *shape))
    theta = start * rng.normal(size=shape)
    found, _ = steps(optimizer, theta, gradients, RATES)
    return np.allclose(found, oracle(theta, gradients, **settings), **EXACT)


@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (1, 5), (5,)])
@pytest.mark.parametrize("settings", [{}, {"power": 0.5, "most": 0.7, "eps1": 0.1, "eps2": 2.0}])
def test_update_equals_its_closed_form(rng, shape, settings):
    assert follows_its_equations(Adafactor(**settings), rng, shape, **settings)


# Laws


def test_squares_of_rank_one_lose_nothing(rng):
    size = np.outer(rng.uniform(1, 2, size=4), rng.uniform(1, 2, size=3))
    theta, gradients = rng.normal(size=(4, 3)), size * rng.choice([-1, 1], size=(T, 4, 3))
    matrix, _ = steps(Adafactor(), theta, gradients, RATES)
    flat, _ = steps(Adafactor(), theta.ravel(), gradients.reshape(T, -1), RATES)
    np.testing.assert_allclose(matrix.reshape(T, -1), flat, **EXACT)


@pytest.mark.parametrize("most", [1.0, 0.3])
def test_no_step_is_longer_than_its_share(rng, most):
    theta = rng.normal(size=(4, 3))
    made, _ = steps(Adafactor(most=most), theta, rng.standard_cauchy(size=(T, 4, 3)), RATE)
    for before, after in zip((theta, *made), made, strict=False):
        assert rms(after - before) <= RATE * most * rms(before) * (1 + 1e-12)


@pytest.mark.parametrize("shape", [(4, 3), (5,)])
def test_scale_of_the_gradient_does_not_matter(rng, shape):
    theta, gradients = rng.normal(size=shape), rng.normal(size=(T, *shape))
    made, _ = steps(Adafactor(), theta, gradients, RATES)
    for power in (-30, 30):
        scaled, _ = steps(Adafactor(eps1=4.0**power * 1e-30), theta, 2.0**power * gradients, RATES)
        assert np.array_equal(scaled, made)


def test_steps_are_in_proportion_to_the_parameter(rng):
    theta, gradients = rng.normal(size=(4, 3)), rng.normal(size=(T, 4, 3))
    made, _ = steps(Adafactor(), theta, gradients, RATES)
    scaled, _ = steps(Adafactor(eps2=8e-3), 8 * theta, gradients, RATES)
    assert np.array_equal(scaled, 8 * made)


def test_a_parameter_whose_square_overflows_is_stepped_in_proportion(rng):
    theta, gradients = rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=(T, 4, 3)).astype(np.float32)
    for power in (100, -100):
        size = np.float32(2.0**power)
        made, _ = steps(Adafactor(eps2=1e-35), size * theta, gradients, RATES)
        assert np.array_equal(made, size * steps(Adafactor(eps2=1e-35), theta, gradients, RATES)[0])


def test_squares_that_add_up_to_more_than_float16_holds_are_a_mean_of_1(rng):
    theta, g = np.ones((300, 250), np.float16), rng.choice([-1, 1], size=(300, 250)).astype(np.float16)
    after, _ = Adafactor().step(theta, g, Adafactor().init(theta), 0.125)
    assert after.dtype == np.float16
    np.testing.assert_allclose(after, 1 - 0.125 * g, rtol=2e-3, atol=0)  # a few roundings in float16


def test_rows_and_columns_are_alike(rng):
    theta, gradients = rng.normal(size=(4, 3)), rng.normal(size=(T, 4, 3))
    made, _ = steps(Adafactor(), theta, gradients, RATES)
    turned, _ = steps(Adafactor(), theta.T, gradients.transpose(0, 2, 1), RATES)
    np.testing.assert_allclose(turned.transpose(0, 2, 1), made, **EXACT)


def test_a_stack_of_matrices_has_factors_for_each(rng):
    g = rng.normal(size=(2, 4, 3))
    state = Adafactor().init(g)
    _, state = Adafactor().step(rng.normal(size=(2, 4, 3)), g, state, RATE)
    np.testing.assert_allclose(state.r, (g * g).mean(axis=2), **EXACT)
    np.testing.assert_allclose(state.c, (g * g).mean(axis=1), **EXACT)


def test_state_of_a_matrix_is_a_row_and_a_column(rng):
    state = Adafactor().init(linear(rng))
    shapes = {path: leaf.shape for path, leaf in tree.leaves(state)}
    assert shapes == {"r.w": (3,), "r.b": (0,), "c.w": (2,), "c.b": (0,), "v.w": (0,), "v.b": (2,)}


def test_a_single_number_is_stepped():
    after, _ = Adafactor().step(np.ones(()), np.full((), 0.37), Adafactor().init(np.ones(())), RATE)
    np.testing.assert_allclose(after, 1 - RATE, **EXACT)


def test_a_row_without_a_gradient_stays(rng):
    g = rng.normal(size=(4, 3)).astype(np.float32)
    g[2] = 0
    after, _ = Adafactor().step(np.ones_like(g), g, Adafactor().init(g), RATE)
    assert np.array_equal(after[2], np.ones(3)) and (after[[0, 1, 3]] != 1).all()
    nothing, _ = Adafactor().step(np.ones_like(g), 0 * g, Adafactor().init(g), RATE)
    assert np.array_equal(nothing, np.ones_like(g))


# Pitfalls: each step written once more, with one thing wrong


def rank_one(r, c):
    return np.outer(r, c) / r.mean()


def written(late=0, product=rank_one, cut=lambda u: max(1.0, rms(u)), after=False, size=rms):
    """An Adafactor of a square matrix, which keeps the means of squares whole: rows and columns are made of them."""

    def line(theta, g, t, rate, v):
        beta = 1 - max(t - late, 1) ** -0.8
        v = beta * v + (1 - beta) * (g * g + 1e-30)
        u = g / np.sqrt(product(v.mean(1), v.mean(0)))
        move = rate * max(1e-3, size(theta)) * u / cut(u)
        if after:
            move = rate * max(1e-3, rms(theta - move)) * u / cut(u)
        return theta - move, v

    return Written(line, 1)


def caught(optimizer, rng):
    return not follows_its_equations(optimizer, rng)


def test_written_once_more_and_right_is_not_caught(rng):
    assert not caught(written(), rng)


def test_product_without_its_mean_is_caught(rng):
    assert caught(written(product=np.outer), rng)


def test_share_that_is_one_step_late_is_caught(rng):
    assert caught(written(late=1), rng)


def test_short_steps_made_longer_are_caught(rng):
    assert caught(written(cut=rms), rng)


def test_absolute_length_is_caught(rng):
    assert caught(written(size=lambda theta: 1.0), rng)


def test_size_after_the_step_is_caught(rng):
    assert caught(written(after=True), rng)


def test_exchanged_factors_are_caught(rng):
    assert caught(written(product=lambda r, c: np.outer(c, r) / r.mean()), rng)


# Errors


def test_wrong_settings_are_one_clear_line():
    for name in ("power", "most", "eps1", "eps2"):
        with pytest.raises(ValueError, match=rf"^Adafactor: {name} must be positive and finite, got 0\.0$"):
            Adafactor(**{name: 0.0})


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("r", (2,), "Adafactor.step: moment r of 'model' must have shape (3,), got (2,)"),
        ("c", (3,), "Adafactor.step: moment c of 'model' must have shape (2,), got (3,)"),
        ("v", (3, 2), "Adafactor.step: moment v of 'model' must have shape (0,), got (3, 2)"),
    ],
)
def test_a_state_of_another_model_is_one_clear_line(name, shape, message):
    theta, optimizer = np.ones((3, 2)), Adafactor()
    state = dataclasses.replace(optimizer.init(theta), **{name: np.zeros(shape)})
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        optimizer.step(theta, theta, state, RATE)
