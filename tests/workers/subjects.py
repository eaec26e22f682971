"""Subjects that can be sent to another process, which each leave word of the processes that they ran in."""

import dataclasses
import functools
import json
import os
from pathlib import Path

import numpy as np

from gradcheck import Checker, adapters
from reference.core import tree
from reference.layers.attention import MultiHeadAttention
from reference.layers.layernorm import LayerNorm

PLACES = "GRADCHECK_TEST_PLACES"  # names a folder, in the environment, which every process inherits

rng = np.random.default_rng(1)
X, MEMORY = rng.normal(size=(2, 3, 8)), rng.normal(size=(2, 5, 8))
NORM = LayerNorm(*rng.normal(size=(2, 8)))
ATTENTION = tree.map(lambda p: rng.normal(scale=0.5, size=p.shape), MultiHeadAttention.init(rng, 8, 2))


def sign():
    """Leave word that this process was here."""
    Path(os.environ[PLACES], str(os.getpid())).touch()


def bend(layer, factor, *inputs):
    """A layer whose first gradient is taken times a factor."""
    sign()
    y, pullback = layer.vjp(*inputs)

    def bent(dy):
        _, *grads = pullback(dy)
        return factor * grads[0], *grads[1:]

    return y, bent


def cube(x):
    sign()
    return x**3


def cube_backward(x, dy):
    return 3 * x**2 * dy


SUBJECTS = {
    "right": (functools.partial(bend, ATTENTION, 1.0), X, MEMORY),
    "wrong": (functools.partial(bend, ATTENTION, 1.0001), X, MEMORY),
    "pair": (adapters.pair(cube, cube_backward), X),
    "layer": (NORM, X),
}
VERDICTS = {"right": "pass", "wrong": "fail", "pair": "pass", "layer": "pass"}


def record(name, workers):
    """All that a check says, as text in which no bit of a number is lost."""
    subject, *inputs = SUBJECTS[name]
    report = Checker(seed=3, workers=workers)(subject, *inputs)
    numbers = [repr(dataclasses.asdict(gradient)) for gradient in report.gradients]
    return json.dumps([report.verdict, str(report), numbers, repr(report.findings), sorted(report.calls.items())])
