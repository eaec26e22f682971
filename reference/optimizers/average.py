"""The moving average of the weights.  Specification: specs/optimizers/average.md."""

import dataclasses
from typing import Any

from reference.core import tree
from reference.core.entrywise import entrywise
from reference.core.shapes import expect_unit, expect_whole, got
from reference.core.updates import expect_model, expect_one_each


@dataclasses.dataclass(frozen=True, eq=False)
class AverageState:
    a: Any     # shaped like the model: mean of the models so far; of none, the model before the first step
    step: int  # models so far


@dataclasses.dataclass(frozen=True)
class Average:
    """a <- a + w (theta - a): the mean of all models so far, of which each weighs beta times the next.

    Raises:
        TypeError: beta is no number.
        ValueError: beta lies outside [0, 1].
    """

    beta: float = 0.999

    def __post_init__(self) -> None:
        expect_unit("Average", "beta", self.beta)

    def init(self, model: Any) -> AverageState:
        expect_model("Average.init", model)
        return AverageState(a=tree.map(lambda theta: theta.copy(), model), step=0)

    def add(self, model: Any, state: AverageState) -> AverageState:
        """Return the state with one model more; its `a` is the average.

        Raises:
            TypeError, ValueError: state is no state of the model.

        Source: Polyak & Juditsky 1992 for beta = 1.
        """
        if not isinstance(state, AverageState):
            raise TypeError(f"Average.add: state must be of class AverageState, got {got(state)}")
        expect_whole("Average.add", "state.step", state.step, 0)
        expect_one_each("Average.add", tree.leaves(model), tree.leaves(state.a), "state.a", "average")
        beta, t = float(self.beta), state.step
        t = t + 1                                                                 # (average.1)
        w = (1 - beta) / (1 - beta**t) if beta < 1 else 1 / t                     # (average.2)
        a = entrywise(lambda a, theta: a + w * (theta - a), state.a, model)       # (average.3)
        return AverageState(a=a, step=t)
