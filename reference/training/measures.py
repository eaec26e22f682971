"""What is measured of a step: the norm of its gradient, and how far it moves each part of a model."""

import functools
import math
import operator
from typing import Any

import numpy as np

from reference.core import tree
from reference.training.devices import HOST, Device


def norm(node: Any, device: Device = HOST) -> float:
    """Return the norm of all numbers of a tree, NaN or infinity where one of them is."""
    squares = [np.sum(np.square(leaf, dtype=np.float64)) for _, leaf in tree.leaves(node)]
    return math.sqrt(float(device.back(functools.reduce(operator.add, squares))))


def first_not_finite(node: Any, device: Device = HOST) -> str | None:
    """Return the path of the first array of a tree that has a number that is not finite; None where none has."""
    for path, leaf in tree.leaves(node):
        if not device.back(np.isfinite(leaf)).all():
            return path
    return None


def part(path: str) -> str:
    """Return the part of a model in which a parameter stands: encoder, decoder, stack, output ..."""
    return path.removeprefix("body.").partition(".")[0].partition("[")[0]


def parts(model: Any) -> tuple[str, ...]:
    """Return the parts of a model, in order."""
    return tuple(dict.fromkeys(part(path) for path, _ in tree.leaves(model)))


def updates(before: Any, after: Any, device: Device = HOST) -> dict[str, float]:
    """Return by how much an update moved each part of a model, as a share of the norm of the part before it."""
    moved, was = dict.fromkeys(parts(before), 0.0), dict.fromkeys(parts(before), 0.0)
    for (path, a), (_, b) in zip(tree.leaves(before), tree.leaves(after), strict=True):
        moved[part(path)] += norm((b - a,), device) ** 2
        was[part(path)] += norm((a,), device) ** 2
    return {name: math.sqrt(moved[name] / was[name]) if was[name] else 0.0 for name in was}
