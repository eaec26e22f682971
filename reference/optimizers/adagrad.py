"""Adagrad: each number's steps shrink with all that it has seen.  Specification: specs/optimizers/adagrad.md."""

import dataclasses
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.entrywise import entrywise
from reference.core.shapes import expect_above_zero
from reference.core.updates import Squares, expect_model, expect_update


@dataclasses.dataclass(frozen=True, eq=False)
class AdagradState:
    v: Squares  # shaped like the model: sum of the squares of all gradients
    step: int   # updates made so far


@dataclasses.dataclass(frozen=True)
class Adagrad:
    """theta <- theta - rate g / (sqrt(v) + eps), with v the sum of all g^2.

    Raises:
        TypeError: eps is no number.
        ValueError: eps is not positive and finite.
    """

    eps: float = 1e-10

    def __post_init__(self) -> None:
        expect_above_zero("Adagrad", "eps", self.eps)

    def init(self, model: Any) -> AdagradState:
        expect_model("Adagrad.init", model)
        return AdagradState(v=tree.map(np.zeros_like, model), step=0)

    def step(self, model: Any, d_model: Any, state: AdagradState, rate: float) -> tuple[Any, AdagradState]:
        """Return the next model and state; nothing given is written to.

        Raises:
            TypeError, ValueError: d_model is no gradient of model, state no state of it, or rate no learning rate.

        Source: Duchi et al. 2011, fig. 1, with the diagonal of the matrix.
        """
        expect_update("Adagrad.step", model, d_model, rate, state, AdagradState, moments=("v",))
        eps, rate = float(self.eps), float(rate)
        v = entrywise(lambda v, g: v + g * g, state.v, d_model)                # (adagrad.1)

        def updated(theta: np.ndarray, g: np.ndarray, v: np.ndarray) -> np.ndarray:
            return theta - rate * g / (np.sqrt(v) + eps)                       # (adagrad.2)

        model = entrywise(updated, model, d_model, v)
        return model, AdagradState(v=v, step=state.step + 1)                   # (adagrad.3)
