"""Adafactor: the mean of squares of a matrix as a row times a column.  Specification: specs/optimizers/adafactor.md."""

import dataclasses
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.shapes import expect_above_zero
from reference.core.sums import row_scales
from reference.core.updates import Squares, expect_model, expect_one_each, expect_update


@dataclasses.dataclass(frozen=True, eq=False)
class AdafactorState:
    r: Squares  # like the model: of a matrix (..., M, N) the means of squares of its rows (..., M); else nothing, (0,)
    c: Squares  # like the model: of a matrix those of its columns (..., N); else nothing, (0,)
    v: Squares  # like the model: of anything else the means of squares; of a matrix nothing, (0,)
    step: int   # updates made so far


@dataclasses.dataclass(frozen=True)
class Adafactor:
    """theta <- theta - rate max(eps2, rms(theta)) u / max(1, rms(u) / most), with u = g / sqrt(r c / mean(r)).

    Raises:
        TypeError: a setting is no number.
        ValueError: a setting is not positive and finite.
    """

    power: float = 0.8
    most: float = 1.0
    eps1: float = 1e-30
    eps2: float = 1e-3

    def __post_init__(self) -> None:
        for name in ("power", "most", "eps1", "eps2"):
            expect_above_zero("Adafactor", name, getattr(self, name))

    def init(self, model: Any) -> AdafactorState:
        expect_model("Adafactor.init", model)
        def zeros(shape: Any) -> Any:
            return tree.map(lambda theta: np.zeros_like(theta, shape=shape(theta.shape)), model)

        r, c = zeros(lambda n: n[:-1] if len(n) > 1 else (0,)), zeros(lambda n: n[:-2] + n[-1:] if len(n) > 1 else (0,))
        return AdafactorState(r=r, c=c, v=zeros(lambda n: n if len(n) < 2 else (0,)), step=0)

    def step(self, model: Any, d_model: Any, state: AdafactorState, rate: float) -> tuple[Any, AdafactorState]:
        """Return the next model and state; nothing given is written to.

        Raises:
            TypeError, ValueError: d_model is no gradient of model, state no state of it, or rate no learning rate.

        Source: Shazeer & Stern 2018, algorithms 4 and 5, with the rate given.
        """
        where = "Adafactor.step"
        expect_update(where, model, d_model, rate, state, AdafactorState)
        fresh = self.init(model)
        for name in ("r", "c", "v"):
            like, given = (tree.leaves(getattr(one, name)) for one in (fresh, state))
            expect_one_each(where, like, given, f"state.{name}", f"moment {name}")
        t = state.step
        t = t + 1                                                                  # (adafactor.1)
        beta = 1 - t ** -float(self.power)                                         # (adafactor.2)
        leaves = zip(*(_arrays(part) for part in (model, d_model, state.r, state.c, state.v)), strict=True)
        stepped = [self._stepped(arrays, beta, float(rate)) for arrays in leaves]
        parts = (iter([arrays[part] for arrays in stepped]) for part in range(4))
        model, r, c, v = (tree.map(lambda _, part=part: next(part), model) for part in parts)
        return model, AdafactorState(r=r, c=c, v=v, step=t)

    def _stepped(self, arrays: tuple, beta: float, rate: float) -> tuple[Any, Any, Any, Any]:
        """Return the next theta, r, c and v of one parameter, from these and its gradient."""
        theta, g, r, c, v = arrays
        if theta.ndim > 1:
            u, r, c = self._factored(g, r, c, beta)
        else:
            eps1 = float(self.eps1)
            v = beta * v + (1 - beta) * (g * g + eps1)                             # (adafactor.6)
            u = g / np.sqrt(v)                                                     # (adafactor.7)
        eps2, most = float(self.eps2), float(self.most)
        a = rate * np.maximum(eps2, _root_mean_square(theta))                      # (adafactor.8)
        b = np.maximum(1.0, _root_mean_square(u) / most)                           # (adafactor.9)
        theta = theta - a * u / b                                                  # (adafactor.10)
        return theta, r, c, v

    def _factored(self, g: Any, r: Any, c: Any, beta: float) -> tuple[Any, Any, Any]:
        """Map a gradient (..., M, N) to what the step goes along, and the next r (..., M) and c (..., N)."""
        eps1 = float(self.eps1)
        r = beta * r + (1 - beta) * np.mean(g * g + eps1, axis=-1)                 # (..., M)     # (adafactor.3)
        c = beta * c + (1 - beta) * np.mean(g * g + eps1, axis=-2)                 # (..., N)     # (adafactor.4)
        share = r / np.mean(r, axis=-1, keepdims=True)                             # (..., M)
        u = g / (np.sqrt(share)[..., None] * np.sqrt(c)[..., None, :])             # (..., M, N)  # (adafactor.5)
        return u, r, c


def _root_mean_square(x: np.ndarray) -> Any:
    """Return that of all entries, which are scaled first: no square overflows, and no sum of many."""
    scale = row_scales(x.reshape(1, x.size), 0.0)[0, 0]
    return scale * np.sqrt(np.mean(np.square(x / scale)))


def _arrays(node: Any) -> list[np.ndarray]:
    return [leaf for _, leaf in tree.leaves(node)]
