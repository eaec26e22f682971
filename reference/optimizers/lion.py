"""Lion: steps of one length along the sign of a mean.  Specification: specs/optimizers/lion.md."""

import dataclasses
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.entrywise import entrywise
from reference.core.groups import Which, expect_which, map_each, matrices, numbers
from reference.core.shapes import expect_share
from reference.core.updates import expect_model, expect_update


@dataclasses.dataclass(frozen=True, eq=False)
class LionState:
    m: Any     # shaped like the model: running mean of the gradient
    step: int  # updates made so far


@dataclasses.dataclass(frozen=True)
class Lion:
    """theta <- theta - rate (sign(c) + decay theta), with c a mean of m and the gradient.

    Only what is `decayed` decays: a function of the path of a parameter and the parameter says what.

    Raises:
        TypeError: a setting is no number, or `decayed` no function.
        ValueError: a beta or the decay lies outside [0, 1).
    """

    beta1: float = 0.9
    beta2: float = 0.99
    decay: float = 0.1
    decayed: Which = matrices

    def __post_init__(self) -> None:
        for name in ("beta1", "beta2", "decay"):
            expect_share("Lion", name, getattr(self, name))
        expect_which("Lion", "decayed", self.decayed)

    def init(self, model: Any) -> LionState:
        expect_model("Lion.init", model)
        return LionState(m=tree.map(np.zeros_like, model), step=0)

    def step(self, model: Any, d_model: Any, state: LionState, rate: float) -> tuple[Any, LionState]:
        """Return the next model and state; nothing given is written to.

        Raises:
            TypeError, ValueError: d_model is no gradient of model, state no state of it, or rate no learning rate.

        Source: Chen et al. 2023, algorithm 2.
        """
        expect_update("Lion.step", model, d_model, rate, state, LionState, moments=("m",))
        beta1, beta2, rate = float(self.beta1), float(self.beta2), float(rate)
        decays = numbers("Lion.step", "decayed", self.decay, self.decayed, model)

        def updated(decay: float, theta: np.ndarray, g: np.ndarray, m: np.ndarray) -> np.ndarray:
            c = beta1 * m + (1 - beta1) * g                                       # (lion.1)
            u = np.sign(c) + decay * theta                                        # (lion.2)
            return theta - rate * u                                               # (lion.3)

        model = map_each(updated, decays, model, d_model, state.m)
        m = entrywise(lambda m, g: beta2 * m + (1 - beta2) * g, state.m, d_model)  # (lion.4)
        return model, LionState(m=m, step=state.step + 1)                         # (lion.5)
