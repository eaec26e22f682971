import math
import re

import numpy as np
import pytest
from optimizers import linear, vector

from reference.core import tree
from reference.optimizers.average import Average, AverageState
from reference.optimizers.sgd import SGD

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # thirty means of numbers near 1
T = 30
BETAS = [0.0, 0.5, 0.999, 1.0]


def averages(average, models):
    """The average after each model."""
    state, made = average.init(models[0]), []
    for model in models:
        state = average.add(model, state)
        made.append(state.a)
    return np.array(made)


def weighted(models, beta):
    return np.array([
        np.average(models[:t], axis=0, weights=[beta ** (t - i) for i in range(1, t + 1)])
        for t in range(1, len(models) + 1)
    ])


@pytest.mark.parametrize("beta", BETAS)
def test_average_is_the_weighted_mean_of_all_models(rng, beta):
    models = rng.normal(size=(T, 5))
    np.testing.assert_allclose(averages(Average(beta), models), weighted(models, beta), **EXACT)


def test_a_tree_is_averaged_leaf_by_leaf(rng):
    models = [linear(rng) for _ in range(T)]
    state = Average().init(models[0])
    for model in models:
        state = Average().add(model, state)
    assert type(state.a) is type(models[0]) and state.step == T
    np.testing.assert_allclose(vector(state.a), weighted(np.array([vector(m) for m in models]), 0.999)[-1], **EXACT)


# Laws


@pytest.mark.parametrize("beta", BETAS)
def test_start_has_no_weight(rng, beta):
    first, second = rng.normal(size=(2, 5))
    made = [Average(beta).add(second, Average(beta).init(start)).a for start in (first, 0 * first)]
    np.testing.assert_allclose(made, [second, second], rtol=0, atol=1e-15)  # a rounding of start and difference


@pytest.mark.parametrize("beta", BETAS)
def test_average_of_one_model_is_that_model(rng, beta):
    theta = rng.normal(size=5).astype(np.float32)
    assert np.array_equal(averages(Average(beta), [theta] * 1000)[-1], theta)


@pytest.mark.parametrize("beta", BETAS)
def test_average_commutes_with_affine_maps(rng, beta):
    models = rng.normal(size=(T, 5))
    np.testing.assert_allclose(
        averages(Average(beta), 3 * models - 2), 3 * averages(Average(beta), models) - 2, **EXACT
    )


def test_without_memory_it_is_the_newest(rng):
    models = rng.normal(size=(T, 5))
    np.testing.assert_allclose(averages(Average(0.0), models), models, **EXACT)


def test_with_beta_1_the_order_does_not_matter(rng):
    models = rng.normal(size=(T, 5))
    one, two = (averages(Average(1.0), m)[-1] for m in (models, models[::-1]))
    np.testing.assert_allclose(one, two, **EXACT)
    np.testing.assert_allclose(one, models.mean(axis=0), **EXACT)


def test_a_stored_state_goes_on_to_the_same_bits(rng):
    models = [linear(rng, np.float32) for _ in range(3)]
    state = Average().add(models[1], Average().add(models[0], Average().init(models[0])))
    read = AverageState(a=tree.map(np.copy, state.a), step=state.step)
    onward, resumed = (Average().add(models[2], s).a for s in (state, read))
    assert np.array_equal(vector(onward), vector(resumed))


def test_nothing_given_is_written_to_or_handed_on(rng):
    model, other = linear(rng), linear(rng)
    state = Average().add(other, Average().init(model))
    for _, leaf in tree.leaves((model, other, state)):
        leaf.flags.writeable = False
    new = Average(0.0).add(model, state)
    for made in (Average().init(model).a, new.a):
        assert not any(
            np.shares_memory(one, two)
            for _, one in tree.leaves(made)
            for _, two in tree.leaves((model, state))
        )


def test_float32_stays_float32(rng):
    model = linear(rng, np.float32)
    state = Average(np.float64(0.9)).add(model, Average().init(model))
    assert {leaf.dtype for _, leaf in tree.leaves(state)} == {np.dtype(np.float32)}


# Pitfalls: each written once more, with one thing wrong


def caught(line, rng, beta=0.9, start=0.0):
    """Whether `line`, (a, theta, t) to a, is seen to be no average."""
    models, made = rng.normal(size=(T, 5)), []
    a = start * np.ones(5)
    with np.errstate(all="ignore"):  # a planted version divides by 0
        for t, theta in enumerate(models, start=1):
            a = line(a, theta, t)
            made.append(a)
    return not np.allclose(made, weighted(models, beta), **EXACT)


def test_written_once_more_and_right_is_not_caught(rng):
    assert not caught(lambda a, theta, t: a + 0.1 / (1 - 0.9**t) * (theta - a), rng, start=1.0)


@pytest.mark.parametrize("start", [0.0, 1.0])
def test_forgotten_correction_is_caught(rng, start):
    assert caught(lambda a, theta, t: 0.9 * a + 0.1 * theta, rng, start=start)


def test_start_that_weighs_is_caught(rng):
    assert caught(lambda a, theta, t: theta if t == 1 else 0.9 * a + 0.1 * theta, rng)


def test_exchanged_weights_are_caught(rng):
    assert caught(lambda a, theta, t: theta + 0.1 / (1 - 0.9**t) * (a - theta), rng)


def test_correction_that_is_one_step_late_is_caught(rng):
    assert caught(lambda a, theta, t: a + 0.1 / np.float64(1 - 0.9 ** (t - 1)) * (theta - a), rng)
    assert caught(lambda a, theta, t: a + 0.1 / (1 - 0.9 ** (t + 1)) * (theta - a), rng)


def test_training_from_the_average_is_caught(rng):
    target, rate = rng.normal(size=5), 0.1

    def left(goes_on_from_the_average):
        theta, state = np.zeros(5), Average(0.99).init(np.zeros(5))
        for _ in range(300):
            theta, _ = SGD().step(theta, theta - target, SGD().init(theta), rate)
            state = Average(0.99).add(theta, state)
            theta = state.a if goes_on_from_the_average else theta
        return np.linalg.norm(theta - target) / np.linalg.norm(target)

    assert left(False) < 1e-12 < 0.3 < left(True)


# Errors


@pytest.mark.parametrize("beta", [-0.1, 1.1, math.nan])
def test_beta_must_lie_between_0_and_1(beta):
    with pytest.raises(ValueError, match=rf"^Average: beta must lie in \[0, 1\], got {beta}$"):
        Average(beta)
    with pytest.raises(TypeError, match=r"^Average: beta must be a number, got str$"):
        Average("0.9")


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (None, TypeError, "Average.add: state must be of class AverageState, got NoneType"),
        (AverageState(np.zeros(3), -1), ValueError, "Average.add: state.step must be at least 0, got -1"),
        (AverageState(np.zeros(2), 0), ValueError, "Average.add: average of 'model' must have shape (3,), got (2,)"),
        (AverageState(np.zeros(3, "f"), 0), TypeError, "Average.add: average of 'model' must be float64, got float32"),
    ],
)
def test_a_state_of_another_model_is_one_clear_line(state, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        Average().add(np.zeros(3), state)
