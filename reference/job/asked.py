"""What a command is asked for, and what it needs for that."""

import importlib.util
from collections.abc import Container

from reference.job.errors import JobError, UsageError
from reference.training.schedules import USED
from reference.training.settings import Run

ELSEWHERE = {  # modules whose package has another name than theirs, or another extra than the usual one
    "distributed": ("dask[distributed]", "dask"),
    "flint": ("python-flint", "exact"),
    "tensorboardX": ("tensorboardX", "tensorboard"),
}


def whole(name: str, value: int, least: int) -> int:
    """Return a whole number; UsageError where it is less than `least`."""
    if value < least:
        raise UsageError(f"{name} must be a whole number of at least {least}, got {value}")
    return value


def expect_used(given: Container[str], run: Run) -> None:
    """Raise UsageError unless every name that was given says something of this run."""
    schedule = run.training.schedule
    for name, schedules in USED.items():
        if name in given and schedule not in schedules:
            raise UsageError(f"{name} must come with schedule {' or '.join(schedules)}, got schedule {schedule}")
    if "tokenizer" in run.task.names():
        expect_vocabulary_used(given, run.task.entries()["tokenizer"])


def expect_vocabulary_used(given: Container[str], tokenizer: str) -> None:
    """Raise UsageError where a vocabulary was given for a tokenizer that has its own."""
    if "vocabulary" in given and tokenizer != "byte-pairs":
        raise UsageError(f"vocabulary must come with tokenizer byte-pairs, got tokenizer {tokenizer}")


def expect_extras(*names: str) -> None:
    """Raise JobError, which says what to install, unless the modules of these names are there."""
    missing: dict[str, list[str]] = {}
    for name in names:
        if importlib.util.find_spec(name) is None:
            package, extra = ELSEWHERE.get(name, (name, "train"))
            missing.setdefault(extra, []).append(package)
    for extra, packages in missing.items():
        raise JobError(f"{' and '.join(packages)} must be installed: pip install 'backproof[{extra}]'")
