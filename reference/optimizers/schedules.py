"""Learning rates as functions of the step.  Specification: specs/optimizers/schedules.md."""

import math
from collections.abc import Callable

from reference.core.shapes import expect_positive


def constant(rate: float) -> Callable[[int], float]:
    """Return step -> rate.

    Raises:
        ValueError: the rate is negative or not finite.
    """
    _expect_rate("constant", "rate", rate)

    def at(step: int) -> float:
        _expect_step("constant", step)
        return float(rate)                              # (schedules.1)

    return at


def linear(start: float, end: float, steps: int) -> Callable[[int], float]:
    """Return step -> rate: `start` at step 0, `end` at step `steps - 1` and ever after.

    Raises:
        TypeError: `steps` is not a whole number.
        ValueError: a rate is negative or not finite, or `steps` is less than 1.
    """
    _expect_rate("linear", "start", start)
    _expect_rate("linear", "end", end)
    expect_positive("linear", "steps", steps)

    def at(step: int) -> float:
        _expect_step("linear", step)
        f = step / (steps - 1) if step < steps - 1 else 1.0         # (schedules.2)
        return float((1 - f) * start + f * end)                     # (schedules.3)

    return at


def _expect_rate(where: str, name: str, rate: float) -> None:
    if not 0 <= rate < math.inf:
        raise ValueError(f"{where}: {name} must be finite and at least 0, got {rate}")


def _expect_step(where: str, step: int) -> None:
    if step < 0:
        raise ValueError(f"{where}: step must be at least 0, got {step}")
