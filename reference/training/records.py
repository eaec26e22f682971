"""What is recorded of an epoch."""

import math
from typing import Any

from reference.training.settings import Run

NAMES = {"epoch", "step", "rate", "loss", "gradient_norm", "clipped"}  # what every record says
SHARES = "_tokens", "_sequences"  # end the names of numbers that are at most 1


def expect_record(record: dict[str, Any], epoch: int, run: Run, names: set[str]) -> None:
    """Raise unless a record of a file is one of this epoch, with these names, and numbers that can be.

    Raises:
        ValueError: it is not; the record and what is wrong with it are named.
    """
    numbers = [value for name, value in record.items() if name != "sample"]
    if record.keys() != names or not all(type(value) in (int, float) for value in numbers):
        raise ValueError(f"record {epoch} must have the numbers {', '.join(sorted(names - {'sample'}))}")
    if not isinstance(record.get("sample", ""), str):
        raise ValueError(f"record {epoch} must have a text for a sample, got {type(record['sample']).__name__}")
    if (record["epoch"], record["step"]) != (epoch, epoch * run.steps_per_epoch):
        raise ValueError(f"record {epoch} is of epoch {record['epoch']} and step {record['step']}")
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"record {epoch} has a number that is not finite")
    for name, value in record.items():
        most = 1 if name == "clipped" or name.endswith(SHARES) else math.inf
        if name != "sample" and not 0 <= value <= most:
            raise ValueError(f"record {epoch}: {name} must lie in [0, {most}], got {value}")
