import re

import numpy as np
import pytest

from reference.core import tree
from reference.core.layer import Layer
from reference.layers.linear import Linear
from reference.optimizers.sgd import SGD, SGDState

EXACT = {"rtol": 1e-14, "atol": 1e-14}  # a few roundings of numbers near 1


class Pair(Layer):
    first: Linear
    rest: tuple
    width: int


def linear(rng, dtype=np.float64):
    return Linear(w=rng.normal(size=(3, 2)), b=rng.normal(size=2)).astype(dtype)


def model_and_gradient(rng, dtype=np.float64):
    return tuple(Pair(first=linear(rng, dtype), rest=(linear(rng, dtype),), width=3) for _ in range(2))


def vector(model):
    return np.concatenate([leaf.ravel() for _, leaf in tree.leaves(model)])


def follows_its_equation(optimizer, rng):
    """Whether two steps on a tree are those of a plain loop over its numbers."""
    model, d_model = model_and_gradient(rng)
    theta = [float(number) for number in vector(model)]
    for _ in range(2):
        theta = [number - 0.3 * float(g) for number, g in zip(theta, vector(d_model), strict=True)]
    state = optimizer.init(model)
    for _ in range(2):
        model, state = optimizer.step(model, d_model, state, 0.3)
    return np.allclose(vector(model), theta, **EXACT)


def leaves_live_pullbacks_alone(optimizer, rng):
    layer = linear(rng)
    x = rng.normal(size=(4, 3))
    y, pullback = layer.vjp(x)
    _, before = pullback(np.ones_like(y))
    optimizer.step(layer, linear(rng), optimizer.init(layer), 0.3)
    _, after = pullback(np.ones_like(y))
    return np.array_equal(before, after)


def test_update_equals_its_oracle(rng):
    assert follows_its_equation(SGD(), rng)


def test_every_step_is_counted(rng):
    model, d_model = model_and_gradient(rng)
    state = SGD().init(model)
    assert state == SGDState(step=0)
    for step in (1, 2, 3):
        model, state = SGD().step(model, d_model, state, 0.1)
        assert state == SGDState(step=step)


def test_constants_of_a_layer_are_kept(rng):
    model, d_model = model_and_gradient(rng)
    after, _ = SGD().step(model, d_model, SGD().init(model), 0.1)
    assert type(after) is Pair and after.width == 3 and type(after.rest) is tuple


def test_model_without_parameters_is_stepped():
    model, state = SGD().step((), (), SGD().init(()), 0.1)
    assert model == () and state.step == 1


# Laws


def test_rate_zero_changes_no_bit(rng):
    model, d_model = model_and_gradient(rng)
    after, _ = SGD().step(model, d_model, SGD().init(model), 0.0)
    assert np.array_equal(vector(after), vector(model))


def test_steps_add_up(rng):
    (model, g1), (g2, _) = model_and_gradient(rng), model_and_gradient(rng)
    state = SGD().init(model)
    at_once, _ = SGD().step(model, tree.map(np.add, g1, g2), state, 0.1)
    half_way, state = SGD().step(model, g1, state, 0.1)
    there, _ = SGD().step(half_way, g2, state, 0.1)
    np.testing.assert_allclose(vector(there), vector(at_once), **EXACT)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_quadratic_shrinks_by_one_factor(rng, rate):
    k, start = rng.uniform(0.5, 3, size=5), rng.normal(size=5)
    theta, state = start, SGD().init(start)
    for _ in range(10):
        theta, state = SGD().step(theta, k * theta, state, rate)
    np.testing.assert_allclose(theta, (1 - rate * k) ** 10 * start, **EXACT)


def test_tree_is_updated_like_one_vector(rng):
    model, d_model = model_and_gradient(rng)
    after, _ = SGD().step(model, d_model, SGD().init(model), 0.1)
    flat, _ = SGD().step(vector(model), vector(d_model), SGD().init(model), 0.1)
    assert np.array_equal(vector(after), flat)


def test_rate_of_a_sum_is_that_of_a_mean_over_n(rng):
    theta, gradients = rng.normal(size=5), rng.normal(size=(7, 5))
    by_sum, _ = SGD().step(theta, gradients.sum(axis=0), SGD().init(theta), 0.1)
    by_mean, _ = SGD().step(theta, gradients.mean(axis=0), SGD().init(theta), 7 * 0.1)
    np.testing.assert_allclose(by_sum, by_mean, **EXACT)
    not_scaled, _ = SGD().step(theta, gradients.mean(axis=0), SGD().init(theta), 0.1)
    np.testing.assert_allclose(not_scaled - theta, (by_sum - theta) / 7, **EXACT)


def test_live_pullback_survives_the_step(rng):
    model, d_model = model_and_gradient(rng)
    before = vector(model), vector(d_model)
    SGD().step(model, d_model, SGD().init(model), 0.3)
    assert np.array_equal(vector(model), before[0]) and np.array_equal(vector(d_model), before[1])
    assert leaves_live_pullbacks_alone(SGD(), rng)


def test_new_model_shares_no_memory_with_the_old(rng):
    model, d_model = model_and_gradient(rng)
    after, _ = SGD().step(model, d_model, SGD().init(model), 0.0)
    pairs = zip(tree.leaves(after), tree.leaves(model), strict=True)
    assert not any(np.shares_memory(new, old) for (_, new), (_, old) in pairs)


def test_float32_stays_float32(rng):
    model, d_model = model_and_gradient(rng, np.float32)
    after, _ = SGD().step(model, d_model, SGD().init(model), np.float64(0.1))
    assert {leaf.dtype for _, leaf in tree.leaves(after)} == {np.dtype(np.float32)}


# Pitfalls


class InPlace(SGD):
    def step(self, model, d_model, state, rate):
        for (_, theta), (_, g) in zip(tree.leaves(model), tree.leaves(d_model), strict=True):
            theta -= rate * g
        return model, SGDState(step=state.step + 1)


class Ascent(SGD):
    def step(self, model, d_model, state, rate):
        return super().step(model, tree.map(np.negative, d_model), state, rate)


class NoLastLeaf(SGD):
    def step(self, model, d_model, state, rate):
        after, state = super().step(model, d_model, state, rate)
        last = after.rest[0].cotangent(w=after.rest[0].w, b=model.rest[0].b)
        return after.cotangent(first=after.first, rest=(last,)), state


def test_update_in_place_is_caught(rng):
    assert not leaves_live_pullbacks_alone(InPlace(), rng)


def test_ascent_is_caught(rng):
    assert not follows_its_equation(Ascent(), rng)


def test_forgotten_leaf_is_caught(rng):
    assert not follows_its_equation(NoLastLeaf(), rng)


@pytest.mark.parametrize("shape", [(1,), (), (1, 2)])
def test_gradient_that_would_broadcast_is_an_error(rng, shape):
    layer = linear(rng)
    d_layer = tree.rebuild(layer, {"w": layer.w, "b": np.zeros(shape)})
    message = re.escape(f"SGD.step: gradient of 'b' must have shape (2,), got {shape}")
    with pytest.raises(ValueError, match=f"^{message}$"):
        SGD().step(layer, d_layer, SGD().init(layer), 0.1)
