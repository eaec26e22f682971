"""AMSGrad: Adam whose divisor never shrinks.  Specification: specs/optimizers/amsgrad.md."""

import dataclasses
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.entrywise import entrywise
from reference.core.shapes import expect_above_zero, expect_share
from reference.core.updates import Squares, expect_model, expect_update


@dataclasses.dataclass(frozen=True, eq=False)
class AMSGradState:
    m: Any      # shaped like the model: running mean of the gradient
    v: Squares  # shaped like the model: running mean of its square
    w: Squares  # shaped like the model: the largest v so far
    step: int   # updates made so far


@dataclasses.dataclass(frozen=True)
class AMSGrad:
    """theta <- theta - rate m / (sqrt(w) + eps), with w the largest v so far; m and w are corrected as Adam's are.

    Raises:
        TypeError: a setting is no number.
        ValueError: a beta lies outside [0, 1), or eps is not positive and finite.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        expect_share("AMSGrad", "beta1", self.beta1)
        expect_share("AMSGrad", "beta2", self.beta2)
        expect_above_zero("AMSGrad", "eps", self.eps)

    def init(self, model: Any) -> AMSGradState:
        expect_model("AMSGrad.init", model)
        m, v, w = (tree.map(np.zeros_like, model) for _ in range(3))
        return AMSGradState(m=m, v=v, w=w, step=0)

    def step(self, model: Any, d_model: Any, state: AMSGradState, rate: float) -> tuple[Any, AMSGradState]:
        """Return the next model and state; nothing given is written to.

        Raises:
            TypeError, ValueError: d_model is no gradient of model, state no state of it, or rate no learning rate.

        Source: Reddi et al. 2018, algorithm 2, with the corrections of Adam.
        """
        expect_update("AMSGrad.step", model, d_model, rate, state, AMSGradState, moments=("m", "v", "w"))
        beta1, beta2, eps, rate = float(self.beta1), float(self.beta2), float(self.eps), float(rate)
        t = state.step + 1                                                              # (amsgrad.1)

        def updated(
            theta: np.ndarray, m: np.ndarray, v: np.ndarray, w: np.ndarray, g: np.ndarray
        ) -> tuple[np.ndarray, ...]:
            m = beta1 * m + (1 - beta1) * g                                             # (amsgrad.2)
            v = beta2 * v + (1 - beta2) * (g * g)                                       # (amsgrad.3)
            w = np.maximum(w, v)                                                        # (amsgrad.4)
            m_hat = m / (1 - beta1**t)                                                  # (amsgrad.5)
            w_hat = w / (1 - beta2**t)                                                  # (amsgrad.6)
            theta = theta - rate * m_hat / (np.sqrt(w_hat) + eps)                       # (amsgrad.7)
            return theta, m, v, w

        model, m, v, w = entrywise(updated, model, state.m, state.v, state.w, d_model, outputs=4)
        return model, AMSGradState(m=m, v=v, w=w, step=t)
