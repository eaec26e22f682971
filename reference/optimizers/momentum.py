"""Gradient descent with momentum, after Polyak or Nesterov.  Specification: specs/optimizers/momentum.md."""

import dataclasses
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.entrywise import entrywise
from reference.core.groups import Which, expect_which, map_each, matrices, numbers
from reference.core.shapes import expect_flag, expect_share
from reference.core.updates import expect_model, expect_update


@dataclasses.dataclass(frozen=True, eq=False)
class MomentumState:
    b: Any     # shaped like the model: decaying sum of the gradients
    step: int  # updates made so far


@dataclasses.dataclass(frozen=True)
class Momentum:
    """theta <- theta - rate b with b <- momentum b + g, or Nesterov's; `decay` theta is added to g where `decayed`.

    Raises:
        TypeError: a setting is no number, `nesterov` no flag, or `decayed` no function.
        ValueError: momentum or decay lies outside [0, 1).
    """

    momentum: float = 0.9
    nesterov: bool = False
    decay: float = 0.0
    decayed: Which = matrices

    def __post_init__(self) -> None:
        expect_share("Momentum", "momentum", self.momentum)
        expect_flag("Momentum", "nesterov", self.nesterov)
        expect_share("Momentum", "decay", self.decay)
        expect_which("Momentum", "decayed", self.decayed)

    def init(self, model: Any) -> MomentumState:
        expect_model("Momentum.init", model)
        return MomentumState(b=tree.map(np.zeros_like, model), step=0)

    def step(self, model: Any, d_model: Any, state: MomentumState, rate: float) -> tuple[Any, MomentumState]:
        """Return the next model and state; nothing given is written to.

        Raises:
            TypeError, ValueError: d_model is no gradient of model, state no state of it, or rate no learning rate.

        Source: Polyak 1964; Sutskever et al. 2013, eqs. 1 to 4, with the rate outside of b.
        """
        expect_update("Momentum.step", model, d_model, rate, state, MomentumState, moments=("b",))
        mu, nesterov, rate = float(self.momentum), self.nesterov, float(rate)
        decays = numbers("Momentum.step", "decayed", self.decay, self.decayed, model)
        d_model = map_each(lambda decay, g, theta: g + decay * theta, decays, d_model, model)  # (momentum.1)
        b = entrywise(lambda b, g: mu * b + g, state.b, d_model)                               # (momentum.2)
        u = entrywise(lambda b, g: g + mu * b if nesterov else b, b, d_model)                  # (momentum.3)
        model = entrywise(lambda theta, u: theta - rate * u, model, u)                         # (momentum.4)
        return model, MomentumState(b=b, step=state.step + 1)                                  # (momentum.5)
