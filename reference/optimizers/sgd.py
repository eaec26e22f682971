"""Stochastic gradient descent.  Specification: specs/optimizers/sgd.md."""

import dataclasses
from typing import Any

from reference.core.entrywise import entrywise
from reference.core.updates import expect_model, expect_update


@dataclasses.dataclass(frozen=True)
class SGDState:
    step: int  # updates made so far


@dataclasses.dataclass(frozen=True)
class SGD:
    """theta <- theta - rate g."""

    def init(self, model: Any) -> SGDState:
        expect_model("SGD.init", model)
        return SGDState(step=0)

    def step(self, model: Any, d_model: Any, state: SGDState, rate: float) -> tuple[Any, SGDState]:
        """Return the next model and state; nothing given is written to.

        Raises:
            TypeError, ValueError: d_model is no gradient of model, state no state of it, or rate no learning rate.

        Source: Robbins & Monro 1951; Goodfellow et al. 2016, algorithm 8.1.
        """
        expect_update("SGD.step", model, d_model, rate, state, SGDState)
        rate = float(rate)
        model = entrywise(lambda theta, g: theta - rate * g, model, d_model)  # (sgd.1)
        return model, SGDState(step=state.step + 1)                          # (sgd.2)
