"""AdamW: Adam with a decay that is not divided.  Specification: specs/optimizers/adamw.md."""

import dataclasses
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.entrywise import entrywise
from reference.core.groups import Which, expect_which, map_each, matrices, numbers
from reference.core.shapes import expect_above_zero, expect_share
from reference.core.updates import Squares, expect_model, expect_update


@dataclasses.dataclass(frozen=True, eq=False)
class AdamWState:
    m: Any      # shaped like the model: running mean of the gradient
    v: Squares  # shaped like the model: running mean of its square
    step: int   # updates made so far


@dataclasses.dataclass(frozen=True)
class AdamW:
    """theta <- theta - rate (m / (sqrt(v) + eps) + decay theta), with m and v corrected for starting at 0.

    Only what is `decayed` decays: a function of the path of a parameter and the parameter says what.

    Raises:
        TypeError: a setting is no number, or `decayed` no function.
        ValueError: a beta or the decay lies outside [0, 1), or eps is not positive and finite.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    decay: float = 0.01
    decayed: Which = matrices

    def __post_init__(self) -> None:
        for name in ("beta1", "beta2", "decay"):
            expect_share("AdamW", name, getattr(self, name))
        expect_above_zero("AdamW", "eps", self.eps)
        expect_which("AdamW", "decayed", self.decayed)

    def init(self, model: Any) -> AdamWState:
        expect_model("AdamW.init", model)
        return AdamWState(m=tree.map(np.zeros_like, model), v=tree.map(np.zeros_like, model), step=0)

    def step(self, model: Any, d_model: Any, state: AdamWState, rate: float) -> tuple[Any, AdamWState]:
        """Return the next model and state; nothing given is written to.

        Raises:
            TypeError, ValueError: d_model is no gradient of model, state no state of it, or rate no learning rate.

        Source: Loshchilov & Hutter 2019, algorithm 2.
        """
        expect_update("AdamW.step", model, d_model, rate, state, AdamWState, moments=("m", "v"))
        beta1, beta2, eps, rate = float(self.beta1), float(self.beta2), float(self.eps), float(rate)
        decays = numbers("AdamW.step", "decayed", self.decay, self.decayed, model)
        t = state.step + 1                                                              # (adamw.1)
        m = entrywise(lambda m, g: beta1 * m + (1 - beta1) * g, state.m, d_model)       # (adamw.2)
        v = entrywise(lambda v, g: beta2 * v + (1 - beta2) * (g * g), state.v, d_model)  # (adamw.3)

        def updated(decay: float, theta: np.ndarray, m: np.ndarray, v: np.ndarray) -> np.ndarray:
            m_hat = m / (1 - beta1**t)                                                  # (adamw.4)
            v_hat = v / (1 - beta2**t)                                                  # (adamw.5)
            u = m_hat / (np.sqrt(v_hat) + eps) + decay * theta                          # (adamw.6)
            return theta - rate * u                                                     # (adamw.7)

        return map_each(updated, decays, model, m, v), AdamWState(m=m, v=v, step=t)
