"""NAdam: Adam with Nesterov's momentum.  Specification: specs/optimizers/nadam.md."""

import dataclasses
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.entrywise import entrywise
from reference.core.kinds import Unit
from reference.core.shapes import expect_above_zero, expect_nonnegative, expect_share, expect_unit
from reference.core.updates import Squares, expect_model, expect_update


@dataclasses.dataclass(frozen=True, eq=False)
class NAdamState:
    m: Any      # shaped like the model: running mean of the gradient
    v: Squares  # shaped like the model: running mean of its square
    p: Unit     # product of the momenta of all steps so far
    step: int   # updates made so far


@dataclasses.dataclass(frozen=True)
class NAdam:
    """Adam whose mean of the gradient is the one that the next step would see; its momentum rises from beta1 / 2.

    Raises:
        TypeError: a setting is no number.
        ValueError: a beta lies outside [0, 1), eps is not positive and finite, or rise negative or not finite.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    rise: float = 0.004

    def __post_init__(self) -> None:
        expect_share("NAdam", "beta1", self.beta1)
        expect_share("NAdam", "beta2", self.beta2)
        expect_above_zero("NAdam", "eps", self.eps)
        expect_nonnegative("NAdam", "rise", self.rise)

    def init(self, model: Any) -> NAdamState:
        expect_model("NAdam.init", model)
        return NAdamState(m=tree.map(np.zeros_like, model), v=tree.map(np.zeros_like, model), p=1.0, step=0)

    def step(self, model: Any, d_model: Any, state: NAdamState, rate: float) -> tuple[Any, NAdamState]:
        """Return the next model and state; nothing given is written to.

        Raises:
            TypeError, ValueError: d_model is no gradient of model, state no state of it, or rate no learning rate.

        Source: Dozat 2016, algorithm 2 and the schedule of its momentum; m as in Adam.
        """
        expect_update("NAdam.step", model, d_model, rate, state, NAdamState, moments=("m", "v"))
        expect_unit("NAdam.step", "state.p", state.p)
        beta1, beta2, eps, rate = float(self.beta1), float(self.beta2), float(self.eps), float(rate)
        rise, t, p = float(self.rise), state.step, float(state.p)
        t = t + 1                                                                       # (nadam.1)
        mu = beta1 * (1 - (24 / 25) ** (rise * t) / 2)                                  # (nadam.2)
        mu_next = beta1 * (1 - (24 / 25) ** (rise * (t + 1)) / 2)                       # (nadam.3)
        p = p * mu                                                                      # (nadam.4)

        def updated(theta: np.ndarray, m: np.ndarray, v: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
            m = beta1 * m + (1 - beta1) * g                                             # (nadam.5)
            v = beta2 * v + (1 - beta2) * (g * g)                                       # (nadam.6)
            m_hat = (1 - mu) / (1 - p) * g + mu_next / (1 - p * mu_next) * m            # (nadam.7)
            v_hat = v / (1 - beta2**t)                                                  # (nadam.8)
            theta = theta - rate * m_hat / (np.sqrt(v_hat) + eps)                       # (nadam.9)
            return theta, m, v

        model, m, v = entrywise(updated, model, state.m, state.v, d_model, outputs=3)
        return model, NAdamState(m=m, v=v, p=p, step=t)
