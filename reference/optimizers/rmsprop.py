"""RMSprop: the gradient over the root of its mean square.  Specification: specs/optimizers/rmsprop.md."""

import dataclasses
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.entrywise import entrywise
from reference.core.shapes import expect_above_zero, expect_share
from reference.core.updates import Squares, expect_model, expect_update


@dataclasses.dataclass(frozen=True, eq=False)
class RMSpropState:
    v: Squares  # shaped like the model: running mean of the square of the gradient
    step: int   # updates made so far


@dataclasses.dataclass(frozen=True)
class RMSprop:
    """theta <- theta - rate g / (sqrt(v) + eps), with v the running mean of g^2, from 0 and not corrected for it.

    Raises:
        TypeError: a setting is no number.
        ValueError: beta lies outside [0, 1), or eps is not positive and finite.
    """

    beta: float = 0.99
    eps: float = 1e-8

    def __post_init__(self) -> None:
        expect_share("RMSprop", "beta", self.beta)
        expect_above_zero("RMSprop", "eps", self.eps)

    def init(self, model: Any) -> RMSpropState:
        expect_model("RMSprop.init", model)
        return RMSpropState(v=tree.map(np.zeros_like, model), step=0)

    def step(self, model: Any, d_model: Any, state: RMSpropState, rate: float) -> tuple[Any, RMSpropState]:
        """Return the next model and state; nothing given is written to.

        Raises:
            TypeError, ValueError: d_model is no gradient of model, state no state of it, or rate no learning rate.

        Source: Tieleman & Hinton 2012, slide 29.
        """
        expect_update("RMSprop.step", model, d_model, rate, state, RMSpropState, moments=("v",))
        beta, eps, rate = float(self.beta), float(self.eps), float(rate)
        v = entrywise(lambda v, g: beta * v + (1 - beta) * (g * g), state.v, d_model)  # (rmsprop.1)

        def updated(theta: np.ndarray, g: np.ndarray, v: np.ndarray) -> np.ndarray:
            return theta - rate * g / (np.sqrt(v) + eps)                              # (rmsprop.2)

        model = entrywise(updated, model, d_model, v)
        return model, RMSpropState(v=v, step=state.step + 1)                          # (rmsprop.3)
