"""Muon: steps of matrices made orthogonal, AdamW for the rest.  Specification: specs/optimizers/muon.md."""

import dataclasses
import math
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.groups import Which, chosen, expect_which, matrices, merged, only
from reference.core.shapes import expect_above_zero, expect_positive, expect_share, got
from reference.core.sums import row_means, row_scales, shown
from reference.core.updates import Squares, expect_model, expect_one_each, expect_update
from reference.optimizers.adamw import AdamW, AdamWState

QUINTIC = 3.4445, -4.7750, 2.0315  # a steep slope at 0, and values near 1 for all that it reaches


@dataclasses.dataclass(frozen=True, eq=False)
class MuonState:
    b: Any      # of what is `orthogonal`, at its paths: decaying sum of the gradients
    m: Any      # of the rest: as AdamW has it
    v: Squares  # of the rest: as AdamW has it
    step: int   # updates made so far


@dataclasses.dataclass(frozen=True)
class Muon:
    """theta <- theta - rate (sqrt(max(M, N)) / 5 o + decay theta), with o nearly orthogonal; `rest` steps the rest.

    A function of the path of a parameter and the parameter says what is `orthogonal`: of a stack of
    matrices (..., M, N) each.

    Raises:
        TypeError: a setting is no number, `orthogonal` no function, or `rest` no AdamW.
        ValueError: momentum or decay lies outside [0, 1), eps is not positive and finite, or iterations less than 1.
    """

    momentum: float = 0.95
    iterations: int = 5
    eps: float = 1e-7
    decay: float = 0.01
    orthogonal: Which = matrices
    rest: AdamW = dataclasses.field(default_factory=AdamW)

    def __post_init__(self) -> None:
        expect_share("Muon", "momentum", self.momentum)
        expect_positive("Muon", "iterations", self.iterations)
        expect_above_zero("Muon", "eps", self.eps)
        expect_share("Muon", "decay", self.decay)
        expect_which("Muon", "orthogonal", self.orthogonal)
        if not isinstance(self.rest, AdamW):
            raise TypeError(f"Muon: rest must be an AdamW, got {got(self.rest)}")

    def init(self, model: Any) -> MuonState:
        expect_model("Muon.init", model)
        weights, others = self._split("Muon.init", model)
        rest = self.rest.init(others)
        return MuonState(b=tree.map(np.zeros_like, weights), m=rest.m, v=rest.v, step=0)

    def step(self, model: Any, d_model: Any, state: MuonState, rate: float) -> tuple[Any, MuonState]:
        """Return the next model and state; nothing given is written to.

        Raises:
            TypeError, ValueError: d_model is no gradient of model, state no state of it, or rate no learning rate.

        Source: Jordan et al. 2024; Liu et al. 2025, eq. 4.
        """
        expect_update("Muon.step", model, d_model, rate, state, MuonState)
        weights, others = self._split("Muon.step", model)
        expect_one_each("Muon.step", tree.leaves(weights), tree.leaves(state.b), "state.b", "moment b")
        moments = AdamWState(m=state.m, v=state.v, step=state.step)
        which = chosen("Muon.step", "orthogonal", self.orthogonal, model)
        d_weights, d_others = only(which, d_model), only(tuple(not one for one in which), d_model)
        others, moments = self.rest.step(others, d_others, moments, rate)
        mu, decay, rate = float(self.momentum), float(self.decay), float(rate)
        b = tree.map(lambda b, g: mu * b + g, state.b, d_weights)                    # (muon.1)
        u = tree.map(lambda b, g: g + mu * b, b, d_weights)                          # (muon.2)

        def updated(theta: np.ndarray, u: np.ndarray) -> np.ndarray:
            o = orthogonalized(u, self.iterations, float(self.eps))
            s = math.sqrt(max(theta.shape[-2:])) / 5                                 # (muon.7)
            return theta - rate * (s * o + decay * theta)                            # (muon.8)

        model = merged(model, tree.map(updated, weights, u), others)
        return model, MuonState(b=b, m=moments.m, v=moments.v, step=state.step + 1)  # (muon.9)

    def _split(self, where: str, model: Any) -> tuple[Any, Any]:
        """Return what is `orthogonal`, and the rest.

        Raises:
            ValueError: what is chosen has fewer than two axes.
        """
        which = chosen(where, "orthogonal", self.orthogonal, model)
        weights, others = only(which, model), only(tuple(not one for one in which), model)
        for path, leaf in tree.leaves(weights):
            if leaf.ndim < 2:
                raise ValueError(f"{where}: '{path or 'model'}' must have shape (..., M, N), got {leaf.shape}")
        return weights, others


def orthogonalized(u: np.ndarray, iterations: int, eps: float) -> np.ndarray:
    """Map (..., M, N) to matrices with the same singular vectors, whose singular values are near 1."""
    alpha, beta, gamma = QUINTIC
    turned = u.shape[-2] > u.shape[-1]
    y = u.swapaxes(-1, -2) if turned else u                                          # (..., P, Q), P <= Q
    eps, count = shown(eps, u.dtype), u.shape[-2] * u.shape[-1]
    scale = row_scales(u.reshape(*u.shape[:-2], 1, count), eps)                      # (..., 1, 1)  # (muon.10)
    scaled = y / scale
    square = row_means(row_means(np.square(scaled)).swapaxes(-1, -2))                # of which the sum may overflow
    x = scaled / np.maximum(eps / scale, math.sqrt(count) * np.sqrt(square))         # (..., P, Q)  # (muon.3)
    for _ in range(iterations):
        a = x @ x.swapaxes(-1, -2)                                                   # (..., P, P)  # (muon.4)
        s = beta * a + gamma * (a @ a)                                               # (..., P, P)  # (muon.5)
        x = alpha * x + s @ x                                                        # (..., P, Q)  # (muon.6)
    return x.swapaxes(-1, -2) if turned else x
