"""Every optimiser, found by being there, with settings that reach every one of its equations."""

import importlib
import inspect
import pkgutil

import numpy as np

from reference import optimizers
from reference.core import tree
from reference.core.groups import everything
from reference.layers.linear import Linear
from reference.optimizers.adamw import AdamW

# Beside the defaults: constants of a size at which an error in them is seen; where they need a class of the module, a
# function of it.
SETTINGS = {
    "AMSGrad": {"large eps": {"beta2": 0.5, "eps": 0.1}},
    "Adafactor": {"large eps": {"eps1": 0.1, "eps2": 0.9, "most": 0.6}},
    "Adagrad": {"large eps": {"eps": 0.1}},
    "Adam": {"decay, large eps": {"decay": 0.1, "eps": 0.1}},
    "AdamW": {"decay of all, large eps": {"beta1": 0.8, "eps": 0.1, "decay": 0.3, "decayed": everything}},
    "Groups": {"half the rate": lambda module: {"settings": module.Group(AdamW(), 0.5)}},
    "Lion": {"decay of all": {"beta1": 0.8, "decay": 0.3, "decayed": everything}},
    "Momentum": {
        "Nesterov, decay": {"nesterov": True, "decay": 0.1},
        "decay of all": {"decay": 0.1, "decayed": everything},
    },
    "Muon": {"large eps": {"momentum": 0.5, "eps": 9.0}},
    "NAdam": {"large eps": {"eps": 0.1, "rise": 2.0}},
    "RMSprop": {"large eps": {"beta": 0.9, "eps": 0.1}},
}


def classes(module):
    """The optimisers that a module defines: what has `init` and `step`."""
    own = [kind for kind in vars(module).values() if inspect.isclass(kind) and kind.__module__ == module.__name__]
    return [kind for kind in own if {"init", "step"} <= set(dir(kind))]


def variants(module):
    """Yield (name, optimiser) of a module: each with its defaults, and with other settings."""
    for kind in classes(module):
        yield kind.__name__, kind()
        for name, settings in SETTINGS.get(kind.__name__, {}).items():
            yield f"{kind.__name__}: {name}", kind(**(settings(module) if callable(settings) else settings))


def modules():
    """Yield the modules of the room that define an optimiser."""
    for info in pkgutil.iter_modules(optimizers.__path__):
        module = importlib.import_module(f"reference.optimizers.{info.name}")
        if classes(module):
            yield module


def everyone():
    """Return every optimiser by its name."""
    return {name: optimizer for module in modules() for name, optimizer in variants(module)}


def steps(optimizer, theta, gradients, rates):
    """The parameters after each step, and the last state, along gradients that do not depend on them."""
    state, made = optimizer.init(theta), []
    for g, rate in zip(gradients, np.broadcast_to(rates, len(gradients)), strict=True):
        theta, state = optimizer.step(theta, g, state, rate)
        made.append(theta)
    return np.array(made), state


def linear(rng, dtype=np.float64):
    return Linear(w=rng.normal(size=(3, 2)), b=rng.normal(size=2)).astype(dtype)


def vector(model):
    """The numbers of a tree, end to end."""
    return np.concatenate([leaf.ravel() for _, leaf in tree.leaves(model)])


class Written:
    """An optimiser of a bare array as one function: line(theta, g, t, rate, *moments) to (theta, *moments)."""

    def __init__(self, line, moments):
        self.line, self.moments = line, moments

    def init(self, theta):
        return (0, *(np.zeros_like(theta) for _ in range(self.moments)))

    def step(self, theta, g, state, rate):
        t, *moments = state
        theta, *moments = self.line(theta, g, t + 1, rate, *moments)
        return theta, (t + 1, *moments)
