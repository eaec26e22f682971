"""The optimizer and the learning rates that settings name."""

from typing import Any

from reference.optimizers.adam import Adam
from reference.optimizers.adamw import AdamW
from reference.optimizers.muon import Muon
from reference.optimizers.schedules import Schedule, constant, cosine, linear
from reference.optimizers.sgd import SGD
from reference.training.settings import TrainingSettings

OPTIMIZERS: dict[str, Any] = {"adam": Adam, "adamw": AdamW, "muon": Muon, "sgd": SGD}


def optimizer(training: TrainingSettings) -> Any:
    """Return the optimizer of a run."""
    return OPTIMIZERS[training.optimizer]()


def schedule(training: TrainingSettings, steps: int) -> Schedule:
    """Return the learning rate as a function of the step, of a run of so many."""
    if training.schedule == "linear":
        return linear(training.rate, training.end_rate, steps)
    if training.schedule == "cosine":
        return cosine(training.rate, training.end_rate, steps)
    return constant(training.rate)
