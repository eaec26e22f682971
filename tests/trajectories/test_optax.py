"""The paths of every optimiser that optax has, and the rates of its schedules, in double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from trajectories import CLOSE, STEPS, data, gradient, moves, ours

from reference.core import tree
from reference.core.groups import everything
from reference.layers.linear import Linear
from reference.optimizers import schedules
from reference.optimizers.adagrad import Adagrad
from reference.optimizers.adam import Adam
from reference.optimizers.adamw import AdamW
from reference.optimizers.clipping import clip_by_norm, clip_by_value
from reference.optimizers.lion import Lion
from reference.optimizers.momentum import Momentum
from reference.optimizers.rmsprop import RMSprop
from reference.optimizers.sgd import SGD

RATE = 0.05
ALL = {"decayed": everything}
SAME = {
    "SGD": (SGD(), lambda: optax.sgd(RATE)),
    "momentum": (Momentum(0.9), lambda: optax.sgd(RATE, momentum=0.9)),
    "Nesterov": (Momentum(0.9, nesterov=True), lambda: optax.sgd(RATE, momentum=0.9, nesterov=True)),
    "momentum, decay": (
        Momentum(decay=0.1, **ALL),
        lambda: optax.chain(optax.add_decayed_weights(0.1), optax.sgd(RATE, momentum=0.9)),
    ),
    "Adam": (Adam(), lambda: optax.adam(RATE)),
    "Adam, decay": (
        Adam(decay=0.1, **ALL),
        lambda: optax.chain(optax.add_decayed_weights(0.1), optax.adam(RATE)),
    ),
    "AdamW": (AdamW(decay=0.3, **ALL), lambda: optax.adamw(RATE, weight_decay=0.3)),
    "AdamW, matrices": (
        AdamW(decay=0.3),
        lambda: optax.adamw(RATE, weight_decay=0.3, mask=lambda p: jax.tree.map(lambda a: a.ndim > 1, p)),
    ),
    "Lion": (Lion(decay=0.1, **ALL), lambda: optax.lion(RATE, b1=0.9, b2=0.99, weight_decay=0.1)),
    "Adagrad": (
        Adagrad(1e-300),
        lambda: optax.chain(optax.scale_by_rss(initial_accumulator_value=0.0, eps=0.0), optax.scale(-RATE)),
    ),
    "RMSprop": (RMSprop(0.9), lambda: optax.rmsprop(RATE, decay=0.9, eps=1e-8, eps_in_sqrt=False)),
}


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def theirs(transformation):
    model, x, y = data()
    parameters = {"w": jnp.asarray(model.w), "b": jnp.asarray(model.b)}
    state, made = transformation.init(parameters), []
    for step in range(STEPS):
        d_model = gradient(Linear(**{name: np.asarray(p) for name, p in parameters.items()}), x, y, step)
        d_parameters = {"w": jnp.asarray(d_model.w), "b": jnp.asarray(d_model.b)}
        updates, state = transformation.update(d_parameters, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        made.append(np.concatenate([np.ravel(parameters["w"]), np.ravel(parameters["b"])]))
    return np.array(made)


@pytest.mark.parametrize(("optimizer", "transformation"), SAME.values(), ids=SAME)
def test_fifty_steps_are_those_of_optax(optimizer, transformation):
    path = ours(optimizer, RATE)
    np.testing.assert_allclose(path, theirs(transformation()), **CLOSE)
    assert moves(path) > 1e-3


def test_clipping_is_that_of_optax():
    for clip, transformation in (
        (lambda g: clip_by_norm(g, 0.3)[0], optax.clip_by_global_norm(0.3)),
        (lambda g: clip_by_value(g, 0.1), optax.clip(0.1)),
    ):
        path = ours(Momentum(), RATE, lambda model, d_model, clip=clip: clip(d_model))
        chain = optax.chain(transformation, optax.sgd(RATE, momentum=0.9))
        np.testing.assert_allclose(path, theirs(chain), **CLOSE)
        assert np.abs(path - ours(Momentum(), RATE)).max() > 0.01


def test_the_norm_is_that_of_optax():
    d_model = gradient(*data(), 0)
    norm = optax.tree.norm([jnp.asarray(leaf) for _, leaf in tree.leaves(d_model)])
    np.testing.assert_allclose(clip_by_norm(d_model, 1.0)[1], norm, rtol=1e-14, atol=0)


SCHEDULES = {
    "linear": (schedules.linear(0.1, 0.01, STEPS), lambda: optax.linear_schedule(0.1, 0.01, STEPS - 1)),
    "cosine": (schedules.cosine(0.1, 0.0, STEPS), lambda: optax.cosine_decay_schedule(0.1, STEPS - 1)),
    "step decay": (
        schedules.step_decay(0.1, 0.5, 7),
        lambda: optax.exponential_decay(0.1, 7, 0.5, staircase=True),
    ),
    "warm-up, cosine": (
        schedules.warm_up(0.01, 10, schedules.cosine(0.1, 0.0, STEPS - 10)),
        lambda: optax.warmup_cosine_decay_schedule(0.01, 0.1, 10, STEPS - 1),
    ),
    "warm-up, stable, decay": (
        schedules.warmup_stable_decay(0.01, 0.1, 0.0, 10, 20, STEPS),
        lambda: optax.join_schedules(
            [
                optax.linear_schedule(0.01, 0.1, 10),
                optax.constant_schedule(0.1),
                optax.linear_schedule(0.1, 0.0, 20),
            ],
            [10, STEPS - 21],
        ),
    ),
}


@pytest.mark.parametrize(("schedule", "theirs"), SCHEDULES.values(), ids=SCHEDULES)
def test_rates_are_those_of_optax(schedule, theirs):
    made = theirs()
    found = [float(made(jnp.asarray(t, jnp.int64))) for t in range(2 * STEPS)]
    np.testing.assert_allclose([schedule(t) for t in range(2 * STEPS)], found, rtol=1e-12, atol=1e-15)
