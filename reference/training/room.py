"""How much memory a run takes at the least, so that nothing is begun that cannot fit."""

import math
import os

from reference.scaling.memory import residuals, state
from reference.training.settings import Run

MOMENTS = {  # arrays like the model that an optimizer keeps, at the least
    "adafactor": 0, "adagrad": 1, "adam": 2, "adamw": 2, "amsgrad": 3, "lion": 1, "momentum": 1, "muon": 1, "nadam": 2,
    "rmsprop": 1, "sgd": 0,
}  # fmt: skip
ID = 8  # bytes of an int64


def least(run: Run) -> int:
    """Return the bytes that a run needs for its parameters, its sequences, and what one shard of a batch keeps."""
    task, settings = run.task, run.training
    shard = math.ceil(min(settings.batch, task.training) / settings.shards)
    sequences = 0 if task.goes_on else ID * sum(task.sizes) * (task.training + task.held_out)  # a text may be in a file
    return state(run.model, MOMENTS[settings.optimizer]) + sequences + shard * residuals(run.model, *task.sizes)


def memory() -> int | None:
    """Return the bytes of memory of this machine, None where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def shortage(*runs: Run) -> str | None:
    """Say by how much a run, or several at the same time, would not fit in memory; None where they may."""
    wanted, there = sum(map(least, runs)), memory()
    if there is None or wanted <= there:
        return None
    what = "a run" if len(runs) == 1 else f"{len(runs)} runs at the same time"
    return f"{what} must fit in memory, {_gigabytes(there)}, got settings that take at least {_gigabytes(wanted)}"


def _gigabytes(size: int) -> str:
    return f"{-(-size // 10**9):,} GB"
