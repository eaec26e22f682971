"""The optimizers that settings name."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from reference.optimizers.adafactor import Adafactor
from reference.optimizers.adagrad import Adagrad
from reference.optimizers.adam import Adam
from reference.optimizers.adamw import AdamW
from reference.optimizers.amsgrad import AMSGrad
from reference.optimizers.groups import Group, Groups, grouped
from reference.optimizers.lion import Lion
from reference.optimizers.momentum import Momentum
from reference.optimizers.muon import Muon
from reference.optimizers.nadam import NAdam
from reference.optimizers.rmsprop import RMSprop
from reference.optimizers.sgd import SGD

OPTIMIZERS: dict[str, Any] = {
    "adafactor": Adafactor, "adagrad": Adagrad, "adam": Adam, "adamw": AdamW, "amsgrad": AMSGrad, "lion": Lion,
    "momentum": Momentum, "muon": Muon, "nadam": NAdam, "rmsprop": RMSprop, "sgd": SGD,
}  # fmt: skip
TABLES = "embedding", "vocabulary", "positions", "segments"  # in the paths of what is looked up, not multiplied


def optimizer(name: str, own: Mapping[str, Any]) -> Any:
    """Return the optimizer of this name with settings of its own, each its default unless it is given.

    Raises:
        TypeError, ValueError: a setting is none of its own, or out of range.
    """
    for setting in own:
        if setting not in _fields(name):
            having = ", ".join(word for word in OPTIMIZERS if setting in _fields(word))
            raise ValueError(f"{name}: {setting} must come with an optimizer that has it ({having}), got {name}")
    return OPTIMIZERS[name](**own)


def with_tables(one: Any, scale: float, model: Any) -> Any:
    """Return an optimizer that steps the tables of a model at `scale` times the rate, and all else as `one` does."""
    if scale == 1:
        return one
    tables, rest = Group(one, scale), Group(one)
    return Groups(grouped(model, lambda path, _: tables if any(name in path for name in TABLES) else rest))


def _fields(name: str) -> set[str]:
    return {field.name for field in dataclasses.fields(OPTIMIZERS[name])}
