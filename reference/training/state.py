"""All that the rest of a run depends on, as one value."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np

from reference.training.settings import Run

PLACES = 0, 0, 0, 2, 1  # numbers of a place, by use: of one length each, for a generator of [3] is that of [3, 0, 0]


@dataclasses.dataclass(frozen=True, eq=False)
class State:
    """A step makes the next one; none is changed."""

    model: Any
    optimizer: Any                            # its state: AdamState, SGDState ...
    random: Mapping[str, Any]                 # the generator that shuffles, as it stood before this epoch
    losses: np.ndarray                        # (steps so far,), float64: mean over the tokens of a batch
    norms: np.ndarray                         # (steps so far,), float64: of the gradient, before it is clipped
    records: tuple[Mapping[str, Any], ...]    # one for each epoch that is over

    @property
    def step(self) -> int:
        return len(self.losses)

    def moved(self, move: Callable[[Any], Any]) -> Self:
        """Return the state with model and moments where `move` puts a tree of arrays."""
        return dataclasses.replace(self, model=move(self.model), optimizer=move(self.optimizer))


def begin(run: Run, model: Any = None) -> State:
    """Return the state before the first step, of a freshly drawn model unless one is given."""
    if model is None:
        model = run.family.init(stream(run, 1), run.model)
    return State(
        model=model,
        optimizer=run.training.optimizer_of(model).init(model),
        random=stream(run, 2).bit_generator.state,
        losses=np.zeros(0),
        norms=np.zeros(0),
        records=(),
    )


def generator(state: Mapping[str, Any]) -> np.random.Generator:
    """Return the generator that stands where `state` says."""
    rng = np.random.default_rng()
    rng.bit_generator.state = state
    return rng


def stream(run: Run, use: int, *place: int) -> np.random.Generator:
    """Return the generator of one use, and of a place in it; none depends on how far another went.

    The uses are: data 0, parameters 1, order 2, what is drawn within a step 3, samples of an epoch 4.

    Raises:
        ValueError: the place has more or fewer numbers than those of this use.
    """
    if len(place) != PLACES[use]:
        raise ValueError(f"stream: a place of use {use} must have so many numbers: {PLACES[use]}, got {len(place)}")
    return np.random.default_rng([run.training.seed, use, *place])
