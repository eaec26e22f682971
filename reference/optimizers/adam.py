"""Adam.  Specification: specs/optimizers/adam.md."""

import dataclasses
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.entrywise import entrywise
from reference.core.groups import Which, expect_which, map_each, matrices, numbers
from reference.core.shapes import expect_number, expect_share
from reference.core.updates import Squares, expect_model, expect_update
from reference.core.words import cut

# Sum, product and quotient in the memory of the first operand, which nobody else may hold: an update takes 0.82 of the
# time, a fiftieth of a step of width 64, and has the bits of `+`, `*` and `/`.
iadd: Callable[[Any, Any], Any] = operator.iadd
imul: Callable[[Any, Any], Any] = operator.imul
itruediv: Callable[[Any, Any], Any] = operator.itruediv


@dataclasses.dataclass(frozen=True, eq=False)
class AdamState:
    m: Any      # shaped like the model: running mean of the gradient
    v: Squares  # shaped like the model: running mean of its square
    step: int   # updates made so far


@dataclasses.dataclass(frozen=True)
class Adam:
    """theta <- theta - rate m / (sqrt(v) + eps), with m and v corrected for starting at 0.

    `decay` theta is added to the gradient where `decayed`; for a decay that is not divided, there is AdamW.

    >>> from reference.layers.linear import Linear
    >>> model, adam = Linear(w=np.ones((2, 2)), b=None), Adam()
    >>> d_model = Linear(w=np.array([[5.0, -5], [0.5, 0]]), b=None)
    >>> model, state = adam.step(model, d_model, adam.init(model), 0.1)
    >>> model.w.round(6).tolist(), state.step            # each number by the rate, whatever its gradient
    ([[0.9, 1.1], [0.9, 1.0]], 1)
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    decay: float = 0.0
    decayed: Which = matrices

    def __post_init__(self) -> None:
        for name in ("beta1", "beta2", "decay"):
            expect_share("Adam", name, getattr(self, name))
        expect_number("Adam", "eps", self.eps)
        if not 0 < self.eps < math.inf:
            raise ValueError(f"Adam: eps must be finite and positive, got {cut(self.eps)}")
        expect_which("Adam", "decayed", self.decayed)

    def init(self, model: Any) -> AdamState:
        expect_model("Adam.init", model)
        return AdamState(m=tree.map(np.zeros_like, model), v=tree.map(np.zeros_like, model), step=0)

    def step(self, model: Any, d_model: Any, state: AdamState, rate: float) -> tuple[Any, AdamState]:
        """Return the next model and state; nothing given is written to.

        Raises:
            TypeError, ValueError: d_model is no gradient of model, state no state of it, or rate no learning rate.

        Source: Kingma & Ba 2015, algorithm 1.
        """
        expect_update("Adam.step", model, d_model, rate, state, AdamState, moments=("m", "v"))
        beta1, beta2, eps, rate = float(self.beta1), float(self.beta2), float(self.eps), float(rate)
        if self.decay:
            decays = numbers("Adam.step", "decayed", self.decay, self.decayed, model)
            d_model = map_each(lambda decay, g, theta: g + decay * theta, decays, d_model, model)  # (adam.7)
        t = state.step + 1                                                              # (adam.1)

        def updated(theta: np.ndarray, m: np.ndarray, v: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, ...]:
            m = iadd(beta1 * m, (1 - beta1) * g)                                        # (adam.2)
            v = iadd(beta2 * v, imul(g * g, 1 - beta2))                                 # (adam.3)
            m_hat = m / (1 - beta1**t)                                                  # (adam.4)
            v_hat = v / (1 - beta2**t)                                                  # (adam.5)
            theta = theta - itruediv(imul(m_hat, rate), iadd(np.sqrt(v_hat), eps))      # (adam.6)
            return theta, m, v

        model, m, v = entrywise(updated, model, state.m, state.v, d_model, outputs=3)
        return model, AdamState(m=m, v=v, step=t)
