"""A cell of a grid: a run from its first step to its last, of which only what is measured is kept."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from reference.training.errors import DivergedError
from reference.training.loop import data, train
from reference.training.settings import Run
from reference.training.state import begin


@dataclasses.dataclass(frozen=True)
class Result:
    """The records of the epochs, and why there are no more of them, if the run diverged."""

    records: tuple[Mapping[str, float], ...]
    diverged: str = ""

    @property
    def loss(self) -> float | None:
        """The loss that was held out at the end; None if the run diverged."""
        return None if self.diverged or not self.records else float(self.records[-1]["held_out_loss"])


def trained(entries: Mapping[str, Any]) -> Result:
    """Train a run from its entries, in this process; the same wherever that is.

    Raises:
        RunError: it could not be done; a run that diverges is a result.
    """
    run = Run.of(entries)
    state = begin(run)
    try:
        with np.errstate(all="ignore"):  # `train` looks at each loss
            for after in train(run, state, *data(run)):
                state = after
    except DivergedError as error:
        return Result(state.records, str(error))
    return Result(state.records)
