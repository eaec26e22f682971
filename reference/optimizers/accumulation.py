"""The gradient of a large batch from those of its parts.  Specification: specs/optimizers/accumulation.md."""

import dataclasses
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.entrywise import entrywise
from reference.core.shapes import expect_above_zero, expect_nonnegative, got
from reference.core.updates import expect_model, expect_one_each


@dataclasses.dataclass(frozen=True, eq=False)
class Accumulated:
    s: Any         # shaped like the model: sum of the gradients of the parts, each times its weight
    weight: float  # sum of the weights


def begin(model: Any) -> Accumulated:
    """Return what has been added up before the first part: nothing."""
    expect_model("begin", model)
    return Accumulated(s=tree.map(np.zeros_like, model), weight=0.0)


def add(accumulated: Accumulated, d_model: Any, weight: float) -> Accumulated:
    """Return the sum with one part more: its mean gradient, and how much it weighs, the number of its terms.

    Raises:
        TypeError: `accumulated` is no Accumulated, the weight no number, or a gradient has another dtype.
        ValueError: the weight is not positive and finite, or d_model is no gradient of the model.
    """
    _expect_accumulated("add", accumulated)
    expect_above_zero("add", "weight", weight)
    expect_one_each("add", tree.leaves(accumulated.s), tree.leaves(d_model), "d_model", "gradient")
    weight = float(weight)
    s = entrywise(lambda s, g: s + weight * g, accumulated.s, d_model)            # (accumulation.1)
    return Accumulated(s=s, weight=accumulated.weight + weight)                   # (accumulation.2)


def mean(accumulated: Accumulated) -> Any:
    """Return the gradient of the mean over all parts.

    Raises:
        TypeError: `accumulated` is no Accumulated.
        ValueError: nothing has been added.
    """
    _expect_accumulated("mean", accumulated)
    expect_above_zero("mean", "accumulated.weight", accumulated.weight)
    n = float(accumulated.weight)
    return entrywise(lambda s: s / n, accumulated.s)                              # (accumulation.3)


def _expect_accumulated(where: str, accumulated: Any) -> None:
    """Raise unless it is an Accumulated whose weight is a number that a sum of weights can be."""
    if not isinstance(accumulated, Accumulated):
        raise TypeError(f"{where}: accumulated must be an Accumulated, got {got(accumulated)}")
    expect_nonnegative(where, "accumulated.weight", accumulated.weight)
